"""How is a record read of what the broker gives? From its bytes, and whatever somebody has put into its headers.

kafka-python takes a record for damaged that has a header whose name is no UTF-8 text, so one of those would stop every
reader of its topic; it also makes some forty objects of a record with our headers. Here they are read when somebody
looks at them. All else of the client is used as it is: fetching, the checksum, what was committed and what was not
(docs/adr/0105-reading-records.md). `unpacking` reads events for views in yet fewer steps.
"""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import Fetcher, IsolationLevel
from kafka.errors import CorruptRecordError
from kafka.record.util import decode_varint

from infra.kafka.compression import CannotUnpack, Unpacker

BATCH_MAGIC = 2
SEVEN_BITS = 0x7F
NO_TEXT = "\ufffd"
"""Stands in a header's name for what is no UTF-8."""

_LOG_APPEND_TIME = 1


class HasOffset(Protocol):
    """What is read of a batch."""

    @property
    def offset(self) -> int:
        """Its place in its partition."""


class FetchedRecord(msgspec.Struct, gc=False):
    """A record as kafka-python's `ConsumerRecord` has it; `timestamp` in milliseconds since 1970.

    `unreadable`: why nothing of it can be read, where its batch cannot be unpacked.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    header_bytes: bytes
    known_headers: list[tuple[str, bytes]] | None = None
    unreadable: str | None = None

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """Its headers in their order; a value that is null is empty, and a name that is no UTF-8 has `NO_TEXT`."""
        if self.known_headers is None:
            self.known_headers = readable_headers(self.header_bytes)
        return self.known_headers


class PartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]
    """What kafka-python makes of a fetched part of a partition, with `read` in place of its own."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._unpacker = Unpacker()

    def read(self, batch: Any) -> Iterable[HasOffset]:
        """Yield what is in a batch; where it cannot be unpacked, records that say so.

        Raises `IndexError` or `ValueError` in a damaged one.
        """
        try:
            content, at = self._unpacker.records_of(batch)
        except CannotUnpack as error:
            topic, partition = self.topic_partition
            return [
                FetchedRecord(topic, partition, offset, batch.max_timestamp, None, None, b"\0", unreadable=str(error))
                for offset in range(batch.base_offset, batch.next_offset)
            ]
        return records_in(batch, content, at, self.topic_partition)

    def _unpack_records(
        self, tp: TopicPartition, records: Any, key_deserializer: Any, value_deserializer: Any
    ) -> Iterator[HasOffset]:
        del key_deserializer, value_deserializer
        while (batch := records.next_batch()) is not None:
            if not batch.validate_crc():
                raise CorruptRecordError(f"the checksum of {tp} from offset {batch.base_offset} on is wrong")
            if batch.magic != BATCH_MAGIC:
                raise CorruptRecordError(f"{tp} has records of format {batch.magic}, which no broker of today writes")
            self.leader_epoch = batch.leader_epoch
            if not self._is_left_out(batch):
                try:
                    for each in self.read(batch):
                        self.next_fetch_offset = each.offset + 1
                        yield each
                except (ValueError, IndexError) as error:
                    raise CorruptRecordError(f"{tp} is damaged at offset {self.next_fetch_offset}: {error}") from error
            self.next_fetch_offset = batch.next_offset
        self.drain()

    def _is_left_out(self, batch: Any) -> bool:
        """Whether a batch says how a transaction ended, or is of one that was aborted; as kafka-python tells it."""
        if self.isolation_level == IsolationLevel.READ_COMMITTED and batch.has_producer_id():
            self._consume_aborted_transactions_up_to(batch.last_offset)
            if self._contains_abort_marker(batch):
                self.aborted_producer_ids.discard(batch.producer_id)
            elif self._is_batch_aborted(batch):
                return True
        return bool(batch.is_control_batch)


def read_by(consumer: KafkaConsumer, reading: type[PartitionRecords]) -> KafkaConsumer:
    """Let a consumer make its records so: the one place in kafka-python where they are made of bytes."""
    consumer._fetcher.PartitionRecords = reading  # noqa: SLF001
    return consumer


def records_in(batch: Any, content: bytes, at: int, place: TopicPartition) -> Iterator[FetchedRecord]:
    """Yield the records of a batch of kafka-python's. Raises `IndexError` or `ValueError` in a damaged one."""
    topic, partition = place
    base_offset, first_timestamp = batch.base_offset, batch.first_timestamp
    appended = batch.max_timestamp if batch.timestamp_type == _LOG_APPEND_TIME else None
    for _ in range(batch.records_count):
        length, at = varint(content, at)
        end = at + length
        since, at = varint(content, at + 1)  # behind the attributes, of which there are none yet
        delta, at = varint(content, at)
        length, at = varint(content, at)
        key_at, at = at, at + max(length, 0)
        key = content[key_at:at] if length >= 0 else None
        length, at = varint(content, at)
        value_at, at = at, at + max(length, 0)
        value = content[value_at:at] if length >= 0 else None
        timestamp = first_timestamp + since if appended is None else appended
        yield FetchedRecord(topic, partition, base_offset + delta, timestamp, key, value, content[at:end])
        at = end


def headers_in(content: bytes, at: int = 0) -> list[tuple[str, bytes]]:
    """Return the headers of a record, whose number stands there."""
    count, at = varint(content, at)
    headers = []
    for _ in range(count):
        size = content[at]
        length, at = (size >> 1, at + 1) if size <= SEVEN_BITS and not size & 1 else varint(content, at)
        name, at = str(content[at : at + length], "utf-8", "replace"), at + length
        size = content[at]
        length, at = (size >> 1, at + 1) if size <= SEVEN_BITS and not size & 1 else varint(content, at)
        ends = at + length if length > 0 else at
        headers.append((name, content[at:ends]))
        at = ends
    return headers


def readable_headers(content: bytes, at: int = 0) -> list[tuple[str, bytes]]:
    """Return the headers of a record; none where somebody has written what cannot be read."""
    try:
        return headers_in(content, at)
    except (IndexError, ValueError):
        return []


def varint(buffer: bytes, at: int) -> tuple[int, int]:
    """Return the number that stands there, and where it ends. Raises `IndexError` or `ValueError`."""
    first = buffer[at]
    if first <= SEVEN_BITS:
        return (first >> 1) ^ -(first & 1), at + 1
    second = buffer[at + 1]
    if second <= SEVEN_BITS:
        both = (first & SEVEN_BITS) | (second << 7)
        return (both >> 1) ^ -(both & 1), at + 2
    value, after = decode_varint(buffer, at)
    return int(value), int(after)
