"""Are the rows of a Kafka-fed view those that the log makes? Both as of the same place of every partition.

A build is made of the log beside the view, in temporary tables of one session: they are gone with it, however it ends,
and nobody else sees them. Most of it is made while the view goes on. Then one REPEATABLE READ transaction sees the view
with the position of each partition, takes up the events that this partition has brought, and compares.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from typing import Literal

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from domain.recorded import Metadata
from infra.feed import head_position
from infra.kafka.reconcile.errors import CannotReconcile, NotFedByKafka
from infra.kafka.records import key_of, partition_of
from infra.postgres.pool import connect
from infra.projection import partitions
from infra.projection.build_tables import BuildTables
from infra.projection.builds import Build, live_build
from infra.projection.comparing import Comparison, Difference, compare_tables, parked_in
from infra.projection.feed import MOST_EVENTS, Batch, read_batch
from infra.projection.partitions import Place
from infra.projection.writer import BuildWriter, view_connection
from projections.parking import Parking
from projections.view import View

SCRATCH = 0
"""The number of the build that is made for the comparison: no other has it."""

_NEAR = 20_000
"""So few events are left to the transaction that compares."""
_ROUNDS = 10
"""How often the view is followed that goes on meanwhile."""

Phase = Literal["building", "comparing"]
Progress = Callable[[Phase, int, int], None]
"""What is done, how much of it, and of how much: events, then tables."""

_decode_metadata = msgspec.json.Decoder(Metadata).decode


class _Interrupted(Exception):
    pass


def reconcile_view(
    dsn: str,
    log_dsn: str,
    schema: str,
    view: View,
    *,
    differs: Callable[[Difference], None] = lambda _: None,
    progress: Progress = lambda _phase, _done, _total: None,
    stopping: threading.Event | None = None,
    most_events: int = MOST_EVENTS,
) -> Comparison | None:
    """Compare the live build of a view that Kafka feeds, in the database `dsn`, with what the log in `log_dsn` makes.

    In a difference, `old` is the row of the view, `new` that of the log. Returns `None` if interrupted. Raises
    `CannotReconcile`, `DatabaseUnavailable`, and psycopg2's errors.
    """
    stopping = stopping or threading.Event()
    with (
        closing(view_connection(dsn, schema, view)) as connection,
        closing(connect(log_dsn, schema, application_name=f"caselog {schema} reconcile")) as log,
    ):
        log.autocommit = True
        build, places = _stands(connection, view)
        scratch = _Scratch(connection, schema, view, log, progress, stopping, most_events)
        try:
            for _ in range(_ROUNDS):
                begun = scratch.position
                scratch.reach(_lowest(places))
                if scratch.position - begun <= _NEAR:
                    break
                _, places = _stands(connection, view)
            with scratch.snapshot():
                now, places = _stands(connection, view)
                if now.build != build.build:
                    raise CannotReconcile(f"view {view.name} was switched to another build meanwhile; ask again")
                scratch.reach_each(places)
                return scratch.compare(build, _lowest(places), differs)
        except _Interrupted:
            return None


def _stands(connection: Connection, view: View) -> tuple[Build, list[Place]]:
    """Return the build to compare and where it stands, in the transaction under way if there is one."""
    alone = not connection.info.transaction_status
    with connection.cursor() as cursor:
        build = live_build(cursor, view)
        places = [] if build is None else list(partitions.places(cursor, view.name, build.build))
    if alone:
        connection.rollback()
    if build is None or build.fed_by != "kafka":
        raise NotFedByKafka(f"view {view.name} is not fed by Kafka: `caselog rebuild --check {view.name}` compares it")
    if build.version != view.version:
        raise CannotReconcile(
            f"view {view.name} is live in version {build.version}, and this code has version {view.version}"
        )
    return build, places


def _lowest(places: list[Place]) -> int:
    return min((place.position for place in places), default=0)


class _Scratch(BuildWriter[Batch]):
    """A build in temporary tables. It keeps in memory what is parked, and writes nothing that others see."""

    def __init__(
        self,
        connection: Connection,
        schema: str,
        view: View,
        log: Connection,
        progress: Progress,
        stopping: threading.Event,
        most_events: int,
    ) -> None:
        self.position = 0
        self._set_aside = Parking()
        self._reader = log
        self._progress = progress
        self._stopping = stopping
        self._most_events = most_events
        self._within = False
        with connection, connection.cursor() as cursor:
            # named first, it is where tables are made
            cursor.execute(f'SET search_path = pg_temp, "{schema}"')
            for _, table in BuildTables(view, SCRATCH).named():
                table.create(cursor)
            cursor.execute(f'SET search_path = "{schema}"')
        build = Build(view.name, SCRATCH, view.version, 0, live=False, state="building")
        super().__init__(connection, view, build, log=log)

    def reach(self, position: int) -> None:
        """Apply the log up to a position."""
        head = head_position(self._reader)
        if head < position:
            raise CannotReconcile(
                f"view {self.view.name} has seen the log up to position {position}, and the log ends at {head}"
            )
        while self.position < position:
            self.apply(self._next(position))
            self._progress("building", self.position, position)

    def reach_each(self, places: list[Place]) -> None:
        """Apply the log up to where each partition stands, its own events; in the transaction of the snapshot."""
        self.reach(_lowest(places))
        furthest = max((place.position for place in places), default=0)
        ends = {place.partition: place.position for place in places}

        @lru_cache(100_000)
        def end_of(key: bytes) -> int:
            return ends[partition_of(key, len(ends))]

        def brought(originator_id: str, position: int | None, metadata: bytes) -> bool:
            return (position or 0) <= end_of(key_of(_decode_metadata(metadata), originator_id))

        while self.position < furthest:
            batch = self._next(furthest)
            self.apply(
                msgspec.structs.replace(
                    batch,
                    records=[
                        each for each in batch.records if brought(each.originator_id, each.position, each.metadata_json)
                    ],
                    undecodable=[
                        each
                        for each in batch.undecodable
                        if brought(each.originator_id, each.position, each.metadata_json)
                    ],
                )
            )
            self._progress("building", self.position, furthest)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """One transaction, undone at the end, that sees the view as it stands at its first look."""
        with self._connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self._within = True
        try:
            yield
        finally:
            if not self._connection.closed:
                self._connection.rollback()

    def compare(self, live: Build, position: int, differs: Callable[[Difference], None]) -> Comparison | None:
        """Compare with the view as the snapshot has it."""
        with self._connection.cursor() as cursor:
            for name in ("enable_hashjoin", "enable_mergejoin", "random_page_cost", "plan_cache_mode"):
                cursor.execute(f"RESET {name}")
            for _, table in self._tables.named():
                cursor.execute(f"ANALYZE {table.name}")

        def parked(table: str) -> set[str]:
            mine = {msgspec.json.encode(key).decode() for key in self._set_aside.of(table)}
            return mine | parked_in(self._connection, (live,), table)

        found = compare_tables(
            self._connection,
            self.view,
            live,
            self.build,
            position,
            parked=parked,
            differs=differs,
            progress=lambda done, total: self._progress("comparing", done, total),
            stopping=self._stopping,
        )
        return None if self._stopping.is_set() else found

    def _next(self, position: int) -> Batch:
        if self._stopping.is_set():
            raise _Interrupted
        batch = read_batch(self._reader, self.position, min(position - self.position, self._most_events))
        if batch.position == self.position:
            raise CannotReconcile(f"the log ends at position {self.position}, before {position}")
        return batch

    def _commit(self, batch: Batch, *, carefully: bool) -> None:
        if not self._within:
            super()._commit(batch, carefully=carefully)
            return
        with self._connection.cursor() as cursor:
            cursor.execute("SAVEPOINT batch")
            try:
                self.write(cursor, batch, carefully=carefully)
            except BaseException:
                cursor.execute("ROLLBACK TO SAVEPOINT batch")
                self.forget()
                raise
            cursor.execute("RELEASE SAVEPOINT batch")
        self._moved(batch)

    def _move(self, cursor: Cursor, batch: Batch) -> None:
        """It has no place that others know."""

    def _moved(self, batch: Batch) -> None:
        self.position = batch.position
        self._set_aside = Parking(self._parking.keys())

    def _parked(self) -> Parking:
        return Parking(self._set_aside.keys())

    def _note_parked(self, _cursor: Cursor, _build: Build, *, attempts: int = 1) -> None:  # noqa: ARG002 - its writer's
        self._parking.added.clear()
