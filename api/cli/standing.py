"""A case as its events up to an instant tell it, for those who ask from a shell."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from commands.application import CaselogApplication
from commands.errors import UnknownTicket
from domain.recorded import RecordedEvent
from domain.ticket.events import TicketEvent
from domain.ticket.state import Closed, Merged, Open, Resolved, Ticket, Waiting, evolve


def events_of(application: CaselogApplication, case: str, as_of: datetime | None) -> list[RecordedEvent]:
    """Return what had happened to a case (its number or its id) by an instant. Raises UnknownTicket."""
    stream_id = application.event_log.holder("case_number", case) or f"ticket-{case}"
    recorded = [each for each in application.read(stream_id) if as_of is None or each.event.occurred_at <= as_of]
    if not recorded:
        moment = "" if as_of is None else f" at {as_of.isoformat()}"
        raise UnknownTicket(f"there was no case {case}{moment}" if moment else f"there is no case {case}")
    return recorded


def standing(recorded: Sequence[RecordedEvent], zone: ZoneInfo) -> str:
    """Tell in three lines how the case stood after its events. Raises UnknownTicket where they are none of a case."""
    state: Ticket | None = None
    for each in recorded:
        if isinstance(each.event, TicketEvent):
            state = evolve(state, each.event)
    if state is None:
        raise UnknownTicket(f"{recorded[0].originator_id} holds no case")
    opened = state.case.opened
    worked = sum(entry.duration_seconds for entry in state.case.entries if not entry.voided)
    received = opened.received_at.astimezone(zone)
    return (
        f"{opened.case_number}  {opened.subject.text}\n"
        f"  {_status(state)}, {state.case.urgency} urgency, {state.case.category}, customer {opened.customer_id}\n"
        f"  received {received:%Y-%m-%d %H:%M:%S %Z}, assigned to {state.case.assignee or 'nobody'}, "
        f"{worked // 60} min worked, version {recorded[-1].originator_version}\n"
    )


def _status(state: Ticket) -> str:
    match state:
        case Open():
            return "open"
        case Waiting():
            return f"waiting for the {state.waiting_for}"
        case Resolved():
            return "resolved"
        case Closed():
            return "closed"
        case Merged():
            return f"merged into {state.into_case_number}"
