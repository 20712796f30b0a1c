"""How are records of the events topic read as fast as views are written? Only what a view needs is taken out of each.

kafka-python makes some forty Python objects of a record with our headers, which takes three times as long as to fold
its event into rows. Here the bytes of a batch are read in one pass: the headers that relays of this release write are
recognised by their bytes, in their order; whatever differs is read one by one and means the same. Readers that look at
the whole record, as `caselog reconcile` and the inbox do, have `fetched` (docs/adr/0105-reading-records.md).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeAlias

import msgspec

from domain.event import Event
from domain.tags import EVENT_TYPES, UnknownTag, decoder_of
from infra.kafka.consuming.fetched import SEVEN_BITS, readable_headers, varint
from infra.kafka.consuming.unpacked import (
    BEFORE_POSITION,
    BEFORE_SUBJECT,
    BEFORE_TYPE,
    BEFORE_VERSION,
    FEWEST_HEADERS,
    POSITION_AFTER,
    TAG_AFTER,
    Unpacked,
    UnpackedBatch,
    UnpackedEvent,
    Unreadable,
)
from infra.kafka.records import MARK_TYPE, NotOurs, PositionMark, received
from infra.projection.feed import DECODING_ERRORS

Decoders: TypeAlias = Mapping[bytes, Callable[[bytes], Event] | None]
"""By tag, what makes an event of its text; `None` for those that are passed over."""


class _Record(msgspec.Struct, gc=False):
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def decoders_for(handles: Collection[type[Event]]) -> Decoders:
    """Return how views that handle these types read events: all others are passed over.

    A tag that is not known is in neither: it is of a newer release.
    """
    return {tag.encode(): decoder_of(tag) if event_type in handles else None for tag, event_type in EVENT_TYPES.items()}


def unpack(  # noqa: PLR0912, PLR0915 - a call costs as much as ten lines of it, for each record
    buffer: bytes, at: int, count: int, base_offset: int, partition: int, decoders: Decoders
) -> UnpackedBatch:
    """Return so many records of an unpacked batch, which begin at `at`.

    Of events that are passed over, no more is told than how far the partition is with them: by a position mark in the
    place of the last one. Raises `IndexError` or `ValueError` in a damaged batch.
    """
    came: list[Unpacked] = []
    startswith, find_decoder = buffer.startswith, decoders.get
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
                decoder = find_decoder(tag, _no_decoder)
                after = place + (buffer[place - 1] >> 1)
                position = buffer[place:after]
                if decoder is None:
                    if position.isdigit():
                        passed_at, passed_offset = place, base_offset + delta
                        at = end
                        continue
                elif tag == MARK_TYPE:
                    if position.isdigit():
                        passed_at = 0
                        came.append(PositionMark(partition, base_offset + delta, int(position)))
                        at = end
                        continue
                elif (
                    buffer[headers_at] >= FEWEST_HEADERS
                    and startswith(BEFORE_SUBJECT, after)
                    and position.isdigit()
                    and (version := _version_after(buffer, after)).isdigit()
                ):
                    passed_at = 0
                    event = UnpackedEvent(base_offset + delta, int(position), buffer, headers_at, after)
                    event.originator_version = int(version)
                    try:
                        event.event = decoder(buffer[value_from:headers_at])
                    except DECODING_ERRORS as error:
                        event.error, event.of_type = error, _type_of(tag)
                    came.append(event)
                    at = end
                    continue
        if passed_at:
            came.append(_mark(buffer, passed_at, partition, passed_offset))
            passed_at = 0
        came.append(
            _one_by_one(
                _Record(
                    partition,
                    base_offset + delta,
                    buffer[at:value_at] if key_length >= 0 else None,
                    buffer[value_from:headers_at] if value_length >= 0 else None,
                    readable_headers(buffer, headers_at),
                ),
                buffer,
                headers_at,
                decoders,
            )
        )
        at = end
    if passed_at:
        came.append(_mark(buffer, passed_at, partition, passed_offset))
    return UnpackedBatch(base_offset, base_offset + count, came)


def unreadable(partition: int, base_offset: int, count: int, reason: str) -> UnpackedBatch:
    """Return what stands for a batch whose records cannot be had."""
    offsets = range(base_offset, base_offset + count)
    return UnpackedBatch(base_offset, offsets.stop, [Unreadable(partition, offset, reason) for offset in offsets])


def _mark(buffer: bytes, position_at: int, partition: int, offset: int) -> PositionMark:
    return PositionMark(partition, offset, int(buffer[position_at : position_at + (buffer[position_at - 1] >> 1)]))


def _version_after(buffer: bytes, subject_at: int) -> bytes:
    """Return the stream's version as it is written; empty where it does not come right after the stream."""
    at = subject_at + len(BEFORE_SUBJECT)
    length, at = (buffer[at] >> 1, at + 1) if buffer[at] <= SEVEN_BITS else varint(buffer, at)
    at += length
    if not buffer.startswith(BEFORE_VERSION, at):
        return b""
    at += len(BEFORE_VERSION) + 1
    return buffer[at : at + (buffer[at - 1] >> 1)]


def _type_of(tag: bytes) -> type[Event] | None:
    return EVENT_TYPES.get(str(tag, "utf-8", "replace"))


def _no_decoder(_: bytes) -> Event:
    raise UnknownTag


def _one_by_one(record: _Record, buffer: bytes, headers_at: int, decoders: Decoders) -> Unpacked:
    try:
        came = received(record)
    except NotOurs as not_ours:
        return Unreadable(record.partition, record.offset, str(not_ours))
    if isinstance(came, PositionMark):
        return came
    decoder = decoders.get(came.tag.encode(), _no_decoder)
    if decoder is None:
        return PositionMark(record.partition, came.offset, came.position)
    event = UnpackedEvent(came.offset, came.position, buffer, headers_at)
    event.originator_id = came.stream_id
    event.originator_version = came.version
    try:
        event.event = decoder(came.data)
    except DECODING_ERRORS as error:
        event.error, event.of_type = error, _type_of(came.tag.encode())
    return event
