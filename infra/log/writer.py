"""Appending to the log: groups of jobs, each group one statement, and what becomes of a group that fails."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import perf_counter

import msgspec
import psycopg2
from eventsourcing.persistence import StoredEvent, Tracking

from commands.ports import AppendConflict, Claim, Guard, GuardMoved, IdempotencyRecord, OutcomeUnknown, Snapshot
from infra.log.errors import library_errors, translated
from infra.log.group_commit import GroupCommit
from infra.log.job import APPEND, Job, arguments, outcomes
from infra.metrics.instruments import APPEND_GROUP, APPENDED_EVENTS, APPENDS, CONFLICTS
from infra.postgres.pool import TOOK_TOO_LONG, ConnectionPool, DatabaseUnavailable, PoolClosed, PoolTimeout
from infra.tracing import begin_append

_OF_ALL: tuple[type[Exception], ...] = (OutcomeUnknown, DatabaseUnavailable, PoolTimeout, PoolClosed, *TOOK_TOO_LONG)
"""What becomes of a group as a whole."""

_encode = msgspec.json.Encoder().encode


class LogWriter:
    """The one way into a schema's log for a process. Safe to use from many threads, and meant to be."""

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool = pool
        self._commits = GroupCommit(self._send)

    def append(
        self,
        events: Sequence[StoredEvent],
        *,
        claims: Sequence[Claim] = (),
        releases: Sequence[Claim] = (),
        guards: Sequence[Guard] = (),
        idempotency: IdempotencyRecord | None = None,
        tracking: Tracking | None = None,
    ) -> int:
        """Append all or nothing and return the position of the first event (the head of the log, if there is none).

        The events of a stream follow each other without a gap. Raises an `AppendConflict` where the log is not as
        expected; `OutcomeUnknown` where the connection broke while the statement was under way: it is not tried again,
        for the repeat of one that was committed would look like a conflict, and only an idempotency record tells;
        `ValueError`, `UnicodeEncodeError` or `DataError` for text that PostgreSQL cannot hold; or the library's
        `OperationalError` where no connection can be had (nothing was appended).
        """
        if not (events or claims or releases or idempotency or tracking):
            return self._confirm(guards)
        job = Job(events, claims=claims, releases=releases, guards=guards, idempotency=idempotency, tracking=tracking)
        if (span := begin_append(len(events))) is None:
            return self._commits.submit(job)
        job.span = span
        try:
            position = self._commits.submit(job)
            span.set("caselog.position", position)
        except Exception as error:
            span.fail(type(error).__name__)
            raise
        else:
            return position
        finally:
            span.end()

    def _confirm(self, guards: Sequence[Guard]) -> int:
        """Return the head of the log, at which no guarded stream has moved on: a read, which nobody waits for."""
        with library_errors(), self._pool.connection() as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(
                "SELECT position, (SELECT min(g.stream_id)"
                " FROM json_to_recordset(%s) AS g (stream_id text, version integer)"
                " WHERE (SELECT max(x.version) FROM events x WHERE x.stream_id = g.stream_id) > g.version)"
                " FROM log_head",
                (_encode(guards).decode(),),
            )
            [(head, moved)] = cursor.fetchall()
        if moved is not None:
            raise GuardMoved(f"{moved} has moved on")
        return int(head)

    def next_case_number(self) -> int:
        """Return a number that was never returned before, greater than all before (gaps allowed)."""
        return self._number("SELECT nextval('case_number')", {})

    def keep_snapshot(self, snapshot: Snapshot) -> None:
        """Keep the state of a stream, in the place of an earlier one. May raise the library's `PersistenceError`s."""
        with library_errors(), self._pool.connection() as connection, connection.cursor() as cursor:
            # Should a crash lose it, the stream is folded from its events.
            cursor.execute("SET LOCAL synchronous_commit = off")
            cursor.execute(
                "INSERT INTO state_snapshots AS s (stream_id, version, fingerprint, state) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (stream_id) DO UPDATE SET version = excluded.version, state = excluded.state,"
                " fingerprint = excluded.fingerprint, taken_at = clock_timestamp()"
                " WHERE s.version < excluded.version OR s.fingerprint <> excluded.fingerprint",
                (snapshot.stream_id, snapshot.version, snapshot.fingerprint, psycopg2.Binary(snapshot.state)),
            )

    def forget_answers(self, recorded_before: datetime, limit: int = 1_000) -> int:
        """Delete up to `limit` answers recorded before an instant, but those to be kept; return how many they were."""
        return self._number(
            "WITH expired AS (SELECT scope, key FROM idempotency WHERE NOT keep AND recorded_at < %(before)s"
            " ORDER BY recorded_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED),"
            " forgotten AS (DELETE FROM idempotency i USING expired e WHERE i.scope = e.scope AND i.key = e.key"
            " RETURNING 1) SELECT count(*) FROM forgotten",
            {"before": recorded_before, "limit": limit},
        )

    def close(self) -> None:
        """Refuse new appends, and those that still wait."""
        self._commits.close()

    def _send(self, jobs: Sequence[Job]) -> Sequence[int | Exception]:
        """Append a group; where the statement fails, its jobs one by one, so that only the bad one fails.

        Not where it took too long: each of them would take as long again, and those behind them would wait for all.
        """
        try:
            return self._append(jobs)
        except _OF_ALL as error:
            return [translated(error) for _ in jobs]
        except Exception as error:  # noqa: BLE001 - of any kind: it is raised in the thread whose job it is
            if len(jobs) == 1:
                return [translated(error)]
            return [self._send([job])[0] for job in jobs]

    def _append(self, jobs: Sequence[Job]) -> Sequence[int | Exception]:
        group = arguments(jobs)
        started = perf_counter()
        with self._pool.connection() as connection:
            connection.autocommit = True  # the head row is locked for one statement, never across a round trip
            with connection.cursor() as cursor:
                try:
                    cursor.execute(APPEND, group)
                    [(head_before, conflicts)] = cursor.fetchall()
                except psycopg2.Error as error:
                    if connection.closed:
                        raise OutcomeUnknown(f"the connection was lost during the append: {error}".strip()) from error
                    raise
        seconds = perf_counter() - started
        APPENDS.observe(seconds)
        APPEND_GROUP.observe(len(jobs))
        for job in jobs:
            if job.span is not None:  # its thread waits, so nobody else has it in hand
                job.span.set("caselog.group_commands", len(jobs))
                job.span.set("caselog.statement_seconds", seconds)
        result = outcomes(jobs, head_before, conflicts)
        appended = 0
        for job, outcome in zip(jobs, result, strict=True):
            if isinstance(outcome, AppendConflict):
                CONFLICTS.labels(outcome.reason).inc()
            elif not isinstance(outcome, Exception):
                appended += job.event_count
        APPENDED_EVENTS.inc(appended)
        return result

    def _number(self, query: str, values: Mapping[str, object]) -> int:
        with library_errors(), self._pool.connection() as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(query, values)
            [(number,)] = cursor.fetchall()
            return int(number)
