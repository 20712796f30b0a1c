"""What becomes of a command on a case."""

from datetime import datetime
from heapq import merge
from typing import assert_never

from domain.clocks import record
from domain.clocks.levels import ServiceLevels
from domain.ticket import (
    calls,
    emergency,
    enhancement,
    incident_link,
    life,
    messages,
    traits,
    waiting,
    work,
)
from domain.ticket.commands import (
    AddNote,
    AddReply,
    AnnounceIncidentResolution,
    AssignTicket,
    CaseCommand,
    CloseTicket,
    CorrectWork,
    DecideEmergency,
    DecideScope,
    EscalateTicket,
    LinkIncident,
    LogCall,
    LogWork,
    OpenTicket,
    PlanEnhancement,
    ProposeAlternative,
    RecordDue,
    ReopenTicket,
    RequestEmergency,
    ResolveTicket,
    ResumeTicket,
    RuleCause,
    ScheduleCall,
    SetCategory,
    SetComplexity,
    SetUrgency,
    TicketCommand,
    VoidWork,
    WaitForCustomer,
    WaitForPartner,
)
from domain.ticket.events import CustomerReminded, ServiceLevelBreached, ServiceLevelsChanged, TicketEvent
from domain.ticket.opening import open_ticket
from domain.ticket.refusals import TicketIsMerged, TicketNotOpened
from domain.ticket.state import Merged, Ticket, evolve

_FallenDue = ServiceLevelsChanged | ServiceLevelBreached | CustomerReminded


def decide(command: TicketCommand, state: Ticket | None) -> list[TicketEvent]:
    """Return the events that a command leads to, first of them what fell due before it (T6, T7).

    A repeat of a request leads to nothing of its own. Raises a Refusal of `domain.ticket.refusals`, and for an instant
    outside the desk's settings NoServiceLevels or BeyondCalendar.
    """
    if isinstance(command, OpenTicket):
        return open_ticket(command, state)
    if state is None:
        raise TicketNotOpened("the ticket has not been opened")
    if isinstance(state, Merged):
        if isinstance(command, RecordDue):
            return []
        raise TicketIsMerged(f"the ticket was merged into {state.into_case_number}")
    fallen_due = catch_up(state, command.now, command.levels)
    for event in fallen_due:
        state = evolve(state, event)
    return [*fallen_due, *_decide(command, state)]


def catch_up(state: Ticket, now: datetime, levels: ServiceLevels) -> list[TicketEvent]:
    """What happened to the case by itself before `now` and is not recorded yet, in time order (R16, T6, T7)."""
    case = state.case
    of_clocks = record.fell_due(case.clocks, now, levels, case.traits, (case.ticket_id, case.customer_id))
    return [*merge(of_clocks, waiting.reminders_due(state, now, levels), key=_happened)]


def _happened(event: _FallenDue) -> tuple[datetime, bool]:
    """When it happened; a due instant is missed only once it has passed, a reminder is due at its own."""
    match event:
        case ServiceLevelsChanged():
            return event.effective_at, False
        case CustomerReminded():
            return event.due_at, False
        case ServiceLevelBreached():
            return event.breached_at, True


def _decide(command: CaseCommand, state: Ticket) -> list[TicketEvent]:  # noqa: PLR0912 - a line a command
    match command:
        case AssignTicket():
            return life.assign(command, state)
        case EscalateTicket():
            return life.escalate(command, state)
        case SetUrgency():
            return traits.set_urgency(command, state)
        case SetComplexity():
            return traits.set_complexity(command, state)
        case SetCategory():
            return traits.set_category(command, state)
        case RequestEmergency():
            return emergency.request(command, state)
        case DecideEmergency():
            return emergency.decide_emergency(command, state)
        case RuleCause():
            return emergency.rule_cause(command, state)
        case AddReply():
            return messages.reply(command, state)
        case AddNote():
            return messages.note(command, state)
        case WaitForCustomer():
            return waiting.wait(command, state, "customer", None)
        case WaitForPartner():
            return waiting.wait(command, state, "partner", command.partner)
        case ResumeTicket():
            return waiting.resume(command, state)
        case ScheduleCall():
            return calls.schedule(command, state)
        case LogCall():
            return calls.log(command, state)
        case PlanEnhancement():
            return enhancement.plan(command, state)
        case ProposeAlternative():
            return enhancement.propose_alternative(command, state)
        case LinkIncident():
            return incident_link.link(command, state)
        case AnnounceIncidentResolution():
            return incident_link.announce_resolution(command, state)
        case LogWork():
            return work.log(command, state)
        case CorrectWork():
            return work.correct(command, state)
        case VoidWork():
            return work.void(command, state)
        case DecideScope():
            return work.decide_scope(command, state)
        case ResolveTicket():
            return life.resolve(command, state)
        case ReopenTicket():
            return life.reopen(command, state)
        case CloseTicket():
            return life.close(command, state)
        case RecordDue():
            return []
        case _ as never:
            assert_never(never)
