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

_PIPE = "CASELOG_SUPERVISOR_PIPE"
_STOP_SECONDS = 15.0
_QUICK_SECONDS = 5.0
_QUICK_DEATHS = 3

log = structlog.get_logger()


class KeepsDying(Exception):
    """A process ended again and again right after its start."""


class Supervisor:
    """Runs `caselog` subcommands as processes of their own until `run` is told to stop."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._reading_end, self._writing_end = os.pipe()
        self._environment = {**environment, _PIPE: str(self._reading_end)}
        self._children: dict[str, tuple[subprocess.Popen[bytes], float]] = {}
        self._quick_deaths: dict[str, int] = {}
        self._changed = threading.Event()
        self._stopping = False

    def start(self, subcommands: Sequence[str]) -> None:
        """Start a process for each subcommand."""
        for subcommand in subcommands:
            self._start(subcommand)

    def run(self, until: Callable[[], bool]) -> None:
        """Watch the processes and start again what ends, until `until` says so or `wake` was called and it does.

        Raises `KeepsDying`.
        """
        while not until():
            for subcommand, (child, started) in list(self._children.items()):
                if child.poll() is not None:
                    self._restart(subcommand, child.returncode, time.monotonic() - started)
            self._changed.wait(0.2)

    def wake(self) -> None:
        """Let `run` look at its condition at once (a signal handler may call this)."""
        self._changed.set()

    def stop(self) -> None:
        """Ask every process to end, wait, and kill what has not ended then."""
        if self._stopping:
            return
        self._stopping = True
        for child, _ in reversed(self._children.values()):
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + _STOP_SECONDS
        for subcommand, (child, _) in self._children.items():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                log.warning("process did not stop in time and is killed", process=subcommand, pid=child.pid)
                child.kill()
                child.wait()
        os.close(self._writing_end)
        os.close(self._reading_end)

    def _start(self, subcommand: str) -> None:
        child = subprocess.Popen(
            [sys.executable, "-m", "api.cli", subcommand],
            env=dict(self._environment),
            pass_fds=(self._reading_end,),
            stdin=subprocess.DEVNULL,
        )
        self._children[subcommand] = (child, time.monotonic())

    def _restart(self, subcommand: str, code: int, lived_seconds: float) -> None:
        quick = self._quick_deaths.get(subcommand, 0) + 1 if lived_seconds < _QUICK_SECONDS else 0
        self._quick_deaths[subcommand] = quick
        if quick >= _QUICK_DEATHS:
            raise KeepsDying(f"`caselog {subcommand}` ended {quick} times right after its start (exit code {code})")
        log.warning("process ended and is started again", process=subcommand, exit_code=code)
        self._start(subcommand)


def stop_with_supervisor() -> None:
    """In a process that a `Supervisor` started: leave Ctrl-C to the supervisor, and end when it has died.

    Elsewhere this does nothing.
    """
    descriptor = os.environ.pop(_PIPE, None)
    if descriptor is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def wait_for_the_end() -> None:
        with contextlib.suppress(OSError):
            os.read(int(descriptor), 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait_for_the_end, name="supervisor watch", daemon=True).start()
