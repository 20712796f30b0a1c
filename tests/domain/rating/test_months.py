from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.rating.months import (
    local_midnight,
    month_after,
    month_before,
    month_bounds,
    month_of,
    months_between,
    months_later,
)

DENVER = "America/Denver"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "month"),
    [("2026-11-01T05:59:59", "2026-10"), ("2026-11-01T06:00:00", "2026-11"), ("2026-12-01T06:59:59", "2026-11")],
)
def test_a_month_begins_at_local_midnight(at: str, month: str) -> None:
    assert month_of(utc(at), DENVER) == month


def test_a_month_with_a_change_of_clocks_is_an_hour_longer() -> None:
    starts_at, ends_at = month_bounds("2026-11", DENVER)
    assert (starts_at, ends_at) == (utc("2026-11-01T06:00:00"), utc("2026-12-01T07:00:00"))
    assert ends_at - starts_at == timedelta(days=30, hours=1)


def test_a_year_turns() -> None:
    assert (month_after("2026-12"), month_before("2027-01")) == ("2027-01", "2026-12")


def test_a_day_whose_midnight_the_clocks_skip_begins_when_they_go_on() -> None:
    # Asuncion, 1 October 2017: 00:00 became 01:00.
    assert local_midnight(date(2017, 10, 1), "America/Asuncion") == utc("2017-10-01T04:00:00")
    assert month_of(utc("2017-10-01T03:59:59"), "America/Asuncion") == "2017-09"
    assert month_of(utc("2017-10-01T04:00:00"), "America/Asuncion") == "2017-10"


def test_a_month_whose_first_midnight_occurs_twice_begins_at_the_first() -> None:
    # St John's, 1 November 2009: 00:01 became 23:01 of the day before.
    starts_at = utc("2009-11-01T02:30:00")
    assert month_bounds("2009-11", "America/St_Johns")[0] == starts_at
    assert month_of(starts_at + timedelta(minutes=30), "America/St_Johns") == "2009-11"
    assert month_of(starts_at - timedelta(microseconds=1), "America/St_Johns") == "2009-10"


@given(
    st.integers(0, 120 * 365 * 86_400).map(
        lambda seconds: datetime(1971, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    ),
    st.sampled_from([DENVER, "Europe/Rome", "America/St_Johns", "Asia/Beirut", "Pacific/Apia", "UTC"]),
)
def test_months_tile_time(at: datetime, zone: str) -> None:
    month = month_of(at, zone)
    starts_at, ends_at = month_bounds(month, zone)
    assert starts_at <= at < ends_at
    assert month_bounds(month_after(month), zone)[0] == ends_at
    assert month_bounds(month_before(month), zone)[1] == starts_at


@given(st.integers(1970 * 12, 2100 * 12), st.integers(-600, 600))
def test_months_later_and_the_months_between_are_each_others_inverse(start: int, by: int) -> None:
    month = f"{start // 12:04}-{start % 12 + 1:02}"
    later = months_later(month, by)
    assert months_between(month, later) == by
    assert (later > month) == (by > 0)


def test_months_pass_from_one_year_to_another() -> None:
    assert months_later("2026-11", 2) == "2027-01"
    assert months_later("2026-11", -11) == "2025-12"
