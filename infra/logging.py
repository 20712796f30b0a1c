"""How a process tells of itself: one line a happening on standard error, with names and values."""

import logging
import sys

import structlog


def configure_logging() -> None:
    """Log from `info` on: for people where standard error is a terminal, else one JSON object a line."""
    terminal = sys.stderr.isatty()
    # Plain tracebacks: the richer ones print local variables, and with them what customers wrote.
    renderer = (
        structlog.dev.ConsoleRenderer(colors=True, exception_formatter=structlog.dev.plain_traceback)
        if terminal
        else structlog.processors.JSONRenderer(sort_keys=True)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if terminal else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
