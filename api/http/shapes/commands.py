"""What a command is answered with."""

from typing import Any

from api.http.shapes.common import Position, Shape


class AppendedEvent(Shape, kw_only=True):
    """An event that a command added."""

    stream_id: str
    type: str
    version: int
    position: Position


class CommandAnswer(Shape, kw_only=True):
    """What a command came to; `events` is empty where it changed nothing."""

    stream_id: str
    version: int
    position: Position
    events: list[AppendedEvent]
    result: dict[str, Any]
