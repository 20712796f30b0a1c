"""How a process tells of itself: one line a happening on standard error, with names and values."""

import logging
import os
import sys
import threading
from collections.abc import MutableMapping
from types import TracebackType
from typing import Any

import structlog

LIBRARIES = logging.StreamHandler()
"""Writes what libraries log, warnings and worse, as we write our own lines."""


def configure_logging(process: str = "caselog") -> None:
    """Log from `info` on: for people where standard error is a terminal, else one JSON object a line.

    Every line has `timestamp` (UTC), `level`, `event`, `process` and `pid`; one that belongs to a piece of work has its
    `correlation_id` as well. So have the lines of libraries, and an exception that nobody has caught is a line too.
    """
    terminal = sys.stderr.isatty()
    # Plain tracebacks: the richer ones print local variables, and with them what customers wrote.
    renderer = (
        structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer(sort_keys=True)
    )

    def add_process(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        line["process"], line["pid"] = process, os.getpid()
        return line

    common: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *([] if terminal else (add_process, structlog.processors.format_exc_info)),
    ]
    LIBRARIES.setStream(sys.stderr)
    LIBRARIES.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=common,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    if LIBRARIES not in root.handlers:
        root.addHandler(LIBRARIES)
    root.setLevel(logging.WARNING)
    if not terminal:
        sys.excepthook = _tell_of_the_uncaught
        threading.excepthook = _tell_of_a_thread
    structlog.configure(
        processors=[*common, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # One write a line: processes share the stream, and a newline written by itself comes after another one's line.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _tell_of_the_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None, thread: str | None = None
) -> None:
    if not issubclass(kind, Exception):  # Ctrl-C and the like are no faults
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger().critical("nobody caught an exception", exc_info=(kind, error, trace), thread=thread)


def _tell_of_a_thread(told: threading.ExceptHookArgs) -> None:
    if told.exc_value is not None and not issubclass(told.exc_type, SystemExit):
        _tell_of_the_uncaught(
            told.exc_type, told.exc_value, told.exc_traceback, None if told.thread is None else told.thread.name
        )
