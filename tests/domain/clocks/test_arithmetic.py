"""T2, T6: elapsed and due of one instance over its segments and pauses."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.business_time import ALWAYS, BusinessTime
from domain.clocks.arithmetic import due_at, elapsed_seconds
from domain.clocks.levels import Calendars
from domain.clocks.state import Instance, Pause
from domain.ticket.events import Segment

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "business_time.json").read_text())
OFFICE = BusinessTime(tz="UTC", hours={"mon-fri": "09:00-17:00"})
CALENDARS: Calendars = {("24x7", 0): ALWAYS, ("business", 1): OFFICE}
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


def hour(hours: float) -> datetime:
    return MONDAY + timedelta(hours=hours)


def segment(start: datetime, target: int | None, calendar: str = "24x7") -> Segment:
    return Segment(
        clock="resolution", instance=1, started_at=start, target_seconds=target, calendar=calendar,
        calendar_version=0 if calendar == "24x7" else 1, policy_version=1,
    )  # fmt: skip


def instance(*segments: Segment, ended_at: datetime | None = None) -> Instance:
    return Instance("resolution", 1, segments, (0,) * len(segments), segments[0].started_at, ended_at=ended_at)


def pause(start: float, end: float | None) -> Pause:
    return Pause("customer", hour(start), 0, None if end is None else hour(end))


@pytest.mark.parametrize("vector", [each for each in VECTORS["vectors"] if "pauses" in each], ids=lambda v: v["id"])
def test_a_vector_with_pauses_holds(vector: dict[str, Any]) -> None:
    schedule = VECTORS["schedules"][vector["schedule"]]
    holidays = [datetime.fromisoformat(day).date() for day in schedule.get("holidays", [])]
    calendars = {("business", 1): BusinessTime(tz=schedule["tz"], hours=schedule["hours"], holidays=holidays)}
    start = datetime.fromisoformat(vector["start"])
    pauses = [Pause("customer", datetime.fromisoformat(a), 0, datetime.fromisoformat(b)) for a, b in vector["pauses"]]
    counted = instance(segment(start, vector.get("add_s"), "business"))
    if vector["kind"] == "due":
        assert due_at(counted, pauses, calendars) == datetime.fromisoformat(vector["expect"])
    else:
        end = datetime.fromisoformat(vector["end"])
        assert elapsed_seconds(counted, pauses, calendars, end) == vector["expect_s"]


def test_without_a_target_nothing_is_due() -> None:
    assert due_at(instance(segment(hour(9), None)), [], CALENDARS) is None


def test_a_pause_that_holds_keeps_the_target_out_of_reach() -> None:
    running = instance(segment(hour(9), 3600))
    assert due_at(running, [pause(9.5, None)], CALENDARS) is None


def test_a_target_reached_at_the_very_start_of_a_pause_is_due_there() -> None:
    running = instance(segment(hour(9), 3600))
    assert due_at(running, [pause(10, None)], CALENDARS) == hour(10)


@pytest.mark.parametrize(
    ("pauses", "due"),
    [
        ([pause(9.25, 9.5)], 10.25),
        ([pause(9.25, 9.5), pause(10, 11)], 11.25),
        ([pause(8, 9.5)], 10.5),  # began before the segment
        ([pause(9, 9)], 10),
        ([pause(9.25, 9.75), pause(9.75, 10)], 10.75),  # one follows the other
    ],
)
def test_pauses_put_the_due_instant_off(pauses: Sequence[Pause], due: float) -> None:
    assert due_at(instance(segment(hour(9), 3600)), pauses, CALENDARS) == hour(due)


def test_a_target_of_nothing_is_due_at_the_first_open_instant_outside_a_pause() -> None:
    at_once = instance(segment(hour(7), 0, "business"))
    assert due_at(at_once, [], CALENDARS) == hour(9)
    assert due_at(at_once, [pause(8, 10)], CALENDARS) == hour(10)
    assert due_at(at_once, [pause(8, None)], CALENDARS) is None
    assert due_at(at_once, [pause(10, None)], CALENDARS) == hour(9)
    assert due_at(at_once, [pause(9, 9.5)], CALENDARS) == hour(9.5)  # paused in the very second of opening


def test_each_segment_counts_by_its_own_calendar_and_the_sum_against_the_last_target() -> None:
    two = instance(segment(hour(8), 7200, "business"), segment(hour(10), 3 * 3600))
    assert elapsed_seconds(two, [], CALENDARS, hour(11)) == 3600 + 3600
    assert due_at(two, [], CALENDARS) == hour(12)


def test_a_segment_ends_where_the_next_begins() -> None:
    three = instance(segment(hour(8), 7200, "business"), segment(hour(10), 7200), segment(hour(11), 7200, "business"))
    elapsed = {h: elapsed_seconds(three, [], CALENDARS, hour(h)) for h in (8, 9.5, 10.5, 12)}
    assert elapsed == {8: 0, 9.5: 1800, 10.5: 5400, 12: 3 * 3600}


@pytest.mark.parametrize(("target", "due"), [(3599, 10), (3600, 10), (3601, 10 + 1 / 3600), (0, 10)])
def test_due_is_the_segments_start_where_the_sum_had_reached_the_target(target: int, due: float) -> None:
    two = instance(segment(hour(9), 7200), segment(hour(10), target))
    assert due_at(two, [], CALENDARS) == hour(due)


def test_a_segment_that_begins_with_its_instance_replaces_the_one_before() -> None:
    ahead = instance(segment(hour(9), 7200), segment(hour(9), 3600))
    assert elapsed_seconds(ahead, [], CALENDARS, hour(10)) == 3600
    assert due_at(ahead, [], CALENDARS) == hour(10)


def test_nothing_counts_after_the_end() -> None:
    ended = instance(segment(hour(9), 7200), segment(hour(10), 7200), ended_at=hour(9.5))
    assert elapsed_seconds(ended, [], CALENDARS, hour(12)) == 1800


def test_a_target_beyond_the_calendars_years_is_never_due() -> None:
    assert due_at(instance(segment(hour(9), 10**10)), [], CALENDARS) is None


stretches = st.lists(st.integers(0, 400_000), max_size=8, unique=True).map(sorted)


@given(stretches, st.lists(st.integers(1, 400_000), max_size=3, unique=True).map(sorted), st.integers(0, 300_000))
def test_due_is_the_first_second_at_which_elapsed_reaches_the_target(
    edges: list[int], cuts: list[int], target: int
) -> None:
    def at(second: int) -> datetime:
        return MONDAY + timedelta(seconds=second)

    pauses = [Pause("customer", at(a), 0, at(b)) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    names = ("business", "24x7")
    parts = [segment(at(cut), target, names[index % 2]) for index, cut in enumerate([0, *cuts])]
    running = instance(*parts)
    due = due_at(running, pauses, CALENDARS)
    assert due is not None
    last = parts[-1].started_at
    assert due >= last
    reached = elapsed_seconds(running, pauses, CALENDARS, due)
    if due > last:
        assert reached == target
    else:
        assert reached >= target
    if target and due > last:
        assert elapsed_seconds(running, pauses, CALENDARS, due - timedelta(seconds=1)) == target - 1
