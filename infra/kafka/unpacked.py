"""What is taken out of a record of the events topic? Its place, its text, and its headers as they are, unread."""

from datetime import datetime
from functools import cached_property

import msgspec

from domain.event import Event
from domain.recorded import Metadata, RecordedEvent
from infra.kafka.fetched import headers_in, varint
from infra.kafka.records import FIRST_HEADERS, headers_of, metadata_of


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
TAG_AFTER = 1 + len(BEFORE_TYPE) + 1
"""From where the headers begin: their number, those before the tag, and its length."""
POSITION_AFTER = len(BEFORE_POSITION) + 1


class UnpackedEvent(RecordedEvent):
    """An event of the topic. `data` is decoded by who takes it up; of its headers, what is asked for is read."""

    event: Event

    def __init__(self, offset: int, position: int, tag: bytes, data: bytes, headers: bytes) -> None:
        # not `super().__init__`, which wants what is read only where somebody asks for it
        self.offset = offset
        self.position: int = position
        self.tag = tag
        self.data = data
        self.headers = headers

    @cached_property
    def originator_id(self) -> str:  # type: ignore[override]
        """The stream."""
        return self._text_after(BEFORE_SUBJECT)

    @cached_property
    def originator_version(self) -> int:  # type: ignore[override]
        """The stream's version after it."""
        return int(self._text_after(BEFORE_VERSION))

    @cached_property
    def recorded_at(self) -> datetime:  # type: ignore[override]
        """When it was recorded, in UTC."""
        return datetime.fromisoformat(self._named["ce_recordedat"])

    @cached_property
    def metadata(self) -> Metadata:
        """What stands in the headers."""
        return metadata_of(self._named)

    @cached_property
    def metadata_json(self) -> bytes:  # type: ignore[override]
        """The metadata as the log has it."""
        return msgspec.json.encode(self.metadata)

    def _text_after(self, name: bytes) -> str:
        """Return a header of those before which, in their order, no free text stands."""
        length, at = varint(self.headers, self.headers.index(name) + len(name))
        return self.headers[at : at + length].decode()

    @property
    def _named(self) -> dict[str, str]:
        return headers_of(headers_in(self.headers))


class Unreadable(msgspec.Struct, frozen=True, gc=False):
    """A record that no relay of this desk has written, by its place, and what is wrong with it."""

    partition: int
    offset: int
    reason: str
