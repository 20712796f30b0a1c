"""What an event of a case or of its bill says, in one line for people."""

from functools import singledispatch
from zoneinfo import ZoneInfo

from api.cli.words.billing_sentences import billing_sentence
from api.cli.words.instants import clock_time
from domain.event import Event
from domain.personal import Personal
from domain.ticket.events import (
    AlternativeProposed,
    CallLogged,
    CallScheduled,
    CategoryChanged,
    CauseRuled,
    ComplexityChanged,
    CustomerReminded,
    CustomerReplied,
    Deadline,
    EmergencyAccepted,
    EmergencyDeclined,
    EmergencyRequested,
    EnhancementPlanned,
    IncidentResolutionAnnounced,
    NoteAdded,
    ScopeDecided,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    TicketAssigned,
    TicketClosed,
    TicketEscalated,
    TicketLinkedToIncident,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    UrgencyChanged,
    WaitingStarted,
    WorkCorrected,
    WorkLogged,
    WorkVoided,
)
from domain.ticket.split_merge_events import TicketAbsorbed, TicketMerged, TicketSplit, TicketSplitOff
from projections.wording import spoken

LONGEST = 80


@singledispatch
def sentence(event: Event, zone: ZoneInfo) -> str:
    """Return the event in words; local times are the desk's."""
    return billing_sentence(event, zone)


@sentence.register
def _(event: TicketOpened, zone: ZoneInfo) -> str:
    return f"{_short(event.requester.name)} asked: {_short(event.subject)}{_due(event.deadlines, zone)}"


@sentence.register
def _(event: EmergencyRequested, _: ZoneInfo) -> str:
    return f"emergency asked for, {event.kind}: {event.symptom}"


@sentence.register(EmergencyAccepted)
@sentence.register(EmergencyDeclined)
def _(event: EmergencyAccepted | EmergencyDeclined, zone: ZoneInfo) -> str:
    return _short(event.reason) + _due(event.deadlines, zone)


@sentence.register(CauseRuled)
@sentence.register(ScopeDecided)
def _(event: CauseRuled | ScopeDecided, _: ZoneInfo) -> str:
    return f"{event.scope.replace('_', ' ')}: {_short(event.reason)}"


@sentence.register
def _(event: UrgencyChanged, zone: ZoneInfo) -> str:
    return f"to {event.urgency}{_due(event.deadlines, zone)}"


@sentence.register
def _(event: ComplexityChanged, zone: ZoneInfo) -> str:
    return f"to {event.complexity}{_due(event.deadlines, zone)}"


@sentence.register
def _(event: CategoryChanged, zone: ZoneInfo) -> str:
    return f"to {event.category}{_due(event.deadlines, zone)}"


@sentence.register
def _(event: TicketAssigned, _: ZoneInfo) -> str:
    return f"to {event.agent}"


@sentence.register
def _(event: TicketEscalated, _: ZoneInfo) -> str:
    return f"to {event.team}: {_short(event.reason)}"


@sentence.register(CallScheduled)
@sentence.register(CallLogged)
def _(event: CallScheduled | CallLogged, zone: ZoneInfo) -> str:
    note = f": {_short(event.note)}" if event.note else ""
    return f"with {_short(event.with_whom)} at {clock_time(event.at, zone)}{note}"


@sentence.register
def _(event: EnhancementPlanned, _: ZoneInfo) -> str:
    return f"for {event.target_period}"


@sentence.register
def _(event: AlternativeProposed, _: ZoneInfo) -> str:
    return _short(event.text)


@sentence.register
def _(event: TicketLinkedToIncident, _: ZoneInfo) -> str:
    return f"incident {event.incident_id}"


@sentence.register
def _(event: IncidentResolutionAnnounced, _: ZoneInfo) -> str:
    return f"incident {event.incident_id}: {_short(event.text)}"


@sentence.register
def _(event: CustomerReminded, zone: ZoneInfo) -> str:
    following = "" if event.remind_at is None else f", the next is due {clock_time(event.remind_at, zone)}"
    return f"reminder {event.number} of what is waited for, due {clock_time(event.due_at, zone)}{following}"


@sentence.register
def _(event: TicketSplit, _: ZoneInfo) -> str:
    return f"into {event.into_case_number}, {_moved(event.moved_seconds, len(event.entry_ids))}"


@sentence.register
def _(event: TicketMerged, _: ZoneInfo) -> str:
    return f"into {event.into_case_number}, {_moved(event.moved_seconds, len(event.entry_ids))}"


@sentence.register(TicketSplitOff)
@sentence.register(TicketAbsorbed)
def _(event: TicketSplitOff | TicketAbsorbed, zone: ZoneInfo) -> str:
    return f"from {event.from_case_number}, with {len(event.entries)} work entries{_due(event.deadlines, zone)}"


@sentence.register(StaffReplied)
@sentence.register(CustomerReplied)
@sentence.register(NoteAdded)
def _(event: StaffReplied | CustomerReplied | NoteAdded, _: ZoneInfo) -> str:
    return f"{_short(event.author.name)}: {_short(event.body)}"


@sentence.register
def _(event: WaitingStarted, _: ZoneInfo) -> str:
    return f"for the {event.partner or event.waiting_for}: {_short(event.reason)}"


@sentence.register(TicketResumed)
@sentence.register(TicketReopened)
def _(event: TicketResumed | TicketReopened, zone: ZoneInfo) -> str:
    return _short(event.reason) + _due(event.deadlines, zone)


@sentence.register
def _(event: WorkLogged, zone: ZoneInfo) -> str:
    started = clock_time(event.started_at, zone)
    return f"{event.agent}, {spoken(event.duration_seconds)} from {started}: {event.activity}"


@sentence.register
def _(event: WorkCorrected, _: ZoneInfo) -> str:
    worked, former = spoken(event.duration_seconds), spoken(event.former_duration_seconds)
    return f"{event.entry_id}, {worked} instead of {former}: {_short(event.reason)}"


@sentence.register
def _(event: WorkVoided, _: ZoneInfo) -> str:
    return f"{event.entry_id}, {spoken(event.former_duration_seconds)}: {_short(event.reason)}"


@sentence.register
def _(event: TicketResolved, _: ZoneInfo) -> str:
    return _short(event.resolution)


@sentence.register
def _(event: TicketClosed, _: ZoneInfo) -> str:
    return _short(event.reason)


@sentence.register
def _(event: ServiceLevelsChanged, zone: ZoneInfo) -> str:
    return f"from {clock_time(event.effective_at, zone)}{_due(event.deadlines, zone)}"


@sentence.register
def _(event: ServiceLevelBreached, zone: ZoneInfo) -> str:
    target = f"{spoken(event.target_seconds)} of calendar {event.calendar}"
    return f"{event.clock} was due {clock_time(event.due_at, zone)}: {target}"


def _moved(seconds: int, entries: int) -> str:
    return f"with {entries} work entries, {spoken(seconds)}"


def _short(text: Personal | None) -> str:
    if text is None:
        return ""
    line = " ".join(text.text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _due(deadlines: tuple[Deadline, ...], zone: ZoneInfo) -> str:
    due = [f"{each.clock} {clock_time(each.due_at, zone)}" for each in deadlines if each.due_at is not None]
    return f" (due: {', '.join(due)})" if due else ""
