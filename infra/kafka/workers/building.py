"""Which build do the workers of a view keep, and when do readers see it? One, however many workers ask at once."""

from collections.abc import Callable
from contextlib import closing
from time import monotonic

from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from infra.kafka.workers.runner import PartitionRunner
from infra.kafka.workers.source import Source, check_source
from infra.projection import brought_back, partitions
from infra.projection.builds import (
    Build,
    begin_build,
    drop_build,
    live_build,
    lock_live,
    may_build,
    switch,
    unfinished_build,
    wait_for_locks,
)
from infra.projection.rebuild import BuiltElsewhere, NewerVersion, drop_older
from projections.view import View

LONGEST_HOLD_SECONDS = 2.0
"""How long at most the live build is held where it is, while the partitions of the new one reach it."""

LONGEST_STANDSTILL_MS = 10_000
"""Then the server undoes a switch whose worker has been stopped in the middle of it."""


class BroughtBack(Exception):
    """Somebody has brought the view back to the log; the text says how Kafka comes to feed it again."""


def leave_brought_back(cursor: Cursor, view: View) -> None:
    """Raise `BroughtBack` where no worker is to take a view by itself."""
    at = brought_back.since(cursor, view.name)
    if at is not None:
        raise BroughtBack(
            f"view {view.name} was brought back to the log at {at:%Y-%m-%d %H:%M} UTC:"
            f" `caselog kafka-project --again {view.name}` lets Kafka feed it again"
        )


def open_build(connection: Connection, view: View, source: Source) -> Build:
    """Return the build that the workers of this version of a view keep: the live one, or one that is being made.

    The first worker begins it; while it is made, the connection keeps everybody else from building the view. Raises
    `BuiltElsewhere` where somebody else is at it, `BroughtBack`, `NewerVersion`, `NotFed`.
    """
    with connection, connection.cursor() as cursor:
        live = live_build(cursor, view)
        if live is not None and live.version > view.version:
            raise NewerVersion(f"view {view.name} is live in version {live.version}, this code has {view.version}")
        if live is not None and live.fed_by == "kafka" and live.version == view.version:
            check_source(live, partitions.places(cursor, view.name, live.build), source)
            return live
        if not may_build(cursor, view, with_others=True):
            raise BuiltElsewhere(f"view {view.name} is being built by another process")
    with connection, connection.cursor() as cursor:
        leave_brought_back(cursor, view)  # whoever did it held the lock meanwhile
    with connection, connection.cursor() as cursor:
        _one_at_a_time(cursor, f"beginning of view {view.name}")
        unfinished = unfinished_build(cursor, view, "kafka")
        if unfinished is not None:
            places = partitions.places(cursor, view.name, unfinished.build)
            if {place.topic_id for place in places} == {source.topic_id} and len(places) == source.partitions:
                return unfinished
            drop_build(cursor, view, unfinished.build)  # nobody has seen it
        begun = begin_build(cursor, view, "kafka")
        partitions.begin(cursor, view.name, begun.build, source.topic_id, source.partitions)
        return begun


class Switching:
    """Lets readers see a build of Kafka's once it has reached what they see now.

    The live build is held where it is meanwhile, longer with each attempt; between two of them it goes on. A desk that
    has none yet is shown the first once that has reached `head`, the log's end when the work began.
    """

    def __init__(self, connect: Callable[[], Connection], head: int) -> None:
        self._connect = connect
        self._head = head
        self._hold_seconds = 0.1

    def behind(self, cursor: Cursor, view: View, position: int) -> int:
        """Return how many events a build at a position is behind what readers see."""
        live = live_build(cursor, view)
        return (self._head if live is None else live.position) - position

    def attempt(self, runner: PartitionRunner, go_on: Callable[[], int]) -> bool:
        """Switch, if the build reaches the live one by calls of `go_on`, which returns its position, within a moment.

        False says that it is to be tried again, or that another worker is at it. Raises as `go_on`.
        """
        with closing(self._connect()) as connection:
            try:
                with connection, connection.cursor() as cursor:
                    switched = _nobody_else(cursor, runner.view) and self._switch(cursor, runner, go_on)
            except LockNotAvailable:
                return False
            if switched:
                drop_older(connection, runner.view)
            return switched

    def create_indexes(self, runner: PartitionRunner) -> bool:
        """Create the secondary indexes, which a build does without until it has nearly caught up; one worker does."""
        with closing(self._connect()) as connection, connection, connection.cursor() as cursor:
            mine = _nobody_else(cursor, runner.view)
            if mine:
                runner.create_indexes()
            return mine

    def _switch(self, cursor: Cursor, runner: PartitionRunner, go_on: Callable[[], int]) -> bool:
        wait_for_locks(cursor)
        # a worker that stands still here would hold up whoever feeds the live build
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = %s", (LONGEST_STANDSTILL_MS,))
        target = lock_live(cursor, runner.view) or self._head
        until = monotonic() + self._hold_seconds
        while go_on() < target:
            if monotonic() > until:
                self._hold_seconds = min(2 * self._hold_seconds, LONGEST_HOLD_SECONDS)
                return False
        switch(cursor, runner.view, runner.build)
        return True


def _one_at_a_time(cursor: Cursor, what: str) -> None:
    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || %s, 0))", (f": {what}",))


def _nobody_else(cursor: Cursor, view: View) -> bool:
    cursor.execute(
        "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || %s, 0))",
        (f": switch of view {view.name}",),
    )
    return cursor.fetchone() == (True,)
