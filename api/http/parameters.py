"""The parameters of a query's address: as strict as a command's data, and every wrong one named at once."""

import re
from typing import Any

from flask import request

from commands.wire.field_errors import FieldError, InvalidData
from commands.wire.fields import Flag, Instant, Line, WholeNumber
from commands.wire.json_text import GREATEST_INTEGER
from commands.wire.schema import WireSchema, load, pointer_step

AS_OF = "as_of_position"
MOST_ROWS = 500
LONGEST_CURSOR = 2_000
DEFAULT_ROWS = 50
DEFAULT_WAIT_MS = 2_000
MOST_WAIT_MS = 30_000

_number = re.compile(r"-?[0-9]{1,19}")
_space_for_plus = re.compile(r" (?=[0-9]{2}:[0-9]{2}$)")


class NumberParameter(WholeNumber):
    """An integer in decimal digits."""

    def convert(self, value: Any) -> int:
        """Return the number, or raise `ValidationError`."""
        if _number.fullmatch(value) is None:
            raise self.make_error("invalid")
        return super().convert(int(value))


class FlagParameter(Flag):
    """The word true or false."""

    def convert(self, value: Any) -> bool:
        """Return the truth value, or raise `ValidationError`."""
        return super().convert({"true": True, "false": False}.get(value))


class InstantParameter(Instant):
    """An instant; a `+` that reached us as a space (which it means in an address) is taken for what was meant."""

    def convert(self, value: Any) -> Any:
        """Return the instant, or raise `ValidationError`."""
        return super().convert(_space_for_plus.sub("+", value))


class Parameters(WireSchema):
    """What every query of a view takes."""

    error_messages = {"unknown": "is not a parameter of this address"}  # noqa: RUF012

    min_position = NumberParameter(
        least=0,
        most=GREATEST_INTEGER,
        metadata={"description": "Wait until the view has passed this position of the log."},
    )
    wait_ms = NumberParameter(
        least=0,
        most=MOST_WAIT_MS,
        load_default=DEFAULT_WAIT_MS,
        metadata={"description": "How long to wait for it at most, in milliseconds; then 503 `view_behind`."},
    )


class PageParameters(Parameters):
    """What every list takes."""

    limit = NumberParameter(
        least=1, most=MOST_ROWS, load_default=DEFAULT_ROWS, metadata={"description": "The most items of a page."}
    )
    cursor = Line(longest=LONGEST_CURSOR, metadata={"description": "`next` of the page before."})


class AsOfParameters(Parameters):
    """What every list of views or of the log takes."""

    as_of_position = NumberParameter(
        least=0,
        most=GREATEST_INTEGER,
        metadata={
            "description": "The list as it stood at that position of the log, such as the `as_of_position` of its first"
            " page: pages that all name it show one state. What passes with time alone is of now. Waits as with"
            " min_position; 410 `position_gone` where too much has happened since."
        },
    )


class ListParameters(PageParameters, AsOfParameters):
    """What every list of a view takes."""


def read_parameters(schema: WireSchema) -> dict[str, Any]:
    """Return the parameters of the request's address. Raises `InvalidData` with every one that is wrong or unknown."""
    given: dict[str, str] = {}
    errors: list[FieldError] = []
    for name, values in request.args.lists():
        given[name] = values[0]
        if len(values) > 1:
            errors.append(FieldError(pointer_step(name), "must be given once"))
    try:
        loaded = load(schema, given)
    except InvalidData as error:
        errors += error.errors
    else:
        if not errors:
            return loaded
    raise InvalidData(sorted(errors, key=lambda wrong: wrong.pointer))
