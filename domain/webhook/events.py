"""What happens to a webhook. Its signing secrets are in none of these: they follow from their generation alone."""

from datetime import datetime
from typing import Literal

from domain.event import Event

DisableCause = Literal["asked", "gone", "failing"]
"""Somebody asked for it; the receiver answered that it is gone for good; it has failed for too long."""


class WebhookCreated(Event, frozen=True, kw_only=True):
    """Events that follow are sent to an address: those of the types named, or all; of one customer, or of everybody.

    `types` are tags, none for all. The first secret has generation 1.
    """

    webhook_id: str
    url: str
    types: tuple[str, ...] = ()
    customer_id: str | None = None
    label: str | None = None


class WebhookUpdated(Event, frozen=True, kw_only=True):
    """From now on it is sent to this address, and of this."""

    webhook_id: str
    url: str
    types: tuple[str, ...] = ()
    customer_id: str | None = None
    label: str | None = None


class WebhookSecretRotated(Event, frozen=True, kw_only=True):
    """A new secret signs; earlier ones sign beside it until then, and not longer than they would have before."""

    webhook_id: str
    generation: int
    former_until: datetime


class WebhookDisabled(Event, frozen=True, kw_only=True):
    """Nothing is sent until it is enabled again."""

    webhook_id: str
    cause: DisableCause
    reason: str


class WebhookEnabled(Event, frozen=True, kw_only=True):
    """It is sent to again, from where it stopped; `skips_missed`: what happened meanwhile is left out."""

    webhook_id: str
    skips_missed: bool = False


class WebhookDeleted(Event, frozen=True, kw_only=True):
    """Nothing is sent any more, for good."""

    webhook_id: str
    reason: str | None = None


class WebhookReplayed(Event, frozen=True, kw_only=True):
    """Everything after a position is sent again, though it may have been delivered."""

    webhook_id: str
    after: int


class DeliveriesRetried(Event, frozen=True, kw_only=True):
    """Deliveries that were given up are tried anew: those of the events at these positions, or all."""

    webhook_id: str
    positions: tuple[int, ...] = ()


class DeliveriesDropped(Event, frozen=True, kw_only=True):
    """Deliveries that were given up will not be made: those of the events at these positions, or all."""

    webhook_id: str
    positions: tuple[int, ...] = ()
    reason: str | None = None


WebhookEvent = (
    WebhookCreated
    | WebhookUpdated
    | WebhookSecretRotated
    | WebhookDisabled
    | WebhookEnabled
    | WebhookDeleted
    | WebhookReplayed
    | DeliveriesRetried
    | DeliveriesDropped
)
