"""How long does a backup take, and a restore? Beside PostgreSQL's own COPY of the log to a file, in the same run."""

import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from benchmarks.generator import generate
from benchmarks.machine import Calibrator
from benchmarks.options import at_least
from benchmarks.projecting import projecting, wait_for
from benchmarks.report import Figure, Report
from benchmarks.server import BenchmarkServer, benchmark_server
from infra.backup.archive import Archive
from infra.backup.restore import restore_backup
from infra.backup.take import Taken, take_backup
from infra.postgres.pool import connect
from projections.catalogue import VIEWS

SIZES = (100_000, 1_000_000)
SEED = 20_261_126
_FEWEST = 1_000
_SCHEMA, _AGAIN = "desk", "again"
_MEGABYTE = 1_000_000


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument(
        "--events",
        type=at_least(_FEWEST),
        nargs="+",
        default=list(SIZES),
        help="events of each log (100,000 1,000,000)",
    )
    parser.add_argument("--rounds", type=at_least(1), default=3, help="how often each thing is done (3)")


def measure(options: Namespace) -> Report:
    """Make each log with all of its views; copy it, take its backup, verify and restore that, in turns."""
    figures: list[Figure] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="caselog-benchmark-") as folder:
        calibrator = Calibrator(Path(folder))
        for events in options.events:
            found, taken = _measured(events, options.rounds, calibrator)
            figures += [
                Figure(name=f"{events:,} events: {name}", unit=unit, rounds=rounds)
                for (name, unit), rounds in found.items()
            ]
            notes.append(
                f"{events:,} events: {taken.manifest.bytes / _MEGABYTE:,.0f} MB of text in"
                f" {len(taken.manifest.tables)} tables became a file of {taken.file_bytes / _MEGABYTE:,.1f} MB."
            )
    return Report(
        benchmark="backup",
        question="How long does a backup of a desk take, and a restore, beside COPY of its log alone?",
        settings={"seed": str(SEED), "rounds": str(options.rounds), "views": f"all {len(VIEWS)}"},
        figures=figures,
        notes=[
            *notes,
            "MB/s are of the text of all tables before compression; for COPY, of the events'.",
        ],
        calibration=calibrator.calibration,
    )


def _measured(events: int, rounds: int, calibrator: Calibrator) -> tuple[dict[tuple[str, str], list[float]], Taken]:
    with benchmark_server() as server:
        generate(server.url, _SCHEMA, events, seed=SEED, at=datetime.now(UTC))
        names = [view.name for view in VIEWS]
        with projecting(server.url, _SCHEMA, names):
            wait_for(server.url, _SCHEMA, names, _head(server))
        return _rounds(server, rounds, calibrator)


def _rounds(
    server: BenchmarkServer, rounds: int, calibrator: Calibrator
) -> tuple[dict[tuple[str, str], list[float]], Taken]:
    found: dict[tuple[str, str], list[float]] = {}
    file, plain = server.folder / "desk.backup", server.folder / "events.copy"
    taken: list[Taken] = []

    def timed(name: str, action: Callable[[], int]) -> None:
        began = perf_counter()
        size = action()
        seconds = perf_counter() - began
        found.setdefault((name, "s"), []).append(seconds)
        found.setdefault((name, "MB/s"), []).append(size / _MEGABYTE / seconds)

    def back_up() -> int:
        taken.append(take_backup(server.url, _SCHEMA, file))
        return taken[-1].manifest.bytes

    def verify() -> int:
        with Archive(file) as archive:
            archive.verify()
            return archive.manifest.bytes

    def restore() -> int:
        with Archive(file) as archive:
            restore_backup(archive, server.url, _AGAIN, VIEWS)
            return archive.manifest.bytes

    for _ in range(rounds):
        calibrator.measure()
        timed("COPY of the events to a file", lambda: _copy(server, plain))
        timed("backup", back_up)
        timed("verify", verify)
        timed("restore", restore)
        plain.unlink()
        file.unlink()
        with closing(connect(server.url)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {_AGAIN} CASCADE")
    return found, taken[-1]


def _copy(server: BenchmarkServer, file: Path) -> int:
    with (
        closing(connect(server.url, _SCHEMA)) as connection,
        connection.cursor() as cursor,
        file.open("wb") as opened,
    ):
        cursor.copy_expert("COPY events TO STDOUT", opened)
        return opened.tell()


def _head(server: BenchmarkServer) -> int:
    with closing(connect(server.url, _SCHEMA)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT position FROM log_head")
        (head,) = cursor.fetchone() or (0,)
    return int(head)
