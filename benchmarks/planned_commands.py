"""Which commands does a desk get, and when? By chance, at instants that were planned before, whatever the desk does."""

import gc
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from random import Random
from time import perf_counter, sleep
from typing import Any, TypeVar

import msgspec

from commands.answers import Answer
from commands.dispatch import Request
from commands.wire.catalogue import COMMAND_TYPES

T = TypeVar("T")

_THREADS = 16
_PERSON = {"name": "Ada Guest", "email": "ada@example.com"}
_STAFF = {"role": "staff", "name": "Kim Agent", "email": "kim@desk.example"}


class Planned(msgspec.Struct, frozen=True):
    """A command, and after how many seconds it is due."""

    at: float
    request: Request


def planned(requests: Iterator[Request], per_second: float, seconds: float, random: Random) -> list[Planned]:
    """Return commands at instants by chance (a Poisson process), so many a second."""

    def instants() -> Iterator[float]:
        at = 0.0
        while True:
            at += random.expovariate(per_second)
            yield at

    return [Planned(at, next(requests)) for at in takewhile(lambda at: at < seconds, instants())]


def carried_out(commands: Sequence[Planned], carry_out: Callable[[Request, float], T]) -> list[T]:
    """Carry each out when it is due, late ones at once, and return what came of each. Raises what the first raised.

    `carry_out` is told the instant at which a command was due, by `perf_counter`.
    """
    gc.freeze()  # what the benchmark itself holds is not the application's to look through
    started = perf_counter()
    futures = []
    with ThreadPoolExecutor(_THREADS) as pool:
        for each in commands:
            if (early := started + each.at - perf_counter()) > 0:
                sleep(early)
            futures.append(pool.submit(carry_out, each.request, started + each.at))
    return [future.result() for future in futures]


class _Position(msgspec.Struct):
    position: int


def position_of(answer: Answer) -> int:
    """Return the position of a command's last event."""
    return msgspec.json.decode(answer.body, type=_Position).position


def requests_on(customers: Sequence[str], cases: Sequence[str], random: Random) -> Iterator[Request]:
    """Yield open-ticket 1, add-reply 2, log-work 1, in turns, on customers and cases by chance."""
    worked = (datetime.now(UTC) - timedelta(minutes=45)).isoformat()
    while True:
        for command in ("open-ticket", "add-reply", "log-work", "add-reply"):
            data: dict[str, Any]
            if command == "open-ticket":
                data = {
                    "customer_id": random.choice(customers),
                    "requester": _PERSON,
                    "category": "how_to",
                    "subject": "Opening hours",
                    "description": "x" * 200,
                }
            elif command == "add-reply":
                data = {"ticket": random.choice(cases), "author": _STAFF, "body": "x" * 200}
            else:
                data = {"ticket": random.choice(cases), "agent": "kim", "activity": "research"}
                data |= {"started_at": worked, "duration_seconds": random.randrange(60, 1_800)}
            yield command_request(command, data)


def command_request(command: str, data: dict[str, Any], *, sender: str = "benchmark") -> Request:
    """Return a command as the dispatcher takes it without HTTP, its data checked by the schema that HTTP uses."""
    return Request(
        command=command,
        data=COMMAND_TYPES[command].load(data),
        fingerprint="",
        caller=sender,
        actor=sender,
        correlation_id=sender,
    )
