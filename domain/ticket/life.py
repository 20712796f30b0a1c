"""Who is in charge of a case, and its end: resolved, reopened, closed (R17, T4)."""

from domain.clocks import record
from domain.personal import Personal
from domain.ticket.commands import (
    AssignTicket,
    CloseTicket,
    Command,
    EscalateTicket,
    ReopenTicket,
    ResolveTicket,
)
from domain.ticket.events import (
    Segment,
    TicketAssigned,
    TicketClosed,
    TicketEscalated,
    TicketEvent,
    TicketReopened,
    TicketResolved,
)
from domain.ticket.guards import of, refuse_closed, refuse_resolved
from domain.ticket.refusals import TicketNotResolved
from domain.ticket.state import Closed, Resolved, Ticket


def assign(command: AssignTicket, state: Ticket) -> list[TicketEvent]:
    """Another agent takes over. Raises TicketIsClosed."""
    refuse_closed(state)
    if state.case.assignee == command.agent:
        return []
    return [TicketAssigned(**of(command, state), agent=command.agent)]


def escalate(command: EscalateTicket, state: Ticket) -> list[TicketEvent]:
    """Another team, or the same for another reason. Raises TicketIsClosed."""
    refuse_closed(state)
    if state.case.escalation == (command.team, command.reason):
        return []
    return [TicketEscalated(**of(command, state), team=command.team, reason=command.reason)]


def resolve(command: ResolveTicket, state: Ticket) -> list[TicketEvent]:
    """Raises TicketIsClosed, and TicketIsResolved for another resolution than that of a resolved case."""
    refuse_closed(state)
    if isinstance(state, Resolved) and (state.resolution, state.article) == (command.resolution, command.article):
        return []
    refuse_resolved(state)
    event = TicketResolved(**of(command, state), resolution=command.resolution, article=command.article)
    return [record.with_deadlines(event, state.case.clocks, command.levels)]


def reopen(command: ReopenTicket, state: Ticket) -> list[TicketEvent]:
    """A case that is with staff, or waits, is open as asked."""
    return [reopened(command, state, command.reason)] if isinstance(state, Resolved | Closed) else []


def reopened(command: Command, state: Ticket, reason: Personal) -> TicketReopened:
    """`resolution` continues in a new segment, and an emergency's updates begin anew (T3, T6)."""
    event = TicketReopened(**of(command, state), reason=reason, segments=_going_on(command, state))
    return record.with_deadlines(event, state.case.clocks, command.levels)


def _going_on(command: Command, state: Ticket) -> tuple[Segment, ...]:
    clocks, traits = state.case.clocks, state.case.traits
    resolution = record.segments([clocks.resolution], command.now, command.levels, traits)
    if not state.case.is_emergency:
        return resolution
    in_force = command.levels.at(command.now)
    return (*resolution, record.begun(clocks, "periodic_update", command.now, in_force, traits))


def close(command: CloseTicket, state: Ticket) -> list[TicketEvent]:
    """Raises TicketNotResolved."""
    match state:
        case Closed():
            return []
        case Resolved():
            return [TicketClosed(**of(command, state), reason=command.reason)]
        case _:
            raise TicketNotResolved("only a resolved ticket can be closed")
