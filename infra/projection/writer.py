"""How are the rows of one build of a view written? Batch by batch: rows and place in one transaction, or neither.

What feeds the build says where its place is and how it moves: the log's position (`infra.projection.runner`), or an
offset in each partition of a topic (`infra.kafka.workers`).
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Generic, Protocol, Self, TypeVar

import psycopg2
import structlog
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from domain.recorded import RecordedEvent, correlation_id_of
from infra.metrics.views import Stopwatch, measured
from infra.postgres.pool import connect
from infra.projection import parking
from infra.projection.build_tables import BuildTables
from infra.projection.builds import Build, begin_epoch
from infra.projection.feed import Batch, Undecodable, read_positions
from infra.projection.rows import CACHED_ROWS, REFUSED_DATA, CachedRows, refused
from infra.projection.tables import RowTable
from infra.tracing import trace_of
from projections.folding import entries_for, totals_of
from projections.parking import EVERYWHERE, ParkedKey, Parking
from projections.view import Journal, Total, View

log = structlog.get_logger()


class Events(Protocol):
    """What a batch is to the rows, whatever brought it."""

    @property
    def records(self) -> Sequence[RecordedEvent]:
        """The events, in an order in which those of one key are in that of the log."""

    @property
    def undecodable(self) -> Sequence[Undecodable]:
        """Those that this code cannot decode."""

    def halves(self) -> Iterator[Self]:
        """Yield the batch in two parts, of which each has its own place."""


E = TypeVar("E", bound=Events)


def view_connection(dsn: str, schema: str, view: View | None = None) -> Connection:
    """Return a connection for writing a view, or several.

    From about 500 keys on the planner would join by a hash of the whole table; these settings keep it to the index, for
    any number of keys, so that a statement has one plan.
    """
    name = "views" if view is None else f"view {view.name}"
    connection = connect(dsn, schema, application_name=f"caselog {schema} {name}")
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SET enable_hashjoin = off; SET enable_mergejoin = off; SET random_page_cost = 1.1; SET jit = off;"
            " SET plan_cache_mode = force_generic_plan;"
            # What a crash of the server takes back of a view, at most the last moment, comes again from the log.
            " SET synchronous_commit = off"
        )
    return connection


class BuildWriter(ABC, Generic[E]):
    """One build of a view over one connection. Not for use by several threads.

    A handler that fails parks its key (docs/adr/0044-parked-keys.md); the view goes on without it. `log` is a
    connection to the log's database, where that is another one than the view's.
    """

    def __init__(
        self,
        connection: Connection,
        view: View,
        build: Build,
        *,
        log: Connection | None = None,
        cached_rows: int = CACHED_ROWS,
    ) -> None:
        self.view = view
        self.build = build
        self._connection = connection
        self._log = log
        tables = BuildTables(view, build.build)
        self._tables = tables
        self._handles = view.handles
        self._rows = [CachedRows(table, row_table, cached_rows) for table, row_table in tables.rows]
        self._parking = self._parked()

    def apply(self, batch: E) -> None:
        """Apply the events of a batch and move to its end, in one transaction.

        Where the database refuses a row, the batch is taken in parts, down to the event that makes it, whose key is
        parked. Raises `PositionMoved` if the build was not where this runner left it, or psycopg2's errors; then
        nothing was written.
        """
        try:
            self._commit(batch, carefully=False)
        except REFUSED_DATA:
            if len(batch.records) > 1:
                for part in batch.halves():
                    self.apply(part)
            else:
                self._commit(batch, carefully=True)

    @abstractmethod
    def _move(self, cursor: Cursor, batch: E) -> None:
        """Move from where the build stands to the batch's end, in the transaction under way.

        Raises `PositionMoved`.
        """

    @abstractmethod
    def _moved(self, batch: E) -> None:
        """Take note that the build stands at the batch's end."""

    def _found(self, build: Build) -> None:
        """Take note of the build as its own transaction has left it, in another epoch maybe."""
        self.build = build

    def write(self, cursor: Cursor, batch: Events, *, carefully: bool = False) -> None:
        """Write what a batch makes of the rows in the caller's transaction, which has moved the build's position.

        If that is undone, the caller has to call `forget`.
        """
        handles = self._handles
        records: Sequence[RecordedEvent] = [record for record in batch.records if type(record.event) in handles]
        if batch.undecodable or self._parking.of(EVERYWHERE):
            records = self._decodable(records, batch.undecodable)
        if records:
            with measured(self.view.name, len(records)) as handlers:
                for rows in self._rows:
                    rows.bring_forward(cursor, records, self._parking, handlers, carefully=carefully)
                for journal, table, totals in self._tables.journals:
                    self._append(cursor, journal, table, totals, records, handlers, carefully=carefully)
        if self._parking.added:
            self._note_parked(cursor, self.build)

    def forget(self) -> None:
        """Forget what is in memory of a transaction that was undone."""
        for rows in self._rows:
            rows.forget()
        for _, table in self._tables.named():
            table.forget_stage()
        self._parking = self._parked()

    def create_indexes(self) -> None:
        """Create the secondary indexes, which a build does without until it has nearly caught up."""
        with self._connection, self._connection.cursor() as cursor:
            for _, table in self._tables.named():
                table.create_indexes(cursor)

    def retry(self, part: str, key: ParkedKey, *, drop: Collection[int] = ()) -> bool:
        """Apply the events that queue for a parked key, without those at the positions to `drop`, as far as it goes.

        In one transaction, beside a runner of the same build that another process may have. Returns whether the key
        is parked no more.
        """
        with self._undone_on_error(), self._connection.cursor() as cursor:
            build = begin_epoch(cursor, self.build)
            for rows in self._rows:
                rows.forget()
            self._parking = parking.load(cursor, build)
            self._parking.release(part, key)
            queued, attempts = parking.positions(cursor, build, part, key)
            parking.drop(cursor, build, part, key, [each for each in queued if each in drop])
            parking.clear(cursor, build, part, key)
            batch = self._read([each for each in queued if each not in drop])
            self._take_up(cursor, batch, part, key)
            self._note_parked(cursor, build, attempts=attempts + 1)
        self._found(build)
        return key not in self._parking.of(part)

    def queued(self, part: str, key: ParkedKey) -> Sequence[int]:
        """Return the positions of the events that queue for a parked key, in order."""
        with self._connection, self._connection.cursor() as cursor:
            return parking.positions(cursor, self.build, part, key)[0]

    def retry_parked(self) -> None:
        """Try again whatever is parked: its handlers may have been mended since."""
        for part, key in self.parked_keys():
            if self.retry(part, key):
                log.info("parked key taken up", view=self.view.name, part=part, key=parking.name_of(key))

    def parked_keys(self) -> Sequence[tuple[str, ParkedKey]]:
        """Return the parts and keys that are parked in the build, in the order of the events that failed."""
        with self._connection, self._connection.cursor() as cursor:
            return parking.parked_keys(cursor, self.build)

    def _parked(self) -> Parking:
        with self._connection, self._connection.cursor() as cursor:
            return parking.load(cursor, self.build)

    def _commit(self, batch: E, *, carefully: bool) -> None:
        with self._undone_on_error(), self._connection.cursor() as cursor:
            # First the place: a rival waits here, and finds it moved, before either has read a row.
            self._move(cursor, batch)
            self.write(cursor, batch, carefully=carefully)
        self._moved(batch)

    def _append(
        self,
        cursor: Cursor,
        journal: Journal[Any],
        table: RowTable,
        totals: Sequence[tuple[Total, RowTable]],
        records: Sequence[RecordedEvent],
        handlers: Stopwatch,
        *,
        carefully: bool,
    ) -> None:
        with handlers:
            entries = entries_for(journal, records, self._parking)
        if not entries:
            return

        def write() -> None:
            table.append(cursor, entries)
            for total, total_table in totals:
                total_table.add(cursor, totals_of(total.by, total.amount, entries))

        if not carefully:
            write()
        elif error := refused(cursor, write):
            self._parking.park(journal.name, records[0].originator_id, records[0], error)

    def _decodable(
        self, records: Sequence[RecordedEvent], undecodable: Sequence[Undecodable]
    ) -> Sequence[RecordedEvent]:
        """Park the streams of events that cannot be decoded, and return the events of all other streams."""
        parked = self._parking.of(EVERYWHERE)
        taken: list[RecordedEvent] = []
        in_order: list[RecordedEvent | Undecodable] = [*records, *undecodable]
        for each in sorted(in_order, key=lambda each: each.position or 0):
            if each.originator_id in parked:
                self._parking.queue(EVERYWHERE, each.originator_id, each)
            elif isinstance(each, Undecodable):
                self._parking.park(EVERYWHERE, each.originator_id, each, each.error)
            else:
                taken.append(each)
        return taken

    def _read(self, positions: Sequence[int]) -> Batch:
        with (self._log or self._connection).cursor() as cursor:
            return read_positions(cursor, positions)

    def _take_up(self, cursor: Cursor, batch: Batch, part: str, key: ParkedKey) -> None:
        """Apply events to the part, and the row, that they were parked for."""
        handles = self._handles
        records: Sequence[RecordedEvent] = [record for record in batch.records if type(record.event) in handles]
        if part == EVERYWHERE:
            records = self._decodable(records, batch.undecodable)
        only = None if isinstance(key, str) else key
        handlers = Stopwatch()
        for record in records:  # one by one: a row that the database refuses parks the key again
            for rows in self._rows:
                if part in (EVERYWHERE, rows.name):
                    rows.bring_forward(cursor, [record], self._parking, handlers, only=only, carefully=True)
            for journal, table, totals in self._tables.journals:
                if part in (EVERYWHERE, journal.name):
                    self._append(cursor, journal, table, totals, [record], handlers, carefully=True)

    def _note_parked(self, cursor: Cursor, build: Build, *, attempts: int = 1) -> None:
        added, self._parking.added = self._parking.added, []
        parking.add(cursor, build, added, attempts=attempts)
        for each in added:
            if each.error is not None:
                log.error(
                    "key parked",
                    view=self.view.name,
                    build=build.build,
                    part=each.part,
                    key=parking.name_of(each.key),
                    position=each.at.position,
                    stream_id=each.at.originator_id,
                    correlation_id=correlation_id_of(each.at.metadata_json),
                    error=each.error,
                    **trace_of(each.at.metadata_json),
                )

    @contextmanager
    def _undone_on_error(self) -> Iterator[None]:
        """One transaction: committed, or forgotten with all that is in memory of it, the cached rows included."""
        try:
            yield
            self._connection.commit()
        except BaseException:
            try:
                self._connection.rollback()
                self.forget()
            except psycopg2.Error:
                self._connection.close()
            raise
