"""What do callers meet at twice the load that the API can carry: who waits, who is sent away, what is lost?

A closed loop of as many connections as `http` has finds the rate that can be sustained. Then requests are due at
planned instants, whatever the API does: at half that rate, at twice, at half again, without a break.
"""

import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from functools import partial
from statistics import median

import msgspec
import psutil

from benchmarks.commands_over_http import CONNECTIONS
from benchmarks.http_client import Answers, Exchange, Requests, as_planned, closed_loop, planned_instants
from benchmarks.machine import Calibrator
from benchmarks.options import at_least, positive
from benchmarks.report import Figure, Report, Target
from benchmarks.running_desk import CASES, CUSTOMERS, SCHEMA, RunningDesk, mixed, running_desk
from benchmarks.server import BenchmarkServer, benchmark_server
from infra.postgres.pool import connect

SEED = 20_261_130
CLIENTS = 512
"""Connections of the open loop; so many that a request which is due never waits for one."""
TIMES = 2
CALM_SECONDS = 10.0
AFTER_SECONDS = 20.0
WANTED_P99_MS = 250.0
WANTED_RECOVERY_SECONDS = 5.0


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one round."""

    sustained: float
    before: list[Exchange]
    overload: list[Exchange]
    after: list[Exchange]
    answers: Answers
    machine_busy: float
    cores: dict[str, float]
    recovered_after: float
    lost: int
    doubled: int
    traces: int


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--rounds", type=at_least(1), default=3, help="rounds (3)")
    parser.add_argument("--seconds", type=positive, default=60.0, help="how long the overload of a round lasts (60)")


def measure(options: Namespace) -> Report:
    """Overload a desk, ask its log for what it acknowledged, and see it recover."""
    rounds: list[Round] = []
    with benchmark_server() as server, running_desk(server, settings={}) as desk:
        calibrator = Calibrator(server.folder)
        closed_loop(desk.port, _requests(desk, 0), connections=CONNECTIONS, seconds=4)  # warms up
        memory = [desk.memory_mib()["API"]]
        for number in range(1, options.rounds + 1):
            calibrator.measure()
            rounds.append(_round(server, desk, number, options.seconds))
            memory.append(desk.memory_mib()["API"])
            print(f"round {number} of {options.rounds}", file=sys.stderr)
        durability = server.durability()
    overload = [each.overload for each in rounds]
    return Report(
        benchmark="overload",
        question=f"What do callers meet at {TIMES} times the load that can be sustained?",
        settings={
            "mix": "open-ticket 1, add-reply 2, log-work 1, each with an Idempotency-Key",
            "desk": f"{CUSTOMERS} customers, {CASES:,} cases",
            "sustained": f"closed loop of {CONNECTIONS} connections",
            "overload": f"open loop (Poisson) of {CLIENTS} connections, {options.seconds:g} s",
            "rounds": str(options.rounds),
            "seed": str(SEED),
            "durability": durability,
        },
        figures=[
            Figure(name="sustained", unit="/s", rounds=[each.sustained for each in rounds]),
            Figure(name="offered", unit="/s", rounds=[len(each) / options.seconds for each in overload]),
            Figure(name="accepted", unit="/s", rounds=[len(_accepted(each)) / options.seconds for each in overload]),
            Figure(name="answered 503", unit="/s", rounds=[len(_shed(each)) / options.seconds for each in overload]),
            *(
                Figure(
                    name=f"accepted, p{share * 100:g}",
                    unit="ms",
                    rounds=[_percentile(_accepted(each), share) for each in overload],
                )
                for share in (0.5, 0.95, 0.99, 0.999)
            ),
            *(
                Figure(
                    name=f"answered 503, p{share * 100:g}",
                    unit="ms",
                    rounds=[_percentile(_shed(each), share) for each in overload],
                )
                for share in (0.5, 0.99)
            ),
            *(
                Figure(
                    name=f"at half the sustained load, {name}, p{share * 100:g}",
                    unit="ms",
                    rounds=[_percentile(_accepted(each), share) for each in found],
                )
                for name, found in (
                    ("before", [each.before for each in rounds]),
                    ("after", [each.after for each in rounds]),
                )
                for share in (0.5, 0.99)
            ),
            *(
                Figure(
                    name=f"answered 503 at half the sustained load, {name}",
                    unit="%",
                    rounds=[100 * len(_shed(each)) / len(each) for each in found],
                )
                for name, found in (
                    ("before", [each.before for each in rounds]),
                    ("after", [each.after for each in rounds]),
                )
            ),
            *(
                Figure(name=f"busy: {name}", unit="cores", rounds=[each.cores[name] for each in rounds])
                for name in rounds[0].cores
            ),
            Figure(name="memory: API, before and after each round", unit="MiB", rounds=memory),
        ],
        targets=[
            _at_most("p99 of accepted commands", WANTED_P99_MS, [_percentile(_accepted(e), 0.99) for e in overload]),
            _none("answers 503 without Retry-After", (_without_retry_after(each) for each in overload)),
            _none("answers other than 2xx and 503", (_others(each.answers) for each in rounds)),
            _none("acknowledged, and not in the log as told", (each.lost for each in rounds)),
            _none("acknowledged, and in the log twice", (each.doubled for each in rounds)),
            _none("answered 503, and in the log", (each.traces for each in rounds)),
            _at_most(
                "seconds until a second without a 503", WANTED_RECOVERY_SECONDS, [e.recovered_after for e in rounds]
            ),
        ],
        notes=[
            (
                "Latencies count from planned instants; the client was at most"
                f" {1000 * max(each.answers.late_seconds for each in rounds):.0f} ms late."
            ),
            (
                f"All processors were {100 * median(each.machine_busy for each in rounds):.0f} % busy (median of"
                " rounds), with whatever else the machine had to do."
            ),
        ],
        calibration=calibrator.calibration,
    )


def _round(server: BenchmarkServer, desk: RunningDesk, number: int, seconds: float) -> Round:
    loops = [
        closed_loop(desk.port, _requests(desk, 10 * number + turn), connections=CONNECTIONS, seconds=4)
        for turn in range(3)
    ]
    sustained = median(each.per_second for each in loops)
    ends = CALM_SECONDS, CALM_SECONDS + seconds
    phases = [(sustained / 2, CALM_SECONDS), (TIMES * sustained, seconds), (sustained / 2, AFTER_SECONDS)]
    run = f"overload-{number}-{time.time_ns()}"
    head, before = _head(server), desk.cpu_seconds(server)
    psutil.cpu_percent()
    answers = as_planned(
        desk.port, _requests(desk, 10 * number, run), planned_instants(phases, SEED + number), connections=CLIENTS
    )
    busy = psutil.cpu_percent() / 100
    cores = {name: (spent - before[name]) / answers.seconds for name, spent in desk.cpu_seconds(server).items()}
    logged = _logged(server, head, run)
    acknowledged = _accepted(answers.exchanges)
    after = [each for each in answers.exchanges if each.planned >= ends[1]]
    return Round(
        sustained=sustained,
        before=[each for each in answers.exchanges if each.planned < ends[0]],
        overload=[each for each in answers.exchanges if ends[0] <= each.planned < ends[1]],
        after=after,
        answers=answers,
        machine_busy=busy,
        cores=cores | {"client": answers.cpu_seconds / answers.seconds},
        recovered_after=_recovered_after(after, ends[1]),
        lost=sum(logged.get(each.number, (0, 0))[0] != each.position for each in acknowledged),
        doubled=sum(logged.get(each.number, (0, 0))[1] > 1 for each in acknowledged),
        traces=sum(each.number in logged for each in _shed(answers.exchanges)),
    )


def _requests(desk: RunningDesk, number: int, run: str | None = None) -> Requests:
    return partial(mixed, "", desk.customers, desk.cases, SEED + number, run=run)


def _head(server: BenchmarkServer) -> int:
    with closing(connect(server.url, SCHEMA)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT position FROM log_head")
        [(head,)] = cursor.fetchall()
        return int(head)


def _logged(server: BenchmarkServer, after: int, run: str) -> Mapping[int, tuple[int, int]]:
    """Return the last position and the count of commands by the number of the request that they came of."""
    with closing(connect(server.url, SCHEMA)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT metadata->>'correlation_id', max(position), count(DISTINCT metadata->>'command_id')"
            " FROM events WHERE position > %s GROUP BY 1",
            (after,),
        )
        found = cursor.fetchall()
    begin = f"{run}-"
    return {
        int(correlation_id.removeprefix(begin)): (int(position), int(commands))
        for correlation_id, position, commands in found
        if correlation_id.startswith(begin)
    }


def _accepted(exchanges: Iterable[Exchange]) -> list[Exchange]:
    return [each for each in exchanges if 200 <= each.status < 300]


def _shed(exchanges: Iterable[Exchange]) -> list[Exchange]:
    return [each for each in exchanges if each.status == 503]


def _without_retry_after(exchanges: Iterable[Exchange]) -> int:
    return sum(not each.has_retry_after for each in _shed(exchanges))


def _others(answers: Answers) -> int:
    return sum(count for status, count in answers.statuses.items() if status != 503 and not 200 <= status < 300)


def _percentile(exchanges: Iterable[Exchange], share: float) -> float:
    """Return the latency that this share does not exceed, in milliseconds."""
    ordered = sorted(each.latency for each in exchanges)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000 if ordered else 0.0


def _recovered_after(after: Iterable[Exchange], end: float) -> float:
    """Return the whole seconds from the end of the overload to the first second in which nobody is sent away."""
    seconds = {int(each.planned - end) for each in _shed(after)}
    return float(next(second for second in range(len(seconds) + 1) if second not in seconds))


def _at_most(name: str, wanted: float, rounds: Sequence[float]) -> Target:
    unit = "ms" if name.startswith("p99") else "s"
    return Target(name=name, value=median(rounds), unit=unit, bound="at most", wanted=wanted)


def _none(name: str, counts: Iterable[int]) -> Target:
    """Return the promise that something happens in no round."""
    return Target(name=name, value=sum(counts), unit="", bound="at most", wanted=0)
