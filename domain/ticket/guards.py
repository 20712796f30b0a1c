"""What deciders of a case share: what every event says, and refusals by the state of the case."""

from datetime import datetime
from typing import TypedDict

from domain.ticket.commands import Command
from domain.ticket.refusals import TicketIsClosed, TicketIsResolved
from domain.ticket.state import Closed, Resolved, Ticket


class Said(TypedDict):
    """What every event of a case says."""

    occurred_at: datetime
    ticket_id: str
    customer_id: str


def of(command: Command, state: Ticket) -> Said:
    """When the command was decided, on which case, and whose that is."""
    opened = state.case.opened
    return {"occurred_at": command.now, "ticket_id": opened.ticket_id, "customer_id": opened.customer_id}


def refuse_closed(state: Ticket) -> None:
    """Raise TicketIsClosed."""
    if isinstance(state, Closed):
        raise TicketIsClosed("the ticket is closed")


def refuse_resolved(state: Ticket) -> None:
    """Raise TicketIsResolved."""
    if isinstance(state, Resolved):
        raise TicketIsResolved("the ticket is resolved; reopen it first")
