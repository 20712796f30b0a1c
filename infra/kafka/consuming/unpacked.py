"""What is taken out of a record of the events topic? Its place, its event, and its headers as they are, unread."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from operator import lt
from typing import TypeAlias

import msgspec

from domain.event import Event
from domain.recorded import Metadata, RecordedEvent
from infra.kafka.consuming.fetched import SEVEN_BITS, readable_headers, varint
from infra.kafka.records import FIRST_HEADERS, METADATA_HEADERS, PositionMark, headers_of, metadata_of


def _header(name: bytes, value: bytes | None = None) -> bytes:
    """Return a header's bytes, or those before its value. Both are short: a length is one byte, twice the number."""
    text = bytes([2 * len(name)]) + name
    return text if value is None else text + bytes([2 * len(value)]) + value


BEFORE_TYPE = b"".join(_header(name.encode(), value) for name, value in FIRST_HEADERS) + _header(b"ce_type")
BEFORE_POSITION = _header(b"ce_position")
BEFORE_SUBJECT = _header(b"ce_subject")
BEFORE_VERSION = _header(b"ce_streamversion")
FEWEST_HEADERS = 2 * 13
"""How the number of them begins where an event of ours has no more than it must have."""
HEADERS_BEFORE_SUBJECT = len(FIRST_HEADERS) + 2
TAG_AFTER = 1 + len(BEFORE_TYPE) + 1
"""From where the headers begin: their number, those before the tag, and its length."""
POSITION_AFTER = len(BEFORE_POSITION) + 1

_FIELDS = {name.encode(): field for field, name in METADATA_HEADERS.items()}


class UnpackedEvent(RecordedEvent):
    """An event of the topic; of its headers, what is asked for is read.

    `error` says why it has no `event`: it is of a newer release, or damaged; then `of_type` says what it would have
    been, if that is known. What a forger has written where nobody looked is no error, but empty.

    In `buffer`, which all events of a batch share, its headers begin at `headers_at`, and the one of its stream at
    `subject_at`, if relays of this release wrote it.
    """

    event: Event
    error: Exception | None = None
    of_type: type[Event] | None = None
    _stream: str | None = None

    def __init__(self, offset: int, position: int, buffer: bytes, headers_at: int, subject_at: int = 0) -> None:
        # not `super().__init__`, which wants what is read only where somebody asks for it
        self.offset = offset
        self.position: int = position
        self.buffer = buffer
        self.headers_at = headers_at
        self.subject_at = subject_at

    # Properties, for neither `cached_property`, which takes a lock in Python 3.11, nor `__getattr__`, by which all
    # other attributes are found more slowly, is as quick.

    @property
    def originator_id(self) -> str:
        """The stream."""
        if self._stream is None:
            length, at = varint(self.buffer, self.subject_at + len(BEFORE_SUBJECT))
            self._stream = self.buffer[at : at + length].decode(errors="replace")
        return self._stream

    @originator_id.setter
    def originator_id(self, stream: str) -> None:
        self._stream = stream

    @property
    def recorded_at(self) -> datetime:  # type: ignore[override]
        """When it was recorded, in UTC."""
        return datetime.fromisoformat(self._headers()["ce_recordedat"])

    @property
    def metadata_json(self) -> bytes:  # type: ignore[override]
        """The metadata as the log has it."""
        return msgspec.json.encode(self.metadata)

    def _read_metadata(self) -> Metadata:
        try:
            if not self.subject_at:
                return metadata_of(self._headers())
            count, _ = varint(self.buffer, self.headers_at)
            return _metadata_in(self.buffer, self.subject_at, count - HEADERS_BEFORE_SUBJECT)
        except (KeyError, TypeError, IndexError, ValueError):
            return Metadata(event_id="", correlation_id="", actor="", command_id="")

    def _headers(self) -> dict[str, str]:
        return headers_of(readable_headers(self.buffer, self.headers_at))


def _metadata_in(buffer: bytes, at: int, count: int) -> Metadata:
    """Return what so many headers from one of them on say of metadata. Raises TypeError where one is missing.

    To read all of them by `headers_in` takes twice as long, which the ledger would for each of its entries.
    """
    said: dict[str, str] = {}
    for _ in range(count):
        size = buffer[at]
        length, at = (size >> 1, at + 1) if size <= SEVEN_BITS and not size & 1 else varint(buffer, at)
        field, at = _FIELDS.get(buffer[at : at + length]), at + length
        size = buffer[at]
        length, at = (size >> 1, at + 1) if size <= SEVEN_BITS and not size & 1 else varint(buffer, at)
        if field is not None:
            said[field] = buffer[at : at + length].decode()
        at += max(length, 0)
    return Metadata(**said)


class Unreadable(msgspec.Struct, frozen=True, gc=False):
    """A record that no relay of this desk has written, by its place, and what is wrong with it."""

    partition: int
    offset: int
    reason: str


Unpacked: TypeAlias = UnpackedEvent | PositionMark | Unreadable


class UnpackedBatch:
    """The records of a batch from offset `begin` to before `end`, in their order, for all views of a process.

    Where `position` is not 0, all that came are events of ours that this code knows, and marks, in the log's order:
    `events` are the former, `types` theirs, so that a view finds its own without looking at each; `first_position` and
    `position` are where the first and the last of all stand in the log.
    """

    def __init__(self, begin: int, end: int, came: Sequence[Unpacked]) -> None:
        self.begin = begin
        self.end = end
        self.came = came
        self.events: Sequence[UnpackedEvent] = ()
        self.types: Sequence[type[Event]] = ()
        self.first_position = self.position = 0
        events = [each for each in came if type(each) is UnpackedEvent and each.error is None]
        marks = [] if len(events) == len(came) else [each for each in came if type(each) is PositionMark]
        if came and len(events) + len(marks) == len(came):
            positions = [each.position for each in came]  # type: ignore[union-attr]
            if all(map(lt, positions, islice(positions, 1, None))):
                self.events = events
                self.types = [type(each.event) for each in events]
                self.first_position, self.position = positions[0], positions[-1]

    @property
    def offset(self) -> int:
        """That of the last record: kafka-python passes over what ends before it was told to begin."""
        return self.end - 1
