"""Which webhooks are there, and what was decided about their deliveries? Read from their streams as the log grows.

Each decision has its effect on the deliveries once, in the transaction that notes its position (`told`).
"""

from collections.abc import Iterator
from datetime import datetime

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from commands.handlers.webhooks import STREAMS
from domain.recorded import RecordedEvent
from domain.tags import EVENT_TYPES, decode
from domain.webhook.decider import Webhook, evolve
from domain.webhook.events import (
    DeliveriesDropped,
    DeliveriesRetried,
    WebhookCreated,
    WebhookEnabled,
    WebhookEvent,
    WebhookReplayed,
    WebhookUpdated,
)
from infra.feed import head_position

_TAGS = sorted({tag for tag, event_type in EVENT_TYPES.items() if event_type.__module__ == WebhookCreated.__module__})
_STREAM_RANGE = (STREAMS, STREAMS[:-1] + ".")
"""Ids of their streams, found by the index and not by reading all of the log; "." follows "-"."""

_STREAM_COLUMNS = "SELECT stream_id, type, data::text, position FROM events"


class Registry:
    """The webhooks of a desk as of a position of its log. One thread refreshes it; any may look."""

    def __init__(self) -> None:
        self._webhooks: dict[str, Webhook] = {}
        self._position = 0

    def enabled(self) -> list[Webhook]:
        """Return the webhooks that are sent to."""
        return [each for each in self._webhooks.values() if not (each.disabled or each.deleted)]

    def find(self, webhook_id: str) -> Webhook | None:
        """Return a webhook that is sent to."""
        found = self._webhooks.get(webhook_id)
        return None if found is None or found.disabled or found.deleted else found

    @property
    def position(self) -> int:
        """The position of the log up to which was read."""
        return self._position

    def refresh(self, connection: Connection, now: datetime) -> set[str]:
        """Read on, let what was decided have its effect, and return the webhooks that something was decided about."""
        changed: dict[str, list[tuple[WebhookEvent, int]]] = {}
        head = head_position(connection)
        for webhook_id, event, position in _events_between(connection, self._position, head):
            changed.setdefault(webhook_id, []).append((event, position))
        folded: dict[str, Webhook] = {}
        for webhook_id, events in changed.items():
            state = self._webhooks.get(webhook_id)
            for event, _ in events:
                state = evolve(state, event)
            if state is not None:
                folded[webhook_id] = state
            with connection.cursor() as cursor:
                if state is not None and state.deleted:
                    _forget(cursor, webhook_id)
                    continue
                for event, at in events:
                    _take_effect(cursor, webhook_id, event, at, now)
        connection.commit()
        self._webhooks |= folded
        self._position = head
        return set(changed)


def webhook_events(connection: Connection) -> list[RecordedEvent]:
    """Return all events of all webhooks in order of position."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT stream_id, version, type, data::text, metadata::text, position, recorded_at FROM events"
            " WHERE stream_id >= %s AND stream_id < %s AND type = ANY (%s) ORDER BY position",
            (*_STREAM_RANGE, _TAGS),
        )
        return [
            RecordedEvent(stream_id, version, decode(tag, data), metadata.encode(), position, recorded_at)
            for stream_id, version, tag, data, metadata, position, recorded_at in cursor
        ]


def _events_between(connection: Connection, after: int, up_to: int) -> Iterator[tuple[str, WebhookEvent, int]]:
    with connection.cursor() as cursor:
        if after == 0:
            cursor.execute(
                f"{_STREAM_COLUMNS} WHERE stream_id >= %s AND stream_id < %s AND type = ANY (%s) AND position <= %s"
                " ORDER BY position",
                (*_STREAM_RANGE, _TAGS, up_to),
            )
        else:
            cursor.execute(
                f"{_STREAM_COLUMNS} WHERE position > %s AND position <= %s AND type = ANY (%s) ORDER BY position",
                (after, up_to, _TAGS),
            )
        rows = cursor.fetchall()
    for stream_id, tag, data, position in rows:
        event: WebhookEvent = decode(tag, data)  # type: ignore[assignment]  # the tags say so
        yield stream_id.removeprefix(STREAMS), event, int(position)


def _take_effect(cursor: Cursor, webhook_id: str, event: WebhookEvent, at: int, now: datetime) -> None:
    values = {"webhook_id": webhook_id, "at": at, "now": now}
    if isinstance(event, WebhookCreated):
        cursor.execute(
            "INSERT INTO webhook_cursors (webhook_id, position, told) VALUES (%(webhook_id)s, %(at)s, %(at)s)"
            " ON CONFLICT DO NOTHING",
            values,
        )
        return
    cursor.execute(
        "UPDATE webhook_cursors SET told = %(at)s WHERE webhook_id = %(webhook_id)s AND told < %(at)s", values
    )
    if cursor.rowcount != 1:
        return  # it has had its effect
    match event:
        case WebhookUpdated() | WebhookEnabled():
            cursor.execute("UPDATE webhook_cursors SET failing_since = NULL WHERE webhook_id = %(webhook_id)s", values)
            # Whatever was wrong has perhaps been mended: it need not wait for its time.
            cursor.execute(
                "UPDATE webhook_deliveries SET next_attempt_at = %(now)s"
                " WHERE webhook_id = %(webhook_id)s AND parked_at IS NULL AND next_attempt_at > %(now)s",
                values,
            )
            if isinstance(event, WebhookEnabled) and event.skips_missed:
                _skip(cursor, webhook_id, at)
        case WebhookReplayed():
            cursor.execute(
                "UPDATE webhook_cursors SET position = least(position, %s) WHERE webhook_id = %s",
                (event.after, webhook_id),
            )
            # They come by again, so that they must not wait or be parked beside.
            cursor.execute(
                "DELETE FROM webhook_deliveries WHERE webhook_id = %s AND position > %s", (webhook_id, event.after)
            )
        case DeliveriesRetried():
            cursor.execute(
                f"UPDATE webhook_deliveries SET parked_at = NULL, attempts = 0, next_attempt_at = %s WHERE {_PARKED}",
                (now, webhook_id, list(event.positions), list(event.positions)),
            )
        case DeliveriesDropped():
            cursor.execute(
                f"DELETE FROM webhook_deliveries WHERE {_PARKED}",
                (webhook_id, list(event.positions), list(event.positions)),
            )
        case _:
            pass


_PARKED = (
    "webhook_id = %s AND parked_at IS NOT NULL AND (cardinality(%s::bigint[]) = 0 OR position = ANY (%s::bigint[]))"
)


def _skip(cursor: Cursor, webhook_id: str, to: int) -> None:
    cursor.execute(
        "UPDATE webhook_cursors SET position = greatest(position, %s) WHERE webhook_id = %s", (to, webhook_id)
    )
    cursor.execute("DELETE FROM webhook_deliveries WHERE webhook_id = %s AND parked_at IS NULL", (webhook_id,))


def _forget(cursor: Cursor, webhook_id: str) -> None:
    cursor.execute("DELETE FROM webhook_deliveries WHERE webhook_id = %s", (webhook_id,))
    cursor.execute("DELETE FROM webhook_cursors WHERE webhook_id = %s", (webhook_id,))
