"""Readers that wait for a view: each keeps a thread of the server, so only some of the threads may."""

from collections.abc import Sequence
from threading import BoundedSemaphore
from time import perf_counter

from api.http.problems.types import VIEW_BEHIND
from api.http.replies import ProblemRaised
from api.http.services import Views
from infra.metrics.instruments import WAITS


class Waiting:
    """Lets requests wait until what they read has passed a position, at most so many at once."""

    def __init__(self, most: int) -> None:
        self._places = BoundedSemaphore(most)

    def wait_for(self, known: Views, views: Sequence[str], position: int, wait_ms: int) -> None:
        """Return when all the views have passed the position, as far as is `known`.

        Ends the request with 503 if that takes too long.

        Where too many wait already, so that commands and other reads would find no thread, it does so at once.
        """
        if known.wait_for(views, position, 0):
            return
        if not self._places.acquire(blocking=False):
            WAITS.labels("crowded").observe(0)
            raise ProblemRaised(VIEW_BEHIND, f"position {position} is not reached yet, and too many wait already")
        started = perf_counter()
        try:
            reached = known.wait_for(views, position, wait_ms / 1000)
        finally:
            self._places.release()
        WAITS.labels("reached" if reached else "behind").observe(perf_counter() - started)
        if not reached:
            raise ProblemRaised(VIEW_BEHIND, f"position {position} was not reached within {wait_ms} ms")
