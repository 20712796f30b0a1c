"""Views that have caught up go on together: a batch is one transaction for all of them.

A desk has many views and most batches change few of them. On their own each would move its position in a transaction
of its own, which costs more than the rows do. docs/adr/0046-views-go-on-together.md has the figures.
"""

import threading
from collections.abc import Iterable
from contextlib import closing
from time import perf_counter, time_ns

import psycopg2
import structlog
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.metrics.instruments import VIEW_GROUP
from infra.pauses import LONGEST_SECONDS, Pauses
from infra.postgres.pool import DatabaseUnavailable
from infra.postgres.prepared import DeferringCursor
from infra.projection.builds import advance_together
from infra.projection.feed import Batch, Feed
from infra.projection.positions import Announcer
from infra.projection.rows import REFUSED_DATA
from infra.projection.runner import BuildRunner
from infra.projection.writer import view_connection
from infra.tracing import seen_by

MOST_EVENTS = 500
"""Larger batches are left to the views' own threads, which share the processors better."""

_IDLE_SECONDS = 1.0

log = structlog.get_logger()


class ProcessingGroup:
    """Brings live builds forward for the threads that keep them, until one has to go on by itself.

    That is so when somebody else holds or has moved it, when the database refuses a row of any of them (the view that
    made it finds out alone), when a batch is large, and when the connection is lost. Nothing is written of it then.
    """

    def __init__(self, dsn: str, schema: str, feed: Feed, announcer: Announcer, over: threading.Event) -> None:
        self._dsn = dsn
        self._schema = schema
        self._feed = feed
        self._announcer = announcer
        self._over = over
        self._changed = threading.Condition()
        self._joining: list[_Member] = []
        self._members: list[_Member] = []
        self._open = False
        self._pauses = Pauses()

    def follow(self, runner: BuildRunner) -> bool:
        """Let the group have a live build until the caller is to go on with it, at least for a batch.

        False if the group takes none now.
        """
        member = _Member(runner)
        with self._changed:
            if not self._open:
                return False
            self._joining.append(member)
            self._changed.notify()
        self._feed.look_again()
        member.released.wait()
        if member.undone:
            runner.forget()
        return True

    def run(self) -> None:
        """Bring the members forward until the lead is over; the feed's end wakes it."""
        while not self._over.is_set():
            try:
                with closing(view_connection(self._dsn, self._schema)) as connection:
                    self._take_members(connection)
            except (psycopg2.Error, DatabaseUnavailable) as error:
                pause = self._pauses.next()
                log.warning("views go on alone", error=str(error).strip(), again_in_seconds=pause)
                self._over.wait(pause)
            except Exception:  # a fault of ours: the view that has it will say so
                log.exception("views go on alone", again_in_seconds=LONGEST_SECONDS)
                self._over.wait(LONGEST_SECONDS)

    def _take_members(self, connection: Connection) -> None:
        with self._changed:
            self._open = True
        try:
            while not self._over.is_set():
                self._round(connection)
        finally:
            with self._changed:
                self._open = False
                self._members += self._joining
                self._joining = []
            self._release(self._members)

    def _round(self, connection: Connection) -> None:
        with self._changed:
            self._members += self._joining
            self._joining = []
            if not self._members:
                self._changed.wait(_IDLE_SECONDS)
                return
        position = min(member.runner.position for member in self._members)
        batch = self._feed.after(position, _IDLE_SECONDS, or_when=lambda: bool(self._joining))
        if batch is not None and len(batch.records) > MOST_EVENTS:
            self._release(self._members)
        elif batch is not None:
            self._apply(connection, batch)

    def _apply(self, connection: Connection, batch: Batch) -> None:
        started, started_ns = perf_counter(), time_ns()
        behind = [member for member in self._members if member.runner.position < batch.position]
        try:
            # A batch changes a table at most once, so no view reads what another one, or it itself, has yet to write.
            with connection.cursor(cursor_factory=DeferringCursor) as cursor:
                moved = advance_together(cursor, [member.runner.build_at for member in behind], batch.position)
                reached = [member for member in behind if member.runner.view.name in moved]
                for member in reached:
                    member.runner.write(cursor, batch.since(member.runner.position))
                cursor.send_deferred()
            connection.commit()
        except BaseException as error:
            for member in self._members:
                member.undone = True
            if not isinstance(error, REFUSED_DATA):
                raise
            connection.rollback()
            self._release(self._members)
            return
        VIEW_GROUP.observe(perf_counter() - started)
        self._pauses.succeeded()
        for member in reached:
            member.runner.position = batch.position
        self._announcer.announce({member.runner.view.name: batch.position for member in reached})
        seen_by(moved, batch.records, started_ns)
        self._release([member for member in behind if member.runner.view.name not in moved])

    def _release(self, members: Iterable["_Member"]) -> None:
        released = list(members)
        self._members = [member for member in self._members if member not in released]
        for member in released:
            member.released.set()


class _Member:
    """A build in the group. `undone`: its runner has rows in memory that were never committed."""

    __slots__ = ("released", "runner", "undone")

    def __init__(self, runner: BuildRunner) -> None:
        self.runner = runner
        self.released = threading.Event()
        self.undone = False
