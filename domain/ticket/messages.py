"""What is written on a case: replies, which clocks count, and notes, which none counts (T3, T4)."""

from domain.clocks import record
from domain.personal import Personal
from domain.ticket.commands import AddNote, AddReply
from domain.ticket.events import CustomerReplied, NoteAdded, Segment, StaffReplied, TicketEvent
from domain.ticket.guards import of, refuse_closed
from domain.ticket.life import reopened
from domain.ticket.state import Resolved, Ticket, Waiting, evolve
from domain.ticket.waiting import resumed

REOPENED_BY_REPLY = Personal("The customer replied.")
"""The reason given for a case that a reply reopened."""


def reply(command: AddReply, state: Ticket) -> list[TicketEvent]:
    """A reply is taken each time it is sent: two of the same words are two messages. Raises TicketIsClosed."""
    refuse_closed(state)
    return _staff_reply(command, state) if command.author_role == "staff" else _customer_reply(command, state)


def _staff_reply(command: AddReply, state: Ticket) -> list[TicketEvent]:
    event = StaffReplied(
        **of(command, state), author=command.author, body=command.body, segments=_next_update(command, state)
    )
    return [record.with_deadlines(event, state.case.clocks, command.levels)]


def _next_update(command: AddReply, state: Ticket) -> tuple[Segment, ...]:
    """Each public reply to an emergency begins the time to the next (T3); a resolved one needs none."""
    clocks = state.case.clocks
    if clocks.periodic_update is None or clocks.periodic_update.ended_at is not None:
        return ()
    in_force = command.levels.at(command.now)
    return (record.begun(clocks, "periodic_update", command.now, in_force, state.case.traits),)


def _customer_reply(command: AddReply, state: Ticket) -> list[TicketEvent]:
    replied = CustomerReplied(
        **of(command, state), author=command.author, body=command.body, segments=_next_response(command, state)
    )
    event = record.with_deadlines(replied, state.case.clocks, command.levels)
    return [event, *_taken_up_by_customer(command, evolve(state, event))]


def _next_response(command: AddReply, state: Ticket) -> tuple[Segment, ...]:
    """The segment that starts `next_response` where the message is the oldest unanswered one (T3)."""
    clocks = state.case.clocks
    latest = clocks.next_response
    if clocks.first_response.ended_at is None or (latest is not None and latest.ended_at is None):
        return ()
    in_force = command.levels.at(command.now)
    return (record.begun(clocks, "next_response", command.now, in_force, state.case.traits),)


def _taken_up_by_customer(command: AddReply, state: Ticket) -> list[TicketEvent]:
    """The customer's reply ends the waiting for it and reopens a resolved case, and no other state (T4)."""
    match state:
        case Waiting(waiting_for="customer"):
            return [resumed(command, state, None)]
        case Resolved():
            return [reopened(command, state, REOPENED_BY_REPLY)]
        case _:
            return []


def note(command: AddNote, state: Ticket) -> list[TicketEvent]:
    """Taken each time, and in every state."""
    return [NoteAdded(**of(command, state), author_role=command.author_role, author=command.author, body=command.body)]
