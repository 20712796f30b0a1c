"""The log, a batch at a time, as records for Kafka; read undecoded, and ahead of what is being sent."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import msgspec
from kafka import TopicPartition
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.kafka.log_rows import read_page
from infra.kafka.records import EventRecord, event_record, mark_record, partition_of

MOST_EVENTS = 5_000
MOST_BYTES = 8 * 1024 * 1024
"""A batch that has come to so many bytes takes no more events."""

_PAGE = 500


class RecordBatch(msgspec.Struct, frozen=True):
    """The events of the log after position `after`, up to `position`, as records and where each goes; then marks.

    The first `events` of the records are events. `full`: there were more. `event_id` is that of the event at
    `position`, empty where a row stands there that is no event of ours.
    """

    after: int
    position: int
    events: int
    full: bool
    event_id: str
    places: Sequence[TopicPartition]
    records: Sequence[EventRecord]

    def describe(self, index: int) -> str:
        """Name one of its records."""
        record = self.records[index]
        headers = {name: value.decode() for name, value in record.headers}
        return (
            f"the event at position {headers.get('ce_position')} ({headers.get('ce_type')} of"
            f" {headers.get('ce_subject')}, {len(record.value)} bytes)"
        )


class LogReader:
    """Reads batches for one topic. `connect` opens the connection, again after an error. For one thread at a time."""

    def __init__(self, connect: Callable[[], Connection], topic: str, partitions: int) -> None:
        self._connect = connect
        self._places = [TopicPartition(topic, number) for number in range(partitions)]
        self._connection: Connection | None = None
        self._ahead = ThreadPoolExecutor(1, "relay reader")
        self._read_ahead: tuple[int, Future[RecordBatch]] | None = None

    def next(self, after: int, *, most_events: int = MOST_EVENTS) -> RecordBatch:
        """Return what follows a position, and begin to read on where there is more. Raises psycopg2's errors."""
        if self._read_ahead is not None and self._read_ahead[0] == after and most_events == MOST_EVENTS:
            future = self._read_ahead[1]
        else:
            self.forget()
            future = self._ahead.submit(self._read, after, most_events)
        self._read_ahead = None
        batch = future.result()
        if batch.full and most_events == MOST_EVENTS:
            self._read_ahead = (batch.position, self._ahead.submit(self._read, batch.position, MOST_EVENTS))
        return batch

    def forget(self) -> None:
        """Let go of what was read ahead."""
        if self._read_ahead is not None:
            self._read_ahead[1].cancel()
            self._read_ahead = None

    def close(self) -> None:
        """Let go of the connection, once what is being read has been."""
        self.forget()
        self._ahead.submit(self._disconnect)
        self._ahead.shutdown(wait=False)

    def _read(self, after: int, most_events: int) -> RecordBatch:
        if self._connection is None:
            self._connection = self._connect()
            self._connection.autocommit = True
        try:
            return read_batch(self._connection, self._places, after, most_events)
        except Exception:
            self._disconnect()
            raise

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def read_batch(
    connection: Connection, places: Sequence[TopicPartition], after: int, most_events: int = MOST_EVENTS
) -> RecordBatch:
    """Return the next events after a position; empty, and of the same position, at the end of the log.

    Rows that another mapper of the library stored are passed over. A mark goes to every partition whose last event is
    not the batch's last, so that all of them are known to have come to its end.
    """
    position, size, full = after, 0, True
    event_id = ""
    to: list[TopicPartition] = []
    records: list[EventRecord] = []
    came_to: dict[TopicPartition, int] = {}
    while full and size < MOST_BYTES and len(records) < most_events:
        page = read_page(connection, position, min(_PAGE, most_events - len(records)))
        position, full, event_id = page.position, page.full, ""
        for row in page.rows:
            record = event_record(row)
            place = places[partition_of(record.key, len(places))]
            to.append(place)
            records.append(record)
            came_to[place] = row.position
            size += len(record.value)
        if page.rows and page.rows[-1].position == position:
            event_id = dict(records[-1].headers)["ce_id"].decode()
    events = len(records)
    if position > after:
        mark = mark_record(position)
        behind = [place for place in places if came_to.get(place) != position]
        to += behind
        records += [mark] * len(behind)
    return RecordBatch(after, position, events, full, event_id, to, records)
