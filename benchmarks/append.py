"""How many appends a second, one event each? The library's recorder, ours and pgbench take turns on one server."""

import sys
from argparse import ArgumentParser, Namespace
from statistics import median

from benchmarks.machine import Calibrator
from benchmarks.peers import LibraryRecorder, OurRecorder, Peer, Pgbench, Turn
from benchmarks.report import Figure, Report, Target
from benchmarks.server import benchmark_server

_SCHEMA = "benchmark"
_WANTED_RATIO = 10.0


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--threads", type=int, default=16, help="threads that append one event at a time (16)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds; in each the peers take turns (7)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a peer's turn takes (2)")


def measure(options: Namespace) -> Report:
    """Run the rounds. In each, every peer has a turn, another one first each time."""
    threads, seconds = options.threads, options.seconds
    with benchmark_server() as server:
        ours = OurRecorder(server.url, _SCHEMA)
        library = LibraryRecorder(server.url, _SCHEMA, threads)
        peers: list[Peer] = [library, ours, Pgbench(server.url, _SCHEMA, server.programs, server.folder)]
        turns: dict[str, list[Turn]] = {peer.name: [] for peer in peers}
        calibrator = Calibrator(server.folder)
        try:
            for peer in peers:
                peer.turn(threads, min(seconds, 1.0))  # warms up, and is not counted
            for number in range(options.rounds):
                calibrator.measure()
                first = number % len(peers)
                for peer in peers[first:] + peers[:first]:
                    before = peer.rows()
                    turn = peer.turn(threads, seconds)
                    if peer.rows() - before < turn.events:
                        raise RuntimeError(f"{peer.name}: {turn.events} appends were acknowledged, fewer are stored")
                    turns[peer.name].append(turn)
                print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            durability = server.durability()
        finally:
            for peer in peers:
                peer.close()
    rates = {name: [turn.events_per_second for turn in of] for name, of in turns.items()}
    latencies = [
        Figure(name=f"{name}, {which}", unit="ms", rounds=[getattr(turn, field) for turn in of])
        for name, of in turns.items()
        for which, field in (("p50", "p50_ms"), ("p99", "p99_ms"))
        if not any(getattr(turn, field) != getattr(turn, field) for turn in of)  # pgbench tells no p99
    ]
    return Report(
        benchmark="append",
        question=f"How many events a second do {threads} threads append, one event each time?",
        settings={"threads": str(threads), "rounds": f"{options.rounds} of {seconds:g} s", "durability": durability},
        figures=[*(Figure(name=name, unit="events/s", rounds=of) for name, of in rates.items()), *latencies],
        targets=[
            Target(
                name="times the library's recorder",
                value=median(rates[ours.name]) / median(rates[library.name]),
                unit="x",
                bound="at least",
                wanted=_WANTED_RATIO,
            )
        ],
        notes=["The latency of pgbench is its mean."],
        calibration=calibrator.calibration,
    )
