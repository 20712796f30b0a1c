"""What a clock shows at an instant, and why: state, verdict, and each stretch of time by its kind (T4, T7, T8)."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from domain.business_time import SpanKind, whole_second
from domain.clocks.arithmetic import due_at, elapsed_seconds
from domain.clocks.fold import evolve
from domain.clocks.levels import Calendars
from domain.clocks.state import Clocks, Instance, Pause, PauseReason
from domain.event import Value
from domain.sla_policy import ClockName
from domain.ticket.events import CallLogged, Segment, StaffReplied, TicketEvent
from domain.ticket.split_merge_events import TicketSplitOff

ClockState = Literal["cancelled", "fulfilled", "breached", "not_started", "paused", "out_of_hours", "running"]
Verdict = Literal["met", "breached"]


class History(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The clocks with all their former instances, in the order they began."""

    clocks: Clocks
    former: tuple[Instance, ...] = ()


class Stretch(Value, frozen=True, kw_only=True, rename={"start": "from", "end": "to"}):
    """Time of one kind within one segment. `positions` are those of the events that began it.

    A pause is told before a holiday, a holiday before closed hours. `seconds` is real time. A change of kind that no
    event made (an opening, a closing, a midnight) goes by the event that began the time it lies in.
    """

    start: datetime
    end: datetime
    kind: SpanKind | Literal["paused"]
    seconds: int
    reason: PauseReason | None = None
    target_seconds: int | None = None
    calendar: str
    calendar_version: int
    policy_version: int
    positions: tuple[int, ...]


class Reading(Value, frozen=True, kw_only=True):
    """One instance of a clock at an instant. `why` tiles the time from its start to then, or to its end.

    `remaining_seconds` is negative once the target is overrun. Without a target there is neither due nor verdict.
    `figure_positions` are the events behind each figure that is there, `positions` all of them, with those behind that
    nothing is due.
    """

    clock: ClockName
    instance: int
    state: ClockState
    started_at: datetime
    ended_at: datetime | None = None
    target_seconds: int | None = None
    calendar: str
    policy_version: int
    elapsed_seconds: int
    remaining_seconds: int | None = None
    due_at: datetime | None = None
    verdict: Verdict | None = None
    breached_at: datetime | None = None
    why: tuple[Stretch, ...]
    positions: tuple[int, ...]
    figure_positions: dict[str, tuple[int, ...]]


def evolve_history(history: History | None, event: TicketEvent, position: int) -> History | None:
    """Fold any event of a case at its position in the log, keeping the instances that later ones replace."""
    clocks = evolve(None if history is None else history.clocks, event, position)
    if clocks is None or history is None:
        return None if clocks is None else History(clocks)
    if clocks is history.clocks:
        return history
    if not isinstance(event, TicketSplitOff) and not getattr(event, "segments", ()):
        return History(clocks, history.former)  # no instance begins: none is replaced
    numbers = {each.clock: each.number for each in clocks.latest}
    ended = _before_new_instances(history.clocks, event, position)
    replaced = tuple(each for each in ended.latest if each.number != numbers[each.clock])
    return History(clocks, history.former + replaced)


def _before_new_instances(clocks: Clocks, event: TicketEvent, position: int) -> Clocks:
    """The clocks once the event has ended what it ends: an answer can end one instance and begin the next."""
    if isinstance(event, StaffReplied | CallLogged):
        return evolve(clocks, replace(event, segments=(), deadlines=()), position)
    return clocks


def readings(history: History, calendars: Calendars, now: datetime) -> list[Reading]:
    """Every instance of every clock as of `now`, clock by clock, each in the order of its numbers.

    `now` is not before the last event folded. `calendars` has each version that a segment names.
    """
    clocks = history.clocks
    return [
        reading(each, clocks, calendars, now)
        for latest in clocks.latest
        for each in (*(former for former in history.former if former.clock == latest.clock), latest)
    ]


def reading(instance: Instance, clocks: Clocks, calendars: Calendars, now: datetime) -> Reading:
    """One instance as of `now`."""
    pauses = clocks.pauses_of(instance.clock)
    until = whole_second(now)
    elapsed = elapsed_seconds(instance, pauses, calendars, until)
    segment = instance.segments[-1]
    stretches = tuple(why(instance, pauses, calendars, until))
    due, judged = _due(instance, pauses, calendars), verdict(instance, final=clocks.final)
    figures = _figure_positions(instance, pauses, clocks, stretches, due=due, judged=judged)
    return Reading(
        clock=instance.clock,
        instance=instance.number,
        state=state_at(instance, pauses, calendars, until),
        started_at=instance.started_at,
        ended_at=instance.ended_at,
        target_seconds=segment.target_seconds,
        calendar=segment.calendar,
        policy_version=segment.policy_version,
        elapsed_seconds=elapsed,
        remaining_seconds=None if segment.target_seconds is None else segment.target_seconds - elapsed,
        due_at=due,
        verdict=judged,
        breached_at=instance.breaches[0].breached_at if instance.breaches else None,
        why=stretches,
        positions=_together(*figures.values(), due_positions(instance, pauses)),
        figure_positions=figures,
    )


def _figure_positions(
    instance: Instance,
    pauses: Sequence[Pause],
    clocks: Clocks,
    stretches: Sequence[Stretch],
    *,
    due: datetime | None,
    judged: Verdict | None,
) -> dict[str, tuple[int, ...]]:
    """The events behind each figure of a reading.

    What has elapsed follows from those that began its stretches and from what ended it. What is due follows from its
    segments and pauses, too, and from the event that said so.
    """
    first, last = instance.positions[:1], instance.positions[-1:]
    ended = (instance.end_position,) if instance.ended_at is not None else ()
    missed = tuple(each.position for each in instance.breaches)
    elapsed = _together(first, *(each.positions for each in stretches), ended)
    figures = {"started_at": first, "elapsed_seconds": elapsed}
    if ended:
        figures["ended_at"] = ended
    if instance.target_seconds is not None:
        figures["target_seconds"] = last
        figures["remaining_seconds"] = _together(last, elapsed)
    if due is not None:
        figures["due_at"] = due_positions(instance, pauses)
    if missed:
        figures["breached_at"] = missed[:1]
    if judged is not None:
        closed = (clocks.final_position,) if instance.clock == "resolution" else ()
        figures["verdict"] = missed[:1] if judged == "breached" else _together(last, ended, closed)
    return {name: _together(positions) for name, positions in figures.items()}


def due_positions(instance: Instance, pauses: Sequence[Pause]) -> tuple[int, ...]:
    """The events that an instance's due instant follows from: of its segments and pauses, and the one that said it.

    A target that was missed is due no more: when it was is known by its breach. `pauses` are those of its clock.
    """
    held = (
        position
        for pause in pauses
        for position in (pause.position, pause.end_position)
        if pause.ended_at is None or pause.ended_at >= instance.started_at
    )
    missed = (each.position for each in instance.breaches if each.target_seconds == instance.target_seconds)
    return _together(instance.positions, held, missed, (instance.due_position,))


def _together(*several: Iterable[int]) -> tuple[int, ...]:
    """All of some positions, each once, in order; 0 is that of no event."""
    return tuple(sorted({position for positions in several for position in positions if position}))


def _due(instance: Instance, pauses: Sequence[Pause], calendars: Calendars) -> datetime | None:
    """What the events say; where the target was missed before the segment, and so is not missed again (T7), its start.

    Events tell no due instant of such a segment, because nobody has to wait for it (T6).
    """
    return due_at(instance, pauses, calendars) if instance.due_at is None and instance.missed else instance.due_at


def verdict(instance: Instance, *, final: bool) -> Verdict | None:
    """The verdict on an instance, once there is one; `met` for `resolution` only when the case is closed (T7)."""
    if instance.breaches:
        return "breached"
    if instance.end_kind != "fulfilled" or instance.target_seconds is None:
        return None
    return "met" if final or instance.clock != "resolution" else None


def state_at(instance: Instance, pauses: Sequence[Pause], calendars: Calendars, now: datetime) -> ClockState:
    """The first state of SUPPORT_POLICY T4 that holds."""
    if instance.end_kind is not None:
        return instance.end_kind
    if instance.breaches:
        return "breached"
    if now < instance.started_at:
        return "not_started"
    if any(each.started_at <= now and (each.ended_at is None or now < each.ended_at) for each in pauses):
        return "paused"
    segment = instance.segments[-1]
    calendar = calendars[segment.calendar, segment.calendar_version]
    return "running" if calendar.is_open(now) else "out_of_hours"


def why(instance: Instance, pauses: Sequence[Pause], calendars: Calendars, until: datetime) -> Iterator[Stretch]:
    """The stretches from the instance's start to `until` or to its end, without gaps, cut at each segment (T8)."""
    end = until if instance.ended_at is None else min(until, instance.ended_at)
    segments = instance.segments
    for index, segment in enumerate(segments):
        if index > 0 and segment.started_at >= end:
            break  # A call that was logged later ended the clock before this segment.
        to = end if index + 1 == len(segments) else min(end, segments[index + 1].started_at)
        yield from _within(segment, instance.positions[index], to, pauses, calendars)


def _within(
    segment: Segment, position: int, end: datetime, pauses: Sequence[Pause], calendars: Calendars
) -> Iterator[Stretch]:
    reached, began = segment.started_at, {position}
    for pause in pauses:
        if pause.started_at >= end:
            break
        if pause.ended_at is not None and pause.ended_at < reached:
            continue
        yield from _by_calendar(segment, reached, pause.started_at, began, calendars)
        begin, stop = max(reached, pause.started_at), min(pause.ended_at or end, end)
        if begin < stop:
            by = {pause.position} | (began if begin == segment.started_at else set())
            yield _stretch(segment, begin, stop, "paused", by, pause.reason)
            began = set()
        began = began | {pause.end_position}
        reached = max(begin, stop)
    yield from _by_calendar(segment, reached, end, began, calendars)


def _by_calendar(
    segment: Segment, start: datetime, end: datetime, began: set[int], calendars: Calendars
) -> Iterator[Stretch]:
    for span in calendars[segment.calendar, segment.calendar_version].spans(start, end):
        yield _stretch(segment, span.start, span.end, span.kind, began, None)


def _stretch(
    segment: Segment,
    start: datetime,
    end: datetime,
    kind: SpanKind | Literal["paused"],
    positions: set[int],
    reason: PauseReason | None,
) -> Stretch:
    return Stretch(
        start=start,
        end=end,
        kind=kind,
        seconds=round((end - start).total_seconds()),
        reason=reason,
        target_seconds=segment.target_seconds,
        calendar=segment.calendar,
        calendar_version=segment.calendar_version,
        policy_version=segment.policy_version,
        positions=tuple(sorted(positions)),
    )
