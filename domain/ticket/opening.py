"""A request becomes a case: its receipt, its first clocks, and the emergency asked for beside it."""

from datetime import datetime

from msgspec.structs import replace

from domain.business_time import BeyondCalendar, BusinessTime
from domain.clocks import record
from domain.clocks.levels import ServiceLevels
from domain.sla_policy import Traits
from domain.ticket.commands import OpenTicket
from domain.ticket.emergency import refuse_wrong_kind, requested
from domain.ticket.events import TicketEvent, TicketOpened
from domain.ticket.guards import Said
from domain.ticket.refusals import TicketExists
from domain.ticket.state import Ticket


def open_ticket(command: OpenTicket, state: Ticket | None) -> list[TicketEvent]:
    """The events of a request: the case with its first clocks, and its emergency.

    Raises TicketExists and WrongEmergencyKind; NoServiceLevels and BeyondCalendar outside the desk's settings.
    """
    if state is not None:
        asked, stands = command.emergency, state.case.asked_emergency
        same_emergency = (asked and (asked.kind, asked.symptom)) == (stands and (stands.kind, stands.symptom))
        if same_emergency and _request(state.case.opened) == _request(command):
            return []
        raise TicketExists(f"ticket {command.ticket_id} was opened with another request")
    now, levels = command.now, command.levels
    calendar = levels.desk_calendar(now)
    if command.emergency is not None:
        refuse_wrong_kind(command.emergency.kind, now, calendar, pointer="/emergency/kind")
    opened = TicketOpened(
        occurred_at=now,
        ticket_id=command.ticket_id,
        customer_id=command.customer_id,
        case_number=command.case_number,
        requester=command.requester,
        category=command.category,
        subject=command.subject,
        description=command.description,
        urgency=command.urgency,
        complexity=command.complexity,
        channel=command.channel,
        product=command.product,
        goal=command.goal,
        error=command.error,
        details_missing=command.category == "technical_error" and command.error is None,
        requested_for=command.requested_for,
        received_at=now,
        workable_from=max(now, calendar.next_opening(now)),
    )
    first = _with_first_clocks(opened, _resolution_from(command, calendar), levels)
    if command.emergency is None:
        return [first]
    said: Said = {"occurred_at": now, "ticket_id": command.ticket_id, "customer_id": command.customer_id}
    return [first, *requested(said, command.emergency, command.product)]


def _resolution_from(command: OpenTicket, calendar: BusinessTime) -> datetime:
    """Receipt, or the first opening instant on or after the date asked for if that is later (T3, R18)."""
    if command.requested_for is None:
        return command.now
    try:
        return max(command.now, calendar.next_opening(calendar.midnight(command.requested_for)))
    except BeyondCalendar as beyond:
        raise BeyondCalendar(beyond.detail, pointer="/requested_for") from None


def _request(asked: OpenTicket | TicketOpened) -> tuple[object, ...]:
    """What a request is made of: two of the same are one."""
    return (
        asked.customer_id,
        asked.case_number,
        asked.requester,
        asked.category,
        asked.subject,
        asked.description,
        asked.urgency,
        asked.complexity,
        asked.channel,
        asked.product,
        asked.goal,
        asked.error,
        asked.requested_for,
    )


def _with_first_clocks(opened: TicketOpened, resolution_from: datetime, levels: ServiceLevels) -> TicketOpened:
    traits = Traits(urgency=opened.urgency, complexity=opened.complexity, category=opened.category)
    in_force = levels.at(opened.received_at)
    begun = replace(
        opened,
        segments=(
            record.segment("first_response", 1, opened.received_at, in_force.level("first_response", traits)),
            record.segment("resolution", 1, resolution_from, in_force.level("resolution", traits)),
        ),
    )
    return record.with_deadlines(begun, None, levels)
