"""A case as its decider needs it, folded from its events."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, overload

import msgspec
from msgspec.structs import replace

from domain.clocks import fold as clocks
from domain.personal import Personal
from domain.ticket.case import Case, Emergency, Entry, Scope, begun, decided, logged
from domain.ticket.events import (
    AlternativeProposed,
    AwaitedParty,
    CallLogged,
    CallScheduled,
    CategoryChanged,
    CauseRuled,
    ComplexityChanged,
    CustomerReminded,
    CustomerReplied,
    EmergencyAccepted,
    EmergencyDeclined,
    EmergencyRequested,
    EnhancementPlanned,
    IncidentResolutionAnnounced,
    ScopeDecided,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    TicketAssigned,
    TicketClosed,
    TicketEscalated,
    TicketEvent,
    TicketLinkedToIncident,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    UrgencyChanged,
    WaitingStarted,
    WorkCorrected,
    WorkLogged,
    WorkVoided,
)
from domain.ticket.split_merge_events import MovedEntry, TicketAbsorbed, TicketMerged, TicketSplit, TicketSplitOff


class Open(msgspec.Struct, frozen=True, gc=False):
    """The case is with staff."""

    case: Case


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """The case waits for somebody else. The customer was reminded so many times, and is next at `remind_at` (R16)."""

    case: Case
    waiting_for: AwaitedParty
    reason: Personal
    partner: str | None
    remind_at: datetime | None = None
    reminders: int = 0


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """The request is dealt with; a customer's reply reopens it."""

    case: Case
    resolution: Personal
    article: str | None


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The case is over; only staff can reopen it."""

    case: Case


class Merged(msgspec.Struct, frozen=True, gc=False):
    """Another case goes on for this one: what is asked of this one is asked of that one (R3)."""

    case: Case
    into_ticket_id: str
    into_case_number: str


Ticket = Open | Waiting | Resolved | Closed | Merged


@overload
def evolve(state: Ticket, event: TicketEvent) -> Ticket: ...
@overload
def evolve(state: Ticket | None, event: TicketEvent) -> Ticket | None: ...
def evolve(state: Ticket | None, event: TicketEvent) -> Ticket | None:
    """Fold an event; one that no decision depends on leaves the state as it is. Refuses nothing."""
    if state is None:
        return _opened(event) if type(event) is TicketOpened else None
    fold = _FOLDS.get(type(event))
    return state if fold is None else fold(state, event)


def _opened(event: TicketOpened) -> Open | None:
    running = clocks.evolve(None, event)
    return None if running is None else Open(begun(event, running))


def _with(state: Ticket, **changes: Any) -> Ticket:
    return replace(state, case=replace(state.case, **changes))


def _timed(case: Case, event: TicketEvent) -> Case:
    return replace(case, clocks=clocks.evolve(case.clocks, event))


def _on_clocks(state: Ticket, event: TicketEvent) -> Ticket:
    return replace(state, case=_timed(state.case, event))


def _assigned(state: Ticket, event: TicketAssigned) -> Ticket:
    return _with(state, assignee=event.agent)


def _escalated(state: Ticket, event: TicketEscalated) -> Ticket:
    return _with(state, escalation=(event.team, event.reason))


def _urgency_changed(state: Ticket, event: UrgencyChanged) -> Ticket:
    return _with(_on_clocks(state, event), urgency=event.urgency)


def _complexity_changed(state: Ticket, event: ComplexityChanged) -> Ticket:
    return _with(_on_clocks(state, event), complexity=event.complexity)


def _category_changed(state: Ticket, event: CategoryChanged) -> Ticket:
    return _with(_on_clocks(state, event), category=event.category)


def _emergency_requested(state: Ticket, event: EmergencyRequested) -> Ticket:
    emergency = Emergency(kind=event.kind, symptom=event.symptom)
    if state.case.opened.occurred_at == event.occurred_at and state.case.emergency is None:
        return _with(state, emergency=emergency, asked_emergency=event)
    return _with(state, emergency=emergency)


def _emergency_decided(state: Ticket, event: EmergencyAccepted | EmergencyDeclined) -> Ticket:
    """A decision on billing is an acceptance or its revision (B4); to decline a request changes no class."""
    emergency = state.case.emergency
    if emergency is None:
        return _on_clocks(state, event)
    accepted = isinstance(event, EmergencyAccepted)
    case = _timed(state.case, event)
    if accepted or case.is_emergency:
        case = decided(case)
    stands = replace(emergency, state="accepted" if accepted else "declined", reason=event.reason)
    return replace(state, case=replace(case, emergency=stands))


def _cause_ruled(state: Ticket, event: CauseRuled) -> Ticket:
    emergency = state.case.emergency
    if emergency is None:
        return state
    ruled = replace(emergency, cause=event.scope, cause_reason=event.reason)
    return replace(state, case=replace(decided(state.case), emergency=ruled))


def _scope_decided(state: Ticket, event: ScopeDecided) -> Ticket:
    return replace(state, case=replace(decided(state.case), scope=Scope(event.scope, event.reason)))


def _call(state: Ticket, event: CallScheduled | CallLogged) -> Ticket:
    case = _timed(state.case, event) if isinstance(event, CallLogged) else state.case
    return replace(state, case=replace(case, calls=(*case.calls, event)))


def _enhancement_planned(state: Ticket, event: EnhancementPlanned) -> Ticket:
    return _with(state, target_period=event.target_period)


def _alternative_proposed(state: Ticket, event: AlternativeProposed) -> Ticket:
    return _with(state, alternatives=(*state.case.alternatives, event.text))


def _linked_to_incident(state: Ticket, event: TicketLinkedToIncident) -> Ticket:
    return _with(state, incidents=(*state.case.incidents, event.incident_id))


def _resolution_announced(state: Ticket, event: IncidentResolutionAnnounced) -> Ticket:
    return _with(state, announced=(*state.case.announced, event.incident_id))


def _work_logged(state: Ticket, event: WorkLogged) -> Ticket:
    return _with(state, entries=(*state.case.entries, logged(event)))


def _work_corrected(state: Ticket, event: WorkCorrected) -> Ticket:
    return _with_entry(state, event.entry_id, duration_seconds=event.duration_seconds)


def _work_voided(state: Ticket, event: WorkVoided) -> Ticket:
    return _with_entry(state, event.entry_id, voided=True)


def _with_entry(state: Ticket, entry_id: str, **changes: Any) -> Ticket:
    def changed(entry: Entry) -> Entry:
        return replace(entry, **changes) if entry.entry_id == entry_id else entry

    return _with(state, entries=tuple([changed(entry) for entry in state.case.entries]))


def _waiting(state: Ticket, event: WaitingStarted) -> Waiting:
    """Another reason for the same party is the same waiting: what was reminded of counts on."""
    same = isinstance(state, Waiting) and state.waiting_for == event.waiting_for
    reminders = state.reminders if same and isinstance(state, Waiting) else 0
    case = _timed(state.case, event)
    return Waiting(case, event.waiting_for, event.reason, event.partner, event.remind_at, reminders)


def _reminded(state: Ticket, event: CustomerReminded) -> Ticket:
    if not isinstance(state, Waiting):
        return state
    return replace(state, remind_at=event.remind_at, reminders=event.number)


def _going_on(state: Ticket, event: TicketResumed | TicketReopened) -> Open:
    return Open(_timed(state.case, event))


def _resolved(state: Ticket, event: TicketResolved) -> Resolved:
    return Resolved(_timed(state.case, event), event.resolution, event.article)


def _closed(state: Ticket, event: TicketClosed) -> Closed:
    return Closed(_timed(state.case, event))


def _split(state: Ticket, event: TicketSplit) -> Ticket:
    return replace(state, case=_without(state.case, event.entry_ids))


def _split_off(state: Ticket, event: TicketSplitOff) -> Ticket:
    case = replace(_timed(state.case, event), entries=(*state.case.entries, *map(_moved_here, event.entries)))
    waiting = event.waiting
    if waiting is None:
        return Open(case)
    return Waiting(case, waiting.waiting_for, waiting.reason, waiting.partner, waiting.remind_at, waiting.reminders)


def _absorbed(state: Ticket, event: TicketAbsorbed) -> Ticket:
    return _with(_on_clocks(state, event), entries=(*state.case.entries, *map(_moved_here, event.entries)))


def _merged(state: Ticket, event: TicketMerged) -> Merged:
    case = _without(_timed(state.case, event), event.entry_ids)
    return Merged(case, event.into_ticket_id, event.into_case_number)


def _moved_here(entry: MovedEntry) -> Entry:
    return Entry(
        entry_id=entry.entry_id,
        agent=entry.agent,
        started_at=entry.started_at,
        logged_seconds=entry.logged_seconds,
        duration_seconds=entry.duration_seconds,
        activity=entry.activity,
        note=entry.note,
        voided=entry.voided,
        kept_class=entry.work_class,
        kept_purpose=entry.purpose,
    )


def _without(case: Case, entry_ids: tuple[str, ...]) -> Case:
    gone = frozenset(entry_ids)
    stays = tuple([entry for entry in case.entries if entry.entry_id not in gone])
    moved = [entry for entry in case.entries if entry.entry_id in gone]
    return replace(case, entries=stays, moved_away=(*case.moved_away, *moved))


_FOLDS: dict[type[TicketEvent], Callable[[Ticket, Any], Ticket]] = {
    TicketAssigned: _assigned,
    TicketEscalated: _escalated,
    UrgencyChanged: _urgency_changed,
    ComplexityChanged: _complexity_changed,
    CategoryChanged: _category_changed,
    EmergencyRequested: _emergency_requested,
    EmergencyAccepted: _emergency_decided,
    EmergencyDeclined: _emergency_decided,
    CauseRuled: _cause_ruled,
    ScopeDecided: _scope_decided,
    CallScheduled: _call,
    CallLogged: _call,
    EnhancementPlanned: _enhancement_planned,
    AlternativeProposed: _alternative_proposed,
    TicketLinkedToIncident: _linked_to_incident,
    IncidentResolutionAnnounced: _resolution_announced,
    StaffReplied: _on_clocks,
    CustomerReplied: _on_clocks,
    WaitingStarted: _waiting,
    CustomerReminded: _reminded,
    TicketResumed: _going_on,
    WorkLogged: _work_logged,
    WorkCorrected: _work_corrected,
    WorkVoided: _work_voided,
    TicketResolved: _resolved,
    TicketReopened: _going_on,
    TicketClosed: _closed,
    ServiceLevelsChanged: _on_clocks,
    ServiceLevelBreached: _on_clocks,
    TicketSplit: _split,
    TicketSplitOff: _split_off,
    TicketAbsorbed: _absorbed,
    TicketMerged: _merged,
}
