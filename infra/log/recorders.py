"""The `eventsourcing` library's recorders over our log."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    Notification,
    ProcessRecorder,
    StoredEvent,
    Subscription,
    Tracking,
    TrackingRecorder,
)
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from commands.ports import Claim, Guard, IdempotencyRecord, KeptAnswer, Replay, Snapshot
from infra.log.errors import library_errors
from infra.log.reader import LogReader, OriginatorIdType
from infra.log.tail import Tail
from infra.log.writer import LogWriter
from infra.postgres.pool import ConnectionPool, connect


class Store:
    """What the recorders of one schema share in a process: connections, the writer and its group commit, the reader."""

    def __init__(
        self,
        dsn: str,
        schema: str,
        *,
        pool_size: int,
        wait_seconds: float,
        originator_id_type: OriginatorIdType,
        statement_seconds: float | None = None,
    ) -> None:
        self.dsn = dsn
        self.schema = schema
        self.pool = ConnectionPool(dsn, schema, pool_size, wait_seconds, statement_seconds=statement_seconds)
        self.writer = LogWriter(self.pool)
        self.reader = LogReader(self.pool, originator_id_type)

    def connect_to_listen(self) -> Connection:
        """Return a connection beside the pool's. Raises `DatabaseUnavailable`."""
        return connect(self.dsn, self.schema, application_name="caselog tail")

    def close(self) -> None:
        """Refuse what still waits and close the connections."""
        self.writer.close()
        self.pool.close()


class LogAggregateRecorder(AggregateRecorder):
    """Records events in the log, for those who need no positions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append all or nothing. Keyword arguments are those of `LogWriter.append`, and so are the errors."""
        if stored_events or kwargs:
            self._store.writer.append(stored_events, **kwargs)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Return the events of a stream with versions in (gt, lte], in order of version."""
        return self._store.reader.select_events(str(originator_id), gt=gt, lte=lte, desc=desc, limit=limit)


class LogApplicationRecorder(LogAggregateRecorder, ApplicationRecorder):
    """Records events in the log and reads it as the application's sequence; it is the write side's `Log` too."""

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> Sequence[int] | None:
        """Append all or nothing and return the positions. Keyword arguments and errors are those of `append`."""
        if not stored_events and not kwargs:
            return []
        first = self._store.writer.append(stored_events, **kwargs)
        return list(range(first, first + len(stored_events)))

    def append(
        self,
        events: Sequence[StoredEvent],
        *,
        claims: Sequence[Claim] = (),
        releases: Sequence[Claim] = (),
        guards: Sequence[Guard] = (),
        idempotency: IdempotencyRecord | None = None,
    ) -> int:
        """Append all or nothing; see `LogWriter.append`."""
        return self._store.writer.append(
            events, claims=claims, releases=releases, guards=guards, idempotency=idempotency
        )

    def replay(self, stream_id: str, *, after: int = 0, fingerprint: str | None = None) -> Replay:
        """Return the events of a stream after a version, or after its snapshot with that fingerprint."""
        return self._store.reader.replay(stream_id, after, fingerprint)

    def keep_snapshot(self, snapshot: Snapshot) -> None:
        """Keep the state of a stream, in the place of an earlier one."""
        self._store.writer.keep_snapshot(snapshot)

    def holder(self, kind: str, key: str) -> str | None:
        """Return the id of the stream that holds a claim."""
        return self._store.reader.holder(kind, key)

    def find_answer(self, scope: str, key: str) -> KeptAnswer | None:
        """Return the answer kept for an idempotency key."""
        return self._store.reader.find_answer(scope, key)

    def next_case_number(self) -> int:
        """Return a number that was never returned before, greater than all before (gaps allowed)."""
        return self._store.writer.next_case_number()

    def forget_answers(self, recorded_before: datetime, limit: int = 1_000) -> int:
        """Delete up to `limit` answers recorded before an instant, but those kept for good; return how many."""
        return self._store.writer.forget_answers(recorded_before, limit)

    def select_streams(self, stream_ids: Sequence[str]) -> list[StoredEvent]:
        """Return all events of some streams in one round trip, in order of position."""
        return self._store.reader.select_streams(stream_ids)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        """Return events from position `start` (or after it) up to and with `stop`, in order, at most `limit`."""
        after = 0 if start is None else start - 1 if inclusive_of_start else start
        return self._store.reader.select_notifications(after, limit, up_to=stop, topics=topics)

    def max_notification_id(self) -> int | None:
        """Return the head of the log, None where it has no event."""
        return self._store.reader.head() or None

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> "LogSubscription":
        """Return an iterator of all events after position `gt`, those yet to come included."""
        return LogSubscription(self, gt, topics)

    def tail(self, after: int = 0, *, poll_seconds: float = 1.0, batch_size: int = 500) -> Tail[Notification]:
        """Return the events after a position in batches, those yet to come included."""
        return Tail(
            self._store.reader.select_notifications,
            self._store.connect_to_listen,
            self._store.schema,
            after,
            poll_seconds=poll_seconds,
            batch_size=batch_size,
        )


class LogSubscription(Subscription[ApplicationRecorder]):
    """The library's subscription over a tail of the log, without a thread of its own."""

    def __init__(self, recorder: LogApplicationRecorder, gt: int | None = None, topics: Sequence[str] = ()) -> None:
        super().__init__(recorder, gt, topics)
        self._tail = recorder.tail(gt or 0)
        self._batch: Iterator[Notification] = iter(())

    def __exit__(self, *args: object, **kwargs: Any) -> None:
        super().__exit__(*args, **kwargs)
        self._tail.close()

    def stop(self) -> None:
        """End the iteration, from any thread."""
        super().stop()
        self._tail.stop()

    def __next__(self) -> Notification:
        while not self._has_been_stopped:
            for notification in self._batch:
                if not self._topics or notification.topic in self._topics:
                    return notification
            self._batch = iter(next(self._tail))
        raise StopIteration


class LogTrackingRecorder(TrackingRecorder):
    """Records how far other applications' notifications have been processed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def insert_tracking(self, tracking: Tracking) -> None:
        """Record it. Raises `TrackingConflict` (an `IntegrityError`) where it is not further than what is recorded."""
        self._store.writer.append((), tracking=tracking)

    def max_tracking_id(self, application_name: str) -> int | None:
        """Return the last notification of an application that was recorded."""
        return self._store.reader.max_tracking_id(application_name)


class LogProcessRecorder(LogTrackingRecorder, LogApplicationRecorder, ProcessRecorder):
    """Records events together with the notification that they come from (keyword argument `tracking`)."""


class LogSnapshotRecorder(AggregateRecorder):
    """Records snapshots: states of aggregates, in a table beside the log, where versions may have gaps."""

    def __init__(self, store: Store) -> None:
        self._pool = store.pool
        self._reader = store.reader

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> None:
        """Insert all or none. Raises `IntegrityError` where there is one of the same version."""
        rows = [(str(e.originator_id), e.originator_version, e.topic, e.state) for e in stored_events]
        with library_errors(), self._pool.connection() as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO snapshots (stream_id, version, type, raw) VALUES (%s, %s, %s, %s)", rows)

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        """Return the snapshots of an aggregate with versions in (gt, lte], in order of version."""
        return self._reader.select_snapshots(str(originator_id), gt=gt, lte=lte, desc=desc, limit=limit)
