"""When a subscription will be used up, if work goes on as it did lately."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rating.forecast import WINDOW, Left, MonthAhead, PackLeft, Use, exhausted_at, window_of

NOW = datetime(2026, 11, 10, tzinfo=UTC)
HOUR = 3600
DAY = timedelta(days=1)


def at(days: float) -> datetime:
    return NOW + timedelta(days=days)


def daily(included: int = 0, billable: int = 0) -> Use:
    """So many seconds of work a day."""
    return Use(included_seconds=28 * included, billable_seconds=28 * billable, window=WINDOW)


def left(*packs: PackLeft, allowance: int = 0, rollover: int = 0, cap: int = 0) -> Left:
    return Left(rollover_seconds=rollover, allowance_seconds=allowance, rollover_cap_seconds=cap, packs=packs)


def months(allowance: int = 0, cap: int = 0, *, first: float = 20, count: int = 12) -> list[MonthAhead]:
    return [
        MonthAhead(starts_at=at(first + 30 * number), allowance_seconds=allowance, rollover_cap_seconds=cap)
        for number in range(count)
    ]


def pack(seconds: int, days: float | None = None) -> PackLeft:
    return PackLeft(seconds=seconds, expires_at=None if days is None else at(days))


def test_an_allowance_lasts_as_long_as_the_recent_past_says() -> None:
    assert exhausted_at(NOW, daily(HOUR), left(allowance=5 * HOUR), months(HOUR)) == at(5)


def test_without_use_there_is_no_forecast() -> None:
    assert exhausted_at(NOW, daily(), left(), months()) is None


def test_what_is_used_up_already_is_used_up_now() -> None:
    assert exhausted_at(NOW, daily(HOUR), left(), months(HOUR)) == NOW


def test_included_work_draws_rollover_and_allowance_before_packs() -> None:
    has = left(pack(2 * HOUR), allowance=HOUR, rollover=HOUR)
    assert exhausted_at(NOW, daily(HOUR), has, months()) == at(4)


def test_billable_work_draws_packs_alone_so_that_an_allowance_stays() -> None:
    assert exhausted_at(NOW, daily(billable=HOUR), left(pack(2 * HOUR)), months()) == at(2)
    assert exhausted_at(NOW, daily(billable=HOUR), left(pack(2 * HOUR), allowance=1), months(1)) is None


def test_both_kinds_of_work_draw_the_packs_once_the_allowance_is_gone() -> None:
    # One day of both: the allowance is gone, two hours of the pack are left, which last half a day for each.
    assert exhausted_at(NOW, daily(HOUR, HOUR), left(pack(3 * HOUR), allowance=HOUR), months()) == at(2)


def test_a_month_that_brings_enough_in_time_goes_on() -> None:
    use = daily(HOUR)
    assert exhausted_at(NOW, use, left(allowance=20 * HOUR), months(29 * HOUR)) == at(20 + 29)
    assert exhausted_at(NOW, use, left(allowance=20 * HOUR), months(30 * HOUR)) is None


def test_what_is_not_used_expires_with_the_month_but_for_the_rollover() -> None:
    has = left(allowance=25 * HOUR, cap=2 * HOUR)
    assert exhausted_at(NOW, daily(HOUR), has, months(HOUR)) == at(20 + 3)
    assert exhausted_at(NOW, daily(HOUR), left(allowance=25 * HOUR, cap=9 * HOUR), months(HOUR)) == at(20 + 6)


def test_a_pack_that_expires_takes_along_what_is_left_of_it() -> None:
    assert exhausted_at(NOW, daily(HOUR), left(pack(9 * HOUR, 3)), months()) == at(3)
    assert exhausted_at(NOW, daily(HOUR), left(pack(9 * HOUR, 3), pack(HOUR)), months()) == at(4)


def test_a_pack_that_has_expired_counts_for_nothing() -> None:
    assert exhausted_at(NOW, daily(HOUR), left(pack(9 * HOUR, 0)), months()) == NOW


def test_a_month_that_began_and_is_not_recorded_yet_has_begun() -> None:
    begun = months(2 * HOUR, first=-1)
    assert exhausted_at(NOW, daily(HOUR), left(allowance=9 * HOUR), begun) == at(2)


def test_the_instant_is_a_whole_second_after_now_and_never_too_early() -> None:
    use = Use(included_seconds=7, billable_seconds=0, window=timedelta(seconds=10))
    assert exhausted_at(NOW, use, left(allowance=1), months()) == NOW + timedelta(seconds=2)


@pytest.mark.parametrize(
    ("age", "window"), [(timedelta(0), DAY), (DAY, DAY), (3 * DAY, 3 * DAY), (28 * DAY, WINDOW), (29 * DAY, WINDOW)]
)
def test_the_recent_past_is_four_weeks_or_the_life_so_far_but_a_day_at_least(age: timedelta, window: timedelta) -> None:
    assert window_of(NOW, NOW - age) == window


@given(
    st.integers(1, 9 * HOUR),
    st.integers(0, 9 * HOUR),
    st.integers(0, 40 * HOUR),
    st.lists(st.tuples(st.integers(1, 20 * HOUR), st.one_of(st.none(), st.integers(1, 90))), max_size=4),
    st.integers(0, 40 * HOUR),
)
def test_more_hours_never_end_sooner(
    included: int, billable: int, allowance: int, packs: list[tuple[int, int | None]], granted: int
) -> None:
    has = [pack(seconds, days) for seconds, days in packs]
    use, ahead = daily(included, billable), months(granted, granted // 2)
    plain = exhausted_at(NOW, use, left(*has, allowance=allowance), ahead)
    more = exhausted_at(NOW, use, left(*has, pack(HOUR), allowance=allowance), ahead)
    assert plain is not None or more is None
    assert more is None or plain is None or more >= plain >= NOW
