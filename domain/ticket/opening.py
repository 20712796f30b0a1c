"""A request becomes a case: its receipt, its first clocks, and the emergency asked for beside it."""

from datetime import datetime

from msgspec.structs import replace

from domain.business_time import BeyondCalendar, BusinessTime
from domain.clocks import record
from domain.clocks.levels import ServiceLevels
from domain.personal import Personal
from domain.sla_policy import Traits
from domain.ticket.commands import OpenTicket
from domain.ticket.events import (
    EmergencyDeclined,
    EmergencyKind,
    EmergencyRequested,
    TicketEvent,
    TicketOpened,
)
from domain.ticket.refusals import TicketExists, WrongEmergencyKind
from domain.ticket.state import Ticket

NEVER_ELIGIBLE = ("boost", "hub")
"""Products that emergency support never covers (R10)."""

NOT_ELIGIBLE = Personal("Emergency support is never for Boost or Hub.")
"""Why an emergency is declined at once (R10)."""


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
    _refuse_wrong_kind(command, calendar)
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
    return [_with_first_clocks(opened, _resolution_from(command, calendar), levels), *_emergency(command)]


def _refuse_wrong_kind(command: OpenTicket, calendar: BusinessTime) -> None:
    """Emergency support has one form for each hour of the desk's calendar, whatever the product (R13)."""
    if command.emergency is None:
        return
    right: EmergencyKind = "business_hours" if calendar.is_open(command.now) else "after_hours"
    if command.emergency.kind != right:
        raise WrongEmergencyKind(command.emergency.kind, right)


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


def _emergency(command: OpenTicket) -> list[TicketEvent]:
    """The emergency asked for beside the request; for Boost and Hub it is declined at once (R10)."""
    if command.emergency is None:
        return []
    now, ticket_id, customer_id = command.now, command.ticket_id, command.customer_id
    requested = EmergencyRequested(
        occurred_at=now,
        ticket_id=ticket_id,
        customer_id=customer_id,
        kind=command.emergency.kind,
        symptom=command.emergency.symptom,
    )
    if command.product not in NEVER_ELIGIBLE:
        return [requested]
    declined = EmergencyDeclined(occurred_at=now, ticket_id=ticket_id, customer_id=customer_id, reason=NOT_ELIGIBLE)
    return [requested, declined]
