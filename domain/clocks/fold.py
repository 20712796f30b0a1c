"""What an event of a case does to its clocks (SUPPORT_POLICY T3-T7, T9)."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, overload

from msgspec.structs import replace

from domain.business_time import whole_second
from domain.clocks.state import Breach, Clocks, EndKind, Instance, Pause, PauseReason, instance_of
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
    TicketClosed,
    TicketEvent,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    UrgencyChanged,
    WaitingStarted,
)
from domain.ticket.split_merge_events import (
    InheritedClock,
    InheritedPause,
    TicketAbsorbed,
    TicketMerged,
    TicketSplitOff,
)


@overload
def evolve(clocks: Clocks, event: TicketEvent, position: int = 0) -> Clocks: ...
@overload
def evolve(clocks: Clocks | None, event: TicketEvent, position: int = 0) -> Clocks | None: ...
def evolve(clocks: Clocks | None, event: TicketEvent, position: int = 0) -> Clocks | None:
    """Fold any event of a case. Clocks begin with `TicketOpened`; other events than those of T3-T7 change nothing.

    `position` is the event's place in the log for those who explain clocks; a decider needs none.
    """
    if clocks is None:
        return _opened(event, position) if type(event) is TicketOpened else None
    fold = _FOLDS.get(type(event))
    return clocks if fold is None else fold(clocks, event, position)


def _opened(event: TicketOpened, position: int) -> Clocks | None:
    levels_at = whole_second(event.occurred_at)
    dues = {deadline.clock: deadline.due_at for deadline in event.deadlines}
    instances = {each.clock: _begun(each, position, levels_at, dues.get(each.clock)) for each in event.segments}
    if "first_response" not in instances or "resolution" not in instances:
        return None
    return Clocks(first_response=instances["first_response"], resolution=instances["resolution"])


def _staff_replied(clocks: Clocks, event: StaffReplied, position: int) -> Clocks:
    """Staff have answered all; an emergency's next update is due from here on, where there are any (T3)."""
    at = whole_second(event.occurred_at)
    updated = _ended_if_running(_answered(clocks, at, position), "periodic_update", at, "fulfilled", position)
    return _dues(_segmented(updated, event, position, event.occurred_at), event.deadlines, position)


def _call_logged(clocks: Clocks, event: CallLogged, position: int) -> Clocks:
    """A call counts at its own instant: it answers no later message and moves no clock that has ended (T7)."""
    answered = _answered(clocks, whole_second(event.at), position)
    return _dues(_segmented(answered, event, position, event.occurred_at), event.deadlines, position)


def _customer_replied(clocks: Clocks, event: CustomerReplied, position: int) -> Clocks:
    waiting = replace(clocks, unanswered=(*clocks.unanswered, whole_second(event.occurred_at)))
    return _dues(_segmented(waiting, event, position, event.occurred_at), event.deadlines, position)


def _traits_changed(
    clocks: Clocks,
    event: UrgencyChanged | ComplexityChanged | CategoryChanged | EmergencyAccepted,
    position: int,
) -> Clocks:
    return _dues(_segmented(clocks, event, position, event.occurred_at), event.deadlines, position)


def _emergency_declined(clocks: Clocks, event: EmergencyDeclined, position: int) -> Clocks:
    """What is no emergency needs no updates as one (T3)."""
    cancelled = _ended_if_running(clocks, "periodic_update", whole_second(event.occurred_at), "cancelled", position)
    return _dues(_segmented(cancelled, event, position, event.occurred_at), event.deadlines, position)


def _waiting_started(clocks: Clocks, event: WaitingStarted, position: int) -> Clocks:
    pauses = clocks.pauses
    if pauses and pauses[-1].ended_at is None and pauses[-1].reason == event.waiting_for:
        return _dues(clocks, event.deadlines, position)
    paused = _paused(clocks, event.waiting_for, event.occurred_at, position)
    return _dues(paused, event.deadlines, position)


def _resumed(clocks: Clocks, event: TicketResumed, position: int) -> Clocks:
    return _dues(_unpaused(clocks, event.occurred_at, position), event.deadlines, position)


def _resolved(clocks: Clocks, event: TicketResolved, position: int) -> Clocks:
    at = whole_second(event.occurred_at)
    ended = _with(_answered(clocks, at, position), _ended(clocks.resolution, at, "fulfilled", position))
    ended = _ended_if_running(ended, "periodic_update", at, "fulfilled", position)
    return _dues(_paused(ended, "resolved", event.occurred_at, position), event.deadlines, position)


def _reopened(clocks: Clocks, event: TicketReopened, position: int) -> Clocks:
    resolution = replace(clocks.resolution, ended_at=None, end_kind=None, end_position=0, due_at=None, due_position=0)
    going_on = replace(
        _unpaused(clocks, event.occurred_at, position), resolution=resolution, final=False, final_position=0
    )
    return _dues(_segmented(going_on, event, position, event.occurred_at), event.deadlines, position)


def _closed(clocks: Clocks, _event: TicketClosed, position: int) -> Clocks:
    return replace(clocks, final=True, final_position=position)


def _levels_changed(clocks: Clocks, event: ServiceLevelsChanged, position: int) -> Clocks:
    return _dues(_segmented(clocks, event, position, event.effective_at), event.deadlines, position)


def _breached(clocks: Clocks, event: ServiceLevelBreached, position: int) -> Clocks:
    for instance in clocks.latest:
        if instance.clock == event.clock and instance.number == event.instance:
            breach = Breach(event.target_seconds, event.breached_at, position)
            return _with(clocks, replace(instance, breaches=(*instance.breaches, breach)))
    return clocks


def _split_off(clocks: Clocks, event: TicketSplitOff, position: int) -> Clocks:
    """What the case has of the one it was taken out of, in the place of what its opening began (T9)."""
    inherited = {each.clock: _inherited(each, position) for each in event.clocks}
    taken_over = Clocks(
        first_response=inherited.get("first_response", clocks.first_response),
        resolution=inherited.get("resolution", clocks.resolution),
        next_response=inherited.get("next_response"),
        pauses=tuple(_inherited_pause(each, position) for each in event.pauses),
        unanswered=event.unanswered,
    )
    return _dues(_segmented(taken_over, event, position, event.occurred_at), event.deadlines, position)


def _inherited(each: InheritedClock, position: int) -> Instance:
    return Instance(
        clock=each.clock,
        number=each.instance,
        segments=each.segments,
        positions=tuple(known or position for known in each.positions),
        levels_at=each.segments[-1].started_at,
        due_at=each.due_at,
        breaches=tuple(Breach(b.target_seconds, b.breached_at, b.position or position) for b in each.breaches),
        ended_at=each.ended_at,
        end_kind=None if each.ended_at is None else "fulfilled",
        due_position=0 if each.due_at is None else position,
        end_position=0 if each.ended_at is None else position,
    )


def _inherited_pause(each: InheritedPause, position: int) -> Pause:
    end_position = 0 if each.ended_at is None else each.end_position or position
    return Pause(each.reason, each.started_at, each.position or position, each.ended_at, end_position)


def _absorbed(clocks: Clocks, event: TicketAbsorbed, position: int) -> Clocks:
    """The other case's oldest unanswered message begins `next_response`, or begins it earlier (T9)."""
    waiting = replace(clocks, unanswered=event.unanswered)
    if not event.segments:
        return _dues(waiting, event.deadlines, position)
    first, running = event.segments[0], clocks.next_response
    instance = Instance(
        first.clock,
        first.instance,
        event.segments,
        (position,) * len(event.segments),
        levels_at=whole_second(event.occurred_at),
        breaches=running.breaches if running is not None and running.number == first.instance else (),
    )
    return _dues(_with(waiting, instance), event.deadlines, position)


def _merged(clocks: Clocks, event: TicketMerged, position: int) -> Clocks:
    """The other case goes on for both: what has not ended is cancelled (T9)."""
    at = whole_second(event.occurred_at)
    for instance in clocks.running:
        clocks = _with(clocks, _ended(instance, at, "cancelled", position))
    return _dues(clocks, event.deadlines, position)


_FOLDS: dict[type[TicketEvent], Callable[[Clocks, Any, int], Clocks]] = {
    StaffReplied: _staff_replied,
    CallLogged: _call_logged,
    CustomerReplied: _customer_replied,
    UrgencyChanged: _traits_changed,
    ComplexityChanged: _traits_changed,
    CategoryChanged: _traits_changed,
    EmergencyAccepted: _traits_changed,
    EmergencyDeclined: _emergency_declined,
    WaitingStarted: _waiting_started,
    TicketResumed: _resumed,
    TicketResolved: _resolved,
    TicketReopened: _reopened,
    TicketClosed: _closed,
    ServiceLevelsChanged: _levels_changed,
    ServiceLevelBreached: _breached,
    TicketSplitOff: _split_off,
    TicketAbsorbed: _absorbed,
    TicketMerged: _merged,
}


def _with(clocks: Clocks, instance: Instance) -> Clocks:
    """The clocks with an instance in the place of the latest one of its name, which is a field of its own."""
    return replace(clocks, **{instance.clock: instance})


def _ended(instance: Instance, at: datetime, kind: EndKind, position: int) -> Instance:
    if instance.ended_at is not None:
        return instance
    return replace(instance, ended_at=at, end_kind=kind, end_position=position)


def _ended_if_running(clocks: Clocks, clock: ClockName, at: datetime, kind: EndKind, position: int) -> Clocks:
    instance = instance_of(clocks, clock)
    return clocks if instance is None else _with(clocks, _ended(instance, at, kind, position))


def _answered(clocks: Clocks, at: datetime, position: int) -> Clocks:
    """All that the customer had written by `at` is answered."""
    changed: dict[str, Any] = {}
    for instance in (clocks.first_response, clocks.next_response):
        if instance is not None and instance.ended_at is None and instance.started_at <= at:
            changed[instance.clock] = _ended(instance, at, "fulfilled", position)
    if clocks.unanswered:
        later = tuple([each for each in clocks.unanswered if each > at])
        if later != clocks.unanswered:
            changed["unanswered"] = later
    return replace(clocks, **changed) if changed else clocks


def _paused(clocks: Clocks, reason: PauseReason, at: datetime, position: int) -> Clocks:
    """Begin a pause; one that holds ends there."""
    pause = Pause(reason, whole_second(at), position)
    return replace(clocks, pauses=(*_unpaused(clocks, at, position).pauses, pause))


def _unpaused(clocks: Clocks, at: datetime, position: int) -> Clocks:
    if not clocks.pauses or clocks.pauses[-1].ended_at is not None:
        return clocks
    *before, last = clocks.pauses
    ended = replace(last, ended_at=max(whole_second(at), last.started_at), end_position=position)
    return replace(clocks, pauses=(*before, ended))


def _begun(segment: Segment, position: int, levels_at: datetime, due_at: datetime | None = None) -> Instance:
    due_position = 0 if due_at is None else position
    return Instance(
        segment.clock, segment.instance, (segment,), (position,), levels_at, due_at, due_position=due_position
    )


class _Segmenting(Protocol):
    @property
    def segments(self) -> tuple[Segment, ...]: ...


def _segmented(clocks: Clocks, event: _Segmenting, position: int, at: datetime) -> Clocks:
    """Begin segments: the next of the instance named, or the first of a new instance."""
    levels_at = whole_second(at)
    for segment in event.segments:
        instance = instance_of(clocks, segment.clock)
        if instance is None or instance.number != segment.instance:
            clocks = _with(clocks, _begun(segment, position, levels_at))
            continue
        continued = replace(
            instance,
            segments=(*instance.segments, segment),
            positions=(*instance.positions, position),
            levels_at=levels_at,
            due_at=None,
            due_position=0,
        )
        clocks = _with(clocks, continued)
    return clocks


def _dues(clocks: Clocks, deadlines: Sequence[Deadline], position: int) -> Clocks:
    """Take over due instants; an instance that has ended keeps its last one, by which it is judged."""
    changed: dict[str, Instance] = {}
    for deadline in deadlines:
        instance = instance_of(clocks, deadline.clock)
        if instance is not None and instance.number == deadline.instance and instance.ended_at is None:
            changed[deadline.clock] = replace(instance, due_at=deadline.due_at, due_position=position)
    return replace(clocks, **changed) if changed else clocks
