"""How is one build of a view brought forward? Batch by batch: rows and position in one transaction, or neither."""

from collections.abc import Collection, Sequence
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from domain.recorded import RecordedEvent
from infra.postgres.pool import connect
from infra.projection.builds import Build, BuildTables, advance, lock_live, set_state, switch, wait_for_locks
from infra.projection.feed import MOST_EVENTS, read_batch
from infra.projection.tables import RowTable
from projections.folding import entries_for, fold_work, totals_of, work_for
from projections.view import Key, Row, Table, View

CACHED_ROWS = 100_000
"""Rows of a table kept in memory; with them a batch seldom has to load any."""


def view_connection(dsn: str, schema: str, view: View) -> Connection:
    """Return a connection for writing a view.

    From about 500 keys on the planner would join by a hash of the whole table; these settings keep it to the index.
    """
    connection = connect(dsn, schema, application_name=f"caselog {schema} view {view.name}")
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SET enable_hashjoin = off; SET enable_mergejoin = off; SET random_page_cost = 1.1; SET jit = off"
        )
    return connection


class BuildRunner:
    """One build of a view over one connection. Not for use by several threads."""

    def __init__(self, connection: Connection, view: View, build: Build, *, cached_rows: int = CACHED_ROWS) -> None:
        self.view = view
        self.build = build
        self.position = build.position
        self._connection = connection
        tables = BuildTables(view, build.build)
        self._tables = tables
        self._handles = view.handles
        self._rows = [_CachedRows(table, row_table, cached_rows) for table, row_table in tables.rows]

    def apply(self, records: Sequence[RecordedEvent], position: int, *, stopped_by: str | None = None) -> None:
        """Apply the events after `self.position` up to `position` and move there, in one transaction.

        `stopped_by` notes in it why the view will not go further.
        Raises `PositionMoved` if the build was not where this runner left it, `HandlerFailed` for an event that a
        handler cannot take, or psycopg2's errors; then nothing was written.
        """
        try:
            with self._connection.cursor() as cursor:
                self._write(cursor, records, self.position, position)
                if stopped_by is not None:
                    set_state(cursor, self.build, "stopped", stopped_by)
            self._connection.commit()
        except BaseException:
            self._undo()
            raise
        self.position = position

    def create_indexes(self) -> None:
        """Create the secondary indexes, which a build does without until it has nearly caught up."""
        with self._connection, self._connection.cursor() as cursor:
            for _, table in self._tables.named():
                table.create_indexes(cursor)

    def go_live(self) -> None:
        """Make readers see this build instead of the one they see now.

        That one is held where it is until then, and this one brought up to it in the same transaction: a reader who
        has seen an event goes on seeing it. Raises as `apply`, `Undecodable`, and psycopg2's `LockNotAvailable` where
        readers keep the view in use.
        """
        try:
            with self._connection.cursor() as cursor:
                wait_for_locks(cursor)
                target = lock_live(cursor, self.view)
                reached = self._reach(cursor, target)
                live = switch(cursor, self.view, self.build)
            self._connection.commit()
        except BaseException:
            self._undo()
            raise
        self.build = live
        self.position = reached

    def stop(self, error: str) -> None:
        """Note that the view stands still at its position, and why."""
        with self._connection, self._connection.cursor() as cursor:
            set_state(cursor, self.build, "stopped", error)

    def resume(self) -> None:
        """Note that a view that had been stopped is tried again."""
        if self.build.state == "stopped":
            with self._connection, self._connection.cursor() as cursor:
                set_state(cursor, self.build, "live" if self.build.live else "building")

    def _reach(self, cursor: Cursor, target: int) -> int:
        """Apply the log up to a position in the transaction under way, and return where that led."""
        reached = self.position
        while reached < target:
            batch = read_batch(self._connection, reached, min(target - reached, MOST_EVENTS))
            if batch.position == reached:
                raise batch.stopped_by or LookupError(f"the log ends before position {target}")
            self._write(cursor, batch.records, reached, batch.position)
            reached = batch.position
        return reached

    def _write(self, cursor: Cursor, records: Sequence[RecordedEvent], old: int, new: int) -> None:
        handles = self._handles
        records = [record for record in records if type(record.event) in handles]
        if not records:
            # Should a crash undo this, the same events change nothing again: no need to wait for the disk.
            cursor.execute("SET LOCAL synchronous_commit = off")
        # First the position: a rival waits here, and finds it moved, before either has read a row.
        advance(cursor, self.build, old, new)
        if not records:
            return
        for rows in self._rows:
            rows.bring_forward(cursor, records)
        for journal, table, totals in self._tables.journals:
            entries = entries_for(journal, records)
            if entries:
                table.append(cursor, entries)
                for total, total_table in totals:
                    total_table.add(cursor, totals_of(total.by, total.amount, entries))

    def _undo(self) -> None:
        """Forget all that is not committed, the cached rows included."""
        for rows in self._rows:
            rows.forget()
        for _, table in self._tables.named():
            table.forget_stage()
        try:
            self._connection.rollback()
        except psycopg2.Error:
            self._connection.close()


class _CachedRows:
    """A table's rows of the recent keys, as of the runner's position; `None` for a key known to have no row."""

    def __init__(self, table: Table[Any], row_table: RowTable, limit: int) -> None:
        self._table = table
        self._row_table = row_table
        self._limit = limit
        self._cache: dict[Key, Row | None] = {}

    def bring_forward(self, cursor: Cursor, records: Sequence[RecordedEvent]) -> None:
        work, needed = work_for(self._table, records)
        if not work:
            return
        cache = self._cache
        self._load(cursor, [key for key in needed if key not in cache])
        after = fold_work(self._table, work, cache)
        # Parking a failing key would go here: its events set aside, the rows of all other keys written.
        written = [row for key, row in after.items() if row is not None and row is not cache.get(key)]
        deleted = [key for key, row in after.items() if row is None]
        if deleted:
            self._row_table.delete(cursor, deleted)
        if written:
            self._row_table.write(cursor, written)
        for key, row in after.items():
            cache.pop(key, None)  # so that the order is that of last use
            cache[key] = row
        for key in list(_first(cache, len(cache) - self._limit)):
            del cache[key]

    def forget(self) -> None:
        self._cache.clear()

    def _load(self, cursor: Cursor, keys: Collection[Key]) -> None:
        if keys:
            cache = self._cache
            cache.update(dict.fromkeys(keys))
            key_of_row = self._table.key_of_row
            for row in self._row_table.load(cursor, keys):
                cache[key_of_row(row)] = row


def _first(keys: Collection[Key], count: int) -> Sequence[Key]:
    if count <= 0:
        return ()
    iterator = iter(keys)
    return [next(iterator) for _ in range(count)]
