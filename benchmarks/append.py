"""How many appends a second, one event each? The library's recorder, ours and pgbench take turns on one server."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from statistics import median

import msgspec

from benchmarks.machine import Calibrator
from benchmarks.options import at_least, positive
from benchmarks.peers import LibraryRecorder, OurRecorder, Peer, Pgbench, Turn
from benchmarks.processes import Processes
from benchmarks.report import Figure, Report, Target
from benchmarks.server import BenchmarkServer, benchmark_server
from infra.postgres.migrations import migrate

_SCHEMA = "benchmark"
_LIBRARY, _OURS, _PGBENCH = "library", "caselog", "pgbench"


class Case(msgspec.Struct, frozen=True):
    """So many threads in so many processes; `wanted` is what is promised, by the peer it is a multiple of."""

    processes: int
    threads: int
    wanted: dict[str, float] = {}

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return f"{self.threads} threads" if self.processes == 1 else f"{self.processes} x {self.threads} threads"


CASES = (
    Case(1, 1),
    Case(1, 16, {_LIBRARY: 10.0}),
    Case(1, 64, {_PGBENCH: 1.5}),
    Case(2, 16),
    Case(4, 16),
)


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--rounds", type=at_least(1), default=5, help="rounds; in each the peers take turns (5)")
    parser.add_argument("--seconds", type=positive, default=1.5, help="how long a peer's turn takes (1.5)")


def measure(options: Namespace) -> Report:
    """Run the rounds of each case. In each, every peer has a turn, another one first each time."""
    turns: dict[tuple[str, str], list[Turn]] = {}
    with benchmark_server() as server:
        migrate(server.url, _SCHEMA)
        calibrator = Calibrator(server.folder)
        for case in CASES:
            with ExitStack() as stack:
                peers = [stack.enter_context(closing(peer)) for peer in _peers(server, case)]
                for peer in peers:
                    peer.turn(case.threads, min(options.seconds, 0.5))  # warms up, and is not counted
                for number in range(options.rounds):
                    calibrator.measure()
                    for peer in _turned(peers, number):
                        turn = _checked(peer, case.threads, options.seconds)
                        turns.setdefault((case.name, peer.name), []).append(turn)
            print(f"{case.name}: {options.rounds} rounds", file=sys.stderr)
        durability = server.durability()
    return Report(
        benchmark="append",
        question="How many events a second are appended, one event each time?",
        settings={"rounds": f"{options.rounds} of {options.seconds:g} s", "durability": durability},
        figures=list(_figures(turns)),
        targets=list(_targets(turns)),
        notes=[
            "The library: psycopg's binary build, its safe default, as many connections as threads.",
            "pgbench: single rows (-M prepared -j 2), the same columns, indexes and row size; its latency is its mean.",
        ],
        calibration=calibrator.calibration,
    )


def _peers(server: BenchmarkServer, case: Case) -> list[Peer]:
    ours, library = (
        partial(OurRecorder, server.url, _SCHEMA),
        partial(LibraryRecorder, server.url, _SCHEMA, case.threads),
    )
    pgbench = Pgbench(server.url, _SCHEMA, server.programs, server.folder, case.processes)
    if case.processes == 1:
        return [library(), ours(), pgbench]
    return [Processes(_LIBRARY, case.processes, library), Processes(_OURS, case.processes, ours), pgbench]


def _turned(peers: Sequence[Peer], number: int) -> Sequence[Peer]:
    first = number % len(peers)
    return [*peers[first:], *peers[:first]]


def _checked(peer: Peer, threads: int, seconds: float) -> Turn:
    before = peer.rows()
    turn = peer.turn(threads, seconds)
    if peer.rows() - before < turn.events:
        raise RuntimeError(f"{peer.name}: {turn.events} appends were acknowledged, fewer are stored")
    return turn


def _figures(turns: dict[tuple[str, str], list[Turn]]) -> Iterator[Figure]:
    for (case, peer), of in turns.items():
        yield Figure(name=f"{case}: {peer}", unit="events/s", rounds=[turn.events_per_second for turn in of])
    for (case, peer), of in turns.items():
        yield Figure(name=f"{case}: {peer}, p50", unit="ms", rounds=[turn.p50_ms for turn in of])
        if peer != _PGBENCH:  # which tells none
            yield Figure(name=f"{case}: {peer}, p99", unit="ms", rounds=[turn.p99_ms for turn in of])


def _targets(turns: dict[tuple[str, str], list[Turn]]) -> Iterator[Target]:
    def rate(case: Case, peer: str) -> float:
        return median(turn.events_per_second for turn in turns[case.name, peer])

    for case in CASES:
        for peer, wanted in case.wanted.items():
            yield Target(
                name=f"{case.name}, times {peer}",
                value=rate(case, _OURS) / rate(case, peer),
                unit="x",
                bound="at least",
                wanted=wanted,
            )
