"""The test clock as a client sets it: the answer waits until what fell due on the way has been done."""

from collections.abc import Sequence
from datetime import datetime
from time import monotonic, sleep

from commands.lookups import Settings
from infra.clock import TestClock
from infra.feed import head_position
from infra.postgres.pool import ConnectionPool
from infra.projection.positions import ViewPositions
from infra.timekeeper import nothing_is_due

PATIENCE_SECONDS = 60.0
"""How long everybody may take for what falls due between two settings."""

LOOK_EVERY_SECONDS = 0.01


class StillBehind(Exception):
    """The clock is set, but what fell due on the way is not done yet: setting it to the same instant waits again."""


class AwaitedClock:
    """A test clock whose `set` returns when the timekeeper has nothing left to do, the policies neither, and all shows.

    `followers` are the names of the views and of the policies, as `ViewPositions` knows them.
    """

    def __init__(
        self,
        clock: TestClock,
        *,
        settings: Settings,
        pool: ConnectionPool,
        positions: ViewPositions,
        followers: Sequence[str],
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._pool = pool
        self._positions = positions
        self._followers = tuple(followers)

    def now(self) -> datetime:
        """Return the instant last set (UTC), or the system's."""
        return self._clock.now()

    def set(self, instant: datetime) -> None:
        """Set the desk's clock forward and wait. Raises `ClockBackwards` or `StillBehind`."""
        self._clock.set(instant)
        self._settings.refresh()
        deadline = monotonic() + PATIENCE_SECONDS
        while not self._is_quiet(deadline):
            if monotonic() > deadline:
                raise StillBehind(
                    f"the clock is set; what fell due on the way was not done within {PATIENCE_SECONDS:.0f} s"
                    " (does the timekeeper run? does the projector?)"
                )

    def _is_quiet(self, deadline: float) -> bool:
        """Return whether nothing is due, and the log as all have seen it has not grown meanwhile.

        A policy reacts before it says that it has: what its commands recorded is in the log by then.
        """
        with self._pool.connection() as connection:
            head = head_position(connection)
        if not self._positions.wait_for(self._followers, head, max(0.0, deadline - monotonic())):
            return False
        now = self._clock.now()
        levels, _ = self._settings.service_levels()
        with self._pool.connection() as connection:
            done = nothing_is_due(connection, levels, now)
            grown = head_position(connection) > head
        if not done and not grown:
            # Only now, for the timekeeper looks at a view: it would not see what that has not seen.
            self._clock.wake()
            sleep(LOOK_EVERY_SECONDS)
        return done and not grown
