"""How a command ends: one that works on files by Ctrl-C and SIGTERM alike, so that it clears up; a process says so."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

import structlog

from infra.supervisor import stop_with_supervisor

log = structlog.get_logger()


class Process(Protocol):
    """What runs until it is told to stop."""

    def request_stop(self) -> None:
        """Let `run` return soon; a signal handler calls this."""

    def run(self) -> None:
        """Run until stopped."""


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and a closed terminal end the work alike, by `KeyboardInterrupt`."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_until_stopped(process: Process, doing: str) -> None:
    """Run a process until SIGINT, SIGTERM or the end of its supervisor; `doing` is what it logs to begin with."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: process.request_stop())
    stop_with_supervisor()
    with told(doing):
        process.run()


@contextmanager
def told(doing: str, **about: object) -> Iterator[None]:
    """Log what a process begins to do, and that it has stopped."""
    log.info(doing, **about)
    try:
        yield
    finally:
        log.info("stopped")
