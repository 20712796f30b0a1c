"""How a business calendar is written down: days, spans of local time, dates; and what is wrong with one.

hours   {"mon-fri": "08:30-17:30", "sat": "09:00-12:00 13:00-16:00"}
spans   "08:30-17:30", several with a space between; "24:00" is the midnight that ends the day; "" is closed
"""

import re
from collections.abc import Mapping
from datetime import date
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_SECONDS = 86_400

Spans = tuple[tuple[int, int], ...]
"""Spans of one day as (start, end) in seconds of local clock time after midnight, 0 <= start < end <= 86,400."""

_SPAN = re.compile(r"(\d\d):(\d\d)(?::(\d\d))?-(\d\d):(\d\d)(?::(\d\d))?", re.ASCII)


def parse_days(text: str) -> tuple[int, ...]:
    """The days (Monday is 0) that "mon", "mon-fri" or "sun-thu" names. Raises ValueError."""
    first, _, last = text.partition("-")
    for name in (first, last) if "-" in text else (first,):
        if name not in DAYS:
            raise ValueError(f"{name!r} is no day; days are {', '.join(DAYS)}")
    begin = DAYS.index(first)
    length = (DAYS.index(last or first) - begin) % 7 + 1
    return tuple((begin + offset) % 7 for offset in range(length))


def parse_spans(text: str) -> Spans:
    """The spans that "08:30-12:00 13:00-17:30" names, as written; none for "". Raises ValueError."""
    return tuple(_parse_span(part) for part in text.split())


def _parse_span(text: str) -> tuple[int, int]:
    match = _SPAN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is no span such as 08:30-17:30")
    hour, minute, second, to_hour, to_minute, to_second = (int(part or 0) for part in match.groups())
    start, end = _seconds(text, hour, minute, second), _seconds(text, to_hour, to_minute, to_second)
    if start >= end:
        raise ValueError(f"{text!r} does not end after it starts")
    return start, end


def _seconds(text: str, hour: int, minute: int, second: int) -> int:
    seconds = hour * 3600 + minute * 60 + second
    if minute > 59 or second > 59 or seconds > DAY_SECONDS:
        raise ValueError(f"{text!r} names a time that no day has")
    return seconds


def week_of(hours: Mapping[str, str]) -> tuple[Spans, ...]:
    """The seven days' spans, Monday first. A day named twice has the spans of both. Raises ValueError."""
    week: list[list[tuple[int, int]]] = [[] for _ in DAYS]
    for days, spans in hours.items():
        for day in parse_days(days):
            week[day].extend(parse_spans(spans))
    return tuple(tuple(sorted(day)) for day in week)


@cache
def zone(name: str) -> ZoneInfo:
    """The IANA zone of that name. Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone") from None


def faults(
    *, tz: str, hours: Mapping[str, str], overrides: Mapping[date, str], breaks: Mapping[date, str]
) -> list[tuple[str, str]]:
    """Every wrong field of a calendar as (JSON pointer, detail); empty if it can be compiled."""
    found: list[tuple[str, str]] = []
    try:
        zone(tz)
    except ValueError as fault:
        found.append(("/tz", str(fault)))
    for days, spans in hours.items():
        pointer = "/hours/" + days.replace("~", "~0").replace("/", "~1")
        try:
            parse_days(days)
        except ValueError as fault:
            found.append((pointer, str(fault)))
        found.extend(_span_faults(pointer, spans))
    for field, days_of in (("overrides", overrides), ("breaks", breaks)):
        for day, spans in days_of.items():
            found.extend(_span_faults(f"/{field}/{day.isoformat()}", spans))
    if not any(spans.strip() for spans in hours.values()):
        # Special days alone would leave clocks that can never fall due, and cases that are never workable.
        found.append(("/hours", "a week without open hours"))
    return found


def _span_faults(pointer: str, spans: str) -> list[tuple[str, str]]:
    try:
        parse_spans(spans)
    except ValueError as fault:
        return [(pointer, str(fault))]
    return []
