"""How long do due instants take? Each is counted from an instant of its own somewhere in ten years, in one process."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from time import perf_counter, process_time

from benchmarks.machine import Calibrator
from benchmarks.options import at_least
from benchmarks.report import Figure, Report, Target
from domain.business_time import BusinessTime

_WANTED_SECONDS = 10.0
_WANTED_COUNT = 1_000_000
_BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
_YEARS = 10
_ROUND = 100_000
_HOUR = 3600
_SPANS_YEARS = (0.01, 0.1, 1, 10, 100)
_OF_EACH_SPAN = 10_000
_SPAN_ROUNDS = 3
_SEED = 20_261_125


def desk_hours() -> BusinessTime:
    """Return a desk's calendar: a zone with clock changes, a lunch break, eleven holidays a year, short Fridays."""
    years = range(_BEGIN.year - 1, _BEGIN.year + 102)
    holidays = [date(year, month, 1 + month % 5) for year in years for month in range(1, 12)]
    return BusinessTime(
        tz="America/Denver", hours={"mon-thu": "08:30-12:00 13:00-17:30", "fri": "08:30-14:00"}, holidays=holidays
    )


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--computations", type=at_least(1), default=_WANTED_COUNT, help="due instants (1,000,000)")


def measure(options: Namespace) -> Report:
    """Count due instants of targets from a minute to two weeks, from instants all over ten years."""
    random = Random(_SEED)
    hours = desk_hours()
    starts = list(_instants(random, options.computations))
    targets = [random.randrange(60, 80 * _HOUR) for _ in starts]
    started = perf_counter()
    hours.due(starts[0], targets[0])
    first = perf_counter() - started
    calibrator = Calibrator()
    seconds, cpu_us, elapsed_us = first, [], []
    for begin in range(0, len(starts), _ROUND):
        calibrator.measure()
        some = list(zip(starts[begin : begin + _ROUND], targets[begin : begin + _ROUND], strict=True))
        due = hours.due
        started, started_cpu = perf_counter(), process_time()
        for start, target in some:
            due(start, target)
        cpu_us.append((process_time() - started_cpu) / len(some) * 1e6)
        seconds += perf_counter() - started
        elapsed_us.append(_elapsed(hours, [start for start, _ in some]))
        print(f"{begin + len(some):,} of {len(starts):,}", file=sys.stderr)
    figures = [
        Figure(name="a due instant", unit="us", rounds=cpu_us),
        Figure(name="time elapsed, over years", unit="us", rounds=elapsed_us),
        Figure(name="the first one, which makes its year's table", unit="us", rounds=[first * 1e6]),
        *(
            Figure(name=f"a due instant {years:g} years away", unit="us", rounds=_span(hours, years))
            for years in _SPANS_YEARS
        ),
    ]
    return Report(
        benchmark="business-time",
        question=f"How long do {len(starts):,} due instants over {_YEARS} years take?",
        settings={"seed": str(_SEED), "round": f"{_ROUND:,} instants"},
        figures=figures,
        targets=[
            Target(
                name=f"{len(starts):,} due instants",
                value=seconds,
                unit="s",
                bound="at most",
                wanted=_WANTED_SECONDS * len(starts) / _WANTED_COUNT,
            )
        ],
        notes=["No peer: no package among those at hand counts due instants of a calendar with zones."],
        calibration=calibrator.calibration,
    )


def _instants(random: Random, count: int) -> Iterator[datetime]:
    span = int(timedelta(days=365.25 * _YEARS).total_seconds())
    for _ in range(count):
        yield _BEGIN + timedelta(seconds=random.randrange(span))


def _elapsed(hours: BusinessTime, starts: list[datetime]) -> float:
    """Microseconds of a question of the other kind, between instants that lie years apart."""
    ends = starts[1:] + starts[:1]
    elapsed = hours.elapsed
    started = process_time()
    for one, other in zip(starts, ends, strict=True):
        elapsed(one, other)
    return (process_time() - started) / len(starts) * 1e6


def _span(hours: BusinessTime, years: float) -> list[float]:
    """How long a due instant takes that lies so far away, once the table reaches it: a binary search."""
    target = hours.elapsed(_BEGIN, _BEGIN + timedelta(days=365.25 * years))
    starts = [_BEGIN + timedelta(minutes=minutes) for minutes in range(_OF_EACH_SPAN)]
    for start in (starts[0], starts[-1]):
        hours.due(start, target)  # the table grows here, and is not counted
    rounds = []
    for _ in range(_SPAN_ROUNDS):
        started = process_time()
        for start in starts:
            hours.due(start, target)
        rounds.append((process_time() - started) / _OF_EACH_SPAN * 1e6)
    return rounds
