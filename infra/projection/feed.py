"""Which events come next? Each batch is read and decoded once and shared by the views that run in one process."""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from threading import Condition
from time import monotonic

import msgspec
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from domain.recorded import RecordedEvent
from domain.tags import decode

MOST_EVENTS = 20_000
"""A batch's size in catch-up: larger ones gained nothing more, and twice as many events have to fit into memory."""

GATHER_SECONDS = 0.012
"""How long at most a batch of a log that grows without pause is waited for, once the last one has been applied."""

_KEPT_BATCHES = 3
_EVENTS = "SELECT position, stream_id, version, type, data::text, metadata::text FROM events"
_position_of = attrgetter("position")

DECODING_ERRORS = (LookupError, msgspec.ValidationError, msgspec.DecodeError)
"""What `decode` raises for an event of a newer release, or one that was damaged."""


class Undecodable(msgspec.Struct, frozen=True, gc=False):
    """An event that this code cannot decode, by its place: one of a newer release, or one that was damaged."""

    originator_id: str
    position: int
    metadata_json: bytes
    error: Exception


class Batch(msgspec.Struct, frozen=True):
    """The events of the log after position `after`, up to `position`, in order.

    Those that cannot be decoded are in `undecodable` instead of `records`.
    """

    after: int
    position: int
    records: Sequence[RecordedEvent]
    undecodable: Sequence[Undecodable] = ()

    def since(self, position: int) -> "Batch":
        """Return the part after a position."""
        if position == self.after:
            return self
        first, first_undecodable = (
            bisect_right(each, position, key=_position_of) for each in (self.records, self.undecodable)
        )
        return Batch(position, self.position, self.records[first:], self.undecodable[first_undecodable:])

    def halves(self) -> Iterator["Batch"]:
        """Yield the batch in two parts of about as many records."""
        middle = self.records[len(self.records) // 2 - 1].position or 0
        later = self.since(middle)
        yield Batch(
            self.after,
            middle,
            self.records[: len(self.records) - len(later.records)],
            self.undecodable[: len(self.undecodable) - len(later.undecodable)],
        )
        yield later


def read_batch(connection: Connection, after: int, limit: int) -> Batch:
    """Return the next events after a position, at most `limit`; empty at the end of the log.

    `recorded_at` is left out: to parse it costs as much as to decode the event. Rows that another mapper of the
    library stored are passed over.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"{_EVENTS} WHERE position > %s ORDER BY position LIMIT %s", (after, limit))
        return _batch(after, cursor.fetchall())


def read_positions(cursor: Cursor, positions: Sequence[int]) -> Batch:
    """Return the events at these positions, in order."""
    cursor.execute(f"{_EVENTS} WHERE position = ANY (%s) ORDER BY position", (list(positions),))
    return _batch(0, cursor.fetchall())


def _batch(after: int, rows: Sequence[tuple[int, str, int, str, str | None, str | None]]) -> Batch:
    records: list[RecordedEvent] = []
    undecodable: list[Undecodable] = []
    for position, stream_id, version, tag, data, metadata in rows:
        if data is None:
            continue
        try:
            event = decode(tag, data)
        except DECODING_ERRORS as error:
            undecodable.append(Undecodable(stream_id, position, (metadata or "{}").encode(), error))
            continue
        records.append(RecordedEvent(stream_id, version, event, (metadata or "{}").encode(), position))
    return Batch(after, rows[-1][0] if rows else after, records, undecodable)


class Feed:
    """Batches of the log for several threads, which ask for what follows their own position.

    Views that run side by side ask for the same batch: the first reads it, the others wait for that and share it. One
    that is elsewhere, because it is being built, reads its own. `connect` opens the connection, again after an error.
    """

    def __init__(self, connect: Callable[[], Connection], *, most_events: int = MOST_EVENTS) -> None:
        self._connect = connect
        self._most_events = most_events
        self._changed = Condition()
        self._head = 0
        self._closed = False
        self._reading = False
        self._read_at = 0.0
        self._kept: deque[Batch] = deque(maxlen=_KEPT_BATCHES)
        self._connection: Connection | None = None

    def advanced(self, head: int) -> None:
        """Take note that the log has come to a position."""
        with self._changed:
            if head > self._head:
                self._head = head
                if not self._reading:
                    self._changed.notify()  # one is enough: it reads for all of them

    def close(self) -> None:
        """Wake all that wait, and give them nothing more."""
        with self._changed:
            self._closed = True
            if not self._reading:
                self._disconnect()
            self._changed.notify_all()

    def look_again(self) -> None:
        """Let those who wait ask their `or_when` anew."""
        with self._changed:
            self._changed.notify_all()

    def after(
        self, position: int, timeout_seconds: float, *, or_when: Callable[[], bool] = lambda: False
    ) -> Batch | None:
        """Return the next events after a position: at once if there are some, else when `advanced` tells of them.

        `None` after the time, when `or_when` says so, or once the feed is closed. Raises psycopg2's errors and
        `DatabaseUnavailable`.
        """
        began = monotonic()
        deadline = began + timeout_seconds
        with self._changed:
            while not self._closed:
                for batch in reversed(self._kept):
                    if batch.after <= position < batch.position:
                        return batch.since(position)
                if self._head > position and not self._reading:
                    self._reading = True
                    if self._head - position < self._most_events:
                        self._gather(began)
                    break
                if or_when():
                    return None
                if not self._changed.wait(deadline - monotonic()) and monotonic() >= deadline:
                    return None
            else:
                return None
        return self._read(position)

    def _gather(self, applied_at: float) -> None:
        """Wait for more as long as the last batch took, if that was just now. The caller holds the condition.

        What comes after a pause is read at once. What comes without one costs a transaction a batch: so views take half
        of the time at most, and less of it the fuller their batches are.
        """
        until = applied_at + min(applied_at - self._read_at, GATHER_SECONDS)
        self._changed.wait_for(lambda: self._closed, until - monotonic())
        self._read_at = monotonic()

    def _read(self, position: int) -> Batch:
        batch: Batch | None = None
        try:
            if self._connection is None:
                self._connection = self._connect()
                self._connection.autocommit = True
            batch = read_batch(self._connection, position, self._most_events)
        except psycopg2.Error:
            self._disconnect()
            raise
        else:
            return batch
        finally:
            with self._changed:
                self._reading = False
                if batch is not None and batch.position > batch.after:
                    self._kept.append(batch)
                if self._closed:
                    self._disconnect()
                self._changed.notify_all()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
