"""The events of a support case, from the request to its end."""

from datetime import date, datetime
from typing import Literal

from domain.event import Event, Value
from domain.personal import Person, Personal
from domain.sla_policy import ClockName

Category = Literal[
    "how_to",
    "setting_change",
    "data_discrepancy",
    "technical_error",
    "right_resource",
    "enhancement",
    "design_change",
    "new_feature",
    "feature_change",
    "third_party_training",
    "third_party_customisation",
    "specialised_project",
    "other",
]
Urgency = Literal["low", "normal", "high"]
Complexity = Literal["basic", "complex"]
EmergencyKind = Literal["after_hours", "business_hours"]
Symptom = Literal["website_down", "listings_down", "search_down", "booking_down", "other"]
AwaitedParty = Literal["customer", "partner"]
CauseScope = Literal["in_scope", "out_of_scope"]
ScopeDecision = Literal["included", "billable", "waived"]


class Segment(Value, frozen=True, kw_only=True):
    """A stretch of one clock that counts by one target and one calendar version (SUPPORT_POLICY T6).

    It begins the clock's `instance`, or ends the instance's segment before it. `calendar` is a name or "24x7"
    (version 0). Without a target `target_seconds` is left out.
    """

    clock: ClockName
    instance: int
    started_at: datetime
    target_seconds: int | None = None
    calendar: str
    calendar_version: int
    policy_version: int


class Deadline(Value, frozen=True, kw_only=True):
    """When a clock falls due as things stand after the event; left out while nothing can fall due (paused)."""

    clock: ClockName
    instance: int
    due_at: datetime | None = None


class ErrorReport(Value, frozen=True, kw_only=True):
    """What a suspected error needs to be found (R4)."""

    noticed_at: datetime
    conditions: Personal
    expected_behaviour: Personal


class TicketEvent(Event, frozen=True, kw_only=True):
    """What every event of a case says: which case, and whose, so that a reader of it alone can place it."""

    ticket_id: str
    customer_id: str


class WithDeadlines(TicketEvent, frozen=True, kw_only=True):
    """An event that starts, stops, ends or moves clocks: `deadlines` has every due instant that it changes.

    A clock that can no longer fall due after it, paused or ended, stands there without `due_at`.
    """

    deadlines: tuple[Deadline, ...] = ()


class TicketOpened(WithDeadlines, frozen=True, kw_only=True):
    """A customer's request was received (R1, R2, R4)."""

    case_number: str
    requester: Person
    category: Category
    subject: Personal
    description: Personal
    urgency: Urgency = "normal"
    complexity: Complexity = "basic"
    channel: str
    product: str | None = None
    goal: Personal | None = None
    error: ErrorReport | None = None
    details_missing: bool = False
    requested_for: date | None = None
    received_at: datetime
    workable_from: datetime
    segments: tuple[Segment, ...] = ()


class EmergencyRequested(TicketEvent, frozen=True, kw_only=True):
    """The customer asked for emergency support; staff will decide (R10, R11, R13)."""

    kind: EmergencyKind
    symptom: Symptom


class EmergencyAccepted(WithDeadlines, frozen=True, kw_only=True):
    """Staff granted emergency support: its targets count from now on, its work is pending a ruling (R11, B4, T3)."""

    reason: Personal
    segments: tuple[Segment, ...] = ()


class EmergencyDeclined(WithDeadlines, frozen=True, kw_only=True):
    """The request is no emergency, by the support policy or by staff, and why (R10, R11).

    It may take an acceptance back: then the clocks count by the case's other targets again.
    """

    reason: Personal
    segments: tuple[Segment, ...] = ()


class CauseRuled(TicketEvent, frozen=True, kw_only=True):
    """Staff found the emergency's cause inside or outside the service agreement; a later ruling holds (R14, R25)."""

    scope: CauseScope
    reason: Personal


class ScopeDecided(TicketEvent, frozen=True, kw_only=True):
    """Staff decided how work on the case is billed, whatever its category says; a later decision holds (R22, B4)."""

    scope: ScopeDecision
    reason: Personal


class UrgencyChanged(WithDeadlines, frozen=True, kw_only=True):
    """The case is more or less urgent than it was said to be (R8, T6)."""

    urgency: Urgency
    segments: tuple[Segment, ...] = ()


class ComplexityChanged(WithDeadlines, frozen=True, kw_only=True):
    """The case is simpler or more complex than it was said to be (R19, T6)."""

    complexity: Complexity
    segments: tuple[Segment, ...] = ()


class CategoryChanged(WithDeadlines, frozen=True, kw_only=True):
    """The case is about something else than it was said to be: other targets, and another class of work (B4, T6)."""

    category: Category
    segments: tuple[Segment, ...] = ()


class TicketEscalated(TicketEvent, frozen=True, kw_only=True):
    """The case needs a team of senior resources, engineering or production (R17)."""

    team: str
    reason: Personal


class CallScheduled(TicketEvent, frozen=True, kw_only=True):
    """A phone call was arranged (R7)."""

    at: datetime
    with_whom: Personal
    note: Personal | None = None


class CallLogged(WithDeadlines, frozen=True, kw_only=True):
    """A phone call took place at `at`; it answers what the customer had written until then (R7, T3, T7).

    What the customer wrote after it begins `next_response` anew, in `segments`.
    """

    at: datetime
    with_whom: Personal
    note: Personal | None = None
    segments: tuple[Segment, ...] = ()


class EnhancementPlanned(TicketEvent, frozen=True, kw_only=True):
    """The enhancement stands on the roadmap for some period, as staff put it (R20)."""

    target_period: str


class AlternativeProposed(TicketEvent, frozen=True, kw_only=True):
    """Staff offered another way to what the customer wants (R20)."""

    text: Personal


class TicketLinkedToIncident(TicketEvent, frozen=True, kw_only=True):
    """The case is one of those that a widespread incident caused (R15)."""

    incident_id: str


class IncidentResolutionAnnounced(TicketEvent, frozen=True, kw_only=True):
    """The customer is told that the incident behind the case is over; no clock counts it as a reply (R15)."""

    incident_id: str
    text: Personal


class CustomerReminded(TicketEvent, frozen=True, kw_only=True):
    """The customer, for whom the case waits, was asked again (R16): the `number`-th time, due at `due_at`.

    `remind_at` is when the next reminder is due; left out after the last.
    """

    number: int
    due_at: datetime
    remind_at: datetime | None = None


class TicketAssigned(TicketEvent, frozen=True, kw_only=True):
    """An agent took charge of the case."""

    agent: str


class StaffReplied(WithDeadlines, frozen=True, kw_only=True):
    """Staff answered the customer; fulfils the response clocks and begins an emergency's next update (T3)."""

    author: Person
    body: Personal
    segments: tuple[Segment, ...] = ()


class CustomerReplied(WithDeadlines, frozen=True, kw_only=True):
    """The customer wrote; starts `next_response` where none is running (T3)."""

    author: Person
    body: Personal
    segments: tuple[Segment, ...] = ()


class NoteAdded(TicketEvent, frozen=True, kw_only=True):
    """Staff, or the customer, noted something that no clock counts as a reply."""

    author_role: Literal["requester", "staff"]
    author: Person
    body: Personal


class WaitingStarted(WithDeadlines, frozen=True, kw_only=True):
    """The case cannot go on before the customer or a partner has answered; `resolution` pauses (R16, R17, T4).

    `remind_at` is when the customer's next reminder is due, where the case waits for it.
    """

    waiting_for: AwaitedParty
    reason: Personal
    partner: str | None = None
    remind_at: datetime | None = None


class TicketResumed(WithDeadlines, frozen=True, kw_only=True):
    """The waiting is over, by staff or by the customer's reply; `resolution` goes on (T4)."""

    reason: Personal | None = None


class WorkLogged(TicketEvent, frozen=True, kw_only=True):
    """An agent worked on the case for that long (B1); the subscription says what it drew."""

    entry_id: str
    agent: str
    started_at: datetime
    duration_seconds: int
    activity: str
    note: Personal | None = None


class WorkCorrected(TicketEvent, frozen=True, kw_only=True):
    """An entry took longer or shorter than was logged; the former time stands in the log (B1)."""

    entry_id: str
    duration_seconds: int
    former_duration_seconds: int
    reason: Personal


class WorkVoided(TicketEvent, frozen=True, kw_only=True):
    """An entry should not have been logged: nothing is billed for it, for ever (B1, B3)."""

    entry_id: str
    former_duration_seconds: int
    reason: Personal


class TicketResolved(WithDeadlines, frozen=True, kw_only=True):
    """The request is dealt with, as far as staff know; response and resolution clocks stop (T3)."""

    resolution: Personal
    article: str | None = None


class TicketReopened(WithDeadlines, frozen=True, kw_only=True):
    """The matter was not settled after all; `resolution` continues in a new segment (T3, T6)."""

    reason: Personal
    segments: tuple[Segment, ...] = ()


class TicketClosed(TicketEvent, frozen=True, kw_only=True):
    """The case is over; the verdict on `resolution` is final (T7)."""

    reason: Personal | None = None


class ServiceLevelsChanged(WithDeadlines, frozen=True, kw_only=True):
    """Another version of the SLA policy or of a calendar took effect for the running clocks (T6)."""

    effective_at: datetime
    segments: tuple[Segment, ...]


class ServiceLevelBreached(TicketEvent, frozen=True, kw_only=True):
    """A clock's due instant passed: once per clock, instance and target (T7)."""

    clock: ClockName
    instance: int
    target_seconds: int
    due_at: datetime
    breached_at: datetime
    calendar: str
    calendar_version: int
    policy_version: int
