"""How a process tells of itself: one line a happening on standard error, with names and values."""

import logging
import os
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog


def configure_logging(process: str = "caselog") -> None:
    """Log from `info` on: for people where standard error is a terminal, else one JSON object a line.

    Every line has `timestamp` (UTC), `level`, `event`, `process` and `pid`; one that belongs to a piece of work has its
    `correlation_id` as well.
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

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if terminal else (add_process, structlog.processors.format_exc_info)),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
