"""How long to wait before what failed is tried again? Twice as long each time, until it has gone well."""

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 5.0


class Pauses:
    """The pauses between attempts, in seconds: the first one, then doubled up to the longest.

    `succeeded` is for when what is wanted has been done; that it could be begun again makes them no shorter.
    """

    def __init__(self, first_seconds: float = FIRST_SECONDS, longest_seconds: float = LONGEST_SECONDS) -> None:
        self._first = self._next = first_seconds
        self._longest = longest_seconds

    def next(self) -> float:
        """Return how many seconds to wait now."""
        seconds, self._next = self._next, min(2 * self._next, self._longest)
        return seconds

    def succeeded(self) -> None:
        """Begin anew at the next failure."""
        self._next = self._first
