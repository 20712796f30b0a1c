"""A case as its events up to an instant tell it, for those who ask from a shell."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from api.case_file import stood
from api.cli.words.instants import clock_time
from commands.application import CaselogApplication
from commands.errors import UnknownTicket
from domain.recorded import RecordedEvent
from domain.ticket.events import TicketEvent
from domain.ticket.state import Closed, Merged, Open, Resolved, Ticket, Waiting, evolve
from projections.moment import Moment
from projections.wording import spoken


def events_of(application: CaselogApplication, case: str, moment: Moment) -> list[RecordedEvent]:
    """Return what had happened to a case (its number or its id) by a moment. Raises UnknownTicket."""
    stream_id = application.event_log.holder("case_number", case) or f"ticket-{case}"
    return stood(application.read(stream_id), case, moment)


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
    return (
        f"{opened.case_number}  {opened.subject.text}\n"
        f"  {_status(state)}, {state.case.urgency} urgency, {state.case.category}, customer {opened.customer_id}\n"
        f"  received {clock_time(opened.received_at, zone)}, assigned to {state.case.assignee or 'nobody'}, "
        f"{spoken(worked)} worked, version {recorded[-1].originator_version}\n"
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
