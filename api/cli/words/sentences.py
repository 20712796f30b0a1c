"""What an event of a case says, in one line for people."""

from functools import singledispatch

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

LONGEST = 80


@singledispatch
def sentence(event: Event) -> str:  # noqa: ARG001 - its type alone counts
    """Return the event in words; empty where its type says it all."""
    return ""


@sentence.register
def _(event: TicketOpened) -> str:
    return f"{_short(event.requester.name)} asked: {_short(event.subject)}{_due(event.deadlines)}"


@sentence.register
def _(event: EmergencyRequested) -> str:
    return f"emergency asked for, {event.kind}: {event.symptom}"


@sentence.register(EmergencyAccepted)
@sentence.register(EmergencyDeclined)
def _(event: EmergencyAccepted | EmergencyDeclined) -> str:
    return _short(event.reason) + _due(event.deadlines)


@sentence.register(CauseRuled)
@sentence.register(ScopeDecided)
def _(event: CauseRuled | ScopeDecided) -> str:
    return f"{event.scope.replace('_', ' ')}: {_short(event.reason)}"


@sentence.register
def _(event: UrgencyChanged) -> str:
    return f"to {event.urgency}{_due(event.deadlines)}"


@sentence.register
def _(event: ComplexityChanged) -> str:
    return f"to {event.complexity}{_due(event.deadlines)}"


@sentence.register
def _(event: CategoryChanged) -> str:
    return f"to {event.category}{_due(event.deadlines)}"


@sentence.register
def _(event: TicketAssigned) -> str:
    return f"to {event.agent}"


@sentence.register
def _(event: TicketEscalated) -> str:
    return f"to {event.team}: {_short(event.reason)}"


@sentence.register(CallScheduled)
@sentence.register(CallLogged)
def _(event: CallScheduled | CallLogged) -> str:
    return f"with {_short(event.with_whom)} at {event.at.isoformat()}{': ' if event.note else ''}{_short(event.note)}"


@sentence.register
def _(event: EnhancementPlanned) -> str:
    return f"for {event.target_period}"


@sentence.register
def _(event: AlternativeProposed) -> str:
    return _short(event.text)


@sentence.register
def _(event: TicketLinkedToIncident) -> str:
    return f"incident {event.incident_id}"


@sentence.register
def _(event: IncidentResolutionAnnounced) -> str:
    return f"incident {event.incident_id}: {_short(event.text)}"


@sentence.register
def _(event: CustomerReminded) -> str:
    following = "" if event.remind_at is None else f", the next is due {event.remind_at.isoformat()}"
    return f"reminder {event.number} of what is waited for, due {event.due_at.isoformat()}{following}"


@sentence.register
def _(event: TicketSplit) -> str:
    return f"into {event.into_case_number}, {_moved(event.moved_seconds, len(event.entry_ids))}"


@sentence.register
def _(event: TicketMerged) -> str:
    return f"into {event.into_case_number}, {_moved(event.moved_seconds, len(event.entry_ids))}"


@sentence.register(TicketSplitOff)
@sentence.register(TicketAbsorbed)
def _(event: TicketSplitOff | TicketAbsorbed) -> str:
    return f"from {event.from_case_number}, with {len(event.entries)} work entries{_due(event.deadlines)}"


@sentence.register(StaffReplied)
@sentence.register(CustomerReplied)
@sentence.register(NoteAdded)
def _(event: StaffReplied | CustomerReplied | NoteAdded) -> str:
    return f"{_short(event.author.name)}: {_short(event.body)}"


@sentence.register
def _(event: WaitingStarted) -> str:
    return f"for the {event.partner or event.waiting_for}: {_short(event.reason)}"


@sentence.register(TicketResumed)
@sentence.register(TicketReopened)
def _(event: TicketResumed | TicketReopened) -> str:
    return _short(event.reason) + _due(event.deadlines)


@sentence.register
def _(event: WorkLogged) -> str:
    minutes, started = event.duration_seconds / 60, event.started_at.isoformat()
    return f"{event.agent}, {minutes:g} min from {started}: {event.activity}"


@sentence.register
def _(event: WorkCorrected) -> str:
    minutes, former = event.duration_seconds / 60, event.former_duration_seconds / 60
    return f"{event.entry_id}, {minutes:g} min instead of {former:g}: {_short(event.reason)}"


@sentence.register
def _(event: WorkVoided) -> str:
    return f"{event.entry_id}, {event.former_duration_seconds / 60:g} min: {_short(event.reason)}"


@sentence.register
def _(event: TicketResolved) -> str:
    return _short(event.resolution)


@sentence.register
def _(event: TicketClosed) -> str:
    return _short(event.reason)


@sentence.register
def _(event: ServiceLevelsChanged) -> str:
    return f"from {event.effective_at.isoformat()}{_due(event.deadlines)}"


@sentence.register
def _(event: ServiceLevelBreached) -> str:
    return f"{event.clock} was due {event.due_at.isoformat()}: {event.target_seconds} s of calendar {event.calendar}"


def _moved(seconds: int, entries: int) -> str:
    return f"with {entries} work entries, {seconds / 60:g} min"


def _short(text: Personal | None) -> str:
    if text is None:
        return ""
    line = " ".join(text.text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _due(deadlines: tuple[Deadline, ...]) -> str:
    due = [f"{each.clock} {each.due_at.isoformat()}" for each in deadlines if each.due_at is not None]
    return f" (due: {', '.join(due)})" if due else ""
