"""How long after a command was due can a reader see it? Commands at planned instants, views kept by a projector."""

import gc
import multiprocessing
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from random import Random
from time import perf_counter, sleep
from typing import Any

import msgspec

from commands.application import CaselogApplication
from commands.dispatch import Dispatcher, Request
from commands.handlers.catalogue import HANDLERS
from commands.wire.catalogue import COMMAND_TYPES
from infra.clock import SystemClock
from infra.projection.positions import ViewPositions

THREADS = 16
_SPAWN = multiprocessing.get_context("spawn")
_PATIENCE_SECONDS = 30.0
_PERSON = {"name": "Ada Guest", "email": "ada@example.com"}
_STAFF = {"role": "staff", "name": "Kim Agent", "email": "kim@desk.example"}


class Visible(msgspec.Struct, frozen=True):
    """Seconds from each command's planned instant: to its answer, and to the instant at which all views show it."""

    answered: list[float]
    visible: list[float]
    seconds: float

    @property
    def per_second(self) -> float:
        """Commands a second that were carried out."""
        return len(self.visible) / self.seconds


def percentile_ms(latencies: Sequence[float], share: float) -> float:
    """Return the latency that this share does not exceed, in milliseconds."""
    ordered = sorted(latencies)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def command_to_visible(
    url: str,
    schema: str,
    views: Sequence[str],
    *,
    customers: Sequence[str],
    cases: Sequence[str],
    per_second: float,
    seconds: float,
    seed: int,
) -> Visible:
    """Send commands (open-ticket 1, add-reply 2, log-work 1) from a process of their own, so many a second."""
    ours, theirs = _SPAWN.Pipe()
    child = _SPAWN.Process(
        target=_run,
        args=(theirs, url, schema, tuple(views), tuple(customers), tuple(cases), per_second, seconds, seed),
        daemon=True,
    )
    child.start()
    theirs.close()
    answered, visible, took = ours.recv()
    child.join()
    return Visible(answered, visible, took)


def _run(
    pipe: Connection,
    url: str,
    schema: str,
    views: Sequence[str],
    customers: Sequence[str],
    cases: Sequence[str],
    per_second: float,
    seconds: float,
    seed: int,
) -> None:
    application = CaselogApplication(
        {"PERSISTENCE_MODULE": "infra.log", "CASELOG_DATABASE_URL": url, "CASELOG_SCHEMA": schema}
    )
    positions = ViewPositions(url, schema)
    positions.start()
    with application:
        run = _Run(Dispatcher(application, SystemClock(), HANDLERS), positions, views)
        requests = planned_requests(customers, cases, Random(seed))
        run.at_planned_instants(requests, 200.0, 2.0, Random(seed + 1))  # warms up
        run.answered.clear()
        run.visible.clear()
        took = run.at_planned_instants(requests, per_second, seconds, Random(seed + 2))
        pipe.send((run.answered, run.visible, took))
    positions.stop()


class _Run:
    """Threads that carry out commands, and one that sees when the views show them."""

    def __init__(self, commands: Dispatcher, positions: ViewPositions, views: Sequence[str]) -> None:
        self.answered: list[float] = []
        self.visible: list[float] = []
        self._failures: list[Exception] = []
        self._commands = commands
        self._positions = positions
        self._views = views
        self._changed = threading.Condition()
        self._unseen: deque[tuple[int, float]] = deque()

    def at_planned_instants(
        self, requests: Iterator[Request], per_second: float, seconds: float, random: Random
    ) -> float:
        """Carry out requests when they are due, and return how long that took."""
        planned: list[float] = []
        at = 0.0
        while (at := at + random.expovariate(per_second)) < seconds:
            planned.append(at)
        due = [(at, next(requests)) for at in planned]
        gc.freeze()  # what the benchmark itself holds is not the application's to look through
        watcher = threading.Thread(target=self._watch, args=(len(self.visible) + len(planned),), daemon=True)
        watcher.start()
        started = perf_counter()
        with ThreadPoolExecutor(THREADS) as pool:
            for at, request in due:
                if (early := started + at - perf_counter()) > 0:
                    sleep(early)
                pool.submit(self._carry_out, request, started + at)
        if self._failures:
            raise self._failures[0]
        watcher.join()
        return perf_counter() - started

    def _carry_out(self, request: Request, planned: float) -> None:
        try:
            answer = self._commands.execute(request)
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            self._failures.append(error)
            return
        self.answered.append(perf_counter() - planned)
        position = msgspec.json.decode(answer.body, type=_Position).position
        with self._changed:
            self._unseen.append((position, planned))
            self._changed.notify()

    def _watch(self, wanted: int) -> None:
        while len(self.visible) < wanted:
            with self._changed:
                self._changed.wait_for(lambda: self._unseen)
                waiting = list(self._unseen)
                self._unseen.clear()
            for position, planned in sorted(waiting):
                if not self._positions.wait_for(self._views, position, _PATIENCE_SECONDS):
                    raise TimeoutError(f"position {position} was never seen")
                self.visible.append(perf_counter() - planned)


class _Position(msgspec.Struct):
    position: int


def planned_requests(customers: Sequence[str], cases: Sequence[str], random: Random) -> Iterator[Request]:
    """Yield open-ticket 1, add-reply 2, log-work 1, in turns, on customers and cases by chance."""
    worked = (datetime.now(UTC) - timedelta(minutes=45)).isoformat()
    number = 0
    while True:
        for command in ("open-ticket", "add-reply", "log-work", "add-reply"):
            number += 1
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
            yield Request(
                command=command,
                data=COMMAND_TYPES[command].load(data),
                fingerprint="",
                caller="benchmark",
                actor="benchmark",
                correlation_id="benchmark",
            )
