"""As of when is a stream asked about? By an instant, by a version of it, or by a position of the log.

An instant goes by when events happened (`occurred_at`), not by when they were recorded: what was recorded late counts
from when it happened on.
"""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from domain.recorded import RecordedEvent


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """One way of saying when; a moment with none of them is now, after the last event."""

    as_of: datetime | None = None
    version: int | None = None
    position: int | None = None

    def includes(self, record: RecordedEvent) -> bool:
        """Whether an event of the stream had happened by then."""
        if self.as_of is not None:
            return record.event.occurred_at <= self.as_of
        if self.version is not None:
            return record.originator_version <= self.version
        return self.position is None or (record.position or 0) <= self.position

    def __str__(self) -> str:
        if self.as_of is not None:
            return f"by {self.as_of.isoformat()}"
        if self.version is not None:
            return f"at version {self.version}"
        return "so far" if self.position is None else f"at position {self.position}"


def until(records: Iterable[RecordedEvent], moment: Moment) -> list[RecordedEvent]:
    """Return the events of a stream that had happened by then, in their order."""
    return [record for record in records if moment.includes(record)]
