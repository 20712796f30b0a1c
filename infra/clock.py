"""Where the desk's `now` comes from: the system, or an instant that a test has set for all processes."""

import hashlib
from datetime import UTC, datetime

from infra.postgres.pool import ConnectionPool


def clock_channel(schema: str) -> str:
    """Return the channel on which a desk's test clock wakes who waits for it."""
    return f"clock_{hashlib.md5(schema.encode(), usedforsecurity=False).hexdigest()[:16]}"


class ClockBackwards(ValueError):
    """The test clock was to be set to an instant before the desk's present one."""


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Return the current instant (UTC)."""
        return datetime.now(UTC)


class TestClock:
    """The clock of a desk that runs with `CASELOG_TEST_CLOCK=1`: kept in the database, one for all its processes.

    It goes with the system's clock until it is first set. From then on it stands still between one setting and the
    next, so that a test meets a deadline to the second.
    """

    __test__ = False  # no test class, in spite of its name

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool

    def now(self) -> datetime:
        """Return the instant last set (UTC), or the system's."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT now FROM test_clock")
            row = cursor.fetchone()
        instant: datetime = datetime.now(UTC) if row is None else row[0]
        return instant

    def set(self, instant: datetime) -> None:
        """Set the clock of all processes. Raises `ClockBackwards` if that would turn it back."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO test_clock (now) SELECT %(instant)s WHERE %(instant)s >= clock_timestamp()"
                " OR EXISTS (SELECT FROM test_clock)"
                " ON CONFLICT (only_row) DO UPDATE SET now = excluded.now WHERE test_clock.now <= excluded.now",
                {"instant": instant},
            )
            if cursor.rowcount == 0:
                raise ClockBackwards("the desk's clock moves forward only")

    def wake(self) -> None:
        """Let who listens to the clock look again at what is due."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify('clock_' || left(md5(current_schema()), 16), '')")
