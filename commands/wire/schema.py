"""Which fields of a command's data are wrong: all of them at once."""

from collections.abc import Iterator
from typing import Any

from marshmallow import RAISE, Schema, ValidationError

from commands.wire.field_errors import FieldError, InvalidData


class WireSchema(Schema):
    """Data of a command or a part of it; a field that the schema does not know is an error, never ignored."""

    error_messages = {  # noqa: RUF012
        "unknown": "is not a field of this object",
        "type": "must be an object",
    }

    class Meta:
        """Options of marshmallow."""

        unknown = RAISE


def load(schema: WireSchema, data: Any) -> dict[str, Any]:
    """Return the data as Python values: aware UTC datetimes, dates, integers, strings; absent fields stay absent.

    Raises `InvalidData` with every wrong field.
    """
    try:
        loaded: dict[str, Any] = schema.load(data)
    except ValidationError as error:
        raise InvalidData(sorted(_flatten("", error.messages), key=lambda wrong: wrong.pointer)) from None
    return loaded


def pointer_step(name: object) -> str:
    """Return one reference token of a JSON pointer, escaped as RFC 6901 says."""
    return "/" + str(name).replace("~", "~0").replace("/", "~1")


def _flatten(pointer: str, messages: Any) -> Iterator[FieldError]:
    """Walk the errors of marshmallow, which are nested as the data is, with lists of texts at the ends."""
    if isinstance(messages, dict):
        for name, inner in messages.items():
            yield from _flatten(pointer if name == "_schema" else pointer + pointer_step(name), inner)
    elif isinstance(messages, list):
        for inner in messages:
            yield from _flatten(pointer, inner)
    else:
        yield FieldError(pointer=pointer, detail=str(messages))
