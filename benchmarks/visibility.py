"""How long after a command was due can a reader see it? Commands at planned instants, views kept by a projector."""

import multiprocessing
import threading
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection
from random import Random
from time import perf_counter

import msgspec

from benchmarks.planned_commands import Planned, carried_out, planned, position_of, requests_on
from commands.application import CaselogApplication
from commands.dispatch import Dispatcher, Request
from commands.handlers.catalogue import HANDLERS
from infra.clock import SystemClock
from infra.log.factory import environment_of
from infra.projection.positions import ViewPositions

_SPAWN = multiprocessing.get_context("spawn")
_PATIENCE_SECONDS = 30.0


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
    application = CaselogApplication(environment_of(url, schema))
    positions = ViewPositions(url, schema)
    positions.start()
    with application:
        run = _Run(Dispatcher(application, SystemClock(), HANDLERS), positions, views)
        requests = requests_on(customers, cases, Random(seed))
        run.carry_out(planned(requests, 200.0, 2.0, Random(seed + 1)))  # warms up
        run.answered.clear()
        run.visible.clear()
        took = run.carry_out(planned(requests, per_second, seconds, Random(seed + 2)))
        pipe.send((run.answered, run.visible, took))
    positions.stop()


class _Run:
    """Threads that carry out commands, and one that sees when the views show them."""

    def __init__(self, commands: Dispatcher, positions: ViewPositions, views: Sequence[str]) -> None:
        self.answered: list[float] = []
        self.visible: list[float] = []
        self._commands = commands
        self._positions = positions
        self._views = views
        self._changed = threading.Condition()
        self._unseen: deque[tuple[int, float]] = deque()

    def carry_out(self, commands: Sequence[Planned]) -> float:
        """Carry commands out when they are due, and return how long it took until all were seen."""
        watcher = threading.Thread(target=self._watch, args=(len(self.visible) + len(commands),), daemon=True)
        watcher.start()
        started = perf_counter()
        carried_out(commands, self._carry_out)
        watcher.join()
        return perf_counter() - started

    def _carry_out(self, request: Request, due: float) -> None:
        answer = self._commands.execute(request)
        self.answered.append(perf_counter() - due)
        with self._changed:
            self._unseen.append((position_of(answer), due))
            self._changed.notify()

    def _watch(self, wanted: int) -> None:
        while len(self.visible) < wanted:
            with self._changed:
                self._changed.wait_for(lambda: self._unseen)
                waiting = list(self._unseen)
                self._unseen.clear()
            for position, due in sorted(waiting):
                if not self._positions.wait_for(self._views, position, _PATIENCE_SECONDS):
                    raise TimeoutError(f"position {position} was never seen")
                self.visible.append(perf_counter() - due)
