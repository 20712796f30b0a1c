"""The process that keeps the views: one leader, one shared reader, a thread for each view, one for all that follow.

docs/adr/0040-views.md and 0046-views-go-on-together.md say why it has this shape.
"""

import gc
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from time import time_ns

import psycopg2
import structlog
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.feed import head_position
from infra.leadership import Leadership
from infra.pauses import LONGEST_SECONDS, Pauses
from infra.postgres.pool import DatabaseUnavailable
from infra.projection.builds import PositionMoved, note_following
from infra.projection.comparing import Difference
from infra.projection.feed import MOST_EVENTS, Feed
from infra.projection.feeding import feeding
from infra.projection.group import MOST_EVENTS as MOST_IN_GROUP
from infra.projection.group import ProcessingGroup
from infra.projection.positions import Announcer
from infra.projection.rebuild import (
    BETWEEN_SWITCHES_SECONDS,
    BuiltElsewhere,
    FedByKafka,
    NewerVersion,
    finish,
    open_build,
    rebuild,
)
from infra.projection.runner import BuildRunner
from infra.projection.writer import view_connection
from infra.tracing import seen_by
from projections.view import View

ALLOCATIONS_BETWEEN_COLLECTIONS = 2_000_000
_DIFFERENCES_TOLD = 20
_IDLE_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 2.0

log = structlog.get_logger()


class Projector:
    """Brings the views of one desk forward as the log grows, until it is stopped.

    Of several projectors one leads; the others stand by. A view that is missing, or was built by an older version of
    its code, is built beside what readers see now and switched when it has caught up. A key whose handler fails is
    parked and tried again at the next start; all else goes on.
    """

    def __init__(
        self,
        dsn: str,
        schema: str,
        views: Sequence[View],
        *,
        most_events: int = MOST_EVENTS,
        poll_seconds: float = 1.0,
    ) -> None:
        self._dsn = dsn
        self._schema = schema
        self._views = tuple(views)
        self._most_events = most_events
        self._poll_seconds = poll_seconds
        self._stopping = threading.Event()
        self._leadership = Leadership(dsn, schema, "projector", retry_seconds=poll_seconds)
        self._thread = threading.Thread(target=self.run, name="projector", daemon=True)

    def start(self) -> None:
        """Run in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the batches under way, and wait for the thread that `start` made."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def request_stop(self) -> None:
        """Let `run` return soon (a signal handler may call this)."""
        self._stopping.set()

    def run(self) -> None:
        """Run until stopped: wait for the lead, lead as long as the lock is held, begin again when it was lost."""
        self._leadership.run(self._lead, self._stopping)

    def _lead(self) -> None:
        with (
            garbage_seldom_collected(),
            feeding(self._dsn, self._schema, most_events=self._most_events, poll_seconds=self._poll_seconds) as (
                feed,
                announcer,
            ),
        ):
            over = threading.Event()
            group = ProcessingGroup(self._dsn, self._schema, feed, announcer, over)
            keepers = [Keeper(self._dsn, self._schema, view, feed, announcer, group, over) for view in self._views]
            threads = [
                threading.Thread(target=keeper.run, name=f"view {keeper.view.name}", daemon=True) for keeper in keepers
            ]
            threads.append(threading.Thread(target=group.run, name="views", daemon=True))
            for thread in threads:
                thread.start()
            while not self._stopping.wait(self._poll_seconds) and self._leadership.held():
                pass
            over.set()
            feed.close()  # before they are waited for: it wakes them
            for thread in threads:
                thread.join()


@contextmanager
def garbage_seldom_collected() -> Iterator[None]:
    """Let the process look for cycles seldom: batches make many small objects and hardly a cycle.

    At the usual thresholds a fifth of a catch-up is spent on looking through what is there to stay.
    """
    usual = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS_BETWEEN_COLLECTIONS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


class Keeper:
    """Keeps one view, in a thread of its own, through lost connections and switches."""

    def __init__(
        self,
        dsn: str,
        schema: str,
        view: View,
        feed: Feed,
        announcer: Announcer,
        group: ProcessingGroup,
        over: threading.Event,
    ) -> None:
        self.view = view
        self._dsn = dsn
        self._schema = schema
        self._feed = feed
        self._announcer = announcer
        self._group = group
        self._over = over
        self._log = log.bind(view=view.name)
        self._tried_parked = False
        self._left_to_kafka = False
        self._pauses = Pauses()

    def run(self) -> None:
        """Keep the view until the lead is over."""
        while not self._over.is_set():
            try:
                with closing(view_connection(self._dsn, self._schema, self.view)) as connection:
                    build = open_build(connection, self.view)
                    self._left_to_kafka = False
                    if build is not None:
                        with connection, connection.cursor() as cursor:
                            note_following(cursor, self.view)
                        runner = BuildRunner(connection, self.view, build)
                        if not self._tried_parked:
                            runner.retry_parked()
                            self._tried_parked = True
                        self._keep(connection, runner)
                        return
                self._replace_older()
            except PositionMoved as moved:
                self._log.info("another runner moved the view; its place is looked up again", reason=str(moved))
            except FedByKafka as other:
                if not self._left_to_kafka:
                    self._log.info("view left to Kafka", reason=str(other))
                self._left_to_kafka = True
                self._over.wait(_LOOK_AGAIN_SECONDS)
            except (BuiltElsewhere, NewerVersion) as other:
                self._log.info("view left to others", reason=str(other))
                self._over.wait(_LOOK_AGAIN_SECONDS)
            except (psycopg2.Error, DatabaseUnavailable) as error:
                pause = self._pauses.next()
                self._log.warning("view interrupted", error=str(error).strip(), again_in_seconds=pause)
                self._over.wait(pause)
            except Exception:  # noqa: BLE001 - a fault of ours in one view must be seen, and not end it
                self._log.exception("view failed", again_in_seconds=LONGEST_SECONDS)
                self._over.wait(LONGEST_SECONDS)

    def _keep(self, connection: Connection, runner: BuildRunner) -> None:
        """Bring the view forward until the lead is over: in the group, once it is live and has caught up."""
        indexed = runner.build.live
        in_group = False
        idle = 0.0
        begun_at = runner.position
        while not self._over.is_set():
            if runner.position > begun_at:
                self._pauses.succeeded()
            batch = self._feed.after(runner.position, idle)
            in_group = not in_group and runner.build.live and (batch is None or len(batch.records) <= MOST_IN_GROUP)
            if in_group:
                idle = 0.0 if self._group.follow(runner) else _IDLE_SECONDS
            elif batch is not None:
                started_ns = time_ns()
                runner.apply(batch)
                self._announce(runner)
                if runner.build.live and len(batch.records) <= MOST_IN_GROUP:
                    seen_by((self.view.name,), batch.records, started_ns)
            elif runner.build.live or self._behind(connection, runner):
                continue
            elif not indexed:
                runner.create_indexes()
                indexed = True
            elif finish(connection, runner):
                self._announce(runner)
                self._log.info("view switched", build=runner.build.build, position=runner.position)
            else:
                self._over.wait(BETWEEN_SWITCHES_SECONDS)

    def _replace_older(self) -> None:
        """Build this code's version of the view, while readers see the older one, and tell how the two differ."""
        self._log.info("view is built anew, beside the older version in use", version=self.view.version)
        told = 0

        def differs(difference: Difference) -> None:
            nonlocal told
            told += 1
            if told <= _DIFFERENCES_TOLD:
                self._log.warning(
                    "row differs",
                    table=difference.table,
                    key=difference.key,
                    kind=difference.kind,
                    columns=difference.columns,
                )

        rebuilt = rebuild(self._dsn, self._schema, self.view, stopping=self._over, differs=differs)
        if rebuilt.build is None:
            return
        self._log.info("view switched", build=rebuilt.build.build, position=rebuilt.position, parked=rebuilt.parked)
        if rebuilt.is_unchecked:
            self._log.warning("the view was not compared with the one it replaces, which was behind it")
        if rebuilt.comparison is not None and rebuilt.comparison.differences:
            self._log.warning(
                "the view differs from the one it replaces",
                position=rebuilt.comparison.position,
                rows=rebuilt.comparison.counts,
                left_out=rebuilt.comparison.left_out,
            )

    def _announce(self, runner: BuildRunner) -> None:
        if runner.build.live:
            self._announcer.announce({self.view.name: runner.position})

    def _behind(self, connection: Connection, runner: BuildRunner) -> bool:
        """Whether the log goes on after the build; asked of the log itself, before readers are shown anything."""
        with connection:
            head = head_position(connection)
        self._feed.advanced(head)
        return head > runner.position
