"""How are records of the events topic read as fast as views are written? Only what a view needs is taken out of each.

kafka-python makes some forty Python objects of a record with our headers, which takes three times as long as to fold
its event into rows. Here the bytes of a batch are read in one pass: the headers that relays of this release write are
recognised by their bytes, in their order; whatever differs is read one by one and means the same. Readers that look at
the whole record, as `caselog reconcile` and the inbox do, have `fetched` (docs/adr/0105-reading-records.md).
"""

from collections.abc import Collection, Container, Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
from kafka import KafkaConsumer

from infra.kafka.clients import consumer
from infra.kafka.fetched import SEVEN_BITS, PartitionRecords, headers_in, read_by, varint
from infra.kafka.receiving import read_largely
from infra.kafka.records import MARK_TYPE, NotOurs, PositionMark, received
from infra.kafka.settings import KafkaSettings
from infra.kafka.unpacked import (
    BEFORE_POSITION,
    BEFORE_SUBJECT,
    BEFORE_TYPE,
    FEWEST_HEADERS,
    POSITION_AFTER,
    TAG_AFTER,
    UnpackedEvent,
    Unreadable,
)

FETCH_BYTES = 12 * 1024 * 1024
"""One answer of the broker is one batch, so that the next is on its way while this one is written."""
PARTITION_FETCH_BYTES = 3 * 1024 * 1024


Unpacked: TypeAlias = UnpackedEvent | PositionMark | Unreadable


class _Record(msgspec.Struct, gc=False):
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def events_consumer(
    settings: KafkaSettings, *, group: str | None = None, passed_over: Collection[str] = (), **more: Any
) -> KafkaConsumer:
    """Return a consumer of the events topic whose `poll` gives `Unpacked` by partition, many at a time.

    Events of the tags `passed_over` are left out: a position mark stands where one of them was the last that came.
    """
    sizes = {"fetch_max_bytes": FETCH_BYTES, "max_partition_fetch_bytes": PARTITION_FETCH_BYTES}
    tags = frozenset(tag.encode() for tag in passed_over)
    made = read_by(
        consumer(settings, group=group, **{**sizes, **more}),
        type("UnpackedRecords", (_UnpackedRecords,), {"passed_over": tags}),
    )
    read_largely(made)
    return made


def unpack(  # noqa: PLR0912, PLR0915 - a call costs as much as ten lines of it, for each record
    buffer: bytes, at: int, count: int, base_offset: int, partition: int, passed_over: Container[bytes] = ()
) -> Iterator[Unpacked]:
    """Yield so many records of an uncompressed batch, which begin at `at`.

    Of events whose tags are `passed_over`, no more is told than how far the partition is with them: by a position mark
    in the place of the last one. Raises `IndexError` or `ValueError` in a damaged batch.
    """
    startswith = buffer.startswith
    passed_at = passed_offset = 0
    for _ in range(count):
        # Numbers of two bytes are most of them; a call for each would take a third of the time.
        first, second = buffer[at], buffer[at + 1]
        if first > SEVEN_BITS >= second:
            length, at = ((first & SEVEN_BITS) | (second << 7)) >> 1, at + 2
        else:
            length, at = varint(buffer, at)
        end = at + length
        at += 1  # the attributes, of which there are none yet
        while buffer[at] > SEVEN_BITS:  # its time
            at += 1
        at += 1
        first, second = buffer[at], buffer[at + 1]
        if first <= SEVEN_BITS:
            delta, at = first >> 1, at + 1
        elif second <= SEVEN_BITS:
            delta, at = ((first & SEVEN_BITS) | (second << 7)) >> 1, at + 2
        else:
            delta, at = varint(buffer, at)
        key_length = buffer[at]
        if key_length <= SEVEN_BITS and not key_length & 1:
            key_length, at = key_length >> 1, at + 1
        else:
            key_length, at = varint(buffer, at)
        value_at = at + key_length if key_length > 0 else at
        first, second = buffer[value_at], buffer[value_at + 1]
        if first > SEVEN_BITS >= second and not first & 1:
            value_length, value_from = ((first & SEVEN_BITS) | (second << 7)) >> 1, value_at + 2
        else:
            value_length, value_from = varint(buffer, value_at)
        headers_at = value_from + value_length if value_length > 0 else value_from
        if key_length >= 0 <= value_length and startswith(BEFORE_TYPE, headers_at + 1):
            tag_at = headers_at + TAG_AFTER
            place = tag_at + (buffer[tag_at - 1] >> 1)
            if startswith(BEFORE_POSITION, place):
                tag = buffer[tag_at:place]
                place += POSITION_AFTER
                if tag in passed_over:
                    passed_at, passed_offset = place, base_offset + delta
                    at = end
                    continue
                after = place + (buffer[place - 1] >> 1)
                position = buffer[place:after]
                if tag == MARK_TYPE:
                    if position.isdigit():
                        passed_at = 0
                        yield PositionMark(partition, base_offset + delta, int(position))
                        at = end
                        continue
                elif buffer[headers_at] >= FEWEST_HEADERS and startswith(BEFORE_SUBJECT, after) and position.isdigit():
                    passed_at = 0
                    yield UnpackedEvent(
                        base_offset + delta, int(position), tag, buffer[value_from:headers_at], buffer[headers_at:end]
                    )
                    at = end
                    continue
        if passed_at:
            yield _mark(buffer, passed_at, partition, passed_offset)
            passed_at = 0
        yield _one_by_one(
            _Record(
                partition,
                base_offset + delta,
                buffer[at:value_at] if key_length >= 0 else None,
                buffer[value_from:headers_at] if value_length >= 0 else None,
                headers_in(buffer[headers_at:end]),
            ),
            buffer[headers_at:end],
        )
        at = end
    if passed_at:
        yield _mark(buffer, passed_at, partition, passed_offset)


def _mark(buffer: bytes, position_at: int, partition: int, offset: int) -> PositionMark:
    return PositionMark(partition, offset, int(buffer[position_at : position_at + (buffer[position_at - 1] >> 1)]))


def _one_by_one(record: _Record, headers: bytes) -> Unpacked:
    try:
        came = received(record)
    except NotOurs as not_ours:
        return Unreadable(record.partition, record.offset, str(not_ours))
    if isinstance(came, PositionMark):
        return came
    event = UnpackedEvent(came.offset, came.position, came.tag.encode(), came.data, headers)
    event.originator_id = came.stream_id
    event.originator_version = came.version
    return event


class _UnpackedRecords(PartitionRecords):
    """Records of the events topic, unpacked."""

    passed_over: Container[bytes] = ()

    def unreadable(self, offset: int, timestamp: int, reason: str) -> Unreadable:  # noqa: ARG002 - no event has it
        """Return what stands for a record of a batch that cannot be unpacked."""
        return Unreadable(self.topic_partition.partition, offset, reason)

    def read(self, batch: Any, content: bytes, at: int) -> Iterator[Unpacked]:
        """Yield what a batch holds."""
        return unpack(
            content, at, batch.records_count, batch.base_offset, self.topic_partition.partition, self.passed_over
        )
