"""Which deadlines of a case are still to be met or missed? The little of its clocks that lists and the timekeeper need.

`domain.clocks.fold` makes the whole clocks of the same events; this fold costs a tenth of that, because it takes due
instants as the events state them and forgets what has ended.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from domain.business_time import whole_second
from domain.event import Value
from domain.sla_policy import ClockName
from domain.ticket.events import (
    CallLogged,
    CategoryChanged,
    ComplexityChanged,
    CustomerReplied,
    Deadline,
    EmergencyAccepted,
    EmergencyDeclined,
    Segment,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    UrgencyChanged,
    WaitingStarted,
)
from domain.ticket.split_merge_events import TicketAbsorbed, TicketMerged, TicketSplitOff

_RESPONSES: tuple[ClockName, ...] = ("first_response", "next_response")


class PendingClock(Value, frozen=True, kw_only=True):
    """A clock's running instance, with the settings that its last segment counts by.

    `started_at` is the instance's start, or its reopening. `due_at` is left out while nothing can fall due: without a
    target, paused, or once the target is missed, which happens once (SUPPORT_POLICY T7).
    """

    clock: ClockName
    instance: int
    started_at: datetime
    target_seconds: int | None = None
    calendar: str
    calendar_version: int
    policy_version: int
    due_at: datetime | None = None


Pending = tuple[PendingClock, ...]


def begun(event: TicketOpened) -> Pending:
    """The clocks of a new case: each begins with its one segment."""
    dues = {deadline.clock: deadline.due_at for deadline in event.deadlines}
    return tuple([_clock(each, each.started_at, dues.get(each.clock)) for each in event.segments])


def follow(pending: Pending, event: object) -> Pending:
    """The clocks after an event of the case; the same object where it changes none."""
    step = _STEPS.get(type(event))
    return pending if step is None else step(pending, event)


def next_due(pending: Pending) -> PendingClock | None:
    """The clock that falls due first."""
    first: PendingClock | None = None
    earliest: datetime | None = None
    for each in pending:
        due = each.due_at
        if due is not None and (earliest is None or due < earliest):
            first, earliest = each, due
    return first


def _clock(segment: Segment, since: datetime, due_at: datetime | None = None) -> PendingClock:
    return PendingClock(
        clock=segment.clock,
        instance=segment.instance,
        started_at=since,
        target_seconds=segment.target_seconds,
        calendar=segment.calendar,
        calendar_version=segment.calendar_version,
        policy_version=segment.policy_version,
        due_at=due_at,
    )


def _segments(pending: Pending, segments: tuple[Segment, ...]) -> Pending:
    """Clocks that begin or go on in segments; of several of one clock the last counts, the first is the earliest."""
    if not segments:
        return pending
    latest = {segment.clock: segment for segment in segments}
    since = {(each.clock, each.instance): each.started_at for each in pending}
    for each in segments:
        key = (each.clock, each.instance)
        since[key] = min(each.started_at, since.get(key, each.started_at))
    others = tuple(each for each in pending if each.clock not in latest)
    return (*others, *(_clock(each, since[each.clock, each.instance]) for each in latest.values()))


def _dues(pending: Pending, deadlines: tuple[Deadline, ...]) -> Pending:
    if not deadlines:
        return pending
    changed = {deadline.clock: deadline for deadline in deadlines}
    return tuple(
        [
            msgspec.structs.replace(each, due_at=deadline.due_at)
            if (deadline := changed.get(each.clock)) is not None and deadline.instance == each.instance
            else each
            for each in pending
        ]
    )


def _opened_segments(
    pending: Pending,
    event: CustomerReplied
    | TicketReopened
    | ServiceLevelsChanged
    | UrgencyChanged
    | ComplexityChanged
    | CategoryChanged
    | EmergencyAccepted
    | TicketAbsorbed,
) -> Pending:
    return _dues(_segments(pending, event.segments), event.deadlines)


def _only_dues(pending: Pending, event: WaitingStarted | TicketResumed) -> Pending:
    return _dues(pending, event.deadlines)


def _answered(pending: Pending, event: StaffReplied) -> Pending:
    """Responses are given; an emergency's next update begins in the place of the last (T3)."""
    rest = tuple([each for each in pending if each.clock not in _RESPONSES])
    return _dues(_segments(rest, event.segments), event.deadlines)


def _called(pending: Pending, event: CallLogged) -> Pending:
    """A call is no response to what was written after it (T7)."""
    at = whole_second(event.at)
    rest = tuple(each for each in pending if each.clock not in _RESPONSES or each.started_at > at)
    return _dues(_segments(rest, event.segments), event.deadlines)


def _declined(pending: Pending, event: EmergencyDeclined) -> Pending:
    """What is no emergency needs no updates as one (T3)."""
    rest = tuple(each for each in pending if each.clock != "periodic_update")
    return _dues(_segments(rest, event.segments), event.deadlines)


def _resolved(_pending: Pending, _event: TicketResolved) -> Pending:
    """Nothing falls due while a case is resolved; what goes on after it begins a segment at reopening (T6)."""
    return ()


def _breached(pending: Pending, event: ServiceLevelBreached) -> Pending:
    return tuple(
        msgspec.structs.replace(each, due_at=None)
        if each.clock == event.clock and each.instance == event.instance
        else each
        for each in pending
    )


def _split_off(_pending: Pending, event: TicketSplitOff) -> Pending:
    """The clocks that go on from another case, each in a segment of its own (T9)."""
    since = {each.clock: each.segments[0].started_at for each in event.clocks}
    clocks = tuple(_clock(each, since.get(each.clock, each.started_at)) for each in event.segments)
    return _dues(clocks, event.deadlines)


def _merged(_pending: Pending, _event: TicketMerged) -> Pending:
    """Its clocks are cancelled (T9)."""
    return ()


_STEPS: dict[type, Callable[[Pending, Any], Pending]] = {
    StaffReplied: _answered,
    CallLogged: _called,
    CustomerReplied: _opened_segments,
    UrgencyChanged: _opened_segments,
    ComplexityChanged: _opened_segments,
    CategoryChanged: _opened_segments,
    EmergencyAccepted: _opened_segments,
    EmergencyDeclined: _declined,
    WaitingStarted: _only_dues,
    TicketResumed: _only_dues,
    TicketResolved: _resolved,
    TicketReopened: _opened_segments,
    ServiceLevelsChanged: _opened_segments,
    ServiceLevelBreached: _breached,
    TicketSplitOff: _split_off,
    TicketAbsorbed: _opened_segments,
    TicketMerged: _merged,
}
