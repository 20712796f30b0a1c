"""Business calendars as a setting of the desk, published in versions."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache

import msgspec

from domain import business_hours
from domain.business_time import ROUND_THE_CLOCK, BusinessTime
from domain.event import Event
from domain.setting import InvalidSetting, effective_instant, in_force

DESK_CALENDAR = "business"
"""The calendar of the desk: emergencies, workable instants and clocks without a target go by it (SUPPORT_POLICY T5)."""

DEFAULT_HOURS = {"mon-fri": "08:30-17:30"}
"""The business hours of SUPPORT_POLICY R6; their zone is the desk's."""


class CalendarPublished(Event, frozen=True, kw_only=True):
    """A version of a business calendar was published (SUPPORT_POLICY R6).

    `hours` maps a day or a range of days ("mon-fri") to spans ("08:30-17:30", several with a space between);
    `overrides` are special days, `breaks` closed spans of single dates. Local times of `tz`.
    """

    calendar: str
    version: int
    tz: str
    hours: dict[str, str]
    holidays: tuple[date, ...] = ()
    overrides: dict[date, str] = {}  # noqa: RUF012  (msgspec makes a new one each time)
    breaks: dict[date, str] = {}  # noqa: RUF012
    effective_from: datetime


class PublishCalendar(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Publish the next version of a calendar, in effect from `effective_from` or else from `now`.

    `founding` marks a desk's first settings, which alone may take effect in the past.
    """

    now: datetime
    calendar: str
    tz: str
    hours: Mapping[str, str]
    holidays: Sequence[date] = ()
    overrides: Mapping[date, str] = {}
    breaks: Mapping[date, str] = {}
    effective_from: datetime | None = None
    founding: bool = False


class Calendar(msgspec.Struct, frozen=True, gc=False):
    """All versions of one calendar, in the order of publication."""

    versions: tuple[CalendarPublished, ...]


class InvalidCalendar(InvalidSetting):
    """A calendar that cannot be counted with; `errors` names each wrong field."""

    code = "invalid_calendar"


def decide(command: PublishCalendar, state: Calendar | None) -> list[CalendarPublished]:
    """Decide on a publication. What the version in force by then says already is not published again.

    Raises InvalidCalendar and EffectiveInPast.
    """
    _check(command)
    versions = state.versions if state else ()
    takes_effect = command.effective_from or command.now
    event = CalendarPublished(
        occurred_at=command.now,
        calendar=command.calendar,
        version=len(versions) + 1,
        tz=command.tz,
        hours=dict(command.hours),
        holidays=tuple(sorted(set(command.holidays))),
        overrides=dict(sorted(command.overrides.items())),
        breaks=dict(sorted(command.breaks.items())),
        effective_from=takes_effect,
    )
    followed = in_force(versions, takes_effect)
    if followed is not None and _content(followed) == _content(event):
        return []
    effective_instant(command.now, command.effective_from, founding=command.founding)
    return [event]


def evolve(state: Calendar | None, event: CalendarPublished) -> Calendar:
    """Fold a publication."""
    return Calendar((*state.versions, event) if state else (event,))


def compiled(calendar: CalendarPublished) -> BusinessTime:
    """The version, ready to count with; the same content is compiled once."""
    return _compiled(
        calendar.tz,
        tuple(calendar.hours.items()),
        calendar.holidays,
        tuple(calendar.overrides.items()),
        tuple(calendar.breaks.items()),
    )


@lru_cache(maxsize=256)
def _compiled(
    tz: str,
    hours: tuple[tuple[str, str], ...],
    holidays: tuple[date, ...],
    overrides: tuple[tuple[date, str], ...],
    breaks: tuple[tuple[date, str], ...],
) -> BusinessTime:
    return BusinessTime(tz=tz, hours=dict(hours), holidays=holidays, overrides=dict(overrides), breaks=dict(breaks))


def _check(command: PublishCalendar) -> None:
    errors = business_hours.faults(
        tz=command.tz, hours=command.hours, overrides=command.overrides, breaks=command.breaks
    )
    if command.calendar == ROUND_THE_CLOCK:
        errors.insert(0, ("/calendar", f"{ROUND_THE_CLOCK} is always open and is not published"))
    if errors:
        raise InvalidCalendar(errors)


def _content(event: CalendarPublished) -> tuple[object, ...]:
    return event.tz, event.hours, event.holidays, event.overrides, event.breaks
