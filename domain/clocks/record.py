"""What a decider writes into new events so that the clocks can be told from them: segments, due instants, breaches."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from domain.business_time import whole_second
from domain.clocks.arithmetic import due_at
from domain.clocks.fold import evolve
from domain.clocks.levels import InForce, Level, ServiceLevels
from domain.clocks.state import Clocks, Instance, instance_of
from domain.sla_policy import ClockName, Traits
from domain.ticket.events import Deadline, Segment, ServiceLevelBreached, ServiceLevelsChanged, WithDeadlines

E = TypeVar("E", bound=WithDeadlines)


def segment(clock: ClockName, instance: int, started_at: datetime, level: Level) -> Segment:
    """A segment that begins at an instant, cut to the whole second."""
    return Segment(
        clock=clock,
        instance=instance,
        started_at=whole_second(started_at),
        target_seconds=level.target_seconds,
        calendar=level.calendar,
        calendar_version=level.calendar_version,
        policy_version=level.policy_version,
    )


def segments(instances: Iterable[Instance], at: datetime, levels: ServiceLevels, traits: Traits) -> tuple[Segment, ...]:
    """New segments of these instances from `at` on, by the settings in force then; not before an instance's start."""
    in_force = levels.at(at)
    return tuple(
        segment(each.clock, each.number, max(whole_second(at), each.started_at), in_force.level(each.clock, traits))
        for each in instances
    )


def begun(clocks: Clocks, clock: ClockName, started_at: datetime, in_force: InForce, traits: Traits) -> Segment:
    """The segment that begins the next instance of a clock."""
    latest = instance_of(clocks, clock)
    return segment(clock, 1 if latest is None else latest.number + 1, started_at, in_force.level(clock, traits))


def changed(clocks: Clocks, at: datetime, levels: ServiceLevels, before: Traits, after: Traits) -> tuple[Segment, ...]:
    """New segments of the running clocks where a case's traits change, whatever that does to their targets (T6)."""
    return () if before == after else segments(clocks.running, at, levels, after)


def with_deadlines(event: E, clocks: Clocks | None, levels: ServiceLevels) -> E:
    """The event with the due instant of every clock that it starts, stops, ends, moves or counts anew.

    `clocks` are those before the event; its own `deadlines` are overwritten.
    """
    after = evolve(clocks, event)
    if after is None:
        return event
    before = {} if clocks is None else {(each.clock, each.number): each for each in clocks.latest}
    deadlines = []
    for each in after.latest:
        was = before.get((each.clock, each.number))
        if was is not None and was.ended_at is not None and each.ended_at is not None:
            continue
        due = _due(each, was, after, levels)
        known = None if was is None or was.ended_at is not None else was.due_at
        # A new segment says when it is due even if that is when it was: readers start it without a due instant.
        anew = due is not None and (was is None or was.segments is not each.segments)
        if due != known or anew:
            deadlines.append(Deadline(clock=each.clock, instance=each.number, due_at=due))
    return replace(event, deadlines=tuple(deadlines))


def _due(instance: Instance, was: Instance | None, clocks: Clocks, levels: ServiceLevels) -> datetime | None:
    if instance.ended_at is not None:
        return None
    if instance.missed:
        # A target is missed once (T7): a new segment by it is due no more, the old one stays as it was judged.
        return was.due_at if was is not None and was.segments is instance.segments else None
    return due_at(instance, clocks.pauses_of(instance.clock), levels.calendars)


def fell_due(
    clocks: Clocks, now: datetime, levels: ServiceLevels, traits: Traits, ticket: tuple[str, str]
) -> list[ServiceLevelsChanged | ServiceLevelBreached]:
    """What happened to the clocks by itself before `now` and is not recorded: changes of settings and breaches.

    In time order; a change counts before what is due at its instant, because a due instant is missed only after it has
    passed. `ticket` is its id and its customer's. A resolved case has no running clock, so nothing happens to it (T6).
    """
    running = clocks.running
    if not running:
        return []
    until = whole_second(now)
    recorded: list[ServiceLevelsChanged | ServiceLevelBreached] = []

    def record(event: ServiceLevelsChanged | ServiceLevelBreached) -> None:
        nonlocal clocks
        recorded.append(event)
        clocks = evolve(clocks, event)

    for change in levels.changes(min([each.levels_at for each in running]), until):
        moved = _moved(clocks, change, levels, traits)
        if not moved:
            continue
        for event in _breaches(clocks, change, now, ticket):
            record(event)
        record(_levels_changed(clocks, moved, change, now, levels, traits, ticket))
    for event in _breaches(clocks, until, now, ticket):
        record(event)
    return recorded


def _moved(clocks: Clocks, change: datetime, levels: ServiceLevels, traits: Traits) -> list[Instance]:
    """The running instances that count by another level from the change on than they do."""
    in_force = levels.at(change)
    at = whole_second(change)
    return [
        each
        for each in clocks.running
        if each.levels_at <= at and in_force.level(each.clock, traits) != _level(each.segments[-1])
    ]


def _level(last: Segment) -> Level:
    return Level(last.target_seconds, last.calendar, last.calendar_version, last.policy_version)


def _levels_changed(
    clocks: Clocks,
    moved: Sequence[Instance],
    change: datetime,
    now: datetime,
    levels: ServiceLevels,
    traits: Traits,
    ticket: tuple[str, str],
) -> ServiceLevelsChanged:
    event = ServiceLevelsChanged(
        occurred_at=now,
        ticket_id=ticket[0],
        customer_id=ticket[1],
        effective_at=change,
        segments=segments(moved, change, levels, traits),
        deadlines=(),
    )
    return with_deadlines(event, clocks, levels)


def _breaches(clocks: Clocks, before: datetime, now: datetime, ticket: tuple[str, str]) -> list[ServiceLevelBreached]:
    """A breach for every pending due instant before an instant, earliest first; at the instant itself it can be met."""
    missed = [(due, each) for each in clocks.running if (due := each.pending_due_at) is not None and due < before]
    missed.sort(key=lambda pair: pair[0])
    return [_breach(each, due, now, ticket) for due, each in missed]


def _breach(instance: Instance, due: datetime, now: datetime, ticket: tuple[str, str]) -> ServiceLevelBreached:
    last = instance.segments[-1]
    return ServiceLevelBreached(
        occurred_at=now,
        ticket_id=ticket[0],
        customer_id=ticket[1],
        clock=instance.clock,
        instance=instance.number,
        target_seconds=last.target_seconds or 0,
        due_at=due,
        breached_at=max(due, last.started_at),
        calendar=last.calendar,
        calendar_version=last.calendar_version,
        policy_version=last.policy_version,
    )
