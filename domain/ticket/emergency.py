"""Emergency support: asked for, granted or declined, and whose fault the cause was (R10-R14, R25)."""

from datetime import datetime

from msgspec.structs import replace

from domain.business_time import BusinessTime
from domain.clocks import record
from domain.personal import Personal
from domain.ticket.case import keeps_classes
from domain.ticket.commands import DecideEmergency, EmergencyRequest, RequestEmergency, RuleCause
from domain.ticket.events import (
    CauseRuled,
    EmergencyAccepted,
    EmergencyDeclined,
    EmergencyKind,
    EmergencyRequested,
    Segment,
    TicketEvent,
)
from domain.ticket.guards import Said, of, refuse_closed, refuse_resolved
from domain.ticket.refusals import (
    CauseIsRuled,
    EmergencyNotAccepted,
    EmergencyNotEligible,
    EmergencyNotRequested,
    EmergencyStands,
    WrongEmergencyKind,
)
from domain.ticket.state import Closed, Resolved, Ticket

NEVER_ELIGIBLE = ("boost", "hub")
"""Products that emergency support never covers (R10)."""

NOT_ELIGIBLE = Personal("Emergency support is never for Boost or Hub.")
"""Why an emergency is declined at once (R10)."""


def refuse_wrong_kind(kind: EmergencyKind, now: datetime, calendar: BusinessTime, *, pointer: str) -> None:
    """Emergency support has one form for each hour of the desk's calendar, whatever the product (R13).

    Raises WrongEmergencyKind.
    """
    right: EmergencyKind = "business_hours" if calendar.is_open(now) else "after_hours"
    if kind != right:
        raise WrongEmergencyKind(kind, right, pointer=pointer)


def requested(
    said: Said, asked: EmergencyRequest | RequestEmergency, product: str | None
) -> list[EmergencyRequested | EmergencyDeclined]:
    """The request, which staff will decide; for Boost and Hub it is declined at once (R10)."""
    event = EmergencyRequested(**said, kind=asked.kind, symptom=asked.symptom)
    return [event, EmergencyDeclined(**said, reason=NOT_ELIGIBLE)] if product in NEVER_ELIGIBLE else [event]


def request(command: RequestEmergency, state: Ticket) -> list[TicketEvent]:
    """An open case turns out to be an emergency. One that was declined can be asked for anew.

    Raises TicketIsClosed, TicketIsResolved, WrongEmergencyKind, and EmergencyStands while another stands.
    """
    product = state.case.opened.product
    stands = state.case.emergency
    open_to_another = stands is None or (stands.state == "declined" and product not in NEVER_ELIGIBLE)
    if not open_to_another and stands is not None and (stands.kind, stands.symptom) == (command.kind, command.symptom):
        return []
    refuse_closed(state)
    refuse_resolved(state)
    refuse_wrong_kind(command.kind, command.now, command.levels.desk_calendar(command.now), pointer="/kind")
    if stands is not None and stands.state != "declined":
        raise EmergencyStands(f"an emergency, {stands.kind}: {stands.symptom}, is {stands.state} on the ticket")
    return [*requested(of(command, state), command, product)]


def decide_emergency(command: DecideEmergency, state: Ticket) -> list[TicketEvent]:
    """Grant or decline, also the other way round, until the cause is ruled (R11); work goes by it in every state.

    Raises EmergencyNotRequested, EmergencyNotEligible and CauseIsRuled.
    """
    case, emergency = state.case, state.case.emergency
    if emergency is None:
        raise EmergencyNotRequested("no emergency was asked for on the ticket")
    decision = "accepted" if command.accepted else "declined"
    settled = not (command.accepted and keeps_classes(case))
    if (emergency.state, emergency.reason) == (decision, command.reason) and settled:
        return []
    if command.accepted and case.opened.product in NEVER_ELIGIBLE:
        raise EmergencyNotEligible(f"emergency support is never for {case.opened.product}", pointer="/accepted")
    if emergency.cause is not None:
        raise CauseIsRuled(f"the cause was ruled {emergency.cause}")
    return [_accepted(command, state) if command.accepted else _declined(command, state)]


def _accepted(command: DecideEmergency, state: Ticket) -> EmergencyAccepted:
    clocks, traits = state.case.clocks, replace(state.case.traits, emergency=True)
    segments = record.changed(clocks, command.now, command.levels, state.case.traits, traits)
    if not (state.case.is_emergency or isinstance(state, Resolved | Closed)):
        in_force = command.levels.at(command.now)
        segments = (*segments, record.begun(clocks, "periodic_update", command.now, in_force, traits))
    event = EmergencyAccepted(**of(command, state), reason=command.reason, segments=segments)
    return record.with_deadlines(event, clocks, command.levels)


def _declined(command: DecideEmergency, state: Ticket) -> EmergencyDeclined:
    clocks, traits = state.case.clocks, replace(state.case.traits, emergency=False)
    segments: tuple[Segment, ...] = tuple(
        each
        for each in record.changed(clocks, command.now, command.levels, state.case.traits, traits)
        if each.clock != "periodic_update"  # it is cancelled
    )
    event = EmergencyDeclined(**of(command, state), reason=command.reason, segments=segments)
    return record.with_deadlines(event, clocks, command.levels)


def rule_cause(command: RuleCause, state: Ticket) -> list[TicketEvent]:
    """Say whether the cause was inside the agreement, in every state; may be revised (R14, R25).

    Raises EmergencyNotAccepted.
    """
    emergency = state.case.emergency
    if emergency is None or emergency.state != "accepted":
        raise EmergencyNotAccepted("the cause of an emergency is ruled once it was accepted")
    ruled = (emergency.cause, emergency.cause_reason)
    if ruled == (command.scope, command.reason) and not keeps_classes(state.case):
        return []
    return [CauseRuled(**of(command, state), scope=command.scope, reason=command.reason)]
