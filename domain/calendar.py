"""Business calendars as a setting of the desk, published in versions."""

from datetime import date, datetime

from domain.event import Event


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
    overrides: dict[date, str] = {}
    breaks: dict[date, str] = {}
    effective_from: datetime
