"""The follower of the log that lets policies react: event by event, in order, each at least once.

How far it has come is the row `policies` of `projections`, moved on after the commands of a batch have been carried
out. A crash in between repeats them, which their deciders see (docs/adr/0075-policies-ask-and-deciders-decide.md).
"""

import threading
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import cast

import structlog
from eventsourcing.persistence import Notification
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from commands.application import CaselogApplication
from commands.dispatch import Commands, Request
from commands.errors import UnknownAggregate
from commands.policies.policy import POLICIES, Intent, Policy, intents_of, request_for
from domain.recorded import RecordedEvent
from domain.refusal import Refusal
from domain.tags import tag_of
from infra.leadership import Leadership
from infra.log.tail import channel_of
from infra.postgres.pool import DATABASE_AWAY, ConnectionPool
from infra.projection.listening import Listener
from infra.projection.positions import Announcer

VERSION = 1
MOST_EVENTS = 500
"""Events with consequences taken at a time."""

IDLE_SECONDS = 1.0
"""How long to wait for news of the log before asking again whether this process still leads."""

GATHER_SECONDS = 0.03
"""How far apart looks at a log are that grows without pause."""

PARKED_SECONDS = 60.0
"""How long an event is left whose consequences could not be carried out."""

log = structlog.get_logger()


class PositionMoved(Exception):
    """Another process has let the policies react to these events meanwhile."""


class PolicyRunner:
    """Lets the policies of one desk react to its log until it is stopped; of several runners one leads.

    A command that a rule refuses has had its answer. One that fails otherwise is parked with its event and tried again
    now and then, also after a restart; the others go on.
    """

    def __init__(
        self,
        dsn: str,
        schema: str,
        policies: Sequence[Policy],
        *,
        application: CaselogApplication,
        dispatcher: Commands,
        pool: ConnectionPool,
    ) -> None:
        self._dsn = dsn
        self._schema = schema
        self._policies = tuple(policies)
        self._tags = sorted({tag_of(event_type) for policy in policies for event_type in policy.on})
        self._application = application
        self._dispatcher = dispatcher
        self._pool = pool
        self._leadership = Leadership(dsn, schema, POLICIES)
        self._stopping = threading.Event()
        self._news = threading.Event()
        self._announcer: Announcer | None = None
        self._position: int | None = None
        self._retry_at = 0.0

    def request_stop(self) -> None:
        """Let `run` return after the event under way (a signal handler may call this)."""
        self._stopping.set()
        self._news.set()

    def run(self) -> None:
        """Run until stopped: wait for the lead, lead as long as the lock is held, begin again when it was lost."""
        self._leadership.run(self._lead, self._stopping)

    def react(self) -> bool:
        """Let the policies react to the next events, and return whether there were any.

        Raises `PositionMoved`, or what says that the database cannot be had; then the events come again.
        """
        position = self._position
        if position is None:
            with self._pool.connection() as connection:
                position = self._position = open_position(connection)
        head = self._application.recorder.max_notification_id() or 0
        if head <= position:
            return False
        causes = self._causes(position, head)
        reached = head if len(causes) < MOST_EVENTS else causes[-1].id
        parked = self._carry_out(causes)
        if self._stopping.is_set():
            return False  # perhaps not all of it: the events come again
        with self._pool.connection() as connection:
            _advance(connection, position, reached, parked)
        self._position = reached
        if self._announcer is not None:
            self._announcer.announce({POLICIES: reached})
        return True

    def retry_parked(self) -> None:
        """Try again what could not be carried out."""
        with self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT position FROM parked_reactions ORDER BY position LIMIT %s", (MOST_EVENTS,))
            positions = [int(position) for (position,) in cursor.fetchall()]
        for position in positions:
            if not self._carry_out(self._causes(position - 1, position)) and not self._stopping.is_set():
                with self._pool.connection() as connection, connection.cursor() as cursor:
                    cursor.execute("DELETE FROM parked_reactions WHERE position = %s", (position,))

    def _lead(self) -> None:
        listener = Listener(
            self._dsn,
            self._schema,
            [channel_of(self._schema)],
            refresh=lambda _: self._news.set(),
            notified=lambda _: self._news.set(),
            name=POLICIES,
        )
        self._announcer = Announcer(self._dsn, self._schema)
        self._position = None
        self._announcer.start()
        listener.start()
        try:
            while not self._stopping.is_set() and self._leadership.held():
                self._news.clear()
                if self._round():
                    self._stopping.wait(GATHER_SECONDS)
                elif not self._stopping.is_set():
                    self._news.wait(IDLE_SECONDS)
        finally:
            listener.stop()
            self._announcer.stop()

    def _round(self) -> bool:
        """Return whether there was something to react to."""
        try:
            if monotonic() >= self._retry_at:
                self._retry_at = monotonic() + PARKED_SECONDS
                self.retry_parked()
            return self.react()
        except PositionMoved as moved:
            log.info("another process let the policies react", reason=str(moved))
            self._position = None
        except DATABASE_AWAY as error:
            log.warning("the database cannot be reached; policies react later", error=str(error).strip())
        except Exception:
            # A fault of ours must be seen, and not end what follows the log.
            log.exception("the policies cannot react")
        self._stopping.wait(IDLE_SECONDS)
        return False

    def _causes(self, after: int, up_to: int) -> Sequence[Notification]:
        return self._application.recorder.select_notifications(
            after, MOST_EVENTS, stop=up_to, topics=self._tags, inclusive_of_start=False
        )

    def _carry_out(self, causes: Sequence[Notification]) -> dict[int, str]:
        """Carry out what events lead to, and return by its position the error of each that could not be.

        Of those that lead to the same the last one counts: by then all of them have happened. Whatever is wrong with
        what one event leads to must not keep the others from happening.
        """
        parked: dict[int, str] = {}
        asked: dict[tuple[str, str], tuple[int, Request]] = {}
        for cause in causes:
            try:
                for intent, request in self._asked_by(cause):
                    asked.pop((intent.command, intent.subject), None)
                    asked[intent.command, intent.subject] = cause.id, request
            except DATABASE_AWAY:
                raise
            except Exception as error:
                log.exception("nobody can tell what an event leads to", position=cause.id)
                parked[cause.id] = repr(error)
        for position, request in asked.values():
            if self._stopping.is_set():
                break
            try:
                self._dispatcher.execute(request)
            except DATABASE_AWAY:
                raise
            except Exception as error:
                about = {"position": position, "command": request.command, "correlation_id": request.correlation_id}
                if isinstance(error, Refusal | UnknownAggregate):
                    log.info("refused to a policy", actor=request.actor, code=error.code, **about)
                    continue
                log.exception("what an event leads to cannot be done", **about)
                parked[position] = repr(error)
        return parked

    def _asked_by(self, notification: Notification) -> Iterator[tuple[Intent, Request]]:
        cause = cast("RecordedEvent", self._application.mapper.to_domain_event(notification))
        # Others wrote this: whoever decides about the stream next had better read it first.
        self._application.memory.doubt(cause.originator_id)
        for policy, intent in intents_of(self._policies, cause, self._application.read):
            yield intent, request_for(policy, intent, cause)


def open_position(connection: Connection) -> int:
    """Return the position of the last event that the policies have reacted to; a new desk's begin at 0."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO projections (view, build, version, live, state)"
            " SELECT %(name)s, nextval('projection_build'), %(version)s, true, 'live'"
            " WHERE NOT EXISTS (SELECT FROM projections WHERE view = %(name)s) ON CONFLICT DO NOTHING",
            {"name": POLICIES, "version": VERSION},
        )
        cursor.execute("SELECT position FROM projections WHERE view = %s AND live", (POLICIES,))
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def _advance(connection: Connection, old: int, new: int, parked: dict[int, str]) -> None:
    with connection.cursor() as cursor:
        if not parked:
            # Should a crash undo this, the same events lead to the same again: no need to wait for the disk.
            cursor.execute("SET LOCAL synchronous_commit = off")
        cursor.execute(
            "UPDATE projections SET position = %s, updated_at = clock_timestamp()"
            " WHERE view = %s AND live AND position = %s",
            (new, POLICIES, old),
        )
        if cursor.rowcount != 1:
            raise PositionMoved(f"the policies are not at position {old}")
        for position, error in parked.items():
            cursor.execute(
                "INSERT INTO parked_reactions (position, error) VALUES (%s, %s)"
                " ON CONFLICT (position) DO UPDATE SET error = excluded.error",
                (position, error),
            )
