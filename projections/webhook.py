"""Which webhooks are there? One row each; how its deliveries go is not in the log and so not here."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.recorded import RecordedEvent
from domain.webhook.events import (
    DeliveriesDropped,
    DeliveriesRetried,
    WebhookCreated,
    WebhookDeleted,
    WebhookDisabled,
    WebhookEnabled,
    WebhookReplayed,
    WebhookSecretRotated,
    WebhookUpdated,
)
from projections.reading import Json, Page, cut, decode_cursor, position_of, select, without_nulls
from projections.view import Row, Table, View

WebhookState = Literal["enabled", "disabled", "deleted"]


class WebhookRow(Row, frozen=True, kw_only=True):
    """A webhook as its last event left it. No `types` are all; `former_until` is the last rotation's."""

    webhook_id: str
    url: str
    types: tuple[str, ...]
    customer_id: str | None
    label: str | None
    state: WebhookState = "enabled"
    disabled_cause: str | None = None
    disabled_reason: str | None = None
    disabled_at: datetime | None = None
    secret_generation: int = 1
    former_until: datetime | None = None
    created_at: datetime
    version: int
    position: int


webhooks = Table("webhook", WebhookRow, key=("webhook_id",))
VIEW = View("webhook", version=1, tables=(webhooks,))


@webhooks.begin(WebhookCreated)
def created(event: WebhookCreated, at: RecordedEvent) -> WebhookRow:
    """It is sent to from now on."""
    return WebhookRow(
        webhook_id=event.webhook_id,
        url=event.url,
        types=event.types,
        customer_id=event.customer_id,
        label=event.label,
        created_at=event.occurred_at,
        version=at.originator_version,
        position=at.position or 0,
    )


def _moved(row: WebhookRow, at: RecordedEvent, **changes: Any) -> WebhookRow:
    return replace(row, version=at.originator_version, position=at.position or 0, **changes)


@webhooks.on(WebhookUpdated)
def updated(row: WebhookRow, event: WebhookUpdated, at: RecordedEvent) -> WebhookRow:
    """The endpoint anew."""
    return _moved(row, at, url=event.url, types=event.types, customer_id=event.customer_id, label=event.label)


@webhooks.on(WebhookSecretRotated)
def rotated(row: WebhookRow, event: WebhookSecretRotated, at: RecordedEvent) -> WebhookRow:
    """The next secret."""
    return _moved(row, at, secret_generation=event.generation, former_until=event.former_until)


@webhooks.on(WebhookDisabled)
def disabled(row: WebhookRow, event: WebhookDisabled, at: RecordedEvent) -> WebhookRow:
    """With what led to it."""
    return _moved(
        row,
        at,
        state="disabled",
        disabled_cause=event.cause,
        disabled_reason=event.reason,
        disabled_at=event.occurred_at,
    )


@webhooks.on(WebhookEnabled)
def enabled(row: WebhookRow, _: WebhookEnabled, at: RecordedEvent) -> WebhookRow:
    """As if it had never been disabled."""
    return _moved(row, at, state="enabled", disabled_cause=None, disabled_reason=None, disabled_at=None)


@webhooks.on(WebhookDeleted)
def deleted(row: WebhookRow, _: WebhookDeleted, at: RecordedEvent) -> WebhookRow:
    """It stays for those who ask what there was."""
    return _moved(row, at, state="deleted")


@webhooks.on(WebhookReplayed, DeliveriesRetried, DeliveriesDropped)
def asked_for(
    row: WebhookRow, _: WebhookReplayed | DeliveriesRetried | DeliveriesDropped, at: RecordedEvent
) -> WebhookRow:
    """Nothing of it is different, but its version."""
    return _moved(row, at)


class WebhookFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which webhooks; without a state those that are not deleted."""

    state: WebhookState | None = None


def shape(row: WebhookRow) -> Json:
    """A webhook as JSON."""
    fields = without_nulls(msgspec.structs.asdict(row))
    of_disabling = {
        name: fields.pop(f"disabled_{name}") for name in ("cause", "reason", "at") if f"disabled_{name}" in fields
    }
    if row.state == "disabled":
        fields["disabled"] = of_disabling
    return fields


def find(connection: Connection, webhook_id: str) -> WebhookRow | None:
    """Return a webhook by id, a deleted one too."""
    rows = select(connection, WebhookRow, "FROM webhook t WHERE webhook_id = %s", (webhook_id,))
    return rows[0] if rows else None


def page(connection: Connection, filters: WebhookFilters, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return webhooks by id. Raises `InvalidCursor`."""
    position = position_of(connection, VIEW.name)
    values = {
        "state": filters.state,
        "after": "" if cursor is None else decode_cursor(cursor, tuple[str])[0],
        "limit": limit + 1,
    }
    which = "state <> 'deleted'" if filters.state is None else "state = %(state)s"
    rows = select(
        connection,
        WebhookRow,
        f"FROM webhook t WHERE webhook_id > %(after)s AND {which} ORDER BY webhook_id LIMIT %(limit)s",
        values,
    )
    return cut(rows, limit, lambda row: (row.webhook_id,), shape, position)
