"""What can be asked of a webhook."""

from datetime import datetime
from typing import Literal

from domain.event import Value


class Endpoint(Value, frozen=True, kw_only=True):
    """Where events are sent, and which: `types` are tags, none for all; `customer_id` is none for everybody's."""

    url: str
    types: tuple[str, ...] = ()
    customer_id: str | None = None
    label: str | None = None


class CreateWebhook(Value, frozen=True, kw_only=True):
    """Send events that follow to an endpoint."""

    now: datetime
    webhook_id: str
    endpoint: Endpoint


class UpdateWebhook(Value, frozen=True, kw_only=True):
    """Send otherwise: the whole endpoint anew."""

    now: datetime
    endpoint: Endpoint


class RotateWebhookSecret(Value, frozen=True, kw_only=True):
    """Sign with a new secret, and with earlier ones as well for at most so long."""

    now: datetime
    overlap_seconds: int


class DisableWebhook(Value, frozen=True, kw_only=True):
    """Send nothing for the time being."""

    now: datetime
    reason: str


class GiveWebhookUp(Value, frozen=True, kw_only=True):
    """The desk itself stops sending to an address."""

    now: datetime
    url: str
    cause: Literal["gone", "failing"]
    reason: str


class EnableWebhook(Value, frozen=True, kw_only=True):
    """Send again; with `skips_missed` only what happens from now on."""

    now: datetime
    skips_missed: bool = False


class DeleteWebhook(Value, frozen=True, kw_only=True):
    """Never send again."""

    now: datetime
    reason: str | None = None


class ReplayWebhook(Value, frozen=True, kw_only=True):
    """Send everything after a position again."""

    now: datetime
    after: int


class RetryDeliveries(Value, frozen=True, kw_only=True):
    """Try deliveries anew that were given up; without positions all of them."""

    now: datetime
    positions: tuple[int, ...] = ()


class DropDeliveries(Value, frozen=True, kw_only=True):
    """Forget deliveries that were given up; without positions all of them."""

    now: datetime
    positions: tuple[int, ...] = ()
    reason: str | None = None


WebhookCommand = (
    CreateWebhook
    | UpdateWebhook
    | RotateWebhookSecret
    | DisableWebhook
    | GiveWebhookUp
    | EnableWebhook
    | DeleteWebhook
    | ReplayWebhook
    | RetryDeliveries
    | DropDeliveries
)
