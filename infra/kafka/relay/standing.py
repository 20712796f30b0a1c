"""How does the relay stand? Written by it about once a second into the desk's database, and read from there."""

from time import monotonic
from typing import Literal

import msgspec
import psycopg2
import structlog
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.postgres.pool import DatabaseUnavailable, connect

State = Literal["publishing", "retrying", "halted"]

EVERY_SECONDS = 1.0
_ANYHOW_SECONDS = 10.0

_READ = (
    "SELECT r.position, r.begun_after, greatest(h.position - r.position, 0),"
    " coalesce(greatest(extract(epoch FROM clock_timestamp() - e.recorded_at), 0), 0)::float8,"
    " r.state, r.last_error, r.last_error_at, r.updated_at"
    " FROM kafka_relay AS r CROSS JOIN log_head AS h LEFT JOIN events AS e ON e.position = r.position + 1"
)
_WRITE = (
    "INSERT INTO kafka_relay AS r (position, begun_after, state, last_error, last_error_at, updated_at)"
    " VALUES (coalesce(%(position)s, 0), coalesce(%(begun_after)s, 0), %(state)s, %(error)s,"
    " CASE WHEN %(error)s IS NOT NULL THEN clock_timestamp() END, clock_timestamp())"
    " ON CONFLICT (only_row) DO UPDATE SET position = coalesce(%(position)s, r.position),"
    " begun_after = coalesce(%(begun_after)s, r.begun_after), state = excluded.state,"
    " last_error = coalesce(excluded.last_error, r.last_error),"
    " last_error_at = coalesce(excluded.last_error_at, r.last_error_at), updated_at = excluded.updated_at"
)

log = structlog.get_logger()


class RelayStanding(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How far the log is in Kafka. `lag_seconds` is how long the oldest event that is not has been in the log.

    `begun_after`: events up to there were never meant to be. `last_error` is what a relay that led met last, this one
    or one before it, `last_error_at` when (RFC 3339), also if all has been well since: `state` tells how it is now.
    `seen_at`: when the relay that leads last said so.
    """

    position: int
    begun_after: int
    lag_events: int
    lag_seconds: float
    state: State
    seen_at: str
    last_error: str | None = None
    last_error_at: str | None = None


def standing(connection: Connection) -> RelayStanding | None:
    """Return how the relay stands; none where there has never been one."""
    with connection.cursor() as cursor:
        cursor.execute(_READ)
        row = cursor.fetchone()
    if row is None:
        return None
    position, begun_after, lag_events, lag_seconds, state, error, error_at, seen_at = row
    return RelayStanding(
        position=position,
        begun_after=begun_after,
        lag_events=lag_events,
        lag_seconds=lag_seconds,
        state=state,
        seen_at=seen_at.isoformat(),
        last_error=error,
        last_error_at=None if error_at is None else error_at.isoformat(),
    )


class Standing:
    """Writes how the relay stands. It is no source of truth: where it cannot be written, the relay goes on."""

    def __init__(self, dsn: str, schema: str) -> None:
        self._dsn = dsn
        self._schema = schema
        self._connection: Connection | None = None
        self._told: tuple[int, str] | None = None
        self._told_at = float("-inf")

    def publishing(self, position: int, begun_after: int, *, at_once: bool = False) -> None:
        """Tell how far it has come, unless that was told within the last second, or nothing has changed."""
        now = monotonic()
        changed = self._told != (position, "publishing")
        if at_once or now - self._told_at >= (EVERY_SECONDS if changed else _ANYHOW_SECONDS):
            self._write("publishing", position, begun_after, None)

    def failed(self, state: State, error: str, position: int | None = None, begun_after: int | None = None) -> None:
        """Tell what went wrong, and how far the relay had come, where it has found that out."""
        self._write(state, position, begun_after, error)

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _write(self, state: State, position: int | None, begun_after: int | None, error: str | None) -> None:
        values = {"state": state, "position": position, "begun_after": begun_after, "error": error}
        try:
            if self._connection is None:
                self._connection = connect(
                    self._dsn, self._schema, application_name=f"caselog {self._schema} relay standing"
                )
                self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                cursor.execute(_WRITE, values)
        except (psycopg2.Error, DatabaseUnavailable) as failure:
            log.warning("how the relay stands could not be written", error=str(failure).strip())
            self.close()
        else:
            self._told, self._told_at = (position or 0, state), monotonic()
