"""An event of ours as the log keeps it: exact JSON text, with its metadata in a column of its own."""

from dataclasses import dataclass
from datetime import datetime

from eventsourcing.persistence import Notification, StoredEvent


@dataclass(frozen=True)
class LogEvent(StoredEvent):
    """The library's stored event, with what our log keeps beside it.

    `topic` is the stable tag, `state` one JSON value as UTF-8 text, kept to the byte. `position` and `recorded_at`
    (UTC) are there once it has been read from the log.
    A plain `StoredEvent` is any other mapper's: its bytes are kept as they are, without metadata.
    """

    metadata: bytes
    """One JSON object as UTF-8 text."""
    position: int | None = None
    recorded_at: datetime | None = None


@dataclass(frozen=True)
class LogNotification(Notification):
    """An event of ours in the library's sequence of notifications; `id` is its position."""

    metadata: bytes
    """One JSON object as UTF-8 text."""
    recorded_at: datetime

    @property
    def position(self) -> int:
        """Its place in the log."""
        return self.id
