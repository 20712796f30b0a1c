"""Business time: how much of it lies between two instants, when a stretch of it has passed (SUPPORT_POLICY T1, T2).

A calendar's open time is kept as one sorted list of disjoint intervals of UTC seconds with the open seconds before
each, so that every question is a binary search or two. The list is made a year of local dates at a time, when a
question first reaches that year: weeks with a clock change differ in real length, so there is no period to fold it by.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

from domain import business_hours
from domain.business_hours import Spans
from domain.refusal import Refusal

FIRST_YEAR = 1900
LAST_YEAR = 2199

ROUND_THE_CLOCK = "24x7"

SpanKind = Literal["counted", "closed", "holiday"]


class BeyondCalendar(Refusal):
    """The calendar has no open time there: it is never open again, or the instant lies outside its years."""

    code = "beyond_calendar"


class Span(NamedTuple):
    """A stretch of time of one kind; `start` and `end` are UTC on whole seconds, `end` excluded."""

    start: datetime
    end: datetime
    kind: SpanKind


class _Table(NamedTuple):
    """Open time of the local years `first`..`last`. Replaced as a whole, never changed, so threads can share it."""

    first: int
    last: int
    begin: int
    """UTC second at which local `first` begins."""
    end: int
    """UTC second at which local `last` ends."""
    opens: list[int]
    closes: list[int]
    before: list[int]
    """Open seconds of the table before each interval."""
    through: list[int]
    """Open seconds of the table up to each interval's end."""


class BusinessTime:
    """A calendar version ready to count with; immutable in effect, shared between threads.

    Local times become instants as T1 says: one that does not exist moves later by the length of the gap, one that
    occurs twice is the first. Overlapping spans count once. A special day (`overrides`) replaces the weekly hours and
    outranks a holiday; `breaks` are closed whatever else holds.

    Raises ValueError for what `business_hours.faults` would name, but for a week without open hours.
    """

    def __init__(
        self,
        *,
        tz: str,
        hours: Mapping[str, str],
        holidays: Iterable[date] = (),
        overrides: Mapping[date, str] | None = None,
        breaks: Mapping[date, str] | None = None,
    ) -> None:
        self.zone = business_hours.zone(tz)
        self._week = business_hours.week_of(hours)
        self._special = {day: business_hours.parse_spans(spans) for day, spans in (overrides or {}).items()}
        self._breaks = {day: business_hours.parse_spans(spans) for day, spans in (breaks or {}).items()}
        self._holidays = sorted(frozenset(holidays) - self._special.keys())
        special_years = [day.year for day, spans in self._special.items() if spans]
        # Plus one, as hours of a date that its zone left out move into the next, be it over New Year.
        self._last_open_year = LAST_YEAR if any(self._week) else max(special_years, default=FIRST_YEAR - 2) + 1
        self._table: _Table | None = None

    def elapsed(self, start: datetime, end: datetime) -> int:
        """Business seconds from `start` to `end`, both cut to whole seconds; 0 if `end` is not after `start`."""
        begin, until = to_seconds(start), to_seconds(end)
        if until <= begin:
            return 0
        table = self._covering(begin, until)
        return _open_before(table, until) - _open_before(table, begin)

    def due(self, start: datetime, seconds: int) -> datetime:
        """The earliest instant at which `seconds` of business time have passed since `start` (T2).

        That is the closing instant rather than the next opening; 0 seconds are over at the first open instant at
        or after `start`. Raises BeyondCalendar.
        """
        if seconds <= 0:
            return self.next_opening(start)
        begin = to_seconds(start)
        table = self._table
        if table is None or not table.begin <= begin < table.end:
            table = self._covering(begin, begin)
        wanted = _open_before(table, begin) + seconds
        while not table.through or table.through[-1] < wanted:
            grown = self._grown(table, start)
            wanted += _open_before(grown, begin) - _open_before(table, begin)
            table = grown
        index = bisect_left(table.through, wanted)
        return from_seconds(table.closes[index] - (table.through[index] - wanted))

    def next_opening(self, at: datetime) -> datetime:
        """The first open instant at or after `at`, cut to whole seconds. Raises BeyondCalendar."""
        begin = to_seconds(at)
        table = self._covering(begin, begin)
        while not table.closes or table.closes[-1] <= begin:
            table = self._grown(table, at)
        return from_seconds(max(begin, table.opens[bisect_right(table.closes, begin)]))

    def is_open(self, at: datetime) -> bool:
        """Whether business time runs at that instant; an opening instant is open, a closing instant is not."""
        begin = to_seconds(at)
        table = self._covering(begin, begin)
        index = bisect_right(table.opens, begin) - 1
        return index >= 0 and begin < table.closes[index]

    def midnight(self, day: date) -> datetime:
        """The instant at which that local date begins. Raises BeyondCalendar."""
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            raise BeyondCalendar(_YEARS)
        return from_seconds(self._instant(day, 0))

    def local_date(self, at: datetime) -> date:
        """The local date of an instant."""
        return at.astimezone(self.zone).date()

    def spans(self, start: datetime, end: datetime) -> list[Span]:
        """Tiles `start`..`end` without gaps: a holiday from local midnight to midnight, else counted or closed (T8)."""
        begin, until = to_seconds(start), to_seconds(end)
        if until <= begin:
            return []
        table = self._covering(begin, until)
        low, high = bisect_right(table.closes, begin), bisect_left(table.opens, until)
        marks: list[tuple[int, int, SpanKind]] = [
            (opens, closes, "counted")
            for opens, closes in zip(table.opens[low:high], table.closes[low:high], strict=True)
        ]
        marks += [(opens, closes, "holiday") for opens, closes in self._holidays_between(begin, until)]
        tiles: list[tuple[int, int, SpanKind]] = []
        reached = begin
        for begins, ends, kind in sorted(marks):
            opens, closes = max(begins, reached), min(ends, until)
            if closes <= opens:
                continue
            if reached < opens:
                tiles.append((reached, opens, "closed"))
            if tiles and tiles[-1][2] == kind and tiles[-1][1] == opens:
                tiles[-1] = (tiles[-1][0], closes, kind)
            else:
                tiles.append((opens, closes, kind))
            reached = closes
        if reached < until:
            tiles.append((reached, until, "closed"))
        return [Span(from_seconds(opens), from_seconds(closes), kind) for opens, closes, kind in tiles]

    def _covering(self, begin: int, until: int) -> _Table:
        table = self._table
        if table is not None and table.begin <= begin and until < table.end:
            return table
        if begin < _FIRST_SECOND or until > _LAST_SECOND:
            raise BeyondCalendar(_YEARS)
        first, last = self._local_year(begin), self._local_year(until)
        if table is not None:
            first, last = min(first, table.first), max(last, table.last)
        return self._extended(table, first, last)

    def _grown(self, table: _Table, since: datetime) -> _Table:
        limit = min(self._last_open_year, LAST_YEAR)
        if table.last >= limit:
            raise BeyondCalendar(f"not enough open time after {since.isoformat()}")
        # Twice as many years each time: a far instant costs as much as its years, not their square.
        return self._extended(table, table.first, min(limit, 2 * table.last - table.first + 1))

    def _extended(self, table: _Table | None, first: int, last: int) -> _Table:
        """The table over `first`..`last`, which takes in the years that `table` has."""
        opens: list[int] = []
        closes: list[int] = []
        for year in range(first, last + 1):
            if table is not None and table.first <= year <= table.last:
                if year == table.first:
                    opens += table.opens
                    closes += table.closes
                continue
            for start, end in self._year(year):
                opens.append(start)
                closes.append(end)
        before: list[int] = []
        through: list[int] = []
        total = 0
        for start, end in zip(opens, closes, strict=True):
            before.append(total)
            total += end - start
            through.append(total)
        begin, end = self._instant(date(first, 1, 1), 0), self._instant(date(last + 1, 1, 1), 0)
        self._table = table = _Table(first, last, begin, end, opens, closes, before, through)
        return table

    def _year(self, year: int) -> list[tuple[int, int]]:
        """The year's open intervals, sorted and disjoint, cut at the year's local midnights."""
        begin, end = self._instant(date(year, 1, 1), 0), self._instant(date(year + 1, 1, 1), 0)
        # Two days more at either side: hours of a date that a zone left out move into the next one.
        days = [date(year, 1, 1) + timedelta(days=offset) for offset in range(-2, 368)]
        closed: list[tuple[int, int]] = list(self._holidays_between(begin, end))
        opened: list[tuple[int, int]] = []
        holidays = frozenset(self._holidays)
        midnight = self._instant(days[0], 0)
        for day, next_day in pairwise(days):
            next_midnight = self._instant(next_day, 0)
            plain = next_midnight - midnight == business_hours.DAY_SECONDS
            for spans, target in ((self._hours_of(day, holidays), opened), (self._breaks.get(day, ()), closed)):
                for start, stop in spans:
                    if plain:
                        target.append((midnight + start, midnight + stop))
                    else:
                        target.append((self._instant(day, start), self._instant(day, stop)))
            midnight = next_midnight
        return [
            (max(start, begin), min(stop, end))
            for start, stop in _without(_merged(opened), _merged(closed))
            if start < end and stop > begin
        ]

    def _hours_of(self, day: date, holidays: frozenset[date]) -> Spans:
        special = self._special.get(day)
        if special is not None:
            return special
        return () if day in holidays else self._week[day.weekday()]

    def _holidays_between(self, begin: int, until: int) -> list[tuple[int, int]]:
        first = date.fromordinal(from_seconds(begin).date().toordinal() - 2)
        last = date.fromordinal(from_seconds(until).date().toordinal() + 2)
        days = self._holidays[bisect_left(self._holidays, first) : bisect_right(self._holidays, last)]
        return [(self._instant(day, 0), self._instant(day, business_hours.DAY_SECONDS)) for day in days]

    def _instant(self, day: date, seconds: int) -> int:
        """UTC second of a local clock time. With fold 0 a time in a gap takes the offset before it (PEP 495)."""
        local = datetime(day.year, day.month, day.day, tzinfo=self.zone) + timedelta(seconds=seconds)
        return to_seconds(local)

    def _local_year(self, second: int) -> int:
        return from_seconds(second).astimezone(self.zone).year


def to_seconds(instant: datetime) -> int:
    """Whole seconds since 1970 of an aware instant, what is below a second cut off."""
    # A float holds whole seconds exactly; with a fraction it could round up to the next.
    return int((instant.replace(microsecond=0) if instant.microsecond else instant).timestamp())


def from_seconds(seconds: int) -> datetime:
    """The UTC instant of whole seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def whole_second(instant: datetime) -> datetime:
    """The instant as the clocks count it: UTC, cut to the whole second (T1)."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.replace(microsecond=0) if instant.microsecond else instant


def _open_before(table: _Table, second: int) -> int:
    index = bisect_right(table.opens, second) - 1
    if index < 0:
        return 0
    return table.before[index] + min(second, table.closes[index]) - table.opens[index]


def _merged(intervals: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted and disjoint; a span that a clock change turned around is empty."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(intervals):
        if end <= start:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _without(opened: list[tuple[int, int]], closed: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of sorted, disjoint `opened` that no interval of sorted, disjoint `closed` covers."""
    if not closed:
        return opened
    left: list[tuple[int, int]] = []
    index = 0
    for start, end in opened:
        while index < len(closed) and closed[index][1] <= start:
            index += 1
        at, reached = index, start
        while at < len(closed) and closed[at][0] < end:
            if reached < closed[at][0]:
                left.append((reached, closed[at][0]))
            reached = max(reached, closed[at][1])
            at += 1
        if reached < end:
            left.append((reached, end))
    return left


_YEARS = f"a calendar covers the years {FIRST_YEAR} to {LAST_YEAR}"
# A day less at either end than those years have in UTC, so that they are local years of theirs in every zone.
_FIRST_SECOND = to_seconds(datetime(FIRST_YEAR, 1, 2, tzinfo=UTC))
_LAST_SECOND = to_seconds(datetime(LAST_YEAR, 12, 31, tzinfo=UTC))

ALWAYS = BusinessTime(tz="UTC", hours={"mon-sun": "00:00-24:00"})
"""The round-the-clock calendar, `24x7`."""
