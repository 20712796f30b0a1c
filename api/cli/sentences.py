"""What an event of a case says, in one line for people."""

from functools import singledispatch

from domain.event import Event
from domain.personal import Personal
from domain.ticket.events import (
    CustomerReplied,
    Deadline,
    EmergencyDeclined,
    EmergencyRequested,
    NoteAdded,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    TicketAssigned,
    TicketClosed,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
    WorkLogged,
)

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


@sentence.register
def _(event: EmergencyDeclined) -> str:
    return _short(event.reason)


@sentence.register
def _(event: TicketAssigned) -> str:
    return f"to {event.agent}"


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


def _short(text: Personal | None) -> str:
    if text is None:
        return ""
    line = " ".join(text.text.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _due(deadlines: tuple[Deadline, ...]) -> str:
    due = [f"{each.clock} {each.due_at.isoformat()}" for each in deadlines if each.due_at is not None]
    return f" (due: {', '.join(due)})" if due else ""
