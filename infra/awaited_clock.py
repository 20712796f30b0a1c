"""The test clock as a client sets it: the answer waits until what fell due on the way has been done."""

from collections.abc import Sequence
from datetime import datetime
from time import monotonic, sleep

from commands.lookups import Settings
from infra.clock import TestClock
from infra.postgres.pool import ConnectionPool
from infra.projection.positions import ViewPositions
from infra.timekeeper import nothing_is_due

PATIENCE_SECONDS = 60.0
"""How long the timekeeper and the projector may take for what falls due between two settings."""

LOOK_EVERY_SECONDS = 0.02


class StillBehind(Exception):
    """The clock is set, but what fell due on the way is not done yet: setting it to the same instant waits again."""


class AwaitedClock:
    """A test clock whose `set` returns when the timekeeper has nothing left to do and the views show it."""

    def __init__(
        self,
        clock: TestClock,
        *,
        settings: Settings,
        pool: ConnectionPool,
        positions: ViewPositions,
        views: Sequence[str],
    ) -> None:
        self._clock = clock
        self._settings = settings
        self._pool = pool
        self._positions = positions
        self._views = tuple(views)

    def now(self) -> datetime:
        """Return the instant last set (UTC), or the system's."""
        return self._clock.now()

    def set(self, instant: datetime) -> None:
        """Set the desk's clock forward and wait. Raises `ClockBackwards` or `StillBehind`."""
        self._clock.set(instant)
        deadline = monotonic() + PATIENCE_SECONDS
        while not self._is_done(deadline):
            if monotonic() > deadline:
                raise StillBehind(
                    f"the clock is set; what fell due on the way was not done within {PATIENCE_SECONDS:.0f} s"
                    " (does the timekeeper run? does the projector?)"
                )
            sleep(LOOK_EVERY_SECONDS)

    def _is_done(self, deadline: float) -> bool:
        """Return whether nothing is due in views that have seen the whole log."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT position FROM log_head")
            row = cursor.fetchone()
            head: int = 0 if row is None else row[0]
        if not self._positions.wait_for(self._views, head, max(0.0, deadline - monotonic())):
            return False
        now = self._clock.now()
        self._settings.refresh()
        levels, _ = self._settings.service_levels()
        with self._pool.connection() as connection:
            return nothing_is_due(connection, levels, now)
