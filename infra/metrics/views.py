"""How long does a view take for a batch, and how much of that is its handlers' own?"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

from infra.metrics.instruments import VIEW_BATCH_EVENTS, VIEW_BATCHES, VIEW_EVENTS, VIEW_HANDLERS


class Stopwatch:
    """Adds up the time spent within it."""

    __slots__ = ("_entered", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self._entered = 0.0

    def __enter__(self) -> None:
        self._entered = perf_counter()

    def __exit__(self, *_: object) -> None:
        self.seconds += perf_counter() - self._entered


@contextmanager
def measured(view: str, events: int) -> Iterator[Stopwatch]:
    """Count a batch of so many events, and its time, once it is written; give the watch for the handlers' part."""
    handlers = Stopwatch()
    started = perf_counter()
    yield handlers
    VIEW_BATCHES.labels(view).observe(perf_counter() - started)
    VIEW_BATCH_EVENTS.labels(view).observe(events)
    VIEW_EVENTS.labels(view).inc(events)
    VIEW_HANDLERS.labels(view).inc(handlers.seconds)
