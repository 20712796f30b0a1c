"""Phone calls with the customer: arranged, and counted when they took place (R7, T3, T7)."""

from msgspec.structs import replace

from domain.clocks import record
from domain.clocks.fold import evolve
from domain.ticket.commands import LogCall, ScheduleCall
from domain.ticket.events import CallLogged, CallScheduled, Segment, TicketEvent
from domain.ticket.guards import of, refuse_closed
from domain.ticket.refusals import CallBeforeReceipt, CallInFuture
from domain.ticket.state import Ticket


def schedule(command: ScheduleCall, state: Ticket) -> list[TicketEvent]:
    """Arrange a call. Raises TicketIsClosed."""
    refuse_closed(state)
    event = CallScheduled(**of(command, state), at=command.at, with_whom=command.with_whom, note=command.note)
    return [] if _is_known(event, state) else [event]


def log(command: LogCall, state: Ticket) -> list[TicketEvent]:
    """Record a call in every state: it is a fact, and its own instant decides what it answers (T7).

    Raises CallBeforeReceipt and CallInFuture.
    """
    event = CallLogged(**of(command, state), at=command.at, with_whom=command.with_whom, note=command.note)
    if _is_known(event, state):
        return []
    received_at = state.case.opened.received_at
    if command.at < received_at:
        raise CallBeforeReceipt(f"the request was received later, {received_at.isoformat()}")
    if command.at > command.now:
        raise CallInFuture(f"a call takes place by now, {command.now.isoformat()}")
    event = replace(event, segments=_next_response(command, event, state))
    return [record.with_deadlines(event, state.case.clocks, command.levels)]


def _next_response(command: LogCall, event: CallLogged, state: Ticket) -> tuple[Segment, ...]:
    """The segment that starts `next_response` from the oldest message that the call came too early to answer (T3).

    It counts by the settings in force now: the clock is known of from now on.
    """
    after = evolve(state.case.clocks, event)
    latest = after.next_response
    running = latest is not None and latest.ended_at is None
    if not after.unanswered or after.first_response.ended_at is None or running:
        return ()
    in_force = command.levels.at(command.now)
    return (record.begun(after, "next_response", after.unanswered[0], in_force, state.case.traits),)


def _is_known(event: CallScheduled | CallLogged, state: Ticket) -> bool:
    """Whether the same call, by its instant, people and note, stands already."""
    facts = (event.at, event.with_whom, event.note)
    return any(type(each) is type(event) and (each.at, each.with_whom, each.note) == facts for each in state.case.calls)
