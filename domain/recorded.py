"""An event with its place in the log."""

from datetime import datetime

import msgspec

from domain.event import Event


class Metadata(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """Why an event is in the log, beside what it says.

    `correlation_id` is shared by all that one request from outside led to, `causation_id` is the event that led to
    the command, `command_id` the command that was decided, `actor` who sent it. `customer_id` says whose fact it is,
    where it is a customer's. `imported` names the import that brought it.
    """

    event_id: str
    correlation_id: str
    actor: str
    command_id: str
    causation_id: str | None = None
    traceparent: str | None = None
    customer_id: str | None = None
    imported: str | None = None


_decode_metadata = msgspec.json.Decoder(Metadata).decode


class _Correlation(msgspec.Struct, gc=False):
    correlation_id: str | None = None


_decode_correlation = msgspec.json.Decoder(_Correlation).decode


def correlation_id_of(metadata_json: bytes) -> str | None:
    """Return the correlation id that an event's metadata names, whatever else may be wrong with it."""
    try:
        return _decode_correlation(metadata_json).correlation_id
    except msgspec.MsgspecError:
        return None


class RecordedEvent:
    """One event of one stream: the `eventsourcing` library's domain event, around one of ours.

    `originator_id` is the stream's id and `originator_version` its version after the event, as that library names
    them. `position` and `recorded_at` (UTC) are there once the event has been read from the log. The metadata is
    decoded when first asked for: folding a stream never needs it.
    """

    def __init__(
        self,
        originator_id: str,
        originator_version: int,
        event: Event,
        metadata_json: bytes,
        position: int | None = None,
        recorded_at: datetime | None = None,
    ) -> None:
        self.originator_id = originator_id
        self.originator_version = originator_version
        self.event = event
        self.metadata_json = metadata_json
        self.position = position
        self.recorded_at = recorded_at

    _metadata: Metadata | None = None

    @property
    def metadata(self) -> Metadata:
        """The decoded metadata."""
        if self._metadata is None:  # no `cached_property`, which takes a lock in Python 3.11
            self._metadata = self._read_metadata()
        return self._metadata

    def _read_metadata(self) -> Metadata:
        return _decode_metadata(self.metadata_json)
