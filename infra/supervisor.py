"""The processes of one machine: started, watched, started again when they die, and stopped in order.

Each process holds the reading end of a pipe whose other end only the supervisor has open: when the supervisor dies,
even by `kill -9`, the pipe closes and the process stops by itself (`stop_with_supervisor`).
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

import structlog

from infra.supervised import PIPE

STOP_SECONDS = 35.0
"""How long all of them may take to stop: longer than the API gives what it has accepted."""
_LOOK_EVERY_SECONDS = 0.2
_QUICK_SECONDS = 5.0
_QUICK_DEATHS = 8
_FIRST_PAUSE_SECONDS = 0.1
"""Before the second start after a quick death; twice as long before each further one, and so 6 s in all: what it needs
may be starting again too, a database above all."""
_LONGEST_PAUSE_SECONDS = 30.0

log = structlog.get_logger()


class KeepsDying(Exception):
    """A process ended again and again right after its start."""


class Supervisor:
    """Runs `caselog` subcommands as processes of their own until `run` is told to stop.

    One that ends again and again right after its start ends all of them, unless it is among the `dispensable`: the
    others go on without it, and it is tried again every half minute.
    """

    def __init__(self, environment: Mapping[str, str], *, dispensable: Sequence[str] = ()) -> None:
        self._reading_end, self._writing_end = os.pipe()
        self._environment = {**environment, PIPE: str(self._reading_end)}
        self._children: dict[str, tuple[subprocess.Popen[bytes], float]] = {}
        self._quick_deaths: dict[str, int] = {}
        self._start_at: dict[str, float] = {}
        self._dispensable = frozenset(dispensable)
        self._stopping = False

    def start(self, subcommands: Sequence[str]) -> None:
        """Start a process for each subcommand, which may have arguments after it."""
        for subcommand in subcommands:
            self._start(subcommand)

    def run(self, stop: threading.Event, look_after: Callable[[], None]) -> None:
        """Watch the processes until `stop` is set, and start again what ends; `look_after` is called in between.

        Raises `KeepsDying`, and what `look_after` raises.
        """
        while not stop.is_set():
            look_after()
            for subcommand, (child, started) in list(self._children.items()):
                if subcommand not in self._start_at and child.poll() is not None:
                    self._mourn(subcommand, child.returncode, time.monotonic() - started)
            for subcommand, start_at in list(self._start_at.items()):
                if time.monotonic() >= start_at:
                    del self._start_at[subcommand]
                    self._start(subcommand)
            stop.wait(_LOOK_EVERY_SECONDS)

    def stop(self) -> None:
        """Ask the last process started to end, then all others together; kill what takes too long.

        The others go on until the last one has ended: what it has accepted may still need them.
        """
        if self._stopping:
            return
        self._stopping = True
        deadline = time.monotonic() + STOP_SECONDS
        subcommands = list(self._children)
        for together in (subcommands[-1:], subcommands[:-1]):
            for subcommand in together:
                child, _ = self._children[subcommand]
                if child.poll() is None:
                    child.terminate()
            for subcommand in together:
                self._see_ended(subcommand, deadline)
        os.close(self._writing_end)
        os.close(self._reading_end)

    def _see_ended(self, subcommand: str, deadline: float) -> None:
        child, _ = self._children[subcommand]
        try:
            child.wait(max(1.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("process did not stop in time and is killed", process=subcommand, pid=child.pid)
            child.kill()
            child.wait()

    def _start(self, subcommand: str) -> None:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # until the process can ignore it by itself
        try:
            child = subprocess.Popen(
                [sys.executable, "-m", "api.cli", *subcommand.split()],
                env=dict(self._environment),
                pass_fds=(self._reading_end,),
                stdin=subprocess.DEVNULL,
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        self._children[subcommand] = (child, time.monotonic())

    def _mourn(self, subcommand: str, code: int, lived_seconds: float) -> None:
        """Decide when to start a process again: at once, or after a pause if it did not live long."""
        quick = self._quick_deaths.get(subcommand, 0) + 1 if lived_seconds < _QUICK_SECONDS else 0
        self._quick_deaths[subcommand] = quick
        if quick >= _QUICK_DEATHS and subcommand not in self._dispensable:
            raise KeepsDying(f"`caselog {subcommand}` ended {quick} times right after its start (exit code {code})")
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** (quick - 2), _LONGEST_PAUSE_SECONDS) if quick > 1 else 0.0
        log.warning("process ended and is started again", process=subcommand, exit_code=code, in_seconds=pause)
        self._start_at[subcommand] = time.monotonic() + pause


def stop_with_supervisor() -> None:
    """In a process that a `Supervisor` started: leave Ctrl-C to the supervisor, and end when it has died.

    Elsewhere this does nothing.
    """
    descriptor = os.environ.pop(PIPE, None)
    if descriptor is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait_for_the_end() -> None:
        with contextlib.suppress(OSError):
            os.read(int(descriptor), 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_the_end, name="supervisor watch", daemon=True).start()
