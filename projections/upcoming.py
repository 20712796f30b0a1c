"""What was asked for in advance? Open cases for today or a later date, by that date (SUPPORT_POLICY R18).

Read from the rows of the view `queue`.
"""

from datetime import date, datetime

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from projections import queue
from projections.queue import QueueRow
from projections.reading import Page, cut, decode_cursor, filtered, position_of, select


class UpcomingFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Whose cases; a field left out asks for all."""

    customer: str | None = None
    agent: str | None = None


_CONDITIONS: dict[str, str] = {"customer": "customer_id = %(customer)s", "agent": "assignee = %(agent)s"}
_ORDER = "requested_for, received_at, length(case_number), case_number"


def page(
    connection: Connection, filters: UpcomingFilters, today: date, *, cursor: str | None = None, limit: int = 50
) -> Page:
    """Return open cases for `today` (of the desk's zone) and later, soonest first. Raises `InvalidCursor`."""
    position = position_of(connection, queue.VIEW.name)
    values, conditions = filtered(filters, _CONDITIONS)
    values |= {"today": today, "limit": limit + 1}
    if cursor is not None:
        place = decode_cursor(cursor, tuple[date, datetime, int, str])
        values |= dict(zip(("requested_for", "received_at", "length", "case_number"), place, strict=True))
        conditions.append(f"({_ORDER}) > (%(requested_for)s, %(received_at)s, %(length)s, %(case_number)s)")
    rows = select(
        connection,
        QueueRow,
        f"FROM queue t WHERE {' AND '.join(['open', 'requested_for >= %(today)s', *conditions])}"
        f" ORDER BY {_ORDER} LIMIT %(limit)s",
        values,
    )
    return cut(rows, limit, _place, queue.shape, position)


def _place(row: QueueRow) -> tuple[object, ...]:
    return row.requested_for, row.received_at, len(row.case_number), row.case_number
