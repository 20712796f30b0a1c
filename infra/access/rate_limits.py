"""How many requests may a caller still make in this minute? One count a caller for all processes, in PostgreSQL.

A process takes a part of the quota at once and counts that down by itself, so that most requests ask nobody. What it
has taken and not used when the minute ends is lost to the others, never given twice: a caller gets at most its quota.
"""

import time
from collections import OrderedDict
from threading import Lock

import msgspec

from infra.access.api_keys import Connections

WINDOW_SECONDS = 60
PARTS = 20
"""A process takes at least this part of a quota at once."""

MOST_CALLERS = 10_000


class Standing(msgspec.Struct, frozen=True):
    """Where a caller stands: may the request go on, how many are left as far as this process knows, and until when?"""

    is_allowed: bool
    quota: int
    left: int
    resets_in_seconds: int


class _Taken(msgspec.Struct):
    minute: int
    here: int
    elsewhere: int


class RateLimits:
    """Quotas by the minute. Safe to use from many threads."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._mutex = Lock()
        self._taken: OrderedDict[str, _Taken] = OrderedDict()

    def take(self, caller: str, quota: int, requests: int = 1) -> Standing:
        """Count requests of a caller, all of them or none. Raises where the database cannot be had."""
        now = time.time()
        minute = int(now // WINDOW_SECONDS)
        resets_in = WINDOW_SECONDS - int(now % WINDOW_SECONDS)
        with self._mutex:
            taken = self._of(caller, minute, quota)
            if taken.here >= requests:
                taken.here -= requests
                return Standing(True, quota, taken.here + taken.elsewhere, resets_in)
            missing = requests - taken.here
            if taken.elsewhere < missing:
                return Standing(False, quota, taken.here + taken.elsewhere, resets_in)
        granted, left = self._ask(caller, minute, quota, max(missing, quota // PARTS, 1))
        with self._mutex:
            taken = self._of(caller, minute, quota)
            taken.here += granted
            taken.elsewhere = left
            is_allowed = taken.here >= requests
            if is_allowed:
                taken.here -= requests
            return Standing(is_allowed, quota, taken.here + taken.elsewhere, resets_in)

    def _of(self, caller: str, minute: int, quota: int) -> _Taken:
        taken = self._taken.get(caller)
        if taken is None or taken.minute != minute:
            taken = self._taken[caller] = _Taken(minute, 0, quota)
            while len(self._taken) > MOST_CALLERS:
                self._taken.popitem(last=False)
        self._taken.move_to_end(caller)
        return taken

    def _ask(self, caller: str, minute: int, quota: int, wanted: int) -> tuple[int, int]:
        """Take of the quota, at most so much, and return how much that was and what is left of it for all."""
        with self._connections.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit = off")
            cursor.execute(
                "INSERT INTO rate_limits AS r (caller, minute, used, granted)"
                " VALUES (%(caller)s, %(minute)s, least(%(wanted)s, %(quota)s), least(%(wanted)s, %(quota)s))"
                " ON CONFLICT (caller) DO UPDATE SET minute = greatest(r.minute, excluded.minute),"
                " granted = greatest(0, least(%(wanted)s, %(quota)s"
                "   - CASE WHEN r.minute >= excluded.minute THEN r.used ELSE 0 END)),"
                " used = CASE WHEN r.minute >= excluded.minute THEN r.used ELSE 0 END"
                "   + greatest(0, least(%(wanted)s, %(quota)s"
                "   - CASE WHEN r.minute >= excluded.minute THEN r.used ELSE 0 END))"
                " RETURNING granted, %(quota)s - used",
                {"caller": caller, "minute": minute, "wanted": wanted, "quota": quota},
            )
            row = cursor.fetchone()
        assert row is not None  # noqa: S101 - it was inserted or updated
        return int(row[0]), max(0, int(row[1]))
