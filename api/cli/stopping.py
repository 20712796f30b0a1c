"""How a command ends: one that works on files by Ctrl-C and SIGTERM alike, so that it clears up; a process says so."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import structlog

log = structlog.get_logger()


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


@contextmanager
def told(doing: str, **about: object) -> Iterator[None]:
    """Log what a process begins to do, and that it has stopped."""
    log.info(doing, **about)
    try:
        yield
    finally:
        log.info("stopped")
