"""How many commands a second does the API take, and how long does one take? Beside an address that only checks them."""

import sys
from argparse import ArgumentParser, Namespace
from functools import partial
from statistics import median

from benchmarks.http_client import Answers, Requests, closed_loop, open_loop
from benchmarks.http_server import VALIDATE
from benchmarks.machine import Calibrator
from benchmarks.options import at_least, positive
from benchmarks.report import Figure, Report, Target
from benchmarks.running_desk import CASES, CUSTOMERS, RunningDesk, mixed, running_desk
from benchmarks.server import benchmark_server

CONNECTIONS = 32
LOAD = 0.7
WANTED_SHARE = 0.5
WANTED_P99_MS = 20.0
SEED = 20_261_126


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--rounds", type=at_least(1), default=5, help="rounds; in each both have their turn (5)")
    parser.add_argument("--seconds", type=positive, default=4.0, help="how long a turn takes (4)")
    parser.add_argument("--load-seconds", type=positive, default=6.0, help="how long a round at part load takes (6)")


def measure(options: Namespace) -> Report:
    """Run commands and checks in turns as fast as they go, then commands at a part of that rate when they are due."""
    taken: list[Answers] = []
    checked: list[Answers] = []
    cpu: dict[str, list[float]] = {}
    with benchmark_server() as server, running_desk(server) as desk:
        calibrator = Calibrator(server.folder)
        for number in range(options.rounds + 1):
            calibrator.measure()
            before = desk.cpu_seconds(server)
            command = _turn(desk, "", number, options.seconds)
            after = desk.cpu_seconds(server)
            check = _turn(desk, VALIDATE, number, options.seconds)
            if number:  # the first round warms up
                taken.append(command)
                checked.append(check)
                for name, seconds in after.items():
                    cpu.setdefault(name, []).append((seconds - before[name]) * 1e6 / len(command.latencies))
                cpu.setdefault("client", []).append(command.cpu_seconds * 1e6 / len(command.latencies))
            print(f"round {number} of {options.rounds}", file=sys.stderr)
        memory = desk.memory_mib()
        rate = LOAD * median(answers.per_second for answers in taken)
        at_load = [
            open_loop(
                desk.port,
                _requests(desk, "", options.rounds + number),
                per_second=rate,
                connections=4 * CONNECTIONS,
                seconds=options.load_seconds,
                seed=SEED + number,
            )
            for number in range(1, options.rounds + 1)
        ]
        for answers in at_load:
            _all_well(answers)
        with desk.process("timekeeper"):
            whole = [_turn(desk, "", -number, options.seconds) for number in range(1, 5)][1:]
        durability = server.durability()
    share = [command.per_second / check.per_second for command, check in zip(taken, checked, strict=True)]
    return Report(
        benchmark="http",
        question="How many commands a second over HTTP, the projector running?",
        settings={
            "mix": "open-ticket 1, add-reply 2, log-work 1, each with an Idempotency-Key",
            "desk": f"{CUSTOMERS} customers, {CASES:,} cases",
            "connections": str(CONNECTIONS),
            "rounds": f"{options.rounds} of {options.seconds:g} s",
            "seed": str(SEED),
            "durability": durability,
        },
        figures=[
            Figure(name="commands", unit="/s", rounds=[answers.per_second for answers in taken]),
            Figure(name="checked only", unit="/s", rounds=[answers.per_second for answers in checked]),
            Figure(name="commands, the timekeeper running too", unit="/s", rounds=[each.per_second for each in whole]),
            Figure(name="commands, p50 at full load", unit="ms", rounds=[each.percentile(0.5) for each in taken]),
            *(Figure(name=f"processor time a command: {name}", unit="us", rounds=each) for name, each in cpu.items()),
            *(
                Figure(
                    name=f"at {LOAD:.0%} load ({rate:,.0f}/s), p{share * 100:g}",
                    unit="ms",
                    rounds=[answers.percentile(share) for answers in at_load],
                )
                for share in (0.5, 0.95, 0.99, 0.999)
            ),
            *(Figure(name=f"memory: {name}", unit="MiB", rounds=[each]) for name, each in memory.items()),
        ],
        targets=[
            Target(
                name="commands of those checked only",
                value=median(share),
                unit="x",
                bound="at least",
                wanted=WANTED_SHARE,
            ),
            Target(
                name=f"p99 at {LOAD:.0%} load",
                value=median(answers.percentile(0.99) for answers in at_load),
                unit="ms",
                bound="at most",
                wanted=WANTED_P99_MS,
            ),
        ],
        notes=[
            (
                "Latencies count from planned instants (Poisson);"
                f" the client was at most {1000 * max(each.late_seconds for each in at_load):.1f} ms late."
            ),
        ],
        calibration=calibrator.calibration,
    )


def _turn(desk: RunningDesk, prefix: str, number: int, seconds: float) -> Answers:
    answers = closed_loop(desk.port, _requests(desk, prefix, number), connections=CONNECTIONS, seconds=seconds)
    _all_well(answers)
    return answers


def _requests(desk: RunningDesk, prefix: str, number: int) -> Requests:
    return partial(mixed, prefix, desk.customers, desk.cases, SEED + number)


def _all_well(answers: Answers) -> None:
    if set(answers.statuses) - {200, 201}:
        raise RuntimeError(f"not every command was taken: {answers.statuses}")
