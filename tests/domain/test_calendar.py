"""Publishing a calendar: what is wrong is named, what is known is not said again, the past is left alone."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain.calendar import (
    DEFAULT_HOURS,
    Calendar,
    CalendarPublished,
    InvalidCalendar,
    PublishCalendar,
    compiled,
    decide,
    evolve,
)
from domain.setting import EffectiveInPast, in_force
from tests.spec import Decider

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

calendar: Decider[PublishCalendar, Calendar, CalendarPublished] = Decider(decide, evolve)


def publish(**changes: Any) -> PublishCalendar:
    command = PublishCalendar(now=NOW, calendar="business", tz="America/Denver", hours=DEFAULT_HOURS)
    return replace(command, **changes)


def published(**changes: Any) -> CalendarPublished:
    event = CalendarPublished(
        occurred_at=NOW,
        calendar="business",
        version=1,
        tz="America/Denver",
        hours=DEFAULT_HOURS,
        effective_from=NOW,
    )
    return replace(event, **changes)


def test_the_first_version_takes_effect_at_once() -> None:
    calendar.given().when(publish()).then(published())


def test_a_change_is_the_next_version() -> None:
    later = NOW + HOUR
    calendar.given(published()).when(publish(now=later, tz="Europe/Rome")).then(
        published(occurred_at=later, version=2, tz="Europe/Rome", effective_from=later)
    )


def test_dates_are_recorded_in_order_and_once() -> None:
    days = [date(2026, 12, 25), date(2026, 11, 26), date(2026, 12, 25)]
    calendar.given().when(publish(holidays=days)).then(published(holidays=(date(2026, 11, 26), date(2026, 12, 25))))


def test_the_same_content_again_is_no_version() -> None:
    given = calendar.given(published())
    given.when(publish()).then_nothing()
    given.when(publish(now=NOW + HOUR)).then_nothing()


def test_a_repeat_stays_a_repeat_when_its_effective_instant_has_passed() -> None:
    ahead = NOW + HOUR
    given = calendar.given().having(publish(effective_from=ahead))
    given.when(publish(now=NOW + 2 * HOUR, effective_from=ahead)).then_nothing()


def test_the_same_content_from_an_earlier_instant_is_a_version() -> None:
    given = calendar.given(published(effective_from=NOW + 2 * HOUR))
    given.when(publish(effective_from=NOW + HOUR)).then(published(version=2, effective_from=NOW + HOUR))


def test_a_repeat_is_judged_by_the_version_it_would_follow_not_by_the_latest() -> None:
    in_twenty_days = published(version=2, tz="UTC", effective_from=NOW + timedelta(days=20))
    in_ten_days = published(version=3, tz="Europe/Rome", effective_from=NOW + timedelta(days=10))
    given = calendar.given(published(), in_twenty_days, in_ten_days)

    given.when(publish(tz="UTC", effective_from=NOW + timedelta(days=25))).then_nothing()
    given.when(publish(tz="Europe/Rome", effective_from=NOW + timedelta(days=25))).then(
        published(version=4, tz="Europe/Rome", effective_from=NOW + timedelta(days=25))
    )


def test_content_that_was_replaced_can_be_published_again() -> None:
    given = calendar.given(published(), published(version=2, tz="UTC"))
    given.when(publish()).then(published(version=3))


def test_a_version_may_take_effect_now_but_not_before() -> None:
    calendar.given().when(publish(effective_from=NOW)).then(published())
    refusal = (
        calendar.given().when(publish(effective_from=NOW - timedelta(microseconds=1))).then_refused(EffectiveInPast)
    )
    assert refusal.pointer == "/effective_from"


def test_a_desks_first_calendar_may_take_effect_in_the_past() -> None:
    command = publish(effective_from=EPOCH, founding=True)
    calendar.given().when(command).then(published(effective_from=EPOCH))


@pytest.mark.parametrize(
    ("changes", "pointers"),
    [
        ({"tz": "Mars/Olympus"}, ["/tz"]),
        ({"tz": "../etc"}, ["/tz"]),
        ({"tz": ""}, ["/tz"]),
        ({"hours": {"monday": "09:00-17:00"}}, ["/hours/monday"]),
        ({"hours": {"mon-": "09:00-17:00"}}, ["/hours/mon-"]),
        ({"hours": {"mon/tue": "09:00-17:00"}}, ["/hours/mon~1tue"]),
        ({"hours": {"mon": "17:00-09:00"}}, ["/hours/mon"]),
        ({"hours": {"mon": "09:00-09:00"}}, ["/hours/mon"]),
        ({"hours": {"mon": "09:00-24:01"}}, ["/hours/mon"]),
        ({"hours": {"mon": "09:60-10:00"}}, ["/hours/mon"]),
        ({"hours": {"mon": "9-17"}}, ["/hours/mon"]),
        ({"hours": {}}, ["/hours"]),
        ({"hours": {"mon-fri": ""}}, ["/hours"]),
        ({"overrides": {date(2026, 12, 24): "12:00-09:00"}}, ["/overrides/2026-12-24"]),
        ({"breaks": {date(2026, 12, 24): "noon"}}, ["/breaks/2026-12-24"]),
        ({"calendar": "24x7"}, ["/calendar"]),
        (
            {"tz": "?", "hours": {"mon": "?", "someday": "09:00-17:00"}, "breaks": {date(2026, 1, 1): "?"}},
            ["/tz", "/hours/mon", "/hours/someday", "/breaks/2026-01-01"],
        ),
    ],
)
def test_each_wrong_field_is_named(changes: dict[str, Any], pointers: list[str]) -> None:
    refusal = calendar.given().when(publish(**changes)).then_refused(InvalidCalendar)
    assert isinstance(refusal, InvalidCalendar)
    assert [pointer for pointer, _ in refusal.errors] == pointers


@pytest.mark.parametrize("hours", [{"sun-thu": "00:00-24:00"}, {"sat": "09:00-12:00 13:00-16:00:30", "sun": ""}])
def test_weeks_of_other_shapes_are_taken(hours: dict[str, str]) -> None:
    calendar.given().when(publish(hours=hours)).then(published(hours=hours))


def test_a_week_may_begin_on_sunday() -> None:
    week = compiled(published(tz="UTC", hours={"sun-thu": "09:00-10:00"}))
    open_days = [day for day in range(22, 29) if week.is_open(datetime(2026, 11, day, 9, tzinfo=UTC))]
    assert open_days == [22, 23, 24, 25, 26]  # Sunday to Thursday


def test_the_version_in_force_is_the_last_to_have_taken_effect() -> None:
    first, second, third = (
        published(effective_from=EPOCH),
        published(version=2, effective_from=NOW + 2 * HOUR),
        published(version=3, effective_from=NOW + HOUR),
    )
    versions = (first, second, third)
    at = {hours: in_force(versions, NOW + hours * HOUR) for hours in (0, 1, 2)}
    assert at == {0: first, 1: third, 2: second}
    assert in_force(versions, NOW + 2 * HOUR - timedelta(seconds=1)) is third
    assert in_force(versions, EPOCH - HOUR) is None


def test_of_two_versions_from_one_instant_the_later_published_holds() -> None:
    versions = (published(), published(version=2, tz="UTC"))
    assert in_force(versions, NOW) is versions[1]
