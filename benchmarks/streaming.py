"""How fast do whole lists and the feed leave, and what memory do they take? Beside COPY of the same rows."""

import http.client
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from statistics import median
from time import perf_counter

import msgspec
import psutil

from benchmarks.generator import generate
from benchmarks.machine import Calibrator
from benchmarks.options import at_least
from benchmarks.projecting import projecting, wait_for
from benchmarks.report import Figure, Report, Target
from benchmarks.running_desk import SCHEMA, SECRET, RunningDesk
from benchmarks.server import BenchmarkServer, benchmark_server
from infra.postgres.pool import connect

EVENTS = 1_000_000
SEED = 20_261_126
MOST_GROWTH_MB = 20.0
_PART = 1 << 16
_CSV, _NDJSON = "text/csv", "application/x-ndjson"
_CASES, _FEED = "/v1/tickets", "/v1/events"
_COPIES = {
    "cases, COPY": "SELECT * FROM ticket ORDER BY received_at DESC, ticket_id DESC",
    "events, COPY": "SELECT * FROM events ORDER BY position",
}
_LISTS = {
    "cases, CSV": (_CASES, _CSV, "cases, COPY"),
    "cases, NDJSON": (_CASES, _NDJSON, "cases, COPY"),
    "events, NDJSON": (_FEED, _NDJSON, "events, COPY"),
}


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--events", type=at_least(10_000), default=EVENTS, help=f"events of the log ({EVENTS:,})")
    parser.add_argument("--rounds", type=at_least(1), default=3, help="rounds; in each all have their turn (3)")


class _Turn(msgspec.Struct, frozen=True):
    """What one list took: `growth` in bytes of the serving process's resident memory, `first` until its first part."""

    rows: int
    seconds: float
    first: float = 0.0
    growth: int = 0

    @property
    def per_second(self) -> float:
        return self.rows / self.seconds


def measure(options: Namespace) -> Report:
    """Make a log, let the view of cases follow it, and read both whole, in turns with COPY."""
    turns: dict[str, list[_Turn]] = {}
    with benchmark_server() as server:
        calibrator = Calibrator(server.folder)
        at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        made = generate(server.url, SCHEMA, options.events, seed=SEED, at=at)
        with projecting(server.url, SCHEMA, ["ticket"]):
            wait_for(server.url, SCHEMA, ["ticket"], made.events)
        desk = RunningDesk(server, made.customers, made.open_cases)
        with desk.process("API"):
            worker = _worker(desk)
            for path, form, _ in _LISTS.values():  # what a process takes for its first lists of any length
                _read(desk, worker, f"{path}?limit=500", form)
            for number in range(1, options.rounds + 1):
                calibrator.measure()
                for name, (path, form, _) in _LISTS.items():
                    turns.setdefault(name, []).append(_read(desk, worker, path, form))
                for name, query in _COPIES.items():
                    turns.setdefault(name, []).append(_copy(server, query))
                print(f"round {number} of {options.rounds}", file=sys.stderr)
            memory = worker.memory_info().rss / 2**20
        durability = server.durability()
    return Report(
        benchmark="streaming",
        question="How many rows a second leave as a whole list, and by how much does the serving process grow?",
        settings={
            "log": f"{made.events:,} events of {made.cases:,} cases",
            "rounds": str(options.rounds),
            "seed": str(SEED),
            "durability": durability,
        },
        figures=[
            *(Figure(name=name, unit="rows/s", rounds=[each.per_second for each in of]) for name, of in turns.items()),
            *(
                Figure(
                    name=f"{name}, of COPY's rate",
                    unit="x",
                    rounds=[a.per_second / b.per_second for a, b in zip(turns[name], turns[copy], strict=True)],
                )
                for name, (_, _, copy) in _LISTS.items()
            ),
            *(
                Figure(name=f"{name}, until the first part", unit="s", rounds=[each.first for each in turns[name]])
                for name in _LISTS
            ),
            *(
                Figure(name=f"{name}, growth", unit="MB", rounds=[each.growth / 1e6 for each in turns[name]])
                for name in _LISTS
            ),
            Figure(name="memory of the process at the end", unit="MiB", rounds=[memory]),
        ],
        targets=[
            Target(
                name=f"memory for {turns[name][0].rows:,} rows: {name}",
                value=max(each.growth for each in turns[name]) / 1e6,
                unit="MB",
                bound="at most",
                wanted=MOST_GROWTH_MB,
            )
            for name in _LISTS
        ],
        notes=[
            "Growth: the highest resident memory while a list is read, above that before it; the highest round counts.",
            "COPY writes the same rows in the same order as CSV, with no shape of the contract and no HTTP.",
            f"The median case list took {median(each.seconds for each in turns['cases, CSV']):.1f} s as CSV.",
        ],
        calibration=calibrator.calibration,
    )


def _worker(desk: RunningDesk) -> psutil.Process:
    """Return the process that answers."""
    [worker] = [each for each in desk.children("API") if "resource_tracker" not in " ".join(each.cmdline())]
    return worker


def _read(desk: RunningDesk, worker: psutil.Process, path: str, form: str) -> _Turn:
    before = peak = worker.memory_info().rss
    started = perf_counter()
    with closing(http.client.HTTPConnection("127.0.0.1", desk.port, timeout=600)) as connection:
        connection.request("GET", path, headers={"Authorization": f"Bearer {SECRET}", "Accept": form})
        answer = connection.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"{path} was answered with {answer.status}: {answer.read()!r}")
        rows, first, seen = _count(answer.read, lambda: worker.memory_info().rss)
    return _Turn(rows, perf_counter() - started, first - started, max(peak, seen) - before)


def _count(read: Callable[[int], bytes], memory: Callable[[], int]) -> tuple[int, float, int]:
    """Return the lines, when the first part came, and the highest memory seen."""
    rows, first, highest = 0, 0.0, 0
    while part := read(_PART):
        first = first or perf_counter()
        rows += part.count(b"\n")
        highest = max(highest, memory())
    return rows, first, highest


class _Counting:
    """A file that counts lines and keeps nothing."""

    def __init__(self) -> None:
        self.rows = 0

    def write(self, part: bytes) -> int:
        self.rows += part.count(b"\n")
        return len(part)


def _copy(server: BenchmarkServer, query: str) -> _Turn:
    with closing(connect(server.url, SCHEMA)) as connection, connection.cursor() as cursor:
        counting = _Counting()
        started = perf_counter()
        cursor.copy_expert(f"COPY ({query}) TO STDOUT (FORMAT csv, HEADER)", counting, _PART)
        return _Turn(counting.rows, perf_counter() - started)
