"""What the tests of a case speak of: a desk in Denver in the week of Thanksgiving 2026, and the life of one ticket."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from domain.calendar import DEFAULT_HOURS, CalendarPublished
from domain.clocks.levels import ServiceLevels
from domain.clocks.state import Clocks, Instance
from domain.personal import Person, Personal
from domain.sla_policy import DEFAULT_TARGETS, ClockName, SlaPolicyPublished, Target, When
from domain.ticket.commands import (
    AddNote,
    AddReply,
    AnnounceIncidentResolution,
    AssignTicket,
    CloseTicket,
    CorrectWork,
    DecideEmergency,
    DecideScope,
    EscalateTicket,
    LinkIncident,
    LogCall,
    LogWork,
    OpenTicket,
    PlanEnhancement,
    ProposeAlternative,
    RecordDue,
    ReopenTicket,
    RequestEmergency,
    ResolveTicket,
    ResumeTicket,
    RuleCause,
    ScheduleCall,
    SetCategory,
    SetComplexity,
    SetUrgency,
    TicketCommand,
    VoidWork,
    WaitForCustomer,
    WaitForPartner,
)
from domain.ticket.decide import decide
from domain.ticket.events import (
    Category,
    CauseScope,
    Complexity,
    EmergencyKind,
    ScopeDecision,
    Symptom,
    TicketEvent,
    Urgency,
)
from domain.ticket.state import Ticket, evolve
from tests.spec import Decider, Given

DENVER = ZoneInfo("America/Denver")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nov(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """An instant of November 2026 by the clock in Denver; the 23rd is a Monday, the 26th Thanksgiving."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=DENVER).astimezone(UTC)


CALENDAR = CalendarPublished(
    occurred_at=EPOCH,
    calendar="business",
    version=1,
    tz="America/Denver",
    hours=DEFAULT_HOURS,
    holidays=(date(2026, 11, 26),),
    overrides={date(2026, 11, 27): "08:30-12:00"},
    effective_from=EPOCH,
)
POLICY = SlaPolicyPublished(
    occurred_at=EPOCH, policy="standard", version=1, targets=DEFAULT_TARGETS, effective_from=EPOCH
)
LEVELS = ServiceLevels([POLICY], [[CALENDAR]])


def policy(version: int, effective_from: datetime, **seconds: int | None) -> SlaPolicyPublished:
    """A policy with one target a clock for every ticket, by the business calendar."""
    clocks: dict[str, ClockName] = {
        "first_response": "first_response",
        "next_response": "next_response",
        "resolution": "resolution",
    }
    targets = tuple(
        Target(when=When(), clock=clocks[clock], target_seconds=target, calendar="business")
        for clock, target in seconds.items()
    )
    return replace(POLICY, version=version, targets=targets, effective_from=effective_from)


def with_policy(*versions: SlaPolicyPublished) -> ServiceLevels:
    """The desk's calendar with other versions of the policy after the first."""
    return ServiceLevels([POLICY, *versions], [[CALENDAR]])


CUSTOMER = Person(name=Personal("Ada"), email=Personal("ada@example.org"))
AGENT = Person(name=Personal("Bo"), email=Personal("bo@example.com"))

WORDS = Personal("Words.")
OTHER_WORDS = Personal("Other words.")

ticket: Decider[TicketCommand, Ticket, TicketEvent] = Decider(decide, evolve)


def opened(now: datetime, levels: ServiceLevels = LEVELS, **changes: Any) -> OpenTicket:
    command = OpenTicket(
        now=now,
        levels=levels,
        ticket_id="t1",
        case_number="C-000001",
        customer_id="c1",
        requester=CUSTOMER,
        category="how_to",
        subject=Personal("Opening hours"),
        description=Personal("How do I change them?"),
        channel="api",
    )
    return replace(command, **changes)


def assigned(now: datetime, agent: str = "bo", levels: ServiceLevels = LEVELS) -> AssignTicket:
    return AssignTicket(now=now, levels=levels, agent=agent)


def customer_writes(now: datetime, levels: ServiceLevels = LEVELS) -> AddReply:
    return AddReply(now=now, levels=levels, author_role="requester", author=CUSTOMER, body=WORDS)


def staff_replies(now: datetime, levels: ServiceLevels = LEVELS) -> AddReply:
    return AddReply(now=now, levels=levels, author_role="staff", author=AGENT, body=WORDS)


def noted(now: datetime, levels: ServiceLevels = LEVELS) -> AddNote:
    return AddNote(now=now, levels=levels, author_role="staff", author=AGENT, body=WORDS)


def waits_for_customer(now: datetime, reason: Personal = WORDS, levels: ServiceLevels = LEVELS) -> WaitForCustomer:
    return WaitForCustomer(now=now, levels=levels, reason=reason)


def waits_for_partner(
    now: datetime, reason: Personal = WORDS, partner: str | None = None, levels: ServiceLevels = LEVELS
) -> WaitForPartner:
    return WaitForPartner(now=now, levels=levels, reason=reason, partner=partner)


def resumed(now: datetime, levels: ServiceLevels = LEVELS) -> ResumeTicket:
    return ResumeTicket(now=now, levels=levels)


def work_logged(now: datetime, **changes: Any) -> LogWork:
    command = LogWork(
        now=now,
        levels=LEVELS,
        entry_id="e1",
        agent="bo",
        started_at=nov(23, 9),
        duration_seconds=900,
        activity="support",
    )
    return replace(command, **changes)


def escalated(now: datetime, team: str = "engineering", reason: Personal = WORDS) -> EscalateTicket:
    return EscalateTicket(now=now, levels=LEVELS, team=team, reason=reason)


def urgency_set(now: datetime, urgency: Urgency = "high", levels: ServiceLevels = LEVELS) -> SetUrgency:
    return SetUrgency(now=now, levels=levels, urgency=urgency)


def complexity_set(now: datetime, complexity: Complexity = "complex", levels: ServiceLevels = LEVELS) -> SetComplexity:
    return SetComplexity(now=now, levels=levels, complexity=complexity)


def category_set(now: datetime, category: Category = "enhancement", levels: ServiceLevels = LEVELS) -> SetCategory:
    return SetCategory(now=now, levels=levels, category=category)


def emergency_requested(
    now: datetime,
    kind: EmergencyKind = "business_hours",
    symptom: Symptom = "website_down",
    levels: ServiceLevels = LEVELS,
) -> RequestEmergency:
    return RequestEmergency(now=now, levels=levels, kind=kind, symptom=symptom)


def emergency_accepted(now: datetime, reason: Personal = WORDS, levels: ServiceLevels = LEVELS) -> DecideEmergency:
    return DecideEmergency(now=now, levels=levels, accepted=True, reason=reason)


def emergency_declined(now: datetime, reason: Personal = WORDS, levels: ServiceLevels = LEVELS) -> DecideEmergency:
    return DecideEmergency(now=now, levels=levels, accepted=False, reason=reason)


def cause_ruled(now: datetime, scope: CauseScope = "out_of_scope", reason: Personal = WORDS) -> RuleCause:
    return RuleCause(now=now, levels=LEVELS, scope=scope, reason=reason)


def scope_decided(now: datetime, scope: ScopeDecision = "billable", reason: Personal = WORDS) -> DecideScope:
    return DecideScope(now=now, levels=LEVELS, scope=scope, reason=reason)


def call_scheduled(now: datetime, at: datetime, note: Personal | None = None) -> ScheduleCall:
    return ScheduleCall(now=now, levels=LEVELS, at=at, with_whom=WORDS, note=note)


def call_logged(now: datetime, at: datetime, note: Personal | None = None, levels: ServiceLevels = LEVELS) -> LogCall:
    return LogCall(now=now, levels=levels, at=at, with_whom=WORDS, note=note)


def work_corrected(now: datetime, seconds: int, entry_id: str = "e1") -> CorrectWork:
    return CorrectWork(now=now, levels=LEVELS, entry_id=entry_id, duration_seconds=seconds, reason=WORDS)


def work_voided(now: datetime, entry_id: str = "e1") -> VoidWork:
    return VoidWork(now=now, levels=LEVELS, entry_id=entry_id, reason=WORDS)


def enhancement_planned(now: datetime, period: str = "2027-Q1") -> PlanEnhancement:
    return PlanEnhancement(now=now, levels=LEVELS, target_period=period)


def alternative_proposed(now: datetime, text: Personal = WORDS) -> ProposeAlternative:
    return ProposeAlternative(now=now, levels=LEVELS, text=text)


def incident_linked(now: datetime, incident_id: str = "i1") -> LinkIncident:
    return LinkIncident(now=now, levels=LEVELS, incident_id=incident_id)


def resolution_announced(now: datetime, incident_id: str = "i1") -> AnnounceIncidentResolution:
    return AnnounceIncidentResolution(now=now, levels=LEVELS, incident_id=incident_id, text=WORDS)


def resolved(now: datetime, resolution: Personal = WORDS, levels: ServiceLevels = LEVELS) -> ResolveTicket:
    return ResolveTicket(now=now, levels=levels, resolution=resolution)


def reopened(now: datetime, levels: ServiceLevels = LEVELS) -> ReopenTicket:
    return ReopenTicket(now=now, levels=levels, reason=WORDS)


def closed(now: datetime, levels: ServiceLevels = LEVELS) -> CloseTicket:
    return CloseTicket(now=now, levels=levels)


def due_recorded(now: datetime, levels: ServiceLevels = LEVELS) -> RecordDue:
    return RecordDue(now=now, levels=levels)


def after(*commands: TicketCommand) -> Given[TicketCommand, Ticket, TicketEvent]:
    """A ticket with the history that these commands make."""
    return ticket.given().having(*commands)


def clocks_after(*commands: TicketCommand) -> Clocks:
    state = after(*commands).state
    assert state is not None
    return state.case.clocks


def clock(clocks: Clocks, name: ClockName) -> Instance:
    """The latest instance of that clock."""
    return next(each for each in clocks.latest if each.clock == name)
