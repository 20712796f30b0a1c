"""Who follows a view that is switched to a newer version while the older release's projector leads? Who switched it.

That projector leaves the newer version alone, and only one projector leads. So that readers see no gap until the new
release's has been started, the process that made the build goes on with it until then.
"""

import threading
from contextlib import closing
from typing import Literal, TypeAlias

import psycopg2
import structlog

from infra.pauses import LONGEST_SECONDS, Pauses
from infra.postgres.pool import DatabaseUnavailable
from infra.projection.builds import PositionMoved, is_followed, live_build
from infra.projection.feed import Feed
from infra.projection.feeding import feeding
from infra.projection.positions import Announcer
from infra.projection.runner import BuildRunner
from infra.projection.writer import view_connection
from projections.view import View

Ended: TypeAlias = Literal["followed", "replaced", "stopped"]
"""A projector follows the view; readers see a build of another version; it was told to stop."""

_IDLE_SECONDS = 0.5

log = structlog.get_logger()


class Follower:
    """Brings one live view forward, in a thread, until a projector with this version of its code does."""

    def __init__(self, dsn: str, schema: str, view: View) -> None:
        self.view = view
        self._dsn = dsn
        self._schema = schema
        self._over = threading.Event()
        self._ended: Ended = "stopped"
        self._pauses = Pauses()
        self._thread = threading.Thread(target=self._run, name=f"following {view.name}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch under way, and wait for that."""
        self._over.set()
        self._thread.join()

    def wait(self, seconds: float) -> Ended | None:
        """Return why it ended; none if it still goes on after so many seconds."""
        self._thread.join(seconds)
        return None if self._thread.is_alive() else self._ended

    def _run(self) -> None:
        with feeding(self._dsn, self._schema) as (feed, announcer):
            while not self._over.is_set():
                try:
                    ended = self._follow(feed, announcer)
                except PositionMoved:
                    continue  # a projector has begun, or readers were switched: it is looked up
                except (psycopg2.Error, DatabaseUnavailable) as error:
                    pause = self._pauses.next()
                    log.warning("view interrupted", view=self.view.name, error=str(error), again_in_seconds=pause)
                    self._over.wait(pause)
                except Exception:  # a fault of ours must be seen, and not end it
                    log.exception("view failed", view=self.view.name, again_in_seconds=LONGEST_SECONDS)
                    self._over.wait(LONGEST_SECONDS)
                else:
                    self._ended = ended
                    return

    def _follow(self, feed: Feed, announcer: Announcer) -> Ended:
        with closing(view_connection(self._dsn, self._schema, self.view)) as connection:
            with connection, connection.cursor() as cursor:
                build = live_build(cursor, self.view)
            if build is None or build.version != self.view.version or build.fed_by == "kafka":
                return "replaced"
            runner = BuildRunner(connection, self.view, build)
            while not self._over.is_set():
                with connection, connection.cursor() as cursor:
                    if is_followed(cursor, self.view):
                        return "followed"
                    if live_build(cursor, self.view) != runner.build_at:
                        raise PositionMoved(f"view {self.view.name} was switched, or moved by another process")
                batch = feed.after(runner.position, _IDLE_SECONDS)
                if batch is not None:
                    runner.apply(batch)
                    self._pauses.succeeded()
                    announcer.announce({self.view.name: runner.position})
        return "stopped"
