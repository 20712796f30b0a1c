"""The shapes of webhooks."""

from datetime import datetime
from typing import Literal

from msgspec import UNSET, UnsetType

from api.http.shapes.common import Position, Shape
from projections.webhook import WebhookState


class Disabling(Shape, kw_only=True):
    """Why nothing is sent."""

    cause: Literal["asked", "gone", "failing"]
    reason: str
    at: datetime


class Deliveries(Shape, kw_only=True):
    """How the deliveries of a webhook go. `waiting` are tried again by themselves, `parked` are not."""

    position: Position
    lag_events: int
    delivered: int
    waiting: int
    parked: int
    last_success_at: datetime | UnsetType = UNSET
    last_failure_at: datetime | UnsetType = UNSET
    last_failure: str | UnsetType = UNSET
    failing_since: datetime | UnsetType = UNSET


class ParkedDelivery(Shape, kw_only=True):
    """A delivery that was given up after its last attempt."""

    webhook_id: str
    position: Position
    type: str
    subject: str
    attempts: int
    error: str
    parked_at: datetime


class WebhookShape(Shape, kw_only=True):
    """A webhook; `types` is empty where all are sent, `deliveries` absent until the first look at the log for it."""

    webhook_id: str
    url: str
    types: list[str]
    customer_id: str | UnsetType = UNSET
    label: str | UnsetType = UNSET
    state: WebhookState
    disabled: Disabling | UnsetType = UNSET
    secret_generation: int
    former_until: datetime | UnsetType = UNSET
    created_at: datetime
    deliveries: Deliveries | UnsetType = UNSET
    version: int
    position: Position


class WebhookWithParked(WebhookShape, kw_only=True):
    """A webhook with the first hundred of its parked deliveries."""

    parked: list[ParkedDelivery]
