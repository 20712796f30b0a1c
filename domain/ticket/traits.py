"""How urgent, how complex, about what: each is part of what the targets of a case depend on (R2, R8, R19, T6)."""

from msgspec.structs import replace

from domain.clocks import record
from domain.sla_policy import Traits
from domain.ticket.commands import Command, SetCategory, SetComplexity, SetUrgency
from domain.ticket.events import CategoryChanged, ComplexityChanged, Segment, TicketEvent, UrgencyChanged
from domain.ticket.guards import of, refuse_closed
from domain.ticket.state import Ticket


def set_urgency(command: SetUrgency, state: Ticket) -> list[TicketEvent]:
    """Raises TicketIsClosed."""
    refuse_closed(state)
    if state.case.urgency == command.urgency:
        return []
    segments = _segments(command, state, replace(state.case.traits, urgency=command.urgency))
    event = UrgencyChanged(**of(command, state), urgency=command.urgency, segments=segments)
    return [record.with_deadlines(event, state.case.clocks, command.levels)]


def set_complexity(command: SetComplexity, state: Ticket) -> list[TicketEvent]:
    """Raises TicketIsClosed."""
    refuse_closed(state)
    if state.case.complexity == command.complexity:
        return []
    segments = _segments(command, state, replace(state.case.traits, complexity=command.complexity))
    event = ComplexityChanged(**of(command, state), complexity=command.complexity, segments=segments)
    return [record.with_deadlines(event, state.case.clocks, command.levels)]


def set_category(command: SetCategory, state: Ticket) -> list[TicketEvent]:
    """Raises TicketIsClosed."""
    refuse_closed(state)
    if state.case.category == command.category:
        return []
    segments = _segments(command, state, replace(state.case.traits, category=command.category))
    event = CategoryChanged(**of(command, state), category=command.category, segments=segments)
    return [record.with_deadlines(event, state.case.clocks, command.levels)]


def _segments(command: Command, state: Ticket, traits: Traits) -> tuple[Segment, ...]:
    """While a case is resolved none of its clocks runs; reopening takes its traits as they are then (T6)."""
    return record.changed(state.case.clocks, command.now, command.levels, state.case.traits, traits)
