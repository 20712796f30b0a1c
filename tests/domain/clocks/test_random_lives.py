"""Random lives of a case: what the events say of its clocks must not depend on when anybody looked."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.clocks.arithmetic import due_at, elapsed_seconds
from domain.clocks.explain import History, evolve_history, readings
from domain.clocks.levels import ServiceLevels
from domain.refusal import Refusal
from domain.ticket.commands import TicketCommand
from domain.ticket.decide import decide
from domain.ticket.events import ServiceLevelBreached, TicketEvent
from domain.ticket.state import Open, Ticket, Waiting, evolve
from tests.domain.ticket.cases import (
    CALENDAR,
    POLICY,
    call_logged,
    category_set,
    closed,
    complexity_set,
    customer_writes,
    due_recorded,
    emergency_accepted,
    emergency_declined,
    emergency_requested,
    noted,
    nov,
    opened,
    policy,
    reopened,
    resolved,
    resumed,
    staff_replies,
    urgency_set,
    waits_for_customer,
    waits_for_partner,
)

Act = Callable[[datetime, ServiceLevels], TicketCommand]

START = nov(23, 10)


def waits(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return waits_for_customer(now, levels=levels)


def waits_for_other(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return waits_for_partner(now, levels=levels)


def resolves(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return resolved(now, levels=levels)


def asks_after_hours(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return emergency_requested(now, "after_hours", levels=levels)


def asks_in_business_hours(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return emergency_requested(now, "business_hours", levels=levels)


def accepts(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return emergency_accepted(now, levels=levels)


def declines(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return emergency_declined(now, levels=levels)


def hurries(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return urgency_set(now, "high", levels=levels)


def calms_down(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return urgency_set(now, "normal", levels=levels)


def is_complex(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return complexity_set(now, levels=levels)


def is_an_enhancement(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return category_set(now, levels=levels)


def called_just_now(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return call_logged(now, now, levels=levels)


def called_hours_ago(now: datetime, levels: ServiceLevels) -> TicketCommand:
    return call_logged(now, now - timedelta(hours=5), levels=levels)


ACTS: list[Act] = [
    customer_writes,
    asks_after_hours,
    asks_in_business_hours,
    accepts,
    accepts,
    declines,
    hurries,
    calms_down,
    is_complex,
    is_an_enhancement,
    called_just_now,
    called_hours_ago,
    staff_replies,
    noted,
    waits,
    waits_for_other,
    resumed,
    resolves,
    reopened,
    closed,
]

minutes = st.integers(0, 14 * 1440)
targets = st.one_of(st.none(), st.sampled_from([0, 1800, 7200, 32_400, 64_800]))
acts = st.lists(st.tuples(minutes, st.sampled_from(ACTS)), max_size=16).map(
    lambda acts: sorted(acts, key=lambda each: each[0])
)
dates = st.one_of(st.none(), st.dates(date(2026, 11, 20), date(2026, 12, 5)))


@st.composite
def desks(draw: st.DrawFn) -> ServiceLevels:
    """A desk whose policy and calendar change once or twice while the case runs."""
    policies = [
        policy(
            number,
            START + timedelta(minutes=draw(minutes)),
            first_response=draw(targets),
            next_response=draw(targets),
            resolution=draw(targets),
        )
        for number in range(2, 2 + draw(st.integers(0, 2)))
    ]
    second = replace(
        CALENDAR, version=2, hours={"mon-sat": "06:00-20:00"}, effective_from=START + timedelta(minutes=draw(minutes))
    )
    return ServiceLevels([POLICY, *policies], [[CALENDAR, second]])


class Life(NamedTuple):
    """The date that a case is for, if any, and what is done at which minute."""

    requested_for: date | None
    acts: list[tuple[int, Act]]


def live(levels: ServiceLevels, life: Life, looks: list[int]) -> list[TicketEvent]:
    """The events of a case that is opened, acted on, looked after by the timekeeper, and looked at in the end."""
    steps: list[tuple[int, int, Act]] = [(minute, 1, act) for minute, act in life.acts]
    steps += [(minute, 0, due_recorded) for minute in looks]
    commands: list[TicketCommand] = [opened(START, levels, requested_for=life.requested_for)]
    commands += [act(START + timedelta(minutes=m), levels) for m, _, act in sorted(steps, key=lambda s: s[:2])]
    commands.append(due_recorded(START + timedelta(days=20), levels))
    state: Ticket | None = None
    events: list[TicketEvent] = []
    for command in commands:
        try:
            decided = decide(command, state)
        except Refusal:
            continue
        for event in decided:
            state = evolve(state, event)
        events += decided
    return events


lives = st.builds(Life, dates, acts)


def fold(events: list[TicketEvent]) -> History:
    history: History | None = None
    for event in events:
        history = evolve_history(history, event, 0)
    assert history is not None
    return history


@settings(max_examples=150)
@given(desks(), lives, st.lists(minutes, max_size=15))
def test_the_clocks_do_not_depend_on_when_the_timekeeper_looked(
    levels: ServiceLevels, life: Life, looks: list[int]
) -> None:
    assert fold(live(levels, life, looks)) == fold(live(levels, life, []))


@settings(max_examples=150)
@given(desks(), lives)
def test_a_breach_is_recorded_for_every_target_that_time_ran_over_and_for_no_other(
    levels: ServiceLevels, life: Life
) -> None:
    events = live(levels, life, [])
    history: History | None = None
    for event in events:
        history = evolve_history(history, event, 0)
        assert history is not None
        for each in history.clocks.running:
            if not each.missed:
                # What the events say is due is what the arithmetic says after them.
                assert each.due_at == due_at(each, history.clocks.pauses_of(each.clock), levels.calendars)
        if isinstance(event, ServiceLevelBreached):
            clocks = history.clocks
            (missed,) = (each for each in clocks.latest if each.clock == event.clock)
            reached = elapsed_seconds(missed, clocks.pauses_of(event.clock), levels.calendars, event.breached_at)
            assert reached >= event.target_seconds
            assert event.breached_at < event.occurred_at
    keys = [(e.clock, e.instance, e.target_seconds) for e in events if isinstance(e, ServiceLevelBreached)]
    assert len(keys) == len(set(keys))


@settings(max_examples=150)
@given(desks(), lives)
def test_which_clocks_run_and_by_what_follows_from_what_the_case_is(levels: ServiceLevels, life: Life) -> None:
    state: Ticket | None = None
    for event in live(levels, life, []):
        state = evolve(state, event)
    assert state is not None
    now = START + timedelta(days=20)
    clocks, traits = state.case.clocks, state.case.traits
    with_staff = isinstance(state, Open | Waiting)
    answered_once = clocks.first_response.ended_at is not None
    expected = {
        "first_response": not answered_once,
        "next_response": answered_once and bool(clocks.unanswered),
        "resolution": with_staff,
        "periodic_update": with_staff and state.case.is_emergency,
    }
    running = {each.clock: each for each in clocks.running}
    assert {clock for clock, runs in expected.items() if runs} == running.keys()
    if clocks.unanswered and clocks.next_response is not None:
        assert clocks.next_response.started_at == clocks.unanswered[0]
    for clock, instance in running.items():
        segment, level = instance.segments[-1], levels.at(now).level(clock, traits)
        assert (segment.target_seconds, segment.calendar) == (level.target_seconds, level.calendar)
        assert (segment.calendar_version, segment.policy_version) == (level.calendar_version, level.policy_version)


@settings(max_examples=100)
@given(desks(), lives, st.integers(0, 30))
def test_the_reasons_tile_the_time_and_add_up_to_what_has_elapsed(levels: ServiceLevels, life: Life, days: int) -> None:
    now = START + timedelta(days=20 + days, hours=5)
    for reading in readings(fold(live(levels, life, [])), levels.calendars, now):
        end = reading.ended_at or now
        assert [reading.started_at, *(each.end for each in reading.why)] == [
            *(each.start for each in reading.why),
            max(end, reading.started_at),
        ]
        assert sum(each.seconds for each in reading.why if each.kind == "counted") == reading.elapsed_seconds
        assert all(each.seconds > 0 for each in reading.why)


@settings(max_examples=150)
@given(desks(), lives, st.integers(0, 30))
def test_each_figure_of_a_clock_follows_from_the_events_that_it_names(
    levels: ServiceLevels, life: Life, days: int
) -> None:
    """The opening and a clock's own events, folded alone, give its reading again; each figure names some of them."""
    now = START + timedelta(days=20 + days, hours=5)
    events = list(enumerate(live(levels, life, []), 1))
    for read in readings(fold_placed(events), levels.calendars, now):
        alone = fold_placed([(position, event) for position, event in events if position in {1, *read.positions}])
        found = [each for each in readings(alone, levels.calendars, now) if each.instance == read.instance]
        assert [each for each in found if each.clock == read.clock] == [read]
        named = read.figure_positions
        figures = {name for name in FIGURES if getattr(read, name) is not None}
        assert named.keys() == figures
        assert all(named[name] for name in figures)
        assert {position for each in named.values() for position in each} <= set(read.positions)
        assert set(read.positions) >= {position for each in read.why for position in each.positions}


FIGURES = (
    "started_at",
    "ended_at",
    "target_seconds",
    "elapsed_seconds",
    "remaining_seconds",
    "due_at",
    "verdict",
    "breached_at",
)


def fold_placed(events: list[tuple[int, TicketEvent]]) -> History:
    history: History | None = None
    for position, event in events:
        history = evolve_history(history, event, position)
    assert history is not None
    return history
