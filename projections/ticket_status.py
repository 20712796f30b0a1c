"""What is the status of a case? What `ticket` and `queue` both show of it."""

from typing import Literal

from domain.ticket.events import WaitingStarted
from domain.ticket.split_merge_events import InheritedWaiting, TicketAbsorbed, TicketSplitOff

TicketStatus = Literal["new", "open", "waiting_customer", "waiting_partner", "resolved", "closed", "merged"]


def touched(status: TicketStatus) -> TicketStatus:
    """The status once staff have done something: a case is new until first assigned, answered or worked on."""
    return "open" if status == "new" else status


def waiting_status(event: WaitingStarted | InheritedWaiting) -> TicketStatus:
    """The status that says whom a case waits for."""
    return "waiting_customer" if event.waiting_for == "customer" else "waiting_partner"


def split_off_status(status: TicketStatus, event: TicketSplitOff) -> TicketStatus:
    """The status of a case taken out of another: it waits where that one does, and staff have begun where they had."""
    if event.waiting is not None:
        return waiting_status(event.waiting)
    answered = any(each.ended_at is not None for each in event.clocks)
    return touched(status) if answered or event.entries else status


def absorbed_status(status: TicketStatus, event: TicketAbsorbed) -> TicketStatus:
    """The status of a case that goes on for another: it was worked on where that one was."""
    return touched(status) if event.entries else status
