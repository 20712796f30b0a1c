"""What is in the log: streams, notifications in order of position, answers, claims."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from eventsourcing.persistence import Notification, StoredEvent
from psycopg2.extensions import BYTES, new_type, register_type

from commands.ports import KeptAnswer, Replay, Snapshot
from infra.log.errors import library_errors
from infra.log.stored import LogEvent, LogNotification
from infra.postgres.pool import ConnectionPool

OriginatorIdType = Literal["uuid", "text"]

_COLUMNS = "position, stream_id, version, type, data, raw, metadata, recorded_at"
_JSON_OID = 114
# As bytes: psycopg2 would parse it, and what is stored is to be kept to the byte.
_JSON_AS_BYTES = new_type((_JSON_OID,), "JSON_AS_BYTES", BYTES)

_REPLAY = (
    "SELECT version, type, data FROM events"
    " WHERE stream_id = %(stream_id)s AND version > %(after)s AND data IS NOT NULL ORDER BY version"
)
# In one round trip: the snapshot comes first, as a row without a type, and nothing of what is in it.
_REPLAY_AFTER_SNAPSHOT = (
    "WITH s AS MATERIALIZED (SELECT version, state FROM state_snapshots"
    " WHERE stream_id = %(stream_id)s AND fingerprint = %(fingerprint)s)"
    " (SELECT version, NULL AS type, to_json(translate(encode(state, 'base64'), E'\\n', '')) AS data FROM s)"
    " UNION ALL (SELECT version, type, data FROM events WHERE stream_id = %(stream_id)s AND data IS NOT NULL"
    " AND version > greatest(coalesce((SELECT version FROM s), 0), %(after)s) ORDER BY version)"
)

Values = Mapping[str, object]
_Record = tuple[int, str, int, str, bytes | None, memoryview | None, bytes | None, datetime]


class LogReader:
    """Reads one schema's log. Every call is one round trip and may raise the library's `PersistenceError`s.

    `originator_id_type` says what the ids of other mappers' events are read as; those of our events are text.
    """

    def __init__(self, pool: ConnectionPool, originator_id_type: OriginatorIdType = "text") -> None:
        self._pool = pool
        self._has_uuids = originator_id_type == "uuid"

    def select_events(
        self,
        stream_id: str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """Return the events of a stream with versions in (gt, lte], in order of version."""
        condition, values = _versions(stream_id, gt, lte, limit, desc=desc)
        return [self._event(row) for row in self._records(condition, values)]

    def select_snapshots(
        self,
        stream_id: str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[StoredEvent]:
        """Return the snapshots of a stream with versions in (gt, lte], in order of version."""
        condition, values = _versions(stream_id, gt, lte, limit, desc=desc)
        with library_errors(), self._pool.connection() as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(f"SELECT version, type, raw FROM snapshots {condition}", values)
            return [
                StoredEvent(self._id(stream_id), version, topic, bytes(raw))
                for version, topic, raw in cursor.fetchall()
            ]

    def replay(self, stream_id: str, after: int, fingerprint: str | None) -> Replay:
        """Return the events of a stream after a version, or after its snapshot with that fingerprint."""
        query = _REPLAY if fingerprint is None else _REPLAY_AFTER_SNAPSHOT
        with library_errors(), self._pool.connection() as connection, connection.cursor() as cursor:
            connection.autocommit = True
            register_type(_JSON_AS_BYTES, cursor)
            cursor.execute(query, {"stream_id": stream_id, "after": after, "fingerprint": fingerprint})
            rows = cursor.fetchall()
        if not rows or rows[0][1] is not None:
            return Replay(None, rows)
        version, _, state = rows[0]
        return Replay(Snapshot(stream_id, version, fingerprint or "", b64decode(state[1:-1])), rows[1:])

    def select_streams(self, stream_ids: Sequence[str]) -> list[StoredEvent]:
        """Return all events of some streams, in order of position, so each stream is in its own order."""
        rows = self._records(
            "WHERE stream_id = ANY (%(stream_ids)s) ORDER BY position", {"stream_ids": list(stream_ids)}
        )
        return [self._event(row) for row in rows]

    def select_notifications(
        self, after: int, limit: int, *, up_to: int | None = None, topics: Sequence[str] = ()
    ) -> list[Notification]:
        """Return the events with positions in (after, up_to], of the given types if there are any, at most `limit`."""
        conditions = ["position > %(after)s"]
        if up_to is not None:
            conditions.append("position <= %(up_to)s")
        if topics:
            conditions.append("type = ANY (%(topics)s)")
        rows = self._records(
            f"WHERE {' AND '.join(conditions)} ORDER BY position LIMIT %(limit)s",
            {"after": after, "up_to": up_to, "topics": list(topics), "limit": limit},
        )
        return [self._notification(row) for row in rows]

    def head(self) -> int:
        """Return the position of the log's last event, 0 if it has none."""
        row = self._row("SELECT position FROM log_head", {})
        return 0 if row is None else int(row[0])

    def find_answer(self, scope: str, key: str) -> KeptAnswer | None:
        """Return the answer kept for an idempotency key."""
        row = self._row(
            "SELECT fingerprint, answer, first_position FROM idempotency WHERE scope = %(scope)s AND key = %(key)s",
            {"scope": scope, "key": key},
        )
        return None if row is None else KeptAnswer(*row)

    def holder(self, kind: str, key: str) -> str | None:
        """Return the id of the stream that holds a claim."""
        row = self._row(
            "SELECT stream_id FROM claims WHERE kind = %(kind)s AND key = %(key)s", {"kind": kind, "key": key}
        )
        return None if row is None else str(row[0])

    def max_tracking_id(self, application_name: str) -> int | None:
        """Return the last notification of another application that was tracked here."""
        row = self._row(
            "SELECT notification_id FROM tracking WHERE application_name = %(name)s", {"name": application_name}
        )
        return None if row is None else int(row[0])

    def _row(self, query: str, values: Values) -> tuple[Any, ...] | None:
        with library_errors(), self._pool.connection() as connection, connection.cursor() as cursor:
            connection.autocommit = True
            cursor.execute(query, values)
            return cursor.fetchone()

    def _records(self, condition: str, values: Values) -> list[_Record]:
        with library_errors(), self._pool.connection() as connection, connection.cursor() as cursor:
            connection.autocommit = True
            register_type(_JSON_AS_BYTES, cursor)
            cursor.execute(f"SELECT {_COLUMNS} FROM events {condition}", values)
            return cursor.fetchall()

    def _event(self, record: _Record) -> StoredEvent:
        position, stream_id, version, topic, data, raw, metadata, recorded_at = record
        if data is not None:
            return LogEvent(stream_id, version, topic, data, metadata or b"{}", position, recorded_at)
        return StoredEvent(self._id(stream_id), version, topic, bytes(raw or b""))

    def _notification(self, record: _Record) -> Notification:
        position, stream_id, version, topic, data, raw, metadata, recorded_at = record
        if data is not None:
            return LogNotification(stream_id, version, topic, data, position, metadata or b"{}", recorded_at)
        return Notification(self._id(stream_id), version, topic, bytes(raw or b""), position)

    def _id(self, stream_id: str) -> UUID | str:
        return UUID(stream_id) if self._has_uuids else stream_id


def _versions(
    stream_id: str, gt: int | None, lte: int | None, limit: int | None, *, desc: bool
) -> tuple[str, dict[str, object]]:
    conditions = ["stream_id = %(stream_id)s"]
    if gt is not None:
        conditions.append("version > %(gt)s")
    if lte is not None:
        conditions.append("version <= %(lte)s")
    return (
        f"WHERE {' AND '.join(conditions)} ORDER BY version {'DESC' if desc else 'ASC'} LIMIT %(limit)s",
        {"stream_id": stream_id, "gt": gt, "lte": lte, "limit": limit},
    )
