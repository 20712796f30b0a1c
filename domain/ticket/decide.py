"""What becomes of a command on a case."""

from datetime import datetime, timedelta
from typing import TypedDict, assert_never

from domain.clocks import record
from domain.clocks.levels import ServiceLevels
from domain.personal import Personal
from domain.ticket.case import Entry, logged
from domain.ticket.commands import (
    AddNote,
    AddReply,
    AssignTicket,
    CaseCommand,
    CloseTicket,
    Command,
    LogWork,
    OpenTicket,
    RecordDue,
    ReopenTicket,
    ResolveTicket,
    ResumeTicket,
    TicketCommand,
    WaitForCustomer,
    WaitForPartner,
)
from domain.ticket.events import (
    AwaitedParty,
    CustomerReplied,
    NoteAdded,
    Segment,
    StaffReplied,
    TicketAssigned,
    TicketClosed,
    TicketEvent,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
    WorkLogged,
)
from domain.ticket.opening import open_ticket
from domain.ticket.refusals import (
    EntryExists,
    InvalidDuration,
    TicketIsClosed,
    TicketIsMerged,
    TicketIsResolved,
    TicketNotOpened,
    TicketNotResolved,
    WorkInFuture,
)
from domain.ticket.state import Closed, Merged, Open, Resolved, Ticket, Waiting, evolve

LONGEST_ENTRY_SECONDS = 86_400

REOPENED_BY_REPLY = Personal("The customer replied.")
"""The reason given for a case that a reply reopened."""


def decide(command: TicketCommand, state: Ticket | None) -> list[TicketEvent]:
    """Return the events that a command leads to, first of them what fell due before it (T6, T7).

    A repeat of a request leads to nothing of its own. Raises a Refusal of `domain.ticket.refusals`, and for an instant
    outside the desk's settings NoServiceLevels or BeyondCalendar.
    """
    if isinstance(command, OpenTicket):
        return open_ticket(command, state)
    if state is None:
        raise TicketNotOpened("the ticket has not been opened")
    if isinstance(state, Merged):
        if isinstance(command, RecordDue):
            return []
        raise TicketIsMerged(f"the ticket was merged into {state.into_case_number}")
    fallen_due = catch_up(state, command.now, command.levels)
    for event in fallen_due:
        state = evolve(state, event)
    return [*fallen_due, *_decide(command, state)]


def catch_up(state: Ticket, now: datetime, levels: ServiceLevels) -> list[TicketEvent]:
    """What happened to the case's clocks by itself before `now` and is not recorded yet, in time order (T6, T7)."""
    return [
        *record.fell_due(
            state.case.clocks,
            now,
            levels,
            state.case.traits,
            (state.case.ticket_id, state.case.customer_id),
        )
    ]


def _decide(command: CaseCommand, state: Ticket) -> list[TicketEvent]:
    match command:
        case AssignTicket():
            return _assign(command, state)
        case AddReply():
            return _reply(command, state)
        case AddNote():
            return _note(command, state)
        case WaitForCustomer():
            return _wait(command, state, "customer", None)
        case WaitForPartner():
            return _wait(command, state, "partner", command.partner)
        case ResumeTicket():
            return _resume(command, state)
        case LogWork():
            return _log_work(command, state)
        case ResolveTicket():
            return _resolve(command, state)
        case ReopenTicket():
            return _reopen(command, state)
        case CloseTicket():
            return _close(command, state)
        case RecordDue():
            return []
        case _ as never:
            assert_never(never)


def _assign(command: AssignTicket, state: Ticket) -> list[TicketEvent]:
    _refuse_closed(state)
    if state.case.assignee == command.agent:
        return []
    return [TicketAssigned(**_of(command, state), agent=command.agent)]


def _reply(command: AddReply, state: Ticket) -> list[TicketEvent]:
    """A reply is taken each time it is sent: two of the same words are two messages."""
    _refuse_closed(state)
    if command.author_role == "staff":
        staff_replied = StaffReplied(**_of(command, state), author=command.author, body=command.body)
        return [record.with_deadlines(staff_replied, state.case.clocks, command.levels)]
    replied = CustomerReplied(
        **_of(command, state), author=command.author, body=command.body, segments=_next_response(command, state)
    )
    event = record.with_deadlines(replied, state.case.clocks, command.levels)
    return [event, *_taken_up_by_customer(command, evolve(state, event))]


def _next_response(command: AddReply, state: Ticket) -> tuple[Segment, ...]:
    """The segment that starts `next_response` where the message is the oldest unanswered one (T3)."""
    clocks = state.case.clocks
    latest = clocks.next_response
    if clocks.first_response.ended_at is None or (latest is not None and latest.ended_at is None):
        return ()
    level = command.levels.at(command.now).level("next_response", state.case.traits)
    return (record.segment("next_response", latest.number + 1 if latest else 1, command.now, level),)


def _taken_up_by_customer(command: AddReply, state: Ticket) -> list[TicketEvent]:
    """The customer's reply ends the waiting for it and reopens a resolved case, and no other state (T4)."""
    match state:
        case Waiting(waiting_for="customer"):
            return [_resumed(command, state, None)]
        case Resolved():
            return [_reopened(command, state, REOPENED_BY_REPLY)]
        case _:
            return []


def _note(command: AddNote, state: Ticket) -> list[TicketEvent]:
    return [NoteAdded(**_of(command, state), author_role=command.author_role, author=command.author, body=command.body)]


def _wait(
    command: WaitForCustomer | WaitForPartner, state: Ticket, party: AwaitedParty, partner: str | None
) -> list[TicketEvent]:
    """Waiting for another party, partner or reason is a switch; for the same party the pause goes on."""
    _refuse_closed(state)
    _refuse_resolved(state)
    if isinstance(state, Waiting) and (state.waiting_for, state.partner, state.reason) == (
        party,
        partner,
        command.reason,
    ):
        return []
    event = WaitingStarted(**_of(command, state), waiting_for=party, reason=command.reason, partner=partner)
    return [record.with_deadlines(event, state.case.clocks, command.levels)]


def _resume(command: ResumeTicket, state: Ticket) -> list[TicketEvent]:
    """A case that does not wait needs no resuming."""
    _refuse_closed(state)
    return [_resumed(command, state, command.reason)] if isinstance(state, Waiting) else []


def _log_work(command: LogWork, state: Ticket) -> list[TicketEvent]:
    """Work is taken in every state, a closed one too: an entry can arrive late (B7)."""
    event = WorkLogged(
        **_of(command, state),
        entry_id=command.entry_id,
        agent=command.agent,
        started_at=command.started_at,
        duration_seconds=command.duration_seconds,
        activity=command.activity,
        note=command.note,
    )
    for entry in state.case.entries:
        if entry.entry_id == command.entry_id:
            if _as_logged(entry) == _as_logged(logged(event)):
                return []
            raise EntryExists(f"entry {command.entry_id} was logged with other facts")
    if not 1 <= command.duration_seconds <= LONGEST_ENTRY_SECONDS:
        raise InvalidDuration(f"{command.duration_seconds} is not within 1 to {LONGEST_ENTRY_SECONDS} seconds")
    if command.started_at + timedelta(seconds=command.duration_seconds) > command.now:
        raise WorkInFuture(f"the work would end after now, {command.now.isoformat()}")
    return [event]


def _as_logged(entry: Entry) -> tuple[object, ...]:
    return entry.agent, entry.started_at, entry.logged_seconds, entry.activity, entry.note


def _resolve(command: ResolveTicket, state: Ticket) -> list[TicketEvent]:
    _refuse_closed(state)
    if isinstance(state, Resolved) and (state.resolution, state.article) == (command.resolution, command.article):
        return []
    _refuse_resolved(state)
    event = TicketResolved(**_of(command, state), resolution=command.resolution, article=command.article)
    return [record.with_deadlines(event, state.case.clocks, command.levels)]


def _reopen(command: ReopenTicket, state: Ticket) -> list[TicketEvent]:
    """A case that is with staff, or waits, is open as asked."""
    return [_reopened(command, state, command.reason)] if isinstance(state, Resolved | Closed) else []


def _close(command: CloseTicket, state: Ticket) -> list[TicketEvent]:
    match state:
        case Closed():
            return []
        case Resolved():
            return [TicketClosed(**_of(command, state), reason=command.reason)]
        case Open() | Waiting() | Merged():
            raise TicketNotResolved("only a resolved ticket can be closed")


def _resumed(command: AddReply | ResumeTicket, state: Waiting, reason: Personal | None) -> TicketResumed:
    return record.with_deadlines(TicketResumed(**_of(command, state), reason=reason), state.case.clocks, command.levels)


def _reopened(command: AddReply | ReopenTicket, state: Resolved | Closed, reason: Personal) -> TicketReopened:
    """Reopening starts a segment of `resolution`, the one clock that a resolution leaves to go on (T3, T6)."""
    case = state.case
    segments = record.segments((case.clocks.resolution,), command.now, command.levels, case.traits)
    event = TicketReopened(**_of(command, state), reason=reason, segments=segments)
    return record.with_deadlines(event, case.clocks, command.levels)


class _Of(TypedDict):
    """What every event of a case begins with."""

    occurred_at: datetime
    ticket_id: str
    customer_id: str


def _of(command: Command, state: Ticket) -> _Of:
    opened = state.case.opened
    return {"occurred_at": command.now, "ticket_id": opened.ticket_id, "customer_id": opened.customer_id}


def _refuse_closed(state: Ticket) -> None:
    if isinstance(state, Closed):
        raise TicketIsClosed("the ticket is closed")


def _refuse_resolved(state: Ticket) -> None:
    if isinstance(state, Resolved):
        raise TicketIsResolved("the ticket is resolved; reopen it first")
