"""The shapes of tickets and of the queue."""

from datetime import date, datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.http.shapes.common import Position, Seconds, Shape
from domain.sla_policy import ClockName
from domain.subscription.events import WorkClass
from domain.ticket.events import (
    AwaitedParty,
    Category,
    CauseScope,
    Complexity,
    EmergencyKind,
    ScopeDecision,
    Symptom,
    Urgency,
)


class PersonShape(Shape, kw_only=True):
    """Somebody with a name and an address."""

    name: str
    email: str


class EmergencyShape(Shape, kw_only=True):
    """Emergency support, asked for."""

    kind: EmergencyKind
    symptom: Symptom
    state: Literal["requested", "accepted", "declined"]
    cause: CauseScope | UnsetType = UNSET


Status = Literal["new", "open", "waiting_customer", "waiting_partner", "resolved", "closed", "merged"]


class LinkShape(Shape, kw_only=True):
    """What a ticket has to do with: another that it was split from or into, or merged with (then both its names).

    Also the incident that caused it, and the article that its resolution cites.
    """

    kind: Literal["split_into", "split_from", "merged_into", "merged_from", "incident", "article"]
    ticket_id: str | UnsetType = UNSET
    case_number: str | UnsetType = UNSET
    incident_id: str | UnsetType = UNSET
    article_id: str | UnsetType = UNSET


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
    channel: str
    product: str | UnsetType = UNSET
    received_at: datetime
    workable_from: datetime
    requested_for: date | UnsetType = UNSET
    emergency: EmergencyShape | UnsetType = UNSET
    work_class: WorkClass = msgspec.field(name="class")
    scope: ScopeDecision | UnsetType = UNSET
    worked_seconds: Seconds
    details_missing: bool
    target_period: str | UnsetType = UNSET
    incidents: list[str]
    links: list[LinkShape]
    resolved_at: datetime | UnsetType = UNSET
    closed_at: datetime | UnsetType = UNSET
    resolution: str | UnsetType = UNSET
    article: str | UnsetType = UNSET
    version: int
    position: Position


class PauseShape(Shape, kw_only=True):
    """A case that waits (SUPPORT_POLICY R16, R17).

    `flagged`: it waits for a partner although the customer has written and nobody has answered since `written_since`.
    """

    ticket_id: str
    case_number: str
    customer_id: str
    subject: str
    assignee: str | UnsetType = UNSET
    waiting_for: AwaitedParty
    partner: str | UnsetType = UNSET
    reason: str
    since: datetime
    waiting_seconds: Seconds
    reminders: int
    remind_at: datetime | UnsetType = UNSET
    customer_has_written: bool
    written_since: datetime | UnsetType = UNSET
    flagged: bool


class NextDue(Shape, kw_only=True):
    """The clock that falls due next."""

    clock: ClockName
    due_at: datetime


class QueueItem(Shape, kw_only=True):
    """The part of an open ticket that the queue shows."""

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
    requested_for: date | UnsetType = UNSET
    emergency: EmergencyShape | UnsetType = UNSET
    rank: int
    next_due: NextDue | UnsetType = UNSET


class UpcomingItem(QueueItem, kw_only=True):
    """An open ticket for a date that lies ahead (SUPPORT_POLICY R18)."""

    requested_for: date
