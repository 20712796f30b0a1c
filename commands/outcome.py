"""What a handler says of a decision, beside its events."""

from typing import Any

import msgspec

from commands.unit_of_work import Stream
from domain.event import Event


class PositionOf:
    """Stands in a result for the position of an event, which only the append gives."""

    def __init__(self, event: Event) -> None:
        self.event = event


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The stream that the command was about, the ids it made, and where to read what became of it.

    `created` tells a new aggregate from a change of one. `keep` is false for a decision without events that must be
    taken again when asked again.
    """

    stream: Stream[Any]
    location: str
    result: dict[str, Any] = {}
    created: bool = False
    keep: bool = True
