"""How far has each webhook been sent to, and what is to be tried again? Kept in two tables, moved by whoever leads.

Every change names what it found: one that a second leader, or a command, has made out of date raises `CursorMoved`.
None of them waits for the disk: what a crash takes back is delivered once more, under the same id.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as DbCursor  # noqa: N812 - it is a class

from domain.recorded import RecordedEvent
from domain.tags import decode

FORGOTTEN_AFTER = timedelta(days=2)
"""A failure so long after the last one, which nothing has followed since, begins a new time of failing: attempts at
what waits are never that far apart."""


class CursorMoved(Exception):
    """The database no longer says what was read there."""


class Cursor(msgspec.Struct, frozen=True):
    """Where a webhook stands: all it wants up to `position` is delivered, or waits, or is parked."""

    position: int
    failing_since: datetime | None
    waiting_streams: frozenset[str]


class Waiting(msgspec.Struct, frozen=True):
    """A delivery that is to be tried again, or for the first time where it waited behind another of its stream."""

    position: int
    stream_id: str
    attempts: int
    next_attempt_at: datetime


class Failure(msgspec.Struct, frozen=True):
    """An attempt that failed: how many were made, when the next is due (none: it is parked), and why."""

    attempts: int
    at: datetime
    next_attempt_at: datetime | None
    reason: str


def load(connection: Connection, webhook_id: str) -> Cursor:
    """Return where a webhook stands. Raises `CursorMoved` if it has no cursor any more."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT position, failing_since FROM webhook_cursors WHERE webhook_id = %s", (webhook_id,))
        row = cursor.fetchone()
        if row is None:
            raise CursorMoved(f"webhook {webhook_id} has no cursor")
        cursor.execute(
            "SELECT DISTINCT stream_id FROM webhook_deliveries WHERE webhook_id = %s AND parked_at IS NULL",
            (webhook_id,),
        )
        return Cursor(int(row[0]), row[1], frozenset(stream_id for (stream_id,) in cursor))


def next_waiting(connection: Connection, webhook_id: str, now: datetime) -> Waiting | None:
    """Return the delivery to be tried next: of those that are due the oldest event's, else the one that is due first.

    Of each stream only the first one counts, so that its events stay in order.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.position, d.stream_id, d.attempts, d.next_attempt_at FROM webhook_deliveries d"
            " WHERE d.webhook_id = %(webhook_id)s AND d.parked_at IS NULL AND NOT EXISTS ("
            "SELECT FROM webhook_deliveries e WHERE e.webhook_id = d.webhook_id AND e.stream_id = d.stream_id"
            " AND e.parked_at IS NULL AND e.position < d.position)"
            " ORDER BY greatest(d.next_attempt_at, %(now)s), d.position LIMIT 1",
            {"webhook_id": webhook_id, "now": now},
        )
        row = cursor.fetchone()
    return None if row is None else Waiting(*row)


def read_events(
    connection: Connection, after: int, limit: int, *, types: Sequence[str], customer_id: str | None
) -> tuple[list[RecordedEvent], int]:
    """Return the next events that a webhook wants, and the position up to which there is no other."""
    conditions = ["data IS NOT NULL", "position > %(after)s", "position <= %(head)s"]
    if types:
        conditions.append("type = ANY (%(types)s)")
    if customer_id is not None:
        conditions.append("metadata ->> 'customer_id' = %(customer_id)s")
    with connection.cursor() as cursor:
        cursor.execute("SELECT position FROM log_head")
        row = cursor.fetchone()
        head = 0 if row is None else int(row[0])
        if head <= after:
            return [], after
        values = {"after": after, "head": head, "limit": limit, "types": list(types), "customer_id": customer_id}
        found = _events(connection, f"WHERE {' AND '.join(conditions)} ORDER BY position LIMIT %(limit)s", values)
    return found, head if len(found) < limit else found[-1].position or 0


def read_event(connection: Connection, position: int) -> RecordedEvent:
    """Return the event at a position."""
    (event,) = _events(connection, "WHERE position = %(position)s", {"position": position})
    return event


def advance(connection: Connection, webhook_id: str, old: int, new: int) -> None:
    """Note that the webhook wants nothing between two positions."""
    _move(connection, webhook_id, old, "position = %(new)s", {"new": new})


def delivered(connection: Connection, webhook_id: str, old: int, new: int, now: datetime) -> None:
    """Note that the event at a position was delivered, the first the webhook wants after the old one."""
    _move(connection, webhook_id, old, f"position = %(new)s, {_SUCCESS}", {"new": new, "now": now})


def delivered_late(connection: Connection, webhook_id: str, waiting: Waiting, now: datetime) -> None:
    """Note that a waiting delivery was made."""
    forget(connection, webhook_id, waiting)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE webhook_cursors SET {_SUCCESS} WHERE webhook_id = %(webhook_id)s",
            {"webhook_id": webhook_id, "now": now},
        )


def forget(connection: Connection, webhook_id: str, waiting: Waiting) -> None:
    """Let a waiting delivery be none any more."""
    with connection.cursor() as cursor:
        _soon(cursor)
        cursor.execute(
            "DELETE FROM webhook_deliveries WHERE webhook_id = %s AND position = %s AND attempts = %s"
            " AND parked_at IS NULL",
            (webhook_id, waiting.position, waiting.attempts),
        )
        _check(cursor.rowcount, webhook_id)


def set_aside(
    connection: Connection, webhook_id: str, old: int, event: RecordedEvent, failure: Failure | None, now: datetime
) -> datetime | None:
    """Let a delivery wait that failed; without a failure, one that must wait behind an earlier one of its stream.

    Returns since when the receiver has been failing.
    """
    fails = "" if failure is None else f", {_FAILURE}"
    reason = None if failure is None else failure.reason
    _move(
        connection,
        webhook_id,
        old,
        f"position = %(new)s{fails}",
        {"new": event.position, "at": now, "reason": reason, "forgotten": FORGOTTEN_AFTER},
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO webhook_deliveries"
            " (webhook_id, position, stream_id, attempts, next_attempt_at, last_error, parked_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (
                webhook_id,
                event.position,
                event.originator_id,
                0 if failure is None else failure.attempts,
                now if failure is None or failure.next_attempt_at is None else failure.next_attempt_at,
                reason,
                now if failure is not None and failure.next_attempt_at is None else None,
            ),
        )
        return _failing_since(cursor, webhook_id)


def failed_again(connection: Connection, webhook_id: str, waiting: Waiting, failure: Failure) -> datetime | None:
    """Note a further attempt at a waiting delivery, and when the next one is due; if none is, park it.

    Returns since when the receiver has been failing.
    """
    with connection.cursor() as cursor:
        _soon(cursor)
        cursor.execute(
            "UPDATE webhook_deliveries SET attempts = %s, next_attempt_at = coalesce(%s, next_attempt_at),"
            " last_error = %s, parked_at = %s"
            " WHERE webhook_id = %s AND position = %s AND attempts = %s AND parked_at IS NULL",
            (
                failure.attempts,
                failure.next_attempt_at,
                failure.reason,
                failure.at if failure.next_attempt_at is None else None,
                webhook_id,
                waiting.position,
                waiting.attempts,
            ),
        )
        _check(cursor.rowcount, webhook_id)
        cursor.execute(
            f"UPDATE webhook_cursors SET {_FAILURE} WHERE webhook_id = %(webhook_id)s",
            {"webhook_id": webhook_id, "at": failure.at, "reason": failure.reason, "forgotten": FORGOTTEN_AFTER},
        )
        return _failing_since(cursor, webhook_id)


def hurry(connection: Connection, webhook_id: str, now: datetime) -> None:
    """Let everything that waits be due: a receiver that took nothing takes messages again."""
    with connection.cursor() as cursor:
        _soon(cursor)
        cursor.execute(
            "UPDATE webhook_deliveries SET next_attempt_at = %(now)s"
            " WHERE webhook_id = %(webhook_id)s AND parked_at IS NULL AND next_attempt_at > %(now)s",
            {"webhook_id": webhook_id, "now": now},
        )


_SUCCESS = "delivered = delivered + 1, last_success_at = %(now)s, failing_since = NULL"
_FAILURE = (
    "failing_since = CASE WHEN last_failure_at > %(at)s - %(forgotten)s THEN coalesce(failing_since, %(at)s)"
    " ELSE %(at)s END, last_failure_at = %(at)s, last_failure = %(reason)s"
)


def _move(connection: Connection, webhook_id: str, old: int, changes: str, values: dict[str, object]) -> None:
    with connection.cursor() as cursor:
        _soon(cursor)
        cursor.execute(
            f"UPDATE webhook_cursors SET {changes} WHERE webhook_id = %(webhook_id)s AND position = %(old)s",
            {"webhook_id": webhook_id, "old": old, **values},
        )
        _check(cursor.rowcount, webhook_id)


def _check(changed: int, webhook_id: str) -> None:
    if changed != 1:
        raise CursorMoved(f"webhook {webhook_id} is no longer where it was")


def _failing_since(cursor: DbCursor, webhook_id: str) -> datetime | None:
    cursor.execute("SELECT failing_since FROM webhook_cursors WHERE webhook_id = %s", (webhook_id,))
    row = cursor.fetchone()
    return None if row is None else row[0]


def _soon(cursor: DbCursor) -> None:
    cursor.execute("SET LOCAL synchronous_commit = off")


def _events(connection: Connection, condition: str, values: dict[str, object]) -> list[RecordedEvent]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT stream_id, version, type, data::text, metadata::text, position, recorded_at"
            f" FROM events {condition}",
            values,
        )
        return [
            RecordedEvent(stream_id, version, decode(tag, data), metadata.encode(), position, recorded_at)
            for stream_id, version, tag, data, metadata, position, recorded_at in cursor
        ]
