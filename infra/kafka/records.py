"""What does an event look like as a record? A CloudEvent 1.0 in Kafka's binary mode, and back.

The value is the event's JSON text to the byte as the log keeps it; everything else about it stands in headers. The key
is the customer's id, or the stream's where a fact is nobody's, so that all facts of one customer are in order. Beside
events the topic has position marks: a partition that has one has every event of the log up to there that is its own.
docs/kafka.md is the contract with those who read the topic.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol

import msgspec
from kafka.partitioner.default import murmur2

from domain.recorded import Metadata

SOURCE = b"/caselog"
CONTENT_TYPE = b"application/json"
MARK_TYPE = b"PositionMark.v1"
"""The `ce_type` of a position mark; no tag of the log's is the same."""

Headers = list[tuple[str, bytes]]

FIRST_HEADERS: Headers = [("ce_specversion", b"1.0"), ("ce_source", SOURCE), ("content-type", CONTENT_TYPE)]
"""What every record begins with; type and position come next. The order means nothing, and is quick to read."""

_ALWAYS_THERE = {
    "event_id": "ce_id",
    "correlation_id": "ce_correlationid",
    "actor": "ce_actor",
    "command_id": "ce_commandid",
}
_NOT_ALWAYS = {
    "causation_id": "ce_causationid",
    "customer_id": "ce_customerid",
    "traceparent": "ce_traceparent",
    "imported": "ce_imported",
}
METADATA_HEADERS = {**_ALWAYS_THERE, **_NOT_ALWAYS}
"""The header of each field of an event's metadata."""


class LogRow(msgspec.Struct, frozen=True, gc=False):
    """An event as the log's table has it, its texts undecoded: what the relay publishes, whatever release wrote it."""

    position: int
    stream_id: str
    version: int
    tag: str
    data: str
    metadata: str
    recorded_at: datetime


class KafkaRecord(Protocol):
    """What is read of a record of kafka-python's consumer."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class EventRecord(msgspec.Struct, frozen=True, gc=False):
    """A record to be sent."""

    key: bytes
    value: bytes
    headers: Headers


class ReceivedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event as it came from the topic, its value undecoded.

    `time` and `recorded_at` are texts of RFC 3339, as in the headers.
    """

    partition: int
    offset: int
    position: int
    stream_id: str
    version: int
    tag: str
    data: bytes
    metadata: Metadata
    recorded_at: str
    key: bytes


class PositionMark(msgspec.Struct, frozen=True, gc=False):
    """The partition has all its events of the log up to `position`."""

    partition: int
    offset: int
    position: int


class NotOurs(ValueError):
    """A record on the topic that no relay of this desk has written; the text says what is wrong with it."""


class _Occurred(msgspec.Struct, gc=False):
    occurred_at: str | None = None


_decode_metadata = msgspec.json.Decoder(Metadata).decode
_decode_occurred = msgspec.json.Decoder(_Occurred).decode


def key_of(metadata: Metadata, stream_id: str) -> bytes:
    """Return the key of an event's record: the customer's id, else the stream's."""
    return (metadata.customer_id or stream_id).encode()


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition that a key's records are in: Kafka's own rule, murmur2 without the sign.

    The hash is made in Python, so those of customers that come again are kept.
    """
    return int((murmur2(key) & 0x7FFFFFFF) % partitions)


def event_record(row: LogRow) -> EventRecord:
    """Return an event of the log as a record. It is not decoded: an event of a newer release is published as well."""
    metadata = _decode_metadata(row.metadata)
    recorded_at = rfc3339(row.recorded_at)
    headers: Headers = [
        *FIRST_HEADERS,
        ("ce_type", row.tag.encode()),
        ("ce_position", b"%d" % row.position),
        ("ce_subject", row.stream_id.encode()),
        ("ce_streamversion", b"%d" % row.version),
        ("ce_id", metadata.event_id.encode()),
        ("ce_time", (_occurred_at(row.data) or recorded_at).encode()),
        ("ce_recordedat", recorded_at.encode()),
        ("ce_correlationid", metadata.correlation_id.encode()),
        ("ce_actor", metadata.actor.encode()),
        ("ce_commandid", metadata.command_id.encode()),
    ]
    headers += [
        (name, value.encode())
        for name, value in (
            ("ce_causationid", metadata.causation_id),
            ("ce_customerid", metadata.customer_id),
            ("ce_traceparent", metadata.traceparent),
            ("ce_imported", metadata.imported),
        )
        if value is not None
    ]
    return EventRecord(key_of(metadata, row.stream_id), row.data.encode(), headers)


def mark_record(position: int) -> EventRecord:
    """Return a position mark; it goes to a partition by its number, its key says nothing."""
    headers: Headers = [
        *FIRST_HEADERS,
        ("ce_type", MARK_TYPE),
        ("ce_position", b"%d" % position),
        ("ce_id", b"mark-%d" % position),
    ]
    return EventRecord(b"", b'{"position":%d}' % position, headers)


def received(record: KafkaRecord) -> ReceivedEvent | PositionMark:
    """Return what a record of the events topic says. Raises `NotOurs`."""
    try:
        headers = headers_of(record.headers)
        if headers.get("ce_source") != SOURCE.decode():
            raise NotOurs(f"its header ce_source is {headers.get('ce_source')!r}, not {SOURCE.decode()!r}")
        position = int(headers["ce_position"])
        if headers["ce_type"] == MARK_TYPE.decode():
            return PositionMark(record.partition, record.offset, position)
        if record.value is None or record.key is None:
            raise NotOurs("it has no key or no value")
        return ReceivedEvent(
            record.partition,
            record.offset,
            position,
            headers["ce_subject"],
            int(headers["ce_streamversion"]),
            headers["ce_type"],
            record.value,
            metadata_of(headers),
            headers["ce_recordedat"],
            record.key,
        )
    except KeyError as missing:
        raise NotOurs(f"it has no header {missing.args[0]}") from None
    except UnicodeDecodeError:
        raise NotOurs("a header of it is no UTF-8 text") from None
    except (ValueError, AttributeError) as error:
        raise error if isinstance(error, NotOurs) else NotOurs(f"a header of it cannot be read: {error}") from None


def headers_of(headers: Sequence[tuple[str, bytes]]) -> dict[str, str]:
    """Return a record's headers by name. Raises UnicodeDecodeError."""
    return {name: value.decode() for name, value in headers}


def metadata_of(headers: Mapping[str, str]) -> Metadata:
    """Return what the headers say of why the event is in the log. Raises KeyError where one is missing."""
    return Metadata(
        **{field: headers[name] for field, name in _ALWAYS_THERE.items()},
        **{field: headers[name] for field, name in _NOT_ALWAYS.items() if name in headers},
    )


def rfc3339(instant: datetime) -> str:
    """Return an instant in UTC as JSON texts of Caselog have it: a fraction only where there is one, and `Z`."""
    text: str = msgspec.to_builtins(instant.astimezone(UTC))
    return text


def _occurred_at(data: str) -> str | None:
    try:
        return _decode_occurred(data).occurred_at
    except msgspec.MsgspecError:
        return None
