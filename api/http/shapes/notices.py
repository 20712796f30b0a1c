"""The shape of notices."""

from datetime import datetime

from msgspec import UNSET, UnsetType

from api.http.shapes.common import Cents, Month, Position, Shape
from domain.budget import BudgetScope, Threshold
from projections.notice import NoticeKind


class NoticeShape(Shape, kw_only=True):
    """Something that the desk tells a customer by itself; which of the later fields are there depends on `kind`."""

    position: Position
    kind: NoticeKind
    customer_id: str
    occurred_at: datetime
    month: Month | UnsetType = UNSET
    scope: BudgetScope | UnsetType = UNSET
    span_starts: Month | UnsetType = UNSET
    span_ends: Month | UnsetType = UNSET
    threshold_percent: Threshold | UnsetType = UNSET
    amount_cents: Cents | UnsetType = UNSET
    actual_cents: Cents | UnsetType = UNSET
    ticket_id: str | UnsetType = UNSET
    reminder: int | UnsetType = UNSET
    incident_id: str | UnsetType = UNSET
