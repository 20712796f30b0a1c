"""What do events make of rows? The fold of a batch, with the rows it needs given to it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from domain.recorded import RecordedEvent
from projections.parking import ParkedKey, Parking
from projections.view import Journal, Key, Row, Step, Table, View

Work: TypeAlias = list[tuple[Key, Step, RecordedEvent]]
Rows: TypeAlias = dict[Key, Row]


class HandlerFailed(Exception):
    """A handler raised on an event: the fold of the batch has no result."""

    def __init__(self, where: str, at: RecordedEvent) -> None:
        super().__init__(
            f"{where} cannot take {type(at.event).__name__} at position {at.position}"
            f" ({at.originator_id}, version {at.originator_version})"
        )
        self.at = at


def work_for(
    table: Table[Any], records: Iterable[RecordedEvent], parking: Parking | None = None
) -> tuple[Work, set[Key]]:
    """Return what a table has to do for a batch, in order, and the keys whose rows that needs.

    What belongs to a parked stream goes there instead, and so does an event whose keys cannot be told. Without
    `parking` that raises `HandlerFailed`.
    """
    work: Work = []
    needed: set[Key] = set()
    begun: set[Key] = set()
    steps = table.steps
    parked: Collection[ParkedKey] = () if parking is None else parking.of(table.name)
    for record in records:
        step = steps.get(type(record.event))
        if step is None:
            continue
        if parked and parking is not None and record.originator_id in parked:
            parking.queue(table.name, record.originator_id, record)
            continue
        try:
            keys = tuple(step.keys(record.event))
        except Exception as error:
            if parking is None:
                raise HandlerFailed(table.name, record) from error
            parking.park(table.name, record.originator_id, record, error)
            continue
        for key in keys:
            work.append((key, step, record))
            if key in begun:
                continue
            if step.begins and key not in needed:
                begun.add(key)
            else:
                needed.add(key)
    return work, needed


def fold_work(
    table: Table[Any], work: Work, rows: Mapping[Key, Row | None], parking: Parking | None = None
) -> dict[Key, Row | None]:
    """Return the rows that work leaves, by key; `None` where it deletes one. `rows` holds those before it.

    A handler that fails parks its key: the row stays as it was before that event, and what comes after it queues.
    Without `parking` it raises `HandlerFailed`.
    """
    after: dict[Key, Row | None] = {}
    parked: Collection[ParkedKey] = () if parking is None else parking.of(table.name)
    for key, step, record in work:
        if parked and parking is not None and key in parked:
            parking.queue(table.name, key, record)
            continue
        row = after[key] if key in after else rows.get(key)
        try:
            after[key] = step.fold(row, record.event, record, key)
        except Exception as error:
            if parking is None:
                raise HandlerFailed(table.name, record) from error
            parking.park(table.name, key, record, error)
    return after


def entries_for(journal: Journal[Any], records: Iterable[RecordedEvent], parking: Parking | None = None) -> list[Row]:
    """Return the rows that a batch adds to a journal.

    A handler that fails parks the event's stream. Without `parking` it raises `HandlerFailed`.
    """
    added: list[Row] = []
    steps = journal.steps
    parked: Collection[ParkedKey] = () if parking is None else parking.of(journal.name)
    for record in records:
        handler = steps.get(type(record.event))
        if handler is None:
            continue
        if parked and parking is not None and record.originator_id in parked:
            parking.queue(journal.name, record.originator_id, record)
            continue
        try:
            rows = tuple(handler(record.event, record))
        except Exception as error:
            if parking is None:
                raise HandlerFailed(journal.name, record) from error
            parking.park(journal.name, record.originator_id, record, error)
            continue
        added += rows
    return added


def totals_of(by: Sequence[str], amount: str, rows: Iterable[Row]) -> dict[Key, int]:
    """Return the sums of a column over rows, for each value of other columns."""
    sums: dict[Key, int] = {}
    columns = (*by, amount)
    for row in rows:
        *values, value = [getattr(row, column) for column in columns]
        key = tuple(values)
        sums[key] = sums.get(key, 0) + value
    return sums


class Folded(msgspec.Struct, frozen=True):
    """A view in memory: rows by table and key, entries and sums by journal and total."""

    tables: dict[str, Rows]
    journals: dict[str, list[Row]]
    totals: dict[str, dict[Key, int]]

    def rows(self, table: Table[Any]) -> list[Any]:
        """The rows of a table, in no order that means anything."""
        return list(self.tables[table.name].values())


def fold(view: View, records: Iterable[RecordedEvent]) -> Folded:
    """Return the view that events make, from nothing. Raises `HandlerFailed`.

    This is what a query as of an earlier instant reads, and what a test compares the projector's tables with.
    """
    events = list(records)
    tables: dict[str, Rows] = {}
    for table in view.tables:
        after = fold_work(table, work_for(table, events)[0], {})
        tables[table.name] = {key: row for key, row in after.items() if row is not None}
    journals = {journal.name: entries_for(journal, events) for journal in view.journals}
    totals = {
        total.name: totals_of(total.by, total.amount, journals[journal.name])
        for journal in view.journals
        for total in journal.totals
    }
    return Folded(tables, journals, totals)
