"""Field types of the wire: strict about types, every bound stated in the schema."""

# ruff: noqa: RUF012  (marshmallow collects `default_error_messages` over the classes and changes none of them)

import re
from datetime import UTC, date, datetime
from typing import Any

from marshmallow import ValidationError, fields, validate
from marshmallow.types import ErrorMessages

EARLIEST_YEAR = 1970
LATEST_YEAR = 2199
"""Years of instants and dates that are taken: wide enough for imports and plans, far from any overflow."""

INSTANT_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"
)
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
IDENTIFIER_PATTERN = r"^[A-Za-z0-9_][!-.0-~]{0,127}$"
PERIOD_PATTERN = r"^[0-9]{4}-(0[1-9]|1[0-2])$"
EMAIL_PATTERN = r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+$"
LINE_PATTERN = r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
TEXT_PATTERN = r"^[^\x00]*[^\s\x00][^\x00]*$"

_instant = re.compile(INSTANT_PATTERN)
_date = re.compile(DATE_PATTERN)


class _Strict:
    """The messages all fields share; marshmallow collects them from every class of a field."""

    default_error_messages: ErrorMessages = {
        "required": "is required",
        "null": "must not be null",
        "invalid": "has the wrong type",
    }


class _Converting(_Strict):
    """A field that turns the JSON value into its own in `convert`, whatever surrounds it."""

    def convert(self, value: Any) -> Any:
        """Return the Python value of a JSON value, or raise `ValidationError`."""
        raise NotImplementedError

    def _deserialize(self, value: Any, attr: str | None, data: Any, **options: Any) -> Any:  # noqa: ARG002
        return self.convert(value)


class TextRule(validate.Validator):
    """A text's length and pattern, which JSON Schema and Python read alike; says what was expected, not the pattern."""

    def __init__(self, least: int, most: int, pattern: str, expected: str) -> None:
        self.least = least
        self.most = most
        self.pattern = re.compile(pattern)
        self.expected = expected

    def __call__(self, value: str) -> str:
        """Return the text, or raise `ValidationError`."""
        if not self.least <= len(value) <= self.most:
            raise ValidationError(f"must have {self.least} to {self.most} characters")
        if self.pattern.fullmatch(value) is None:
            raise ValidationError(self.expected)
        return value


class Text(_Strict, fields.String):
    """Free text of several lines, not blank, without NUL (which PostgreSQL cannot store)."""

    default_error_messages: ErrorMessages = {"invalid": "must be a string"}
    pattern = TEXT_PATTERN
    expected = "must hold something to read, and no NUL character"

    def __init__(self, *, longest: int, shortest: int = 1, **options: Any) -> None:
        rule = TextRule(shortest, longest, self.pattern, self.expected)
        bounds = {"minLength": shortest, "maxLength": longest, "pattern": self.pattern}
        super().__init__(validate=rule, metadata=bounds | options.pop("metadata", {}), **options)


class Line(Text):
    """Text of one line, not blank, without control characters."""

    pattern = LINE_PATTERN
    expected = "must be one line with something to read, without control characters"


class Identifier(Text):
    """A name for something, chosen by whoever sends it: it stands in stream ids and in addresses."""

    pattern = IDENTIFIER_PATTERN
    expected = "must be visible ASCII characters without spaces and slashes, the first a letter, a digit or '_'"

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=128, **options)


class Email(Text):
    """An e-mail address, as far as a pattern can tell."""

    pattern = EMAIL_PATTERN
    expected = "must be an e-mail address"

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=254, **options)


class Period(Text):
    """A calendar month, as in "2026-11"."""

    pattern = PERIOD_PATTERN
    expected = 'must be a month such as "2026-11"'

    def __init__(self, **options: Any) -> None:
        super().__init__(longest=7, **options)


class Choice(_Strict, fields.String):
    """One word of a fixed list."""

    default_error_messages: ErrorMessages = {"invalid": "must be a string"}

    def __init__(self, choices: tuple[str, ...], **options: Any) -> None:
        listed = validate.OneOf(choices, error="must be one of {choices}")
        super().__init__(validate=listed, **options)


class WholeNumber(_Converting, fields.Integer):
    """An integer within bounds; 1.0, "1" and true are none."""

    default_error_messages: ErrorMessages = {"invalid": "must be an integer"}

    def __init__(self, *, least: int, most: int, **options: Any) -> None:
        bounds = validate.Range(min=least, max=most, error="must be {min} to {max}")
        super().__init__(validate=bounds, **options)

    def convert(self, value: Any) -> int:
        """Return the value, or raise `ValidationError`."""
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class Flag(_Converting, fields.Boolean):
    """true or false; 0, 1 and "yes" are neither."""

    default_error_messages: ErrorMessages = {"invalid": "must be true or false"}

    def convert(self, value: Any) -> bool:
        """Return the value, or raise `ValidationError`."""
        if type(value) is not bool:
            raise self.make_error("invalid")
        return value


class Instant(_Converting, fields.Field[datetime]):
    """An instant as RFC 3339 with its offset; digits after the microsecond are cut. Loads as an aware UTC datetime."""

    default_error_messages: ErrorMessages = {
        "invalid": 'must be an instant as RFC 3339 with offset, such as "2026-11-23T09:00:00-07:00"',
        "range": f"must lie in the years {EARLIEST_YEAR} to {LATEST_YEAR}",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"pattern": INSTANT_PATTERN} | options.pop("metadata", {}), **options)

    def convert(self, value: Any) -> datetime:
        """Return the value, or raise `ValidationError`."""
        if type(value) is not str or _instant.fullmatch(value) is None:
            raise self.make_error("invalid")
        try:
            instant = datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):  # the 31st of February, or before the first year once it is in UTC
            raise self.make_error("invalid") from None
        if not EARLIEST_YEAR <= instant.year <= LATEST_YEAR:
            raise self.make_error("range")
        return instant


class Day(_Converting, fields.Field[date]):
    """A calendar date, "2026-11-23"."""

    default_error_messages: ErrorMessages = {
        "invalid": 'must be a date such as "2026-11-23"',
        "range": f"must lie in the years {EARLIEST_YEAR} to {LATEST_YEAR}",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"pattern": DATE_PATTERN} | options.pop("metadata", {}), **options)

    def convert(self, value: Any) -> date:
        """Return the value, or raise `ValidationError`."""
        if type(value) is not str or _date.fullmatch(value) is None:
            raise self.make_error("invalid")
        try:
            day = date.fromisoformat(value)
        except ValueError:
            raise self.make_error("invalid") from None
        if not EARLIEST_YEAR <= day.year <= LATEST_YEAR:
            raise self.make_error("range")
        return day


class Many(_Strict, fields.List[Any]):
    """An array, with the most items it may have."""

    default_error_messages: ErrorMessages = {"invalid": "must be an array"}

    def __init__(
        self, item: fields.Field[Any], *, most: int, least: int = 0, distinct: bool = False, **options: Any
    ) -> None:
        checks: list[validate.Validator] = [
            validate.Length(min=least, max=most, error="must have {min} to {max} items")
        ]
        metadata = options.pop("metadata", {})
        if distinct:
            checks.append(_Distinct())
            metadata = {"uniqueItems": True} | metadata
        super().__init__(item, validate=checks, metadata=metadata, **options)


class _Distinct(validate.Validator):
    def __call__(self, value: list[Any]) -> list[Any]:
        if len(set(value)) != len(value):
            raise ValidationError("must not name an item twice")
        return value


class Anything(_Strict, fields.Raw):
    """Any JSON value, checked elsewhere."""


class Part(_Strict, fields.Nested):
    """An object within the data."""

    default_error_messages: ErrorMessages = {"type": "must be an object"}


class Table(_Converting, fields.Dict):
    """An object whose names are data themselves (days, dates); an error names the member."""

    default_error_messages: ErrorMessages = {"invalid": "must be an object"}

    def __init__(self, names: fields.Field[Any], values: fields.Field[Any], *, most: int, **options: Any) -> None:
        self.names = names
        self.values_of = values
        self.most = most
        metadata = {"maxProperties": most} | options.pop("metadata", {})
        super().__init__(keys=names, values=values, metadata=metadata, **options)

    def convert(self, value: Any) -> dict[Any, Any]:
        """Return the value, or raise `ValidationError`."""
        if type(value) is not dict:
            raise self.make_error("invalid")
        if len(value) > self.most:
            raise ValidationError(f"must have at most {self.most} members")
        loaded: dict[Any, Any] = {}
        errors: dict[str, Any] = {}
        for name, member in value.items():
            try:
                loaded_name = self.names.deserialize(name)
                loaded[loaded_name] = self.values_of.deserialize(member)
            except ValidationError as error:
                errors[name] = error.messages
        if errors:
            raise ValidationError(errors)
        return loaded
