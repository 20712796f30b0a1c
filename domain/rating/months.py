"""Which calendar month of the desk's zone an instant belongs to (SUPPORT_POLICY B2, T1)."""

from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo


def local_date(at: datetime, zone: str) -> date:
    """Return the date that a clock on the wall shows in `zone` at an instant."""
    return at.astimezone(ZoneInfo(zone)).date()


def local_midnight(day: date, zone: str) -> datetime:
    """Return the instant (UTC) at which a date begins in `zone`.

    Where the clocks skip midnight it is later by the length of the gap, where they show it twice it is the first
    (T1): both are what `fold=0` means (PEP 495).
    """
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


def first_day(month: str) -> date:
    """Return the first date of a month given as "2026-11"."""
    return date.fromisoformat(f"{month}-01")


def month_after(month: str) -> str:
    """Return the month that follows."""
    return months_later(month, 1)


def month_before(month: str) -> str:
    """Return the month that precedes."""
    return months_later(month, -1)


def months_later(month: str, by: int) -> str:
    """Return the month so many months later, or earlier by a negative number."""
    year, number = divmod(_number(month) + by, 12)
    return f"{year:04}-{number + 1:02}"


def months_between(first: str, later: str) -> int:
    """Return by how many months one month comes later than another."""
    return _number(later) - _number(first)


@lru_cache(maxsize=4096)
def month_bounds(month: str, zone: str) -> tuple[datetime, datetime]:
    """Return the instants (UTC) at which a month begins and ends in `zone`: the end is the next one's begin."""
    return local_midnight(first_day(month), zone), local_midnight(first_day(month_after(month)), zone)


def month_of(at: datetime, zone: str) -> str:
    """Return the month ("2026-11") that an instant belongs to in `zone`.

    Months tile time at their first local midnights. So an hour that clocks set back over midnight show as the old
    month's again (St John's, 1 November 2009, 00:01) stays in the new one.
    """
    month = local_date(at, zone).isoformat()[:7]
    _, ends_at = month_bounds(month, zone)
    return month_after(month) if at >= ends_at else month


def _number(month: str) -> int:
    """Months since the year 0."""
    return int(month[:4]) * 12 + int(month[5:]) - 1
