"""The process that records what falls due by itself: it asks the view `due`, and turns each item into a command.

The commands' ids derive from what is due, and every decider records a thing once, so nothing goes wrong where two
timekeepers overlap, where one starts again in the middle, or where the view lags behind what was just recorded.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from time import monotonic

import msgspec
import structlog
from psycopg2.errors import UndefinedTable
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from commands.dispatch import Commands
from commands.due import EXPIRY, DueItem, request_for
from commands.lookups import Settings
from commands.ports import Clock
from domain.clocks.levels import NoServiceLevels, ServiceLevels
from infra.leadership import Leadership
from infra.postgres.pool import DATABASE_AWAY, ConnectionPool
from infra.projection.positions import ViewPositions
from projections.due import DueRow, by_other_settings
from projections.due import items as due_items
from projections.pending import next_due

MOST_ITEMS = 500
"""Items taken from the view at a time."""

IDLE_SECONDS = 0.5
"""How often the view is asked while nothing is due."""

LEFT_SECONDS = 60.0
"""How long an item is left that could not be recorded."""

LEVELS = "levels:"
"""What begins the name of an item of a case that does not count by the settings in force."""

SETTLED_SECONDS = 10.0
"""How long after a change of settings cases are searched for that do not count by it yet."""

ANSWERS_KEPT = timedelta(hours=24)
"""How long a service may repeat a request under its idempotency key."""

FORGET_EVERY_SECONDS = 600.0
FORGOTTEN_AT_A_TIME = 1_000

log = structlog.get_logger()


class _Recorded(msgspec.Struct):
    events: list[msgspec.Raw]
    position: int


_decode = msgspec.json.Decoder(_Recorded).decode


class Timekeeper:
    """Records what falls due by itself at one desk, until it is stopped.

    That is missed deadlines, changed service levels and reminders of cases, begun months and expired grants.

    On the way it lets go of answers to services' requests that are older than `ANSWERS_KEPT`, by the system's clock.
    Of several timekeepers one leads; the others stand by. `dispatcher` decides by `clock`, and so does this. Streams of
    an import that has not ended are left to it.
    """

    def __init__(
        self,
        *,
        dispatcher: Commands,
        settings: Settings,
        clock: Clock,
        pool: ConnectionPool,
        positions: ViewPositions,
        leadership: Leadership,
        forget_answers: Callable[[datetime, int], int],
    ) -> None:
        self._dispatcher = dispatcher
        self._settings = settings
        self._clock = clock
        self._pool = pool
        self._positions = positions
        self._leadership = leadership
        self._forget_answers = forget_answers
        self._forget_at = 0.0
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._carried: tuple[object, ...] | None = None
        self._noticed: tuple[object, ...] | None = None
        self._noticed_at = 0.0
        self._searched = ""
        self._left_until: dict[DueItem, float] = {}

    def request_stop(self) -> None:
        """Let `run` return after the item under way (a signal handler may call this)."""
        self._stopping.set()
        self._woken.set()

    def wake(self) -> None:
        """Let it look at what is due now, not only when it would anyway."""
        self._woken.set()

    def run(self) -> None:
        """Run until stopped: wait for the lead, lead as long as the lock is held, begin again when it was lost."""
        self._leadership.run(self._lead, self._stopping)

    def record_what_is_due(self) -> int:
        """Record what the view shows as due by now, and return how much was recorded.

        Waits for the view to have seen it, so that the next call is not shown the same again.
        """
        now = self._clock.now()
        self._left_until = {item: until for item, until in self._left_until.items() if until > monotonic()}
        with self._pool.connection() as connection:
            importing = unfinished_imports(connection)
        recorded = 0
        after: tuple[datetime, str] | None = None
        while not self._stopping.is_set():
            with self._pool.connection() as connection:
                rows = due_items(connection, now, limit=MOST_ITEMS, after=after, excluding_imports=importing)
            recorded += self._record([item_of(row) for row in rows])
            if len(rows) < MOST_ITEMS or rows[-1].record_at is None:
                break
            after = rows[-1].record_at, rows[-1].stream_id
        return recorded + self._record(self._other_settings(now, importing))

    def _lead(self) -> None:
        while not self._stopping.is_set() and self._leadership.held():
            self._woken.clear()
            if not self._round() and not self._stopping.is_set():
                self._woken.wait(IDLE_SECONDS)

    def _round(self) -> bool:
        """Return whether there was something to do."""
        try:
            if monotonic() >= self._forget_at:
                self.forget_expired_answers()
                self._forget_at = monotonic() + FORGET_EVERY_SECONDS
            return self.record_what_is_due() > 0
        except UndefinedTable:
            return False  # a new desk's views are being built
        except DATABASE_AWAY as error:
            log.warning("the database cannot be reached; what is due is recorded later", error=str(error).strip())
            return False

    def forget_expired_answers(self) -> None:
        """Let go of the answers kept for keys whose time is over, a few at a time."""
        before = datetime.now(UTC) - ANSWERS_KEPT
        while not self._stopping.is_set() and self._forget_answers(before, FORGOTTEN_AT_A_TIME) == FORGOTTEN_AT_A_TIME:
            pass

    def _record(self, items: Sequence[DueItem]) -> int:
        """Record items one by one; one that cannot be recorded is left for a while and does not stop the others."""
        recorded, last_position = 0, 0
        for item in items:
            if self._stopping.is_set():
                break
            if item in self._left_until:
                continue
            try:
                answer = self._dispatcher.execute(request_for(item))
            except DATABASE_AWAY:
                raise
            except Exception:
                # Whatever is wrong with one stream must not keep the others from being recorded.
                log.exception("what is due cannot be recorded", stream=item.stream_id, due=item.what)
                self._left_until[item] = monotonic() + LEFT_SECONDS
                continue
            body = _decode(answer.body)
            if body.events and not answer.replayed:
                recorded += 1
                last_position = max(last_position, body.position)
            elif not item.what.startswith(LEVELS):
                # Another was quicker, and the view will tell. Or it is wrong: then this must not go on without end.
                self._left_until[item] = monotonic() + LEFT_SECONDS
        if recorded:
            log.info("recorded what was due", items=recorded, position=last_position)
            self._positions.wait_for(("due",), last_position, timeout_seconds=10)
        return recorded

    def _other_settings(self, now: datetime, importing: Sequence[str]) -> list[DueItem]:
        """Return the cases whose clocks do not count by the settings in force now (SUPPORT_POLICY T6).

        Once a change of settings has been carried to all of them, the view need not be searched until the next. A
        command decided just before the change can reach the log, and the view, after it: so the search goes on a while.
        """
        self._settings.refresh()
        levels, _ = self._settings.service_levels()
        try:
            in_force = levels.at(now)
        except NoServiceLevels:
            return []
        # An import that has ended brings cases that have to be looked at.
        versions = (in_force.policy_version, *sorted(in_force.calendar_versions.items()), *sorted(importing))
        if versions == self._carried:
            return []
        if versions != self._noticed:
            self._noticed, self._noticed_at = versions, monotonic()
        with self._pool.connection() as connection:
            rows = cases_by_other_settings(connection, levels, now, importing, after=self._searched)
        self._searched = rows[-1].stream_id if len(rows) == MOST_ITEMS else ""
        if not rows and monotonic() - self._noticed_at > SETTLED_SECONDS:
            self._carried = versions
        changed_at = max(levels.changes(datetime.min.replace(tzinfo=UTC), now), default=now)
        return [
            DueItem(stream_id=row.stream_id, kind="ticket", what=f"{LEVELS}{versions}", due_at=changed_at)
            for row in rows
        ]


def unfinished_imports(connection: Connection) -> list[str]:
    """Return the names of the imports that have not ended; what they brought is theirs to record."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM imports WHERE state <> 'ended'")
        return [name for (name,) in cursor.fetchall()]


def cases_by_other_settings(
    connection: Connection, levels: ServiceLevels, now: datetime, importing: Sequence[str], *, after: str = ""
) -> list[DueRow]:
    """Return cases with a running clock that counts by other versions than those in force now, by stream id."""
    in_force = levels.at(now)
    return by_other_settings(
        connection,
        in_force.policy_version,
        in_force.calendar_versions,
        limit=MOST_ITEMS,
        after=after,
        excluding_imports=importing,
    )


def nothing_is_due(connection: Connection, levels: ServiceLevels, now: datetime) -> bool:
    """Return whether the view shows nothing that a timekeeper would have to record by now."""
    importing = unfinished_imports(connection)
    return not due_items(connection, now, limit=1, excluding_imports=importing) and not cases_by_other_settings(
        connection, levels, now, importing
    )


def item_of(row: DueRow) -> DueItem:
    """Return the due item of a row of the view."""
    assert row.record_at is not None  # noqa: S101 - the query asks for nothing else
    return DueItem(stream_id=row.stream_id, kind=row.kind, what=_what(row), due_at=row.record_at)


def _what(row: DueRow) -> str:
    """Say what of a row falls due at its instant."""
    if row.agenda is not None:
        return "month" if row.agenda.next_month_at == row.record_at else EXPIRY
    if row.remind_at == row.record_at:
        return "reminder"
    first = next_due(row.clocks)
    return "" if first is None else f"{first.clock}:{first.instance}:{first.target_seconds}"
