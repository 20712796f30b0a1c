"""Wishes that take weeks or months, and what is offered in their place (R20)."""

from domain.ticket.commands import PlanEnhancement, ProposeAlternative
from domain.ticket.events import AlternativeProposed, EnhancementPlanned, TicketEvent
from domain.ticket.guards import of, refuse_closed
from domain.ticket.state import Ticket


def plan(command: PlanEnhancement, state: Ticket) -> list[TicketEvent]:
    """Put it on the roadmap, or move it there. Raises TicketIsClosed."""
    refuse_closed(state)
    if state.case.target_period == command.target_period:
        return []
    return [EnhancementPlanned(**of(command, state), target_period=command.target_period)]


def propose_alternative(command: ProposeAlternative, state: Ticket) -> list[TicketEvent]:
    """Offer another way, each once. Raises TicketIsClosed."""
    refuse_closed(state)
    if command.text in state.case.alternatives:
        return []
    return [AlternativeProposed(**of(command, state), text=command.text)]
