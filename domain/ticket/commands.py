"""What can be asked of a case."""

from datetime import date, datetime
from typing import Literal

import msgspec

from domain.clocks.levels import ServiceLevels
from domain.personal import Person, Personal
from domain.ticket.events import (
    Category,
    CauseScope,
    Complexity,
    EmergencyKind,
    ErrorReport,
    ScopeDecision,
    Symptom,
    Urgency,
)


class Command(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A request with what it needs from outside: the desk's clock and the settings that its clocks count by."""

    now: datetime
    levels: ServiceLevels


class EmergencyRequest(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Emergency support asked for beside a request (R2, R11)."""

    kind: EmergencyKind
    symptom: Symptom


class OpenTicket(Command, frozen=True, kw_only=True):
    """Receive a customer's request (R1-R4, R10, R12, R13, R18). `requested_for` is a date of the desk's calendar."""

    ticket_id: str
    case_number: str
    customer_id: str
    requester: Person
    category: Category
    subject: Personal
    description: Personal
    channel: str
    urgency: Urgency = "normal"
    complexity: Complexity = "basic"
    product: str | None = None
    goal: Personal | None = None
    error: ErrorReport | None = None
    requested_for: date | None = None
    emergency: EmergencyRequest | None = None


class AssignTicket(Command, frozen=True, kw_only=True):
    """Put an agent in charge."""

    agent: str


class EscalateTicket(Command, frozen=True, kw_only=True):
    """Pass the case to a team of senior resources (R17)."""

    team: str
    reason: Personal


class SetUrgency(Command, frozen=True, kw_only=True):
    """Say how urgent the case is (R8)."""

    urgency: Urgency


class SetComplexity(Command, frozen=True, kw_only=True):
    """Say how complex the case is (R19)."""

    complexity: Complexity


class SetCategory(Command, frozen=True, kw_only=True):
    """Say what the case is about (R2)."""

    category: Category


class RequestEmergency(Command, frozen=True, kw_only=True):
    """Ask for emergency support on a case that turns out to need it (R10-R13)."""

    kind: EmergencyKind
    symptom: Symptom


class DecideEmergency(Command, frozen=True, kw_only=True):
    """Grant emergency support or decline it; may be revised until the cause is ruled (R11)."""

    accepted: bool
    reason: Personal


class RuleCause(Command, frozen=True, kw_only=True):
    """Say whether the emergency's cause was inside the service agreement (R14, R25)."""

    scope: CauseScope
    reason: Personal


class DecideScope(Command, frozen=True, kw_only=True):
    """Say how work on the case is billed (R22)."""

    scope: ScopeDecision
    reason: Personal


class ScheduleCall(Command, frozen=True, kw_only=True):
    """Arrange a phone call (R7)."""

    at: datetime
    with_whom: Personal
    note: Personal | None = None


class LogCall(Command, frozen=True, kw_only=True):
    """Record a phone call that took place (R7, T7)."""

    at: datetime
    with_whom: Personal
    note: Personal | None = None


class PlanEnhancement(Command, frozen=True, kw_only=True):
    """Put the enhancement on the roadmap (R20)."""

    target_period: str


class ProposeAlternative(Command, frozen=True, kw_only=True):
    """Offer another way (R20)."""

    text: Personal


class LinkIncident(Command, frozen=True, kw_only=True):
    """Say that an incident caused the case (R15)."""

    incident_id: str


class AnnounceIncidentResolution(Command, frozen=True, kw_only=True):
    """Tell the customer that the incident behind the case is over, once (R15); a policy asks for it."""

    incident_id: str
    text: Personal


class AddReply(Command, frozen=True, kw_only=True):
    """Add a message between customer and staff (T3, T4)."""

    author_role: Literal["requester", "staff"]
    author: Person
    body: Personal


class AddNote(Command, frozen=True, kw_only=True):
    """Add a remark that is no reply; a closed case takes one too."""

    author_role: Literal["requester", "staff"]
    author: Person
    body: Personal


class WaitForCustomer(Command, frozen=True, kw_only=True):
    """Say that the case cannot go on before the customer answers (R16)."""

    reason: Personal


class WaitForPartner(Command, frozen=True, kw_only=True):
    """Say that the case cannot go on before a partner answers (R17)."""

    reason: Personal
    partner: str | None = None


class ResumeTicket(Command, frozen=True, kw_only=True):
    """End the waiting."""

    reason: Personal | None = None


class LogWork(Command, frozen=True, kw_only=True):
    """Record work done on the case (B1)."""

    entry_id: str
    agent: str
    started_at: datetime
    duration_seconds: int
    activity: str
    note: Personal | None = None


class CorrectWork(Command, frozen=True, kw_only=True):
    """Say how long an entry really took (B1)."""

    entry_id: str
    duration_seconds: int
    reason: Personal


class VoidWork(Command, frozen=True, kw_only=True):
    """Say that an entry should not have been logged (B1)."""

    entry_id: str
    reason: Personal


class ResolveTicket(Command, frozen=True, kw_only=True):
    """Say that the request is dealt with."""

    resolution: Personal
    article: str | None = None


class ReopenTicket(Command, frozen=True, kw_only=True):
    """Take a resolved or closed case up again, by staff."""

    reason: Personal


class CloseTicket(Command, frozen=True, kw_only=True):
    """End a resolved case."""

    reason: Personal | None = None


class RecordDue(Command, frozen=True, kw_only=True):
    """Record what fell due before `now`, for the timekeeper: breaches (T7), reminders (R16)."""


CaseCommand = (
    AssignTicket
    | EscalateTicket
    | SetUrgency
    | SetComplexity
    | SetCategory
    | RequestEmergency
    | DecideEmergency
    | RuleCause
    | DecideScope
    | ScheduleCall
    | LogCall
    | PlanEnhancement
    | ProposeAlternative
    | LinkIncident
    | AnnounceIncidentResolution
    | CorrectWork
    | VoidWork
    | AddReply
    | AddNote
    | WaitForCustomer
    | WaitForPartner
    | ResumeTicket
    | LogWork
    | ResolveTicket
    | ReopenTicket
    | CloseTicket
    | RecordDue
)
"""What can be asked of a case that is there."""

TicketCommand = OpenTicket | CaseCommand
