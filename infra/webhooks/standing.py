"""How do the deliveries of a webhook go? As the process that makes them has left it in the database."""

from collections.abc import Sequence
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from commands.handlers.webhooks import STREAMS
from domain.tags import tag_of
from domain.webhook.events import WebhookDisabled, WebhookEnabled

MOST_PARKED = 100
"""How many parked deliveries are told one by one."""

Json = dict[str, Any]


def standings(connection: Connection, webhook_ids: Sequence[str]) -> dict[str, Json]:
    """Return, by webhook, how far it was sent to and how; those that were never sent to are left out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.webhook_id, c.position, (SELECT position FROM log_head) - c.position, c.delivered,"
            " count(d.position) FILTER (WHERE d.parked_at IS NULL),"
            " count(d.position) FILTER (WHERE d.parked_at IS NOT NULL),"
            " c.last_success_at, c.last_failure_at, c.last_failure, c.failing_since"
            " FROM webhook_cursors c LEFT JOIN webhook_deliveries d USING (webhook_id)"
            " WHERE c.webhook_id = ANY (%s) GROUP BY c.webhook_id",
            (list(webhook_ids),),
        )
        return {webhook_id: _standing(*rest) for webhook_id, *rest in cursor.fetchall()}


def parked(connection: Connection, webhook_id: str | None = None, limit: int = MOST_PARKED) -> list[Json]:
    """Return parked deliveries in order of webhook and position, of one webhook or of all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.webhook_id, d.position, e.type, d.stream_id, d.attempts, d.last_error, d.parked_at"
            " FROM webhook_deliveries d JOIN events e USING (position)"
            " WHERE d.parked_at IS NOT NULL AND (%(webhook_id)s IS NULL OR webhook_id = %(webhook_id)s)"
            " ORDER BY d.webhook_id, d.position LIMIT %(limit)s",
            {"webhook_id": webhook_id, "limit": limit},
        )
        return [
            {
                "webhook_id": of,
                "position": position,
                "type": tag,
                "subject": stream_id,
                "attempts": attempts,
                "error": error or "",
                "parked_at": parked_at,
            }
            for of, position, tag, stream_id, attempts, error, parked_at in cursor.fetchall()
        ]


class Totals(msgspec.Struct, frozen=True):
    """All webhooks together. Lags are those of the furthest behind of the ones that are sent to and take messages."""

    sending: int
    failing: int
    disabled: int
    waiting: int
    parked: int
    lag_events: int
    lag_seconds: float


def totals(connection: Connection) -> Totals:
    """Return the figures of all webhooks together."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH w AS (SELECT c.position, c.failing_since IS NOT NULL AS failing, (SELECT e.type FROM events e"
            " WHERE e.stream_id = %(streams)s || c.webhook_id AND e.type IN (%(disabled)s, %(enabled)s)"
            " ORDER BY e.version DESC LIMIT 1) IS NOT DISTINCT FROM %(disabled)s AS disabled FROM webhook_cursors c),"
            " behind AS (SELECT min(position) AS position FROM w WHERE NOT (failing OR disabled))"
            " SELECT (SELECT count(*) FROM w WHERE NOT (failing OR disabled)),"
            " (SELECT count(*) FROM w WHERE failing AND NOT disabled), (SELECT count(*) FROM w WHERE disabled),"
            " (SELECT count(*) FROM webhook_deliveries WHERE parked_at IS NULL),"
            " (SELECT count(*) FROM webhook_deliveries WHERE parked_at IS NOT NULL),"
            " (SELECT greatest(h.position - coalesce(b.position, h.position), 0) FROM log_head h, behind b),"
            " (SELECT coalesce(extract(epoch FROM clock_timestamp() - min(e.recorded_at)), 0)::float8"
            " FROM events e, behind b WHERE e.position = b.position + 1)",
            {"streams": STREAMS, "disabled": tag_of(WebhookDisabled), "enabled": tag_of(WebhookEnabled)},
        )
        row = cursor.fetchone()
    return Totals(*row) if row else Totals(0, 0, 0, 0, 0, 0, 0.0)


def _standing(
    position: int,
    lag_events: int,
    delivered: int,
    waiting: int,
    parked_count: int,
    last_success_at: Any,
    last_failure_at: Any,
    last_failure: str | None,
    failing_since: Any,
) -> Json:
    told = {
        "position": position,
        "lag_events": max(0, lag_events),
        "delivered": delivered,
        "waiting": waiting,
        "parked": parked_count,
        "last_success_at": last_success_at,
        "last_failure_at": last_failure_at,
        "last_failure": last_failure,
        "failing_since": failing_since,
    }
    return {name: value for name, value in told.items() if value is not None}
