"""How fast does a reporting view become a file, beside a plain COPY of the same view, and does memory stay?"""

import sys
import threading
from argparse import ArgumentParser, Namespace
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Self

import psutil

from benchmarks.generator import generate
from benchmarks.machine import Calibrator
from benchmarks.options import at_least
from benchmarks.report import Figure, Report, Target
from benchmarks.server import BenchmarkServer, benchmark_server
from infra.postgres.pool import connect
from infra.projection.rebuild import rebuild
from infra.reporting.export import Format, export_view
from infra.reporting.role import install
from infra.reporting.views import reporting_schema
from projections import ledger, sla, ticket
from projections.reporting.catalogue import REPORTING_VIEWS

SEED = 20_261_130
FORMATS: tuple[Format, ...] = ("csv", "ndjson", "parquet")
NAMES = ("cases", "ledger_lines", "sla_clocks")
WANTED_PART = 0.3
WANTED_MIB = 20.0
_SCHEMA = "benchmark"
_PLAIN = "plain COPY"


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--events", type=at_least(1_000), default=300_000, help="events of the log (300,000)")
    parser.add_argument("--rounds", type=at_least(1), default=3, help="rounds; in each every way has its turn (3)")


def measure(options: Namespace) -> Report:
    """Export three views in every format and by a plain COPY, in turns."""
    rates: dict[tuple[str, str], list[float]] = {}
    growth: list[float] = []
    views = {view.name: view for view in REPORTING_VIEWS if view.name in NAMES}
    with benchmark_server() as server:
        made = generate(server.url, _SCHEMA, options.events, seed=SEED, at=_an_hour_ago())
        install(server.url, _SCHEMA)
        for view in (ticket.VIEW, sla.VIEW, ledger.VIEW):
            rebuild(server.url, _SCHEMA, view)
        print(f"{made.events:,} events made", file=sys.stderr)
        calibrator = Calibrator(server.folder)
        path = server.folder / "file"
        for number in range(options.rounds + 1):
            calibrator.measure()
            for name, reporting in views.items():
                turns = {_PLAIN: _copied(server, name, path)}
                with _Memory() as memory:
                    for form in FORMATS:
                        started = perf_counter()
                        rows = export_view(server.url, _SCHEMA, reporting, path, form).rows
                        turns[form] = rows / (perf_counter() - started)
                if number:  # the first round warms up
                    growth.append(memory.growth_mib)
                    for way, rate in turns.items():
                        rates.setdefault((name, way), []).append(rate)
            print(f"round {number} of {options.rounds}", file=sys.stderr)
        durability = server.durability()
    parts = [
        ours / plain for ours, plain in zip(rates["ledger_lines", "csv"], rates["ledger_lines", _PLAIN], strict=True)
    ]
    return Report(
        benchmark="export",
        question="How fast does a reporting view become a file, beside a plain COPY of the same view?",
        settings={
            "log": f"{made.events:,} events of {made.cases:,} cases, seed {SEED}",
            "rounds": str(options.rounds),
            "plain": "COPY (SELECT * FROM view) TO STDOUT, written to a file as it comes",
            "durability": durability,
        },
        figures=[
            *(Figure(name=f"{name}: {way}", unit="rows/s", rounds=found) for (name, way), found in rates.items()),
            Figure(name="growth of the process while it exports", unit="MiB", rounds=growth),
        ],
        targets=[
            Target(
                name="ledger_lines as CSV, of the plain COPY's rate",
                value=median(parts),
                unit="x",
                bound="at least",
                wanted=WANTED_PART,
            ),
            Target(name="growth of the process", value=max(growth), unit="MiB", bound="at most", wanted=WANTED_MIB),
        ],
        notes=["A file is ordered by the view's key and flushed to disk; the plain COPY is neither."],
        calibration=calibrator.calibration,
    )


def _copied(server: BenchmarkServer, view: str, path: Path) -> float:
    with (
        closing(connect(server.url, reporting_schema(_SCHEMA))) as connection,
        connection.cursor() as cursor,
        path.open("wb") as file,
    ):
        started = perf_counter()
        cursor.copy_expert(f"COPY (SELECT * FROM {view}) TO STDOUT", file)
        return float(cursor.rowcount) / (perf_counter() - started)


class _Memory:
    """The most that the process grew by within the block, looked at every few milliseconds."""

    def __init__(self) -> None:
        self._process = psutil.Process()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._before = self._most = self._process.memory_info().rss

    @property
    def growth_mib(self) -> float:
        return float(self._most - self._before) / 2**20

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.01):
            self._most = max(self._most, self._process.memory_info().rss)


def _an_hour_ago() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
