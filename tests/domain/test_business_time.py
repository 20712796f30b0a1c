"""T1, T2: other products' vectors, the rules on clock changes one by one, and a slow count that must agree."""

import json
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.business_time import ALWAYS, FIRST_YEAR, LAST_YEAR, BeyondCalendar, BusinessTime, whole_second

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "business_time.json").read_text())


def calendar_of(schedule: dict[str, Any]) -> BusinessTime:
    dated = {
        field: {date.fromisoformat(day): spans for day, spans in schedule.get(field, {}).items()}
        for field in ("overrides", "breaks")
    }
    holidays = [date.fromisoformat(day) for day in schedule.get("holidays", [])]
    return BusinessTime(tz=schedule["tz"], hours=schedule["hours"], holidays=holidays, **dated)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize("vector", [each for each in VECTORS["vectors"] if "pauses" not in each], ids=lambda v: v["id"])
def test_a_vector_of_another_product_holds(vector: dict[str, Any]) -> None:
    calendar = calendar_of(VECTORS["schedules"][vector["schedule"]])
    if vector["kind"] == "due":
        assert calendar.due(utc(vector["start"]), vector["add_s"]) == utc(vector["expect"])
    else:
        assert calendar.elapsed(utc(vector["start"]), utc(vector["end"])) == vector["expect_s"]


def test_every_vector_says_where_it_comes_from_and_has_an_id_of_its_own() -> None:
    vectors = VECTORS["vectors"]
    assert len({each["id"] for each in vectors}) == len(vectors) == 71
    assert [each["id"] for each in vectors if not each["source"]] == []


OFFICE = BusinessTime(tz="UTC", hours={"mon-fri": "09:00-17:00"})
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def test_fractions_of_a_second_are_cut_off() -> None:
    start = MONDAY.replace(hour=9, microsecond=999_999)
    assert OFFICE.elapsed(start, start.replace(second=1, microsecond=1)) == 1
    assert OFFICE.due(start, 1) == start.replace(second=1, microsecond=0)
    assert ALWAYS.elapsed(start.replace(year=1901), start.replace(year=1901, second=1, microsecond=0)) == 1


def test_hours_may_be_to_the_second() -> None:
    calendar = BusinessTime(tz="UTC", hours={"mon": "09:00:10-09:01:05"})
    assert calendar.next_opening(MONDAY) == MONDAY.replace(hour=9, second=10)
    assert calendar.elapsed(MONDAY, MONDAY + timedelta(days=1)) == 55


def test_a_whole_second_is_told_in_utc() -> None:
    local = datetime(2026, 11, 23, 9, 0, 0, 5, tzinfo=ZoneInfo("America/Denver"))
    assert whole_second(local).isoformat() == "2026-11-23T16:00:00+00:00"
    assert whole_second(local.astimezone(UTC)).isoformat() == "2026-11-23T16:00:00+00:00"


def test_the_opening_instant_is_open_and_the_closing_instant_is_not() -> None:
    assert OFFICE.is_open(MONDAY.replace(hour=9))
    assert not OFFICE.is_open(MONDAY.replace(hour=8, minute=59, second=59))
    assert OFFICE.is_open(MONDAY.replace(hour=16, minute=59, second=59))
    assert not OFFICE.is_open(MONDAY.replace(hour=17))


def test_a_span_that_ends_before_it_starts_has_no_time() -> None:
    assert OFFICE.elapsed(MONDAY.replace(hour=12), MONDAY.replace(hour=10)) == 0


def test_overlapping_spans_count_once() -> None:
    calendar = BusinessTime(tz="UTC", hours={"mon": "09:00-12:00 11:00-13:00", "mon-tue": "10:00-11:30"})
    assert calendar.elapsed(MONDAY, MONDAY + timedelta(days=1)) == 4 * 3600
    assert calendar.elapsed(MONDAY, MONDAY + timedelta(days=2)) == 5.5 * 3600


def test_a_special_day_outranks_a_holiday_and_a_break_cuts_both() -> None:
    day = MONDAY.date()
    holiday = BusinessTime(tz="UTC", hours={"mon-fri": "09:00-17:00"}, holidays=[day])
    special = BusinessTime(
        tz="UTC", hours={"mon-fri": "09:00-17:00"}, holidays=[day], overrides={day: "10:00-12:00"},
        breaks={day: "11:00-11:30"},
    )  # fmt: skip
    assert holiday.elapsed(MONDAY, MONDAY + timedelta(days=1)) == 0
    assert special.elapsed(MONDAY, MONDAY + timedelta(days=1)) == 1.5 * 3600
    assert [span.kind for span in holiday.spans(MONDAY, MONDAY + timedelta(days=1))] == ["holiday"]
    assert "holiday" not in [span.kind for span in special.spans(MONDAY, MONDAY + timedelta(days=1))]


@pytest.mark.parametrize(
    ("spans", "opens", "seconds"),
    [
        ("01:00-02:30", "2026-03-08T08:00:00Z", 5400),  # ends at 03:30, which 02:30 becomes
        ("02:30-04:00", "2026-03-08T09:30:00Z", 1800),  # begins at 03:30
        ("02:00-03:00", None, 0),  # both ends become 03:00 or later, the start the later one
        ("01:00-04:00", "2026-03-08T08:00:00Z", 7200),  # three hours by the clock, two in real time
    ],
)
def test_a_local_time_in_a_gap_moves_later_by_the_gap(spans: str, opens: str | None, seconds: int) -> None:
    calendar = BusinessTime(tz="America/Denver", hours={"sun": spans})
    start, end = utc("2026-03-08T00:00:00-07:00"), utc("2026-03-09T00:00:00-06:00")
    assert calendar.elapsed(start, end) == seconds
    if opens is not None:
        assert calendar.next_opening(start) == utc(opens)


@pytest.mark.parametrize(
    ("spans", "opens", "seconds"),
    [
        ("01:30-02:30", "2026-11-01T01:30:00-06:00", 7200),  # the first 01:30
        ("00:30-01:30", "2026-11-01T00:30:00-06:00", 3600),  # to the first 01:30
        ("01:15-01:45", "2026-11-01T01:15:00-06:00", 1800),  # not again in the second hour
        ("00:00-24:00", "2026-11-01T00:00:00-06:00", 25 * 3600),
    ],
)
def test_a_local_time_that_occurs_twice_means_the_first(spans: str, opens: str, seconds: int) -> None:
    calendar = BusinessTime(tz="America/Denver", hours={"sun": spans})
    start, end = utc("2026-11-01T00:00:00-06:00"), utc("2026-11-02T00:00:00-07:00")
    assert calendar.elapsed(start, end) == seconds
    assert calendar.next_opening(start) == utc(opens)


def test_hours_of_a_date_that_the_zone_left_out_move_into_the_next() -> None:
    calendar = BusinessTime(tz="Pacific/Apia", hours={"fri": "09:00-10:00"})  # no Friday 30 December 2011 there
    assert calendar.next_opening(utc("2011-12-29T12:00:00-10:00")) == utc("2011-12-31T09:00:00+14:00")


def test_around_the_clock_every_second_counts() -> None:
    start = datetime(2026, 3, 1, 12, 0, 7, tzinfo=UTC)
    assert ALWAYS.due(start, 10**8) == start + timedelta(seconds=10**8)
    assert ALWAYS.elapsed(start, start + timedelta(days=3000)) == 3000 * 86400
    assert ALWAYS.is_open(start)
    assert [span.kind for span in ALWAYS.spans(start, start + timedelta(days=800))] == ["counted"]


def test_a_calendar_that_never_opens_again_is_refused_at_once() -> None:
    never = BusinessTime(tz="UTC", hours={}, overrides={date(2026, 12, 31): "22:00-24:00"})
    assert never.next_opening(MONDAY) == datetime(2026, 12, 31, 22, tzinfo=UTC)
    assert never.due(MONDAY, 7200) == datetime(2027, 1, 1, tzinfo=UTC)
    with pytest.raises(BeyondCalendar):
        never.due(MONDAY, 7201)
    with pytest.raises(BeyondCalendar):
        never.next_opening(datetime(2027, 1, 1, tzinfo=UTC))
    with pytest.raises(BeyondCalendar):
        BusinessTime(tz="UTC", hours={}).next_opening(MONDAY)
    later = BusinessTime(tz="UTC", hours={}, overrides={date(2031, 1, 2): "09:00-10:00"})
    assert later.next_opening(MONDAY) == datetime(2031, 1, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/Denver"])
def test_instants_outside_the_calendars_years_are_refused(zone: str) -> None:
    calendar = BusinessTime(tz=zone, hours={"mon-fri": "09:00-17:00"})
    for instant in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(BeyondCalendar):
            calendar.next_opening(instant)
        with pytest.raises(BeyondCalendar):
            calendar.midnight(instant.date())
    with pytest.raises(BeyondCalendar):
        calendar.due(MONDAY, 10**10)
    assert calendar.next_opening(datetime(LAST_YEAR, 12, 30, 12, tzinfo=UTC)).year == LAST_YEAR
    assert calendar.midnight(date(FIRST_YEAR, 1, 1)).astimezone(calendar.zone).date() == date(FIRST_YEAR, 1, 1)
    assert calendar.midnight(date(LAST_YEAR, 12, 31)).astimezone(calendar.zone).date() == date(LAST_YEAR, 12, 31)
    far = BusinessTime(
        tz=zone, hours={}, overrides={date(2300, 1, 1): "09:00-17:00", date(9999, 12, 31): "09:00-17:00"}
    )
    with pytest.raises(BeyondCalendar):
        far.next_opening(MONDAY)


# A slow count: every minute of a fortnight, by looking up what the clock on the wall shows.

PLACES = [
    ("America/Denver", date(2026, 3, 8)),
    ("America/Denver", date(2026, 11, 1)),
    ("Europe/Rome", date(2025, 10, 26)),
    ("Europe/Rome", date(2024, 12, 31)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),  # a change of half an hour
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 11, 4)),  # a day without a midnight
    ("America/Sao_Paulo", date(2018, 2, 18)),  # a midnight that comes twice
    ("Pacific/Apia", date(2011, 12, 30)),  # a date left out
    ("Asia/Kathmandu", date(2026, 1, 1)),
]
MINUTES = 12 * 1440


@cache
def wall(place: tuple[str, date]) -> tuple[datetime, dict[datetime, int], list[datetime]]:
    """The first minute of the window in UTC, the minute at which a wall clock first shows a time, and what it shows."""
    zone, day = place
    start = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(days=6)
    shown = [(start + timedelta(minutes=m)).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for m in range(MINUTES)]
    first: dict[datetime, int] = {}
    for minute, local in enumerate(shown):
        first.setdefault(local, minute)
    return start, first, shown


def minute_of(place: tuple[str, date], local: datetime) -> int:
    _, first, shown = wall(place)
    if local in first:
        return first[local]
    after = next(minute for minute, each in enumerate(shown) if each > local)
    gap = shown[after] - shown[after - 1] - timedelta(minutes=1)
    return first[local + gap]


day_span = st.tuples(st.integers(0, 1439), st.integers(1, 1440)).map(lambda s: (s[0], min(1440, s[0] + s[1])))
day_spans = st.lists(day_span, max_size=3)
offsets = st.integers(-3, 3)


@st.composite
def calendars(draw: st.DrawFn) -> tuple[tuple[str, date], BusinessTime, list[bool]]:
    place = draw(st.sampled_from(PLACES))
    zone, day = place
    week = [draw(day_spans) for _ in range(7)]
    special = {day + timedelta(days=o): draw(day_spans) for o in draw(st.sets(offsets, max_size=2))}
    breaks = {day + timedelta(days=o): draw(day_spans) for o in draw(st.sets(offsets, max_size=2))}
    holidays = {day + timedelta(days=o) for o in draw(st.sets(offsets, max_size=2))}
    calendar = BusinessTime(
        tz=zone,
        hours={name: text(week[i]) for i, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))},
        holidays=holidays,
        overrides={each: text(spans) for each, spans in special.items()},
        breaks={each: text(spans) for each, spans in breaks.items()},
    )
    opened = [False] * MINUTES
    closed: list[tuple[datetime, datetime]] = []
    for offset in range(-5, 5):
        each = day + timedelta(days=offset)
        midnight = datetime(each.year, each.month, each.day)  # noqa: DTZ001
        if each in holidays and each not in special:
            closed.append((midnight, midnight + timedelta(days=1)))
        spans = special.get(each, [] if each in holidays else week[each.weekday()])
        for start, end in spans:
            begin, until = (minute_of(place, midnight + timedelta(minutes=m)) for m in (start, end))
            opened[begin:until] = [True] * max(0, until - begin)
        closed += [(midnight + timedelta(minutes=s), midnight + timedelta(minutes=e)) for s, e in breaks.get(each, [])]
    for start_local, end_local in closed:
        begin, until = minute_of(place, start_local), minute_of(place, end_local)
        opened[begin:until] = [False] * max(0, until - begin)
    return place, calendar, opened


def text(spans: list[tuple[int, int]]) -> str:
    return " ".join(f"{s // 60:02}:{s % 60:02}-{e // 60:02}:{e % 60:02}" for s, e in spans)


# What lies within four days of the middle, so that no window's edge shows.
seconds_in = st.integers(2 * 86400, 10 * 86400)


@settings(max_examples=50)
@given(calendars(), seconds_in, seconds_in)
def test_elapsed_agrees_with_a_count_of_minutes(
    case: tuple[tuple[str, date], BusinessTime, list[bool]], one: int, other: int
) -> None:
    place, calendar, opened = case
    begin, end = sorted((one, other))
    start = wall(place)[0]
    counted = sum(
        min(end, minute * 60 + 60) - max(begin, minute * 60)
        for minute in range(begin // 60, -(-end // 60))
        if opened[minute]
    )
    at, to = start + timedelta(seconds=begin), start + timedelta(seconds=end)
    assert calendar.elapsed(at, to) == counted
    tiles = calendar.spans(at, to)
    assert sum((t.end - t.start).total_seconds() for t in tiles if t.kind == "counted") == counted
    assert [at, *(t.end for t in tiles)] == [*(t.start for t in tiles), to]
    assert calendar.is_open(at) == opened[begin // 60]


@settings(max_examples=50)
@given(calendars(), seconds_in, st.integers(0, 4 * 86400))
def test_due_is_the_earliest_instant_at_which_elapsed_reaches_the_target(
    case: tuple[tuple[str, date], BusinessTime, list[bool]], begin: int, target: int
) -> None:
    place, calendar, opened = case
    start = wall(place)[0]
    at = start + timedelta(seconds=begin)
    second, left = begin, target
    while second < 10 * 86400 and (left > 0 or not opened[second // 60]):
        step = 60 - second % 60
        if opened[second // 60]:
            step = min(step, left)
            left -= step
        second += step
        if target > 0 and left == 0:
            break
    if left > 0 or second >= 10 * 86400:
        return
    assert calendar.due(at, target) == start + timedelta(seconds=second)


# No deadline for any of these: the first question that reaches a year makes it.
instants = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)).map(lambda d: d.replace(tzinfo=UTC))  # noqa: DTZ001
LONG = BusinessTime(
    tz="America/Denver", hours={"mon-fri": "08:30-12:00 13:00-17:30"}, holidays=[date(2026, 11, 26)],
    overrides={date(2026, 11, 27): "08:30-12:00"},
)  # fmt: skip


@given(instants, st.integers(1, 10**8))
def test_elapsed_to_the_due_instant_is_the_target(start: datetime, target: int) -> None:
    due = LONG.due(start, target)
    assert LONG.elapsed(start, due) == target
    assert LONG.elapsed(start, due - timedelta(seconds=1)) == target - 1


@given(st.lists(instants, min_size=3, max_size=3))
def test_elapsed_adds_up(three: list[datetime]) -> None:
    a, b, c = sorted(three)
    assert LONG.elapsed(a, b) + LONG.elapsed(b, c) == LONG.elapsed(a, c)


@given(instants, st.integers(1, 10**7), st.integers(1, 10**7))
def test_due_adds_up(start: datetime, one: int, other: int) -> None:
    assert LONG.due(LONG.due(start, one), other) == LONG.due(start, one + other)


@given(instants, instants)
def test_what_has_elapsed_was_due_by_then_and_no_open_time_lies_between(a: datetime, b: datetime) -> None:
    start, end = sorted((a, b))
    elapsed = LONG.elapsed(start, end)
    if elapsed:
        due = LONG.due(start, elapsed)
        assert due <= end
        assert LONG.elapsed(due, end) == 0


@given(instants, st.integers(0, 10**7), st.sampled_from(["US/Mountain", "Navajo", "America/Shiprock"]))
def test_another_name_of_the_same_zone_changes_nothing(start: datetime, target: int, label: str) -> None:
    hours = {"mon-fri": "08:30-17:30", "sun": "01:15-02:45"}
    named, renamed = (BusinessTime(tz=tz, hours=hours) for tz in ("America/Denver", label))
    assert named.due(start, target) == renamed.due(start, target)
    assert named.spans(start, start + timedelta(days=300)) == renamed.spans(start, start + timedelta(days=300))


@given(instants, st.integers(0, 10**7))
def test_hours_of_a_zone_without_clock_changes_are_those_of_utc_at_another_time_of_day(
    start: datetime, target: int
) -> None:
    there = BusinessTime(tz="Asia/Kolkata", hours={"mon-fri": "09:00-17:00"})
    here = BusinessTime(tz="UTC", hours={"mon-fri": "03:30-11:30"})
    assert there.due(start, target) == here.due(start, target)


@given(instants, instants, st.sampled_from(["Asia/Tokyo", "Europe/Rome", "America/St_Johns"]))
def test_the_zone_that_an_instant_is_written_in_changes_nothing(a: datetime, b: datetime, zone: str) -> None:
    here, there = sorted((a, b)), [each.astimezone(ZoneInfo(zone)) for each in sorted((a, b))]
    assert LONG.elapsed(*here) == LONG.elapsed(*there)
    assert LONG.due(here[0], 1000) == LONG.due(there[0], 1000)
    assert LONG.next_opening(here[0]) == LONG.next_opening(there[0])


@given(instants)
def test_the_next_opening_is_open_and_nothing_is_open_before_it(at: datetime) -> None:
    opening = LONG.next_opening(at)
    assert LONG.is_open(opening)
    assert LONG.elapsed(at, opening) == 0


@settings(max_examples=25)
@given(st.lists(st.tuples(instants, st.integers(0, 10**6)), min_size=1, max_size=6))
def test_answers_do_not_depend_on_what_was_asked_before(questions: list[tuple[datetime, int]]) -> None:
    asked_all = BusinessTime(tz="Europe/Rome", hours={"mon-sun": "10:00-19:00"})
    for start, target in questions:
        fresh = BusinessTime(tz="Europe/Rome", hours={"mon-sun": "10:00-19:00"})
        assert asked_all.due(start, target) == fresh.due(start, target)
