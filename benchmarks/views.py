"""How fast do views catch up, what does an event cost them, and how soon does a reader see a command?"""

import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter

import psutil

from benchmarks.generator import Generated, generate
from benchmarks.library_view import library_view
from benchmarks.machine import Calibrator
from benchmarks.options import at_least, positive
from benchmarks.projecting import drop_views, projecting, wait_for
from benchmarks.report import Figure, Report, Target
from benchmarks.server import BenchmarkServer, benchmark_server
from benchmarks.visibility import Visible, command_to_visible, percentile_ms
from projections.catalogue import VIEWS

FOUR = ("queue", "ticket", "sla", "ledger")
SEED = 20_261_126
WANTED_TIMES = 32.0
WANTED_CPU_US = 30.0
WANTED_P99_MS = 50.0
_SCHEMA = "benchmark"


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--events", type=at_least(1_000), default=300_000, help="events of the log (300,000)")
    parser.add_argument("--library-events", type=at_least(100), default=5_000, help="the library's (5,000)")
    parser.add_argument("--rounds", type=at_least(1), default=4, help="rounds; in each both have their turn (4)")
    parser.add_argument("--per-second", type=positive, default=1_000.0, help="commands a second, planned (1,000)")
    parser.add_argument("--seconds", type=positive, default=15.0, help="how long they are sent (15)")


def measure(options: Namespace) -> Report:
    """Let four views catch up with a log, and the library's one with its own, in turns; then send commands."""
    rates: list[float] = []
    library_rates: list[float] = []
    python_us: list[float] = []
    postgres_us: list[float] = []
    memory: list[float] = []
    with benchmark_server() as server:
        made = generate(server.url, _SCHEMA, options.events, seed=SEED, at=_an_hour_ago())
        print(f"{made.events:,} events made", file=sys.stderr)
        calibrator = Calibrator(server.folder)
        with library_view(server, "library") as library:
            for number in range(options.rounds + 1):
                calibrator.measure()
                turn = _catch_up(server, made)
                rate = library(options.library_events)
                if number:  # the first round warms up
                    for values, value in zip((rates, python_us, postgres_us, memory), turn, strict=True):
                        values.append(value)
                    library_rates.append(rate)
                print(f"round {number} of {options.rounds}", file=sys.stderr)
        seen = _visibility(server, made, options)
        durability = server.durability()
    times = [ours / theirs for ours, theirs in zip(rates, library_rates, strict=True)]
    cpu = [python + postgres for python, postgres in zip(python_us, postgres_us, strict=True)]
    return Report(
        benchmark="views",
        question="How fast do queue, ticket, SLA and ledger catch up together, and how soon is a command visible?",
        settings={
            "log": f"{made.events:,} events of {made.cases:,} cases, seed {SEED}",
            "library": f"ProjectionRunner with one view in PostgreSQL, {options.library_events:,} events a turn",
            "rounds": str(options.rounds),
            "commands": "open-ticket 1, add-reply 2, log-work 1, by the application in a process of its own",
            "durability": durability,
        },
        figures=[
            Figure(name="four views of ours", unit="events/s", rounds=rates),
            Figure(name="one view of the library's", unit="events/s", rounds=library_rates),
            Figure(name="processor time an event: projector", unit="us", rounds=python_us),
            Figure(name="processor time an event: PostgreSQL", unit="us", rounds=postgres_us),
            Figure(name="memory of the projector", unit="MiB", rounds=memory),
            Figure(name=f"commands carried out of {options.per_second:,.0f}/s", unit="/s", rounds=[seen.per_second]),
            *(
                Figure(
                    name=f"command to answer, p{share * 100:g}", unit="ms", rounds=[percentile_ms(seen.answered, share)]
                )
                for share in (0.5, 0.99)
            ),
            *(
                Figure(
                    name=f"command to visible, p{share * 100:g}", unit="ms", rounds=[percentile_ms(seen.visible, share)]
                )
                for share in (0.5, 0.95, 0.99, 0.999)
            ),
        ],
        targets=[
            Target(name="of the library's rate", value=median(times), unit="x", bound="at least", wanted=WANTED_TIMES),
            Target(
                name="an event, PostgreSQL's share in it",
                value=median(cpu),
                unit="us",
                bound="at most",
                wanted=WANTED_CPU_US,
            ),
            Target(
                name=f"command to visible at {options.per_second:,.0f}/s, p99",
                value=percentile_ms(seen.visible, 0.99),
                unit="ms",
                bound="at most",
                wanted=WANTED_P99_MS,
            ),
        ],
        notes=[
            (
                "Visible: all views of the desk show the position, as a reader with min_position is told."
                " Latencies count from planned instants (Poisson)."
            )
        ],
        calibration=calibrator.calibration,
    )


def _catch_up(server: BenchmarkServer, made: Generated) -> tuple[float, float, float, float]:
    """Build the four views from nothing; events a second, processor time of both sides (us an event), memory (MiB)."""
    drop_views(server.url, _SCHEMA)
    before = _cpu(server)
    with projecting(server.url, _SCHEMA, FOUR) as process:
        idle = _of(process)
        started = perf_counter()
        wait_for(server.url, _SCHEMA, FOUR, made.events)
        elapsed = perf_counter() - started
        python = _of(process) - idle
        postgres = _cpu(server) - before
        resident = process.memory_info().rss / 2**20
    return made.events / elapsed, python * 1e6 / made.events, postgres * 1e6 / made.events, resident


def _visibility(server: BenchmarkServer, made: Generated, options: Namespace) -> Visible:
    views = [view.name for view in VIEWS]
    drop_views(server.url, _SCHEMA)
    with projecting(server.url, _SCHEMA, views):
        wait_for(server.url, _SCHEMA, views, made.events)
        return command_to_visible(
            server.url,
            _SCHEMA,
            views,
            customers=made.customers,
            cases=made.open_cases,
            per_second=options.per_second,
            seconds=options.seconds,
            seed=SEED,
        )


def _cpu(server: BenchmarkServer) -> float:
    """Processor time of all that the server has running, and of what has ended, for which its first process waited."""
    total = 0.0
    for process in server.processes():
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + (times.children_user + times.children_system)
    return total


def _of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _an_hour_ago() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
