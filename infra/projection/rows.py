"""How do events change the rows of a view's table? Recent keys' rows are in memory; only the others are loaded."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any

import psycopg2
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from domain.recorded import RecordedEvent
from infra.metrics.views import Stopwatch
from infra.projection.tables import FEW_ROWS, RowTable
from projections.folding import HandlerFailed, Work, fold_work, work_for
from projections.parking import Parking
from projections.view import Key, Row, Table

CACHED_ROWS = 20_000
"""Rows of a table kept in memory, those of as many events as a batch has: with them it seldom has to load any."""

REFUSED_DATA = (psycopg2.DataError, psycopg2.IntegrityError, UnicodeError, ValueError)
"""What the database, or its client, says of a row that it cannot hold; ValueError: a text with NUL."""


class CachedRows:
    """A table's rows of the recent keys, as of the runner's position; `None` for a key known to have no row."""

    def __init__(self, table: Table[Any], row_table: RowTable, limit: int) -> None:
        self._table = table
        self._row_table = row_table
        self._limit = limit
        self._cache: dict[Key, Row | None] = {}

    @property
    def name(self) -> str:
        """The table's, without that of the build."""
        return self._table.name

    def bring_forward(
        self,
        cursor: Cursor,
        records: Sequence[RecordedEvent],
        parking: Parking,
        handlers: Stopwatch,
        *,
        only: Key | None = None,
        carefully: bool = False,
    ) -> None:
        """Apply events to the rows that they change, or to one of them; `carefully`, the database may refuse one."""
        with handlers:
            work, needed = self._work(records, parking, only)
        if not work:
            return
        cache = self._cache
        self._load(cursor, [key for key in needed if key not in cache])
        with handlers:
            after = fold_work(self._table, work, cache, parking)
        if carefully:
            self._park_refused(cursor, after, records[0], parking)
        else:
            self._write(cursor, after)
        for key, row in after.items():
            cache.pop(key, None)  # so that the order is that of last use
            cache[key] = row
        for key in list(_first(cache, len(cache) - self._limit)):
            del cache[key]

    def _work(
        self, records: Sequence[RecordedEvent], parking: Parking, only: Key | None
    ) -> tuple[Work, Collection[Key]]:
        if only is None:
            return work_for(self._table, records, parking)
        try:
            work, _ = work_for(self._table, records)  # the events' other rows have had them, or queues of their own
        except HandlerFailed as failed:
            parking.park(self._table.name, only, failed.at, failed)
            return [], ()
        return [each for each in work if each[0] == only], (only,)

    def _write(self, cursor: Cursor, after: Mapping[Key, Row | None]) -> None:
        cache = self._cache
        new: list[Row] = []
        changed: list[Row] = []
        deleted: list[Key] = []
        for key, row in after.items():
            former = cache.get(key)
            if row is None:
                deleted.append(key)
            elif former is None:
                new.append(row)
            elif row is not former:
                changed.append(row)
        if deleted:
            self._row_table.delete(cursor, deleted)
        if len(new) <= FEW_ROWS or not self._row_table.append_new(cursor, new):
            changed += new
        if changed:
            self._row_table.write(cursor, changed)

    def _park_refused(
        self, cursor: Cursor, after: dict[Key, Row | None], record: RecordedEvent, parking: Parking
    ) -> None:
        """Write the rows that one event leaves one by one, and park the keys of those that the database refuses."""
        for key, row in list(after.items()):
            if error := refused(cursor, partial(self._write, cursor, {key: row})):
                parking.park(self._table.name, key, record, error)
                del after[key]

    def forget(self) -> None:
        """Forget the rows, which are not known to be as they are kept."""
        self._cache.clear()

    def _load(self, cursor: Cursor, keys: Collection[Key]) -> None:
        if keys:
            cache = self._cache
            cache.update(dict.fromkeys(keys))
            key_of_row = self._table.key_of_row
            for row in self._row_table.load(cursor, keys):
                cache[key_of_row(row)] = row


def refused(cursor: Cursor, write: Callable[[], None]) -> Exception | None:
    """Write, or undo just that and return why the database, or its client, refuses the data."""
    cursor.execute("SAVEPOINT written")
    try:
        write()
    except REFUSED_DATA as error:
        cursor.execute("ROLLBACK TO SAVEPOINT written")
        return error
    cursor.execute("RELEASE SAVEPOINT written")
    return None


def _first(keys: Collection[Key], count: int) -> Sequence[Key]:
    if count <= 0:
        return ()
    iterator = iter(keys)
    return [next(iterator) for _ in range(count)]
