"""How an event becomes a row of the log, and a row an event."""

from typing import cast

import msgspec
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import Mapper, MapperDeserialisationError, StoredEvent

from domain.recorded import RecordedEvent
from domain.tags import UnknownTag, decode, tag_of
from infra.log.stored import LogEvent, LogNotification

_encode = msgspec.json.Encoder().encode


class LogMapper(Mapper[str]):
    """The library's mapper, with a way of its own for `RecordedEvent`s: stable tags, msgspec JSON, metadata apart.

    Upcasting is `domain.tags.decode`'s. Compressor and cipher do not apply to them, for the text stays readable by SQL.
    Any other domain event is mapped as the library does it.
    """

    def to_stored_event(self, domain_event: DomainEventProtocol[str]) -> StoredEvent:
        """Return the row of an event.

        Raises `KeyError` for an event of ours without a tag, `UnicodeEncodeError` for a lone surrogate in a text.
        """
        if not isinstance(domain_event, RecordedEvent):
            return super().to_stored_event(domain_event)
        return LogEvent(
            domain_event.originator_id,
            domain_event.originator_version,
            tag_of(type(domain_event.event)),
            _encode(domain_event.event),
            domain_event.metadata_json,
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[str]:
        """Return the event of a row; one of ours with its position and `recorded_at`.

        Raises `MapperDeserialisationError` for a tag that this code does not know, and a text that does not fit its
        type.
        """
        if not isinstance(stored_event, LogEvent | LogNotification):
            return super().to_domain_event(stored_event)
        try:
            event = decode(stored_event.topic, stored_event.state)
        except (UnknownTag, msgspec.DecodeError) as error:
            place = f"event {stored_event.originator_version} of {stored_event.originator_id} ({stored_event.topic})"
            raise MapperDeserialisationError(f"{place} cannot be decoded: {error!r}") from error
        return RecordedEvent(
            cast("str", stored_event.originator_id),
            stored_event.originator_version,
            event,
            stored_event.metadata,
            stored_event.position,
            stored_event.recorded_at,
        )
