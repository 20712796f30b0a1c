"""Does a desk get slower as its log grows? The same figures on a short log and a long one, in turns."""

import json
import re
import sys
import urllib.request
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from random import Random
from statistics import median
from time import perf_counter, sleep

import msgspec

from benchmarks.generator import HEAVY_CUSTOMERS, Generated, generate
from benchmarks.http_client import closed_loop
from benchmarks.machine import Calibrator
from benchmarks.options import at_least, positive
from benchmarks.peers import OurRecorder
from benchmarks.projecting import projecting, wait_for
from benchmarks.report import Figure, Report, Target
from benchmarks.running_desk import SECRET, RunningDesk, mixed
from benchmarks.server import BenchmarkServer, benchmark_server
from commands.application import CaselogApplication
from commands.handlers.streams import EVOLVE_TICKET
from commands.memory import Loaded
from domain.ticket.state import Ticket
from infra.log.factory import environment_of
from infra.postgres.pool import connect
from projections.catalogue import VIEWS

SMALL = 10_000
LARGE = 1_000_000
SEED = 20_261_126
WANTED = 0.95
WANTED_MEMORY = 1.1
THREADS = 16
CONNECTIONS = 16
_LOADS = 300
_READS = 60
_ALL_VIEWS = [view.name for view in VIEWS]
_DEAREST_VIEW = "sla"
"""Alone, for of several the rate rises as the first of them are done."""
_TENTHS = 10
_SETTLE_SECONDS = 0.5
_STATISTICS_SECONDS = 11.0
_FEWEST_TURNS = 3
_SETTLED = 1.1
_SHORT, _LONG = "short", "long"


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--large", type=at_least(SMALL), default=LARGE, help=f"events of the long log ({LARGE:,})")
    parser.add_argument("--rounds", type=at_least(1), default=5, help="rounds; in each both logs have their turn (5)")
    parser.add_argument("--seconds", type=positive, default=2.0, help="how long appends or commands take (2)")


class _Desk(msgspec.Struct, frozen=True):
    """A desk that runs on one of the logs."""

    made: Generated
    running: RunningDesk
    random: Random


def measure(options: Namespace) -> Report:
    """Make both logs, measure the log alone on both in turns, let the views catch up, and measure the desks."""
    figures: dict[str, dict[str, list[float]]] = {_SHORT: {}, _LONG: {}}
    tenths: list[float] = []
    with benchmark_server() as server, ExitStack() as stack:
        calibrator = Calibrator(server.folder)
        logs = {schema: _make(server, schema, events) for schema, events in ((_SHORT, SMALL), (_LONG, options.large))}
        _rounds(options, calibrator, figures, lambda schema, _: _of_log(server, schema, logs[schema], options))
        desks: dict[str, _Desk] = {}
        for schema, made in logs.items():
            _forget_after(server, schema, made)
            with projecting(server.url, schema, [_DEAREST_VIEW]):
                tenths = _catch_up(server, schema, made, [_DEAREST_VIEW])
            running = stack.enter_context(_running(server, schema, made))
            _catch_up(server, schema, made, _ALL_VIEWS)
            desks[schema] = _Desk(made, running, Random(SEED))
        warming = {schema: _warm_up(desk, options) for schema, desk in desks.items()}
        _forget_statistics(server)
        _rounds(options, calibrator, figures, lambda schema, number: _of_desk(desks[schema], number, options))
        memory = {schema: desk.running.memory_mib() for schema, desk in desks.items()}
        sizes = _sizes(server)
        scans = _scans(server)
        durability = server.durability()
    small, large = figures.values()
    return Report(
        benchmark="growth",
        question="Does a desk get slower as its log grows?",
        settings={
            "logs": " and ".join(f"{made.events:,} events of {made.cases:,} cases" for made in logs.values()),
            "rounds": str(options.rounds),
            "seed": str(SEED),
            "durability": durability,
        },
        figures=[
            *(
                Figure(name=f"{name}, {made.events:,} events", unit=_UNITS[name], rounds=figures[schema][name])
                for name in small
                for schema, made in logs.items()
            ),
            *(
                Figure(
                    name=f"view {_DEAREST_VIEW} alone, tenth {number} of the long log", unit="events/s", rounds=[rate]
                )
                for number, rate in enumerate(tenths, 1)
            ),
            *(
                Figure(
                    name=f"commands over HTTP, {desks[schema].made.events:,} events, turns of a new API",
                    unit="/s",
                    rounds=r,
                )
                for schema, r in warming.items()
            ),
            *(
                Figure(name=f"memory: {name}, {desks[schema].made.events:,} events", unit="MiB", rounds=[mib])
                for schema, found in memory.items()
                for name, mib in found.items()
            ),
            *(Figure(name=f"size of {name}", unit="B/event", rounds=[size]) for name, size in sizes.items()),
        ],
        targets=[
            *(_target(name, small[name], large[name]) for name in small),
            Target(
                name=f"view {_DEAREST_VIEW}, tenths 7 to 9 to tenths 2 to 4",
                value=median(tenths[6:9]) / median(tenths[1:4]),
                unit="x",
                bound="at least",
                wanted=WANTED,
                within_spread=max(tenths[6:9]) >= min(tenths[1:4]),
            ),
            *(
                Target(
                    name=f"memory: {name}, long to short",
                    value=mib / memory[_SHORT][name],
                    unit="x",
                    bound="at most",
                    wanted=WANTED_MEMORY,
                )
                for name, mib in memory[_LONG].items()
            ),
        ],
        notes=[
            "Ratios are of speed, the long log's to the short one's: above 1 the long one is faster.",
            f"Tables of the log that were read as a whole meanwhile: {', '.join(scans) or 'none'}.",
        ],
        calibration=calibrator.calibration,
    )


_UNITS = {
    "appends by 16 threads": "/s",
    "a case loaded": "us",
    "commands over HTTP": "/s",
    "the queue read": "ms",
    "a history read": "ms",
    "a subscription read": "ms",
}


def _target(name: str, small: list[float], large: list[float]) -> Target:
    is_rate = _UNITS[name] == "/s"
    ratio = median(large) / median(small) if is_rate else median(small) / median(large)
    overlap = max(large) >= min(small) if is_rate else min(large) <= max(small)
    return Target(name=name, value=ratio, unit="x", bound="at least", wanted=WANTED, within_spread=overlap)


def _make(server: BenchmarkServer, schema: str, events: int) -> Generated:
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    started = perf_counter()

    def told(made: int) -> None:
        rate = made / (perf_counter() - started)
        print(f"\r{made:,} of {events:,} events made, {rate:,.0f}/s", end="", file=sys.stderr, flush=True)

    generated = generate(server.url, schema, events, seed=SEED, at=at, told=told)
    print(file=sys.stderr)
    return generated


@contextmanager
def _running(server: BenchmarkServer, schema: str, made: Generated) -> Iterator[RunningDesk]:
    desk = RunningDesk(server, made.customers, made.open_cases, schema)
    with desk.process("projector"), desk.process("API"):
        yield desk


def _catch_up(server: BenchmarkServer, schema: str, made: Generated, wanted: list[str]) -> list[float]:
    """Wait for all views, and return the rate (events/s) at which they took each tenth of the log, in the mean."""
    reached: list[tuple[int, float]] = []
    with closing(connect(server.url, schema)) as connection:
        connection.autocommit = True
        while not reached or reached[-1][0] < made.events:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*), coalesce(avg(position), 0)::bigint FROM projections WHERE view = ANY (%s)",
                    (wanted,),
                )
                [(views, position)] = cursor.fetchall()
            if views == len(wanted):
                reached.append((position, perf_counter()))
                print(f"\rviews at {position:,} of {made.events:,}", end="", file=sys.stderr, flush=True)
            sleep(0.05)
    print(file=sys.stderr)
    wait_for(server.url, schema, wanted, made.events)
    marks = [
        next(at for position, at in reached if position >= made.events * tenth / _TENTHS)
        for tenth in range(_TENTHS + 1)
    ]
    return [made.events / _TENTHS / max(after - before, 0.05) for before, after in pairwise(marks)]


def _rounds(
    options: Namespace,
    calibrator: Calibrator,
    figures: dict[str, dict[str, list[float]]],
    turn: Callable[[str, int], Iterator[tuple[str, float]]],
) -> None:
    """Let both logs have their turns; the first round warms up."""
    for number in range(options.rounds + 1):
        calibrator.measure()
        for schema, found in figures.items():
            for name, value in turn(schema, number):
                if number:
                    found.setdefault(name, []).append(value)
        print(f"round {number} of {options.rounds}", file=sys.stderr)


def _of_log(server: BenchmarkServer, schema: str, made: Generated, options: Namespace) -> Iterator[tuple[str, float]]:
    """Measure the log by itself, once; names as in `_UNITS`."""
    with closing(OurRecorder(server.url, schema)) as recorder:
        yield "appends by 16 threads", recorder.turn(THREADS, options.seconds).events_per_second
    environment = environment_of(server.url, schema)
    with CaselogApplication(environment) as application:
        chosen = Random(SEED).sample(made.open_cases, _LOADS)
        yield "a case loaded", median([_load_us(application, case) for case in chosen])


def _load_us(application: CaselogApplication, case: str) -> float:
    started = perf_counter()
    _: Loaded[Ticket] = application.load(f"ticket-{case}", EVOLVE_TICKET)
    return (perf_counter() - started) * 1e6


def _forget_after(server: BenchmarkServer, schema: str, made: Generated) -> None:
    """Take the benchmark's own appends away, which no view could make anything of."""
    with closing(connect(server.url, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM events WHERE position > %s", (made.events,))
        cursor.execute("UPDATE log_head SET position = %s", (made.events,))


def _warm_up(desk: _Desk, options: Namespace) -> list[float]:
    """Send commands until a turn brings hardly more than the best before it; return the rates (commands/s).

    Subscriptions that nobody has ever loaded have no snapshot yet: the first command on each folds it from its start.
    """
    rates: list[float] = []
    while len(rates) < _FEWEST_TURNS or rates[-1] > _SETTLED * max(rates[:-1]):
        requests = partial(mixed, "", desk.made.customers, desk.made.open_cases, -SEED - len(rates))
        answers = closed_loop(desk.running.port, requests, connections=CONNECTIONS, seconds=options.seconds)
        rates.append(answers.per_second)
        print(
            f"\rwarming up, {desk.made.events:,} events: {rates[-1]:,.0f} commands/s ",
            end="",
            file=sys.stderr,
            flush=True,
        )
    print(file=sys.stderr)
    return rates


def _of_desk(desk: _Desk, number: int, options: Namespace) -> Iterator[tuple[str, float]]:
    """Measure a running desk once; names as in `_UNITS`."""
    requests = partial(mixed, "", desk.made.customers, desk.made.open_cases, SEED + number)
    answers = closed_loop(desk.running.port, requests, connections=CONNECTIONS, seconds=options.seconds)
    if set(answers.statuses) - {200, 201}:
        raise RuntimeError(f"not every command was taken: {answers.statuses}")
    yield "commands over HTTP", answers.per_second
    sleep(_SETTLE_SECONDS)  # the views follow, and leave the processors to the reads
    for name, path in (
        ("the queue read", "/v1/queue"),
        ("a history read", "/v1/tickets/{case}/history"),
        ("a subscription read", "/v1/customers/{customer}/subscription"),
    ):
        paths = [
            path.format(
                case=desk.random.choice(desk.made.open_cases),
                customer=desk.random.choice(desk.made.customers[HEAVY_CUSTOMERS:]),
            )
            for _ in range(_READS)
        ]
        yield name, median([_read_ms(desk, each) for each in paths])


def _read_ms(desk: _Desk, path: str) -> float:
    started = perf_counter()
    request = urllib.request.Request(
        f"http://127.0.0.1:{desk.running.port}{path}", headers={"Authorization": f"Bearer {SECRET}"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        json.load(answer)
    return (perf_counter() - started) * 1000


def _sizes(server: BenchmarkServer) -> dict[str, float]:
    """Return bytes an event of the largest tables, each with its indexes apart."""
    with closing(connect(server.url, _LONG)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class"
            " WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
            " ORDER BY pg_total_relation_size(oid) DESC LIMIT 12"
        )
        rows = cursor.fetchall()
        cursor.execute("SELECT position FROM log_head")
        [(events,)] = cursor.fetchall()
    sizes = {}
    for name, table, indexes in rows:
        plain = re.sub(r"_b\d+$", "", name)
        sizes[plain] = table / events
        sizes[f"{plain}, indexes"] = indexes / events
    return sizes


def _forget_statistics(server: BenchmarkServer) -> None:
    """Let the server count scans from here on: indexes have been built by them, and sessions tell of it when idle."""
    sleep(_STATISTICS_SECONDS)
    with closing(connect(server.url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_reset()")


def _scans(server: BenchmarkServer) -> list[str]:
    """Return large tables of the long log that were read from end to end, as the server's statistics say."""
    with closing(connect(server.url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE schemaname = %s"
            " AND pg_relation_size(relid) > 8000000 AND seq_scan > 0 ORDER BY seq_tup_read DESC",
            (_LONG,),
        )
        return [f"{name} ({count} times)" for name, count in cursor.fetchall()]
