"""How long does a view wait that cannot be written? Twice as long each time, until a batch of it has been."""

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 5.0


class Pauses:
    """The pauses between attempts; that a connection can be had again makes them no shorter."""

    def __init__(self) -> None:
        self._next = FIRST_SECONDS

    def next(self) -> float:
        """Return how many seconds to wait now."""
        seconds, self._next = self._next, min(2 * self._next, LONGEST_SECONDS)
        return seconds

    def succeeded(self) -> None:
        """Begin anew at the next failure."""
        self._next = FIRST_SECONDS
