"""The shapes of answers, as the contract fixes them: what the OpenAPI document says of them is made from these types.

Fields may be added, never renamed or taken away. Tests hold every answer against its shape.
"""

from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from domain.plan import Terms
from domain.sla_policy import ClockName
from domain.subscription.events import DrawSource, WorkClass
from domain.ticket.events import Category, Complexity, EmergencyKind, Symptom, Urgency

T = TypeVar("T")

Position = Annotated[int, Meta(description="A position of the log.")]
Positions = Annotated[list[Position], Meta(description="The events that this follows from.")]
Cents = Annotated[int, Meta(description="Minor units of the currency.")]
Seconds = int
Month = Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]


class Shape(msgspec.Struct, kw_only=True):
    """A JSON object; what may be absent is absent, not null."""


class Page(Shape, Generic[T], kw_only=True):
    """A page of a list. `next` is the `cursor` of the page after it; absent on the last."""

    items: list[T]
    next: str | UnsetType = UNSET
    as_of_position: Position


class AppendedEvent(Shape, kw_only=True):
    """An event that a command added."""

    stream_id: str
    type: str
    version: int
    position: Position


class CommandAnswer(Shape, kw_only=True):
    """What a command came to; `events` is empty where it changed nothing."""

    stream_id: str
    version: int
    position: Position
    events: list[AppendedEvent]
    result: dict[str, Any]


class PersonShape(Shape, kw_only=True):
    """Somebody with a name and an address."""

    name: str
    email: str


class EmergencyShape(Shape, kw_only=True):
    """Emergency support, asked for."""

    kind: EmergencyKind
    symptom: Symptom
    state: Literal["requested", "accepted", "declined"]
    cause: str | UnsetType = UNSET


Status = Literal["new", "open", "waiting_customer", "waiting_partner", "resolved", "closed", "merged"]


class TicketShape(Shape, kw_only=True):
    """A ticket as it is now, or as it stood."""

    ticket_id: str
    case_number: str
    customer_id: str
    requester: PersonShape
    category: Category
    subject: str
    urgency: Urgency
    complexity: Complexity
    status: Status
    assignee: str | UnsetType = UNSET
    team: str | UnsetType = UNSET
    received_at: datetime
    workable_from: datetime
    requested_for: str | UnsetType = UNSET
    emergency: EmergencyShape | UnsetType = UNSET
    work_class: WorkClass = msgspec.field(name="class")
    worked_seconds: Seconds
    links: list[dict[str, Any]]
    version: int
    position: Position


class NextDue(Shape, kw_only=True):
    """The clock that falls due next."""

    clock: ClockName
    due_at: datetime


class QueueItem(Shape, kw_only=True):
    """The part of an open ticket that the queue shows."""

    ticket_id: str
    case_number: str
    customer_id: str
    category: Category
    subject: str
    urgency: Urgency
    complexity: Complexity
    status: Status
    assignee: str | UnsetType = UNSET
    team: str | UnsetType = UNSET
    received_at: datetime
    workable_from: datetime
    emergency: EmergencyShape | UnsetType = UNSET
    rank: int
    next_due: NextDue | UnsetType = UNSET


class Stretch(Shape, kw_only=True):
    """A stretch of a clock's life and how it counted (SUPPORT_POLICY T8)."""

    begins: datetime = msgspec.field(name="from")
    ends: datetime = msgspec.field(name="to")
    kind: Literal["paused", "holiday", "closed", "counted"]
    seconds: Seconds
    reason: Literal["customer", "partner", "resolved"] | UnsetType = UNSET
    target_seconds: Seconds | UnsetType = UNSET
    calendar: str
    calendar_version: int
    policy_version: int
    positions: Positions


class ClockShape(Shape, kw_only=True):
    """A clock of a ticket: where it stands, and why."""

    clock: ClockName
    instance: int
    state: Literal["not_started", "running", "paused", "out_of_hours", "fulfilled", "breached", "cancelled"]
    started_at: datetime
    ended_at: datetime | UnsetType = UNSET
    target_seconds: Seconds | UnsetType = UNSET
    calendar: str
    policy_version: int
    elapsed_seconds: Seconds
    remaining_seconds: Seconds | UnsetType = UNSET
    due_at: datetime | UnsetType = UNSET
    verdict: Literal["met", "breached"] | UnsetType = UNSET
    breached_at: datetime | UnsetType = UNSET
    why: list[Stretch]


class TicketSla(Shape, kw_only=True):
    """The clocks of one ticket."""

    ticket_id: str
    clocks: list[ClockShape]


class DrawShape(Shape, kw_only=True):
    """Seconds of a work entry taken from one source (SUPPORT_POLICY B5)."""

    source: DrawSource
    pack_id: str | UnsetType = UNSET
    seconds: Seconds
    rate_cents_per_hour: Cents
    multiplier: int
    amount_cents: Cents
    positions: Positions


class EntryShape(Shape, kw_only=True):
    """A work entry on a statement."""

    entry_id: str
    ticket_id: str
    case_number: str
    agent: str
    started_at: datetime
    duration_seconds: Seconds
    billed_seconds: Seconds
    work_class: WorkClass = msgspec.field(name="class")
    draws: list[DrawShape]


class PurchaseShape(Shape, kw_only=True):
    """A pack bought in the period."""

    pack_id: str
    hours: int
    seconds: Seconds
    price_cents: Cents
    effective_at: datetime
    expires_at: datetime | UnsetType = UNSET
    positions: Positions


class CreditShape(Shape, kw_only=True):
    """What was given back of a draw."""

    entry_id: str
    source: DrawSource
    pack_id: str | UnsetType = UNSET
    seconds: Seconds
    amount_cents: Cents
    positions: Positions


class AllowanceShape(Shape, kw_only=True):
    """A month's allowance with what it got from the month before."""

    granted_seconds: Seconds
    rollover_seconds: Seconds
    used_seconds: Seconds
    left_seconds: Seconds


class TotalsShape(Shape, kw_only=True):
    """The sums of a statement."""

    worked_seconds: Seconds
    billed_seconds: Seconds
    on_demand_seconds: Seconds
    on_demand_cents: Cents
    emergency_seconds: Seconds
    emergency_cents: Cents
    packs_cents: Cents
    credits_cents: Cents
    hold_cents: Cents
    owed_cents: Cents


class StatementShape(Shape, kw_only=True):
    """A customer's month."""

    customer_id: str
    period: Month
    state: Literal["open", "closed"]
    currency: str
    entries: list[EntryShape]
    purchases: list[PurchaseShape]
    credits: list[CreditShape]
    fee_cents: Cents
    allowance: AllowanceShape
    totals: TotalsShape
    as_of_position: Position


class PackShape(Shape, kw_only=True):
    """A pack of a subscription."""

    pack_id: str
    seconds: Seconds
    remaining_seconds: Seconds
    effective_at: datetime
    expires_at: datetime | UnsetType = UNSET


class SubscriptionShape(Shape, kw_only=True):
    """What a customer subscribed to, and what is left of it."""

    subscription_id: str
    customer_id: str
    plan: str
    terms: Terms
    state: str
    month: Month
    allowance: AllowanceShape
    packs: list[PackShape]
    open_from: Month
    forecast: dict[str, Any]
    version: int
    position: Position


class ProjectionShape(Shape, kw_only=True):
    """How far a view has come."""

    view: str
    version: int
    position: Position
    lag_events: int
    lag_seconds: float
    state: Literal["live", "building", "ready", "stopped"]
    error: str | UnsetType = UNSET
    building: dict[str, int] | UnsetType = UNSET
    parked_keys: int


class CloudEvent(Shape, kw_only=True):
    """An event of the log as a CloudEvent 1.0."""

    specversion: Literal["1.0"]
    id: str
    source: Literal["/caselog"]
    type: str
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"]
    data: dict[str, Any]
    position: Position
    streamversion: int
    recordedat: datetime
    correlationid: str
    causationid: str | UnsetType = UNSET
    traceparent: str | UnsetType = UNSET
    actor: str
    commandid: str


class CustomerShape(Shape, kw_only=True):
    """A customer."""

    customer_id: str
    name: str
    contacts: list[PersonShape]
    products: list[str]
    account_manager: str | UnsetType = UNSET
    version: int
    position: Position


class LedgerLineShape(Shape, kw_only=True):
    """A line of a journal entry; the lines of an entry sum up to 0 in each commodity."""

    account: str
    commodity: str
    amount: int


class JournalEntry(Shape, kw_only=True):
    """A journal entry; it is never changed."""

    entry: str
    kind: str
    customer_id: str
    subject: str
    caused_by: str | UnsetType = UNSET
    positions: Positions
    occurred_at: datetime
    worked_at: datetime | UnsetType = UNSET
    posted_at: datetime
    period: Month
    lines: list[LedgerLineShape]


class Balance(Shape, kw_only=True):
    """What stands on an account of a customer."""

    customer_id: str
    account: str
    commodity: str
    amount: int


class SettingVersion(Shape, kw_only=True):
    """A published version of a setting."""

    kind: str
    name: str
    version: int
    effective_from: datetime
    content: dict[str, Any]
    position: Position


class BreachShape(Shape, kw_only=True):
    """A target that was missed (SUPPORT_POLICY T7)."""

    ticket_id: str
    customer_id: str
    clock: ClockName
    instance: int
    target_seconds: Seconds
    due_at: datetime
    breached_at: datetime
    calendar: str
    calendar_version: int
    policy_version: int
    position: Position


class DueShape(Shape, kw_only=True):
    """The next deadline of a running ticket."""

    ticket_id: str
    case_number: str
    customer_id: str
    clock: ClockName
    instance: int
    due_at: datetime
    target_seconds: Seconds


class SlaOverview(Shape, kw_only=True):
    """The first of both lists."""

    breaches: list[BreachShape]
    due_soon: list[DueShape]
    as_of_position: Position
