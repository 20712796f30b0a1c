"""What the shapes of answers have in common."""

from typing import Annotated, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

T = TypeVar("T")

Position = Annotated[int, Meta(description="A position of the log.")]
Positions = Annotated[list[Position], Meta(description="The events that this follows from.")]
Cents = Annotated[int, Meta(description="Minor units of the currency.")]
Seconds = int
Month = Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")]


class Shape(msgspec.Struct, kw_only=True):
    """A JSON object; what may be absent is absent, not null."""


class Page(Shape, Generic[T], kw_only=True):
    """A page of a list. `next` is the `cursor` of the page after it; absent on the last."""

    items: list[T]
    next: str | UnsetType = UNSET
    as_of_position: Position
