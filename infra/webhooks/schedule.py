"""When is a delivery tried again? The schedule is data, so that tests need not wait for it."""

from collections.abc import Callable, Sequence
from random import random

RETRY_SECONDS = (5.0, 300.0, 1_800.0, 7_200.0, 18_000.0, 36_000.0, 50_400.0, 72_000.0, 86_400.0)
"""Pauses after the first attempt, the second, …: three days and a half in all (Standard Webhooks, "Retries")."""

LONGEST_PAUSE_SECONDS = 300.0
"""Between attempts at a receiver that takes nothing at all: so late at most it is seen that it is back."""

MOST_RETRY_AFTER_SECONDS = 86_400.0
JITTER = 0.2


class Schedule:
    """Pauses between attempts, each up to a fifth longer, so that receivers are not asked by all desks at once.

    `chance` gives numbers in [0, 1).
    """

    def __init__(self, retry_seconds: Sequence[float] = RETRY_SECONDS, *, chance: Callable[[], float] = random) -> None:
        self._retry_seconds = tuple(retry_seconds)
        self._chance = chance

    @property
    def attempts(self) -> int:
        """How many attempts are made before a delivery is parked."""
        return len(self._retry_seconds) + 1

    def after(self, attempts: int, retry_after_seconds: float = 0.0) -> float | None:
        """Return the seconds until the next attempt after so many that failed; none where that was the last.

        `retry_after_seconds` is what the receiver asked for: it may lengthen a pause, not shorten it.
        """
        if attempts > len(self._retry_seconds):
            return None
        pause = self._spread(self._retry_seconds[attempts - 1])
        return max(pause, min(retry_after_seconds, MOST_RETRY_AFTER_SECONDS))

    def pause(self, failures: int) -> float:
        """Return the seconds to leave a receiver alone after so many attempts that failed, of different messages."""
        shortest = self._retry_seconds[0] if self._retry_seconds else RETRY_SECONDS[0]
        return self._spread(min(shortest * 2.0 ** min(failures - 2, 30), LONGEST_PAUSE_SECONDS))

    def _spread(self, seconds: float) -> float:
        return seconds * (1 + JITTER * self._chance())
