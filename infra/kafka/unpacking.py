"""How are records of the events topic read as fast as views are written? Only what a view needs is taken out of each.

kafka-python makes some forty Python objects of a record with our headers, which takes three times as long as to fold
its event into rows. Here the bytes of a batch are read in one pass: the headers that relays of this release write are
recognised by their bytes, in their order; whatever differs is read one by one and means the same. Readers that look at
the whole record, as `caselog reconcile` and the inbox do, have `fetched` (docs/adr/0105-reading-records.md).
"""

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import msgspec
from kafka import KafkaConsumer

from domain.recorded import Metadata
from infra.kafka.clients import consumer
from infra.kafka.fetched import SEVEN_BITS, PartitionRecords, headers_in, read_by, varint
from infra.kafka.records import SOURCE, NotOurs, PositionMark, headers_of, metadata_of, received
from infra.kafka.settings import KafkaSettings

FETCH_BYTES = 12 * 1024 * 1024
"""One answer of the broker is one batch, so that the next is on its way while this one is written."""
PARTITION_FETCH_BYTES = 3 * 1024 * 1024


class UnpackedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event of the topic as `ReceivedEvent` has it, whose headers are read when they are asked for."""

    partition: int
    offset: int
    position: int
    stream_id: str
    version: int
    tag: str
    data: bytes
    key: bytes
    headers: bytes

    @property
    def metadata(self) -> Metadata:
        """What stands in the headers."""
        return metadata_of(headers_of(headers_in(self.headers)))

    @property
    def recorded_at(self) -> str:
        """When it was recorded, as the header has it."""
        return headers_of(headers_in(self.headers))["ce_recordedat"]


class Unreadable(msgspec.Struct, frozen=True, gc=False):
    """A record that no relay of this desk has written, by its place, and what is wrong with it."""

    partition: int
    offset: int
    reason: str


Unpacked: TypeAlias = UnpackedEvent | PositionMark | Unreadable


class _Record(msgspec.Struct, gc=False):
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def events_consumer(settings: KafkaSettings, *, group: str | None = None, **more: Any) -> KafkaConsumer:
    """Return a consumer of the events topic whose `poll` gives `Unpacked` by partition, many at a time."""
    sizes = {"fetch_max_bytes": FETCH_BYTES, "max_partition_fetch_bytes": PARTITION_FETCH_BYTES}
    return read_by(consumer(settings, group=group, **{**sizes, **more}), _UnpackedRecords)


def unpack(  # noqa: PLR0912, PLR0915 - a call costs as much as ten lines of it, for each record
    buffer: bytes, at: int, count: int, base_offset: int, partition: int
) -> Iterator[Unpacked]:
    """Yield so many records of an uncompressed batch, which begin at `at`.

    Raises `IndexError` or `ValueError` in a damaged one.
    """
    startswith = buffer.startswith
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
        offset = base_offset + delta
        if key_length >= 0 <= value_length and startswith(_BEFORE_ID, headers_at + 1):
            place = headers_at + 1 + len(_BEFORE_ID)
            place += 1 + (buffer[place] >> 1)
            if startswith(_BEFORE_TYPE, place):
                place += len(_BEFORE_TYPE)
                tag_at, place = place + 1, place + 1 + (buffer[place] >> 1)
                if startswith(_BEFORE_SUBJECT, place):
                    tag = buffer[tag_at:place]
                    place += len(_BEFORE_SUBJECT)
                    if buffer[place] <= SEVEN_BITS:
                        subject_at = place + 1
                        place = subject_at + (buffer[place] >> 1)
                    else:
                        subject_length, subject_at = varint(buffer, place)
                        place = subject_at + subject_length
                    if startswith(_BEFORE_TIME, place):
                        subject = buffer[subject_at:place]
                        place += len(_BEFORE_TIME)
                        place += 1 + (buffer[place] >> 1)
                        if startswith(_BEFORE_POSITION, place):
                            place += len(_BEFORE_POSITION)
                            position_at, place = place + 1, place + 1 + (buffer[place] >> 1)
                            if startswith(_BEFORE_VERSION, place):
                                position = int(buffer[position_at:place])
                                place += len(_BEFORE_VERSION)
                                version_at, place = place + 1, place + 1 + (buffer[place] >> 1)
                                yield UnpackedEvent(
                                    partition,
                                    offset,
                                    position,
                                    subject.decode(),
                                    int(buffer[version_at:place]),
                                    tag.decode(),
                                    buffer[value_from:headers_at],
                                    buffer[at:value_at],
                                    buffer[headers_at:end],
                                )
                                at = end
                                continue
        yield _one_by_one(
            _Record(
                partition,
                offset,
                buffer[at:value_at] if key_length >= 0 else None,
                buffer[value_from:headers_at] if value_length >= 0 else None,
                headers_in(buffer[headers_at:end]),
            ),
            buffer[headers_at:end],
        )
        at = end


def _one_by_one(record: _Record, headers: bytes) -> Unpacked:
    try:
        came = received(record)
    except NotOurs as not_ours:
        return Unreadable(record.partition, record.offset, str(not_ours))
    if isinstance(came, PositionMark):
        return came
    return UnpackedEvent(
        came.partition, came.offset, came.position, came.stream_id, came.version, came.tag, came.data, came.key, headers
    )


def _header(name: bytes, value: bytes | None = None) -> bytes:
    """Return a header's bytes, or those before its value. Both are short: a length is one byte, twice the number."""
    text = bytes([2 * len(name)]) + name
    return text if value is None else text + bytes([2 * len(value)]) + value


_BEFORE_ID = _header(b"ce_specversion", b"1.0") + _header(b"ce_id")
_BEFORE_TYPE = _header(b"ce_source", SOURCE) + _header(b"ce_type")
_BEFORE_SUBJECT = _header(b"ce_subject")
_BEFORE_TIME = _header(b"ce_time")
_BEFORE_POSITION = _header(b"content-type", b"application/json") + _header(b"ce_position")
_BEFORE_VERSION = _header(b"ce_streamversion")


class _UnpackedRecords(PartitionRecords):
    """Records of the events topic, unpacked."""

    def read(self, batch: Any, content: bytes, at: int) -> Iterator[Unpacked]:
        """Yield what a batch holds."""
        return unpack(content, at, batch.records_count, batch.base_offset, self.topic_partition.partition)
