"""The log's rows as they stand in its table, undecoded, a page at a time."""

from collections.abc import Sequence

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.kafka.records import LogRow

_NO_END = 2**63 - 1
_PAGE = (
    "SELECT position, stream_id, version, type, data::text, metadata::text, recorded_at FROM events"
    " WHERE position > %s AND position <= %s ORDER BY position LIMIT %s"
)
_DATA = 4


class LogPage(msgspec.Struct, frozen=True):
    """The events of the log from one position up to `position`, that one included. `full`: there may be more."""

    rows: Sequence[LogRow]
    position: int
    full: bool


def read_page(connection: Connection, after: int, rows: int, *, up_to: int = _NO_END) -> LogPage:
    """Return what follows a position in at most so many rows; those that another mapper stored are passed over."""
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, (after, up_to, rows))
        found = cursor.fetchall()
    return LogPage(
        [LogRow(*row) for row in found if row[_DATA] is not None],
        found[-1][0] if found else after,
        len(found) == rows,
    )


def event_id_at(connection: Connection, position: int) -> str:
    """Return the id of the event at a position; empty where there is none, or none of ours."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT metadata ->> 'event_id' FROM events WHERE position = %s", (position,))
        row = cursor.fetchone()
    return "" if row is None or row[0] is None else str(row[0])
