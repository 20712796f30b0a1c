"""How did views stand at an earlier position of the log? The rows that have changed since are folded anew.

A view has no history, but the log has. A row that no event touched since a position is as it was; the others are folded
from the events of their streams up to it. Every query then reads the tables so mended, for the time of a transaction.
That is right only of tables whose rows follow from one stream each; of those that lists read, all are
(`tests/api/http/test_as_of_position.py` compares every list at every position).
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from domain.recorded import RecordedEvent
from domain.tags import tag_of
from projections.folding import fold_work, work_for
from projections.parking import Parking
from projections.reading import Mended
from projections.view import Key, Table, View


def tags_of_tables(views: Sequence[View]) -> list[str]:
    """Return the stored types of the events that change rows of these views; a journal's rows never change."""
    types = {event_type for view in views for table in view.tables for event_type in table.steps}
    return sorted(tag_of(each) for each in types)


def mended(views: Sequence[View], records: Sequence[RecordedEvent], position: int) -> list[Mended]:
    """Return what to read instead of the tables of these views, as of a position.

    `records` are all events, in order, of every stream that changed a row since.
    """
    return [each for view in views for each in _of_view(view, records, position)]


def _of_view(view: View, records: Sequence[RecordedEvent], position: int) -> Iterator[Mended]:
    earlier = [each for each in records if (each.position or 0) <= position]
    later = [each for each in records if (each.position or 0) > position]
    # What no handler could take was left out then as well.
    parking = Parking()
    for table in view.tables:
        work, _ = work_for(table, earlier, parking)
        rows = fold_work(table, work, {}, parking)
        touched = _touched(table, later)
        kept = [row for key in touched if (row := rows.get(key)) is not None]
        if touched:
            yield _table(table, touched, kept)
    for journal in view.journals:
        name = journal.name
        yield Mended(name, f"SELECT * FROM {name} WHERE position <= %(position)s", {"position": position})


def _touched(table: Table[Any], records: Sequence[RecordedEvent]) -> set[Key]:
    work, _ = work_for(table, records, Parking())
    return {key for key, _, _ in work}


def _table(table: Table[Any], touched: set[Key], rows: list[Any]) -> Mended:
    key = ", ".join(table.key)
    keys = [dict(zip(table.key, each, strict=True)) for each in touched]
    # A condition within a part of the union would keep the planner from reading the table in the order of an index.
    return Mended(
        table.name,
        f"SELECT * FROM (SELECT *, true AS as_it_is FROM {table.name}"
        f" UNION ALL SELECT *, false FROM json_populate_recordset(NULL::{table.name}, %(rows)s)) AS u"
        f" WHERE NOT as_it_is OR ({key}) NOT IN"
        f" (SELECT {key} FROM json_populate_recordset(NULL::{table.name}, %(keys)s))",
        {"keys": msgspec.json.encode(keys).decode(), "rows": msgspec.json.encode(rows).decode()},
    )
