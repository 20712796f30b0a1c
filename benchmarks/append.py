"""How many appends a second, one event each? The library's recorder, ours and pgbench take turns on one server."""

import os
import sys
import tempfile
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.machine import additions_per_second, syncs_per_second
from benchmarks.peers import LibraryRecorder, OurRecorder, Peer, Pgbench, Turn
from infra.postgres.embedded import EmbeddedServer

_SCHEMA = "benchmark"
_WANTED_RATIO = 8.0


class Figures(msgspec.Struct, frozen=True):
    """One peer: events a second of each round, their median and extremes, medians of the rounds' latencies (ms)."""

    name: str
    events_per_second: list[float]
    median: float
    slowest: float
    fastest: float
    p50_ms: float
    p99_ms: float | None
    times_library: float


class Result(msgspec.Struct, frozen=True):
    """All of a run. `additions_per_second` and `syncs_per_second` are the machine's, measured before each round."""

    threads: int
    seconds: float
    cores: int
    peers: list[Figures]
    additions_per_second: list[float]
    syncs_per_second: list[float]
    wanted_ratio: float = _WANTED_RATIO


def measure(*, threads: int, rounds: int, seconds: float) -> Result:
    """Run the rounds. In each, every peer has a turn of `seconds`, another one first each time."""
    with tempfile.TemporaryDirectory(prefix="caselog-benchmark-") as folder:
        Path(folder).chmod(0o755)  # the server may run as somebody else
        with EmbeddedServer(Path(folder) / "data") as server:
            ours = OurRecorder(server.url, _SCHEMA)
            library = LibraryRecorder(server.url, _SCHEMA, threads)
            pgbench = Pgbench(server.url, _SCHEMA, server.programs, Path(folder))
            peers: list[Peer] = [library, ours, pgbench]
            try:
                return _rounds(peers, library, Path(folder), threads=threads, rounds=rounds, seconds=seconds)
            finally:
                for peer in peers:
                    peer.close()


def _rounds(peers: list[Peer], library: Peer, folder: Path, *, threads: int, rounds: int, seconds: float) -> Result:
    turns: dict[str, list[Turn]] = {peer.name: [] for peer in peers}
    additions, syncs = [], []
    for peer in peers:
        peer.turn(threads, min(seconds, 1.0))  # warms up, and is not counted
    for number in range(rounds):
        additions.append(additions_per_second())
        syncs.append(syncs_per_second(folder))
        first = number % len(peers)
        for peer in peers[first:] + peers[:first]:
            before = peer.rows()
            turn = peer.turn(threads, seconds)
            if peer.rows() - before < turn.events:
                raise RuntimeError(f"{peer.name}: {turn.events} appends were acknowledged, fewer are stored")
            turns[peer.name].append(turn)
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    of_library = median(turn.events_per_second for turn in turns[library.name])
    return Result(
        threads=threads,
        seconds=seconds,
        cores=os.cpu_count() or 1,
        peers=[_figures(peer.name, turns[peer.name], of_library) for peer in peers],
        additions_per_second=additions,
        syncs_per_second=syncs,
    )


def _figures(name: str, turns: list[Turn], of_library: float) -> Figures:
    rates = [turn.events_per_second for turn in turns]
    p99_ms = median(turn.p99_ms for turn in turns)
    return Figures(
        name=name,
        events_per_second=rates,
        median=median(rates),
        slowest=min(rates),
        fastest=max(rates),
        p50_ms=median(turn.p50_ms for turn in turns),
        p99_ms=None if p99_ms != p99_ms else p99_ms,  # noqa: PLR0124 - pgbench tells none
        times_library=median(rates) / of_library,
    )


def table(result: Result) -> str:
    """Return a run as text for people."""
    rounds = len(result.additions_per_second)
    lines = [
        f"{result.threads} threads, one event an append, {rounds} rounds of {result.seconds:g} s, {result.cores} cores",
        "",
        f"{'':26}{'events/s':>10}{'slowest':>10}{'fastest':>10}{'p50 ms':>9}{'p99 ms':>9}{'x library':>11}",
    ]
    for peer in result.peers:
        p99_ms = "" if peer.p99_ms is None else f"{peer.p99_ms:.2f}"
        lines.append(
            f"{peer.name:26}{peer.median:>10,.0f}{peer.slowest:>10,.0f}{peer.fastest:>10,.0f}"
            f"{peer.p50_ms:>9.2f}{p99_ms:>9}{peer.times_library:>11.1f}"
        )
    lines += [
        "",
        f"Medians of the rounds; pgbench's latency is its mean. Wanted: {result.wanted_ratio:g} times the library's.",
        "The machine, median (slowest to fastest):",
        _spread("additions/s in Python", result.additions_per_second),
        _spread("synced pages/s", result.syncs_per_second),
    ]
    return "\n".join(lines)


def _spread(name: str, values: list[float]) -> str:
    return f"  {name:24}{median(values):>14,.0f} ({min(values):,.0f} to {max(values):,.0f})"
