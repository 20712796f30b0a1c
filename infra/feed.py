"""What the log holds, for those who read it from outside, whatever the views have seen of it."""

from collections.abc import Sequence

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.desk import DeskCreated
from domain.recorded import RecordedEvent
from domain.tags import decode

_COLUMNS = "stream_id, version, type, data::text, metadata::text, position, recorded_at"


class EventPage(msgspec.Struct, frozen=True):
    """Events in order of position. `more`: others follow them; `head`: the position of the log's last event."""

    events: list[RecordedEvent]
    more: bool
    head: int


def head_position(connection: Connection) -> int:
    """Return the position of the log's last event, 0 if it has none."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT position FROM log_head")
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def read_page(
    connection: Connection,
    after: int,
    limit: int,
    *,
    tag: str | None = None,
    stream_id: str | None = None,
    up_to: int | None = None,
) -> EventPage:
    """Return the next events after a position, only those of one tag or of one stream where these are named.

    `up_to` takes that position for the log's last, which lets pages end that are read one after the other.
    Events that another mapper wrote into the log are no business facts and are left out.
    """
    head = head_position(connection) if up_to is None else up_to
    conditions = ["data IS NOT NULL", "position > %(after)s", "position <= %(head)s"]
    if tag is not None:
        conditions.append("type = %(tag)s")
    if stream_id is not None:
        conditions.append("stream_id = %(stream_id)s")
    found = _select(
        connection,
        f"WHERE {' AND '.join(conditions)} ORDER BY position LIMIT %(limit)s",
        {"after": after, "head": head, "tag": tag, "stream_id": stream_id, "limit": limit + 1},
    )
    return EventPage(found[:limit], len(found) > limit, head)


def read_streams(connection: Connection, stream_ids: Sequence[str]) -> list[RecordedEvent]:
    """Return all events of some streams in order of position, so that each stream is in its own order."""
    return _select(
        connection,
        "WHERE data IS NOT NULL AND stream_id = ANY (%(stream_ids)s) ORDER BY position",
        {"stream_ids": list(stream_ids)},
    )


def streams_changed(connection: Connection, tags: Sequence[str], after: int, up_to: int, limit: int) -> list[str]:
    """Return the ids of at most so many streams that have an event of one of these tags between two positions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT stream_id FROM events WHERE position > %s AND position <= %s AND type = ANY (%s) LIMIT %s",
            (after, up_to, list(tags), limit),
        )
        return [stream_id for (stream_id,) in cursor]


def desk_zone(connection: Connection) -> str:
    """Return the zone that the desk's days are counted in; UTC before there is a desk, when nothing is in any view."""
    zone = "UTC"
    for recorded in read_streams(connection, ["desk"]):
        if isinstance(recorded.event, DeskCreated):
            zone = recorded.event.zone
    return zone


def holder_of(connection: Connection, kind: str, key: str) -> str | None:
    """Return the id of the stream that holds a claim, such as a case number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT stream_id FROM claims WHERE kind = %s AND key = %s", (kind, key))
        row = cursor.fetchone()
    return None if row is None else str(row[0])


def customer_of_ticket(connection: Connection, name: str) -> str | None:
    """Return whose a case is, named by its id or its case number; a case never changes hands."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data ->> 'customer_id' FROM events WHERE version = 1 AND stream_id = coalesce("
            "(SELECT stream_id FROM claims WHERE kind = 'case_number' AND key = %(name)s), 'ticket-' || %(name)s)",
            {"name": name},
        )
        row = cursor.fetchone()
    return None if row is None else row[0]


def claims_of(connection: Connection, kind: str) -> dict[str, str]:
    """Return all claims of a kind, in the order of their keys: which stream holds each key."""
    with connection.cursor() as cursor:
        cursor.execute('SELECT key, stream_id FROM claims WHERE kind = %s ORDER BY key COLLATE "C"', (kind,))
        return dict(cursor.fetchall())


def _select(connection: Connection, condition: str, values: dict[str, object]) -> list[RecordedEvent]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {_COLUMNS} FROM events {condition}", values)
        return [
            RecordedEvent(stream_id, version, decode(tag, data), metadata.encode(), position, recorded_at)
            for stream_id, version, tag, data, metadata, position, recorded_at in cursor
        ]
