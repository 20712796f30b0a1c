"""A case as its decider needs it, folded from its events."""

from collections.abc import Callable
from typing import Any, overload

import msgspec

from domain.clocks import state as clocks
from domain.clocks.state import Clocks
from domain.personal import Personal
from domain.sla_policy import Traits
from domain.ticket.events import (
    AwaitedParty,
    Category,
    CustomerReplied,
    EmergencyRequested,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    TicketAssigned,
    TicketClosed,
    TicketEvent,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
    WorkLogged,
)


class Case(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What every case has, whatever its state. `entries` are its work entries as logged.

    `opened` and `emergency` are kept as they were asked for: a request that comes again is compared with them.
    """

    opened: TicketOpened
    clocks: Clocks
    assignee: str | None = None
    emergency: EmergencyRequested | None = None
    entries: tuple[WorkLogged, ...] = ()

    @property
    def ticket_id(self) -> str:
        """The case's id."""
        return self.opened.ticket_id

    @property
    def customer_id(self) -> str:
        """Whose case it is."""
        return self.opened.customer_id

    @property
    def category(self) -> Category:
        """What the request is about."""
        return self.opened.category

    @property
    def traits(self) -> Traits:
        """What the case's targets depend on."""
        opened = self.opened
        return Traits(urgency=opened.urgency, complexity=opened.complexity, category=opened.category)


class Open(msgspec.Struct, frozen=True, gc=False):
    """The case is with staff."""

    case: Case


class Waiting(msgspec.Struct, frozen=True, gc=False):
    """The case waits for somebody else."""

    case: Case
    waiting_for: AwaitedParty
    reason: Personal
    partner: str | None


class Resolved(msgspec.Struct, frozen=True, gc=False):
    """The request is dealt with; a customer's reply reopens it."""

    case: Case
    resolution: Personal
    article: str | None


class Closed(msgspec.Struct, frozen=True, gc=False):
    """The case is over; only staff can reopen it."""

    case: Case


Ticket = Open | Waiting | Resolved | Closed


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
    begun = clocks.evolve(None, event)
    return None if begun is None else Open(Case(opened=event, clocks=begun))


def _with_case(state: Ticket, case: Case) -> Ticket:
    match state:
        case Open():
            return Open(case)
        case Waiting():
            return Waiting(case, state.waiting_for, state.reason, state.partner)
        case Resolved():
            return Resolved(case, state.resolution, state.article)
        case Closed():
            return Closed(case)


def _timed(case: Case, event: TicketEvent) -> Case:
    return Case(
        opened=case.opened,
        clocks=clocks.evolve(case.clocks, event),
        assignee=case.assignee,
        emergency=case.emergency,
        entries=case.entries,
    )


def _on_clocks(state: Ticket, event: TicketEvent) -> Ticket:
    return _with_case(state, _timed(state.case, event))


def _assigned(state: Ticket, event: TicketAssigned) -> Ticket:
    return _with_case(state, msgspec.structs.replace(state.case, assignee=event.agent))


def _emergency_requested(state: Ticket, event: EmergencyRequested) -> Ticket:
    return _with_case(state, msgspec.structs.replace(state.case, emergency=event))


def _work_logged(state: Ticket, event: WorkLogged) -> Ticket:
    case = state.case
    logged = Case(
        opened=case.opened,
        clocks=case.clocks,
        assignee=case.assignee,
        emergency=case.emergency,
        entries=(*case.entries, event),
    )
    return _with_case(state, logged)


def _waiting(state: Ticket, event: WaitingStarted) -> Waiting:
    return Waiting(_timed(state.case, event), event.waiting_for, event.reason, event.partner)


def _going_on(state: Ticket, event: TicketResumed | TicketReopened) -> Open:
    return Open(_timed(state.case, event))


def _resolved(state: Ticket, event: TicketResolved) -> Resolved:
    return Resolved(_timed(state.case, event), event.resolution, event.article)


def _closed(state: Ticket, event: TicketClosed) -> Closed:
    return Closed(_timed(state.case, event))


_FOLDS: dict[type[TicketEvent], Callable[[Ticket, Any], Ticket]] = {
    EmergencyRequested: _emergency_requested,
    TicketAssigned: _assigned,
    StaffReplied: _on_clocks,
    CustomerReplied: _on_clocks,
    WaitingStarted: _waiting,
    TicketResumed: _going_on,
    WorkLogged: _work_logged,
    TicketResolved: _resolved,
    TicketReopened: _going_on,
    TicketClosed: _closed,
    ServiceLevelsChanged: _on_clocks,
    ServiceLevelBreached: _on_clocks,
}
