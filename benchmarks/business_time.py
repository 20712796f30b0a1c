"""How long do due instants take? Each is counted from an instant of its own somewhere in ten years, in one process."""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from time import perf_counter, process_time

import msgspec

from benchmarks.machine import additions_per_second
from domain.business_time import BusinessTime

_WANTED_SECONDS = 10.0
_WANTED_COUNT = 1_000_000
_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_YEARS = 10
_ROUND = 100_000
_HOUR = 3600
_SPANS_YEARS = (0.01, 0.1, 1, 10, 100)
_OF_EACH_SPAN = 20_000


class SpanFigures(msgspec.Struct, frozen=True):
    """Processor time of a due instant that lies about so many years after its start, once the table reaches it."""

    years: float
    microseconds: float


class Result(msgspec.Struct, frozen=True):
    """All of a run. `additions_per_second` are the machine's, measured before each round of so many computations.

    `cpu_seconds` and `spans` leave out what other processes took of the machine; the other figures are by the clock.
    """

    computations: int
    seconds: float
    cpu_seconds: float
    per_second: float
    first_seconds: float
    elapsed_seconds: float
    elapsed_per_second: float
    spans: list[SpanFigures]
    additions_per_second: list[float]
    peer: str = "none: no package among the development dependencies counts due instants of a calendar with zones"
    wanted_seconds: float = _WANTED_SECONDS


def desk_hours() -> BusinessTime:
    """Return a desk's calendar: a zone with clock changes, a lunch break, eleven holidays a year, short Fridays."""
    years = range(_BEGIN.year - 1, _BEGIN.year + 102)
    holidays = [date(year, month, 1 + month % 5) for year in years for month in range(1, 12)]
    return BusinessTime(
        tz="America/Denver", hours={"mon-thu": "08:30-12:00 13:00-17:30", "fri": "08:30-14:00"}, holidays=holidays
    )


def measure(*, computations: int) -> Result:
    """Count due instants of targets from a minute to two weeks, from instants all over ten years."""
    random = Random(20_261_125)
    hours = desk_hours()
    starts = list(_instants(random, computations))
    targets = [random.randrange(60, 80 * _HOUR) for _ in starts]
    started = perf_counter()
    hours.due(starts[0], targets[0])
    first = perf_counter() - started
    additions: list[float] = []
    total, cpu = first, 0.0
    for begin in range(0, computations, _ROUND):
        additions.append(additions_per_second())
        some = list(zip(starts[begin : begin + _ROUND], targets[begin : begin + _ROUND], strict=True))
        due = hours.due
        started, started_cpu = perf_counter(), process_time()
        for start, target in some:
            due(start, target)
        total += perf_counter() - started
        cpu += process_time() - started_cpu
        print(f"{begin + len(some):,} of {computations:,}", file=sys.stderr)
    elapsed_seconds = _elapsed(hours, starts)
    return Result(
        computations=computations,
        seconds=total,
        cpu_seconds=cpu,
        per_second=computations / total,
        first_seconds=first,
        elapsed_seconds=elapsed_seconds,
        elapsed_per_second=computations / elapsed_seconds,
        spans=[_span(hours, years) for years in _SPANS_YEARS],
        additions_per_second=additions,
    )


def _instants(random: Random, count: int) -> Iterator[datetime]:
    span = int(timedelta(days=365.25 * _YEARS).total_seconds())
    for _ in range(count):
        yield _BEGIN + timedelta(seconds=random.randrange(span))


def _elapsed(hours: BusinessTime, starts: list[datetime]) -> float:
    """Seconds for as many questions of the other kind, between instants that lie years apart."""
    ends = starts[1:] + starts[:1]
    elapsed = hours.elapsed
    started = perf_counter()
    for one, other in zip(starts, ends, strict=True):
        elapsed(one, other)
    return perf_counter() - started


def _span(hours: BusinessTime, years: float) -> SpanFigures:
    """How long one due instant takes that lies so far away: a binary search in ever longer tables."""
    target = hours.elapsed(_BEGIN, _BEGIN + timedelta(days=365.25 * years))
    starts = [_BEGIN + timedelta(minutes=minutes) for minutes in range(_OF_EACH_SPAN)]
    for start in (starts[0], starts[-1]):
        hours.due(start, target)  # the table grows here, and is not counted
    started = process_time()
    for start in starts:
        hours.due(start, target)
    return SpanFigures(years=years, microseconds=(process_time() - started) / _OF_EACH_SPAN * 1e6)


def table(result: Result) -> str:
    """Return the figures for people."""
    verdict = ""
    if result.computations >= _WANTED_COUNT:
        held = "held" if result.seconds < result.wanted_seconds else "MISSED"
        verdict = f" (wanted: under {result.wanted_seconds:g} s, {held})"
    slowest, fastest = min(result.additions_per_second), max(result.additions_per_second)
    lines = [
        f"{result.computations:,} due instants over {_YEARS} years: {result.seconds:.2f} s{verdict}",
        f"  of the processor {result.cpu_seconds:.2f} s; {result.per_second:,.0f} a second",
        f"  the first one, which makes its year's table: {result.first_seconds * 1000:.1f} ms",
        f"{result.computations:,} times elapsed, over years: {result.elapsed_seconds:.2f} s",
        "a due instant by the length of the span, once the table reaches so far:",
        *(f"  {each.years:>6g} years  {each.microseconds:6.2f} us" for each in result.spans),
        f"the machine beside it: {slowest / 1e6:.1f} to {fastest / 1e6:.1f} million additions a second",
        f"peer: {result.peer}",
    ]
    return "\n".join(lines)
