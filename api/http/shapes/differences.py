"""The shapes of what changed between two instants."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.http.shapes.billing import CreditShape, DrawShape, EntryShape, PurchaseShape
from api.http.shapes.common import Cents, Month, Position, Positions, Seconds, Shape
from api.http.shapes.log import CloudEvent
from domain.sla_policy import ClockName
from domain.subscription.events import WorkClass


class MomentShape(Shape, kw_only=True):
    """One of the two moments. `at` is the instant that clocks are read at; none before the case existed."""

    at: datetime | UnsetType = UNSET
    existed: bool
    version: int | UnsetType = UNSET
    position: Position | UnsetType = UNSET


class FieldChange(Shape, kw_only=True):
    """A field with both its values; a value that is absent was not set."""

    field: str
    before: Any = UNSET
    after: Any = UNSET


class TicketChange(FieldChange, kw_only=True):
    """A field that differs, and the events that changed it."""

    positions: Positions


class ClockChange(Shape, kw_only=True):
    """A clock that stands otherwise. Without `positions` only time has passed."""

    clock: ClockName
    instance: int
    changes: list[FieldChange]
    positions: Positions


class PostedDraw(DrawShape, kw_only=True):
    """A draw and the month that it is posted in."""

    posted_month: Month


class WorkShape(Shape, kw_only=True):
    """A work entry of the case, and what it is billed in all months together; nothing of that while it is unrated."""

    agent: str
    started_at: datetime
    duration_seconds: Seconds
    voided: bool
    billed_seconds: Seconds | UnsetType = UNSET
    work_class: WorkClass | UnsetType = msgspec.field(name="class", default=UNSET)
    draws: list[PostedDraw] | UnsetType = UNSET
    credits: list[CreditShape] | UnsetType = UNSET
    amount_cents: Cents | UnsetType = UNSET


class WorkChange(Shape, kw_only=True):
    """A work entry that the case has got, no longer has, or that differs."""

    entry_id: str
    change: Literal["added", "removed", "changed"]
    before: WorkShape | UnsetType = UNSET
    after: WorkShape | UnsetType = UNSET
    positions: Positions


class EntryChange(Shape, kw_only=True):
    """A work entry of a statement that was added, removed or changed."""

    change: Literal["added", "removed", "changed"]
    before: EntryShape | UnsetType = UNSET
    after: EntryShape | UnsetType = UNSET
    positions: Positions


class PurchaseChange(Shape, kw_only=True):
    """A purchase of a statement that was added, removed or changed."""

    change: Literal["added", "removed", "changed"]
    before: PurchaseShape | UnsetType = UNSET
    after: PurchaseShape | UnsetType = UNSET
    positions: Positions


class CreditChange(Shape, kw_only=True):
    """A credit of a statement that was added, removed or changed."""

    change: Literal["added", "removed", "changed"]
    before: CreditShape | UnsetType = UNSET
    after: CreditShape | UnsetType = UNSET
    positions: Positions


class StatementDiff(Shape, kw_only=True):
    """What changed on a month's statement. `changes` are its sums by name, and its `state`."""

    customer_id: str
    period: Month
    begins: MomentShape = msgspec.field(name="from")
    ends: MomentShape = msgspec.field(name="to")
    changes: list[TicketChange]
    entries: list[EntryChange]
    purchases: list[PurchaseChange]
    credits: list[CreditChange]
    events: list[CloudEvent]
    late: Positions
    as_of_position: Position


class TicketDiff(Shape, kw_only=True):
    """What changed between two moments. `late` are events that happened by the second and were recorded after it."""

    ticket_id: str
    case_number: str
    begins: MomentShape = msgspec.field(name="from")
    ends: MomentShape = msgspec.field(name="to")
    changes: list[TicketChange]
    clocks: list[ClockChange]
    work: list[WorkChange]
    events: list[CloudEvent]
    late: Positions
    as_of_position: Position
