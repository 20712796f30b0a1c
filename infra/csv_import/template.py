"""What a command's data says of a row: texts with places in braces that the row fills."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from infra.csv_import.errors import Unmappable

TIME_PLACES = ("time", "date", "month_start")
"""Places that a row's instant fills: itself (RFC 3339), its day and the first day of its month, in the desk's zone."""

ROW_PLACES = ("line", "import")
"""Places filled by the number of the row's line, and by the name and version of the mapping."""

_shifted = re.compile(r"time([+-][0-9]{1,8})")
_whole_number = re.compile(r"-?[0-9]{1,18}")
_not_in_ids = re.compile(r"[^a-z0-9._]+")


class TemplateError(ValueError):
    """A text of the mapping that is no template."""


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What the places of a template are filled from.

    `cells` are the row's texts by the names that the mapping gives to columns, `at` its instant; days and months are
    those of `zone`, which is the desk's, as it is the desk that reads dates.
    """

    cells: Mapping[str, str]
    at: datetime
    zone: ZoneInfo
    line: int
    import_name: str


class Place(msgspec.Struct, frozen=True, gc=False):
    """A place in a text: what fills it, in which form, and by how many seconds an instant is moved."""

    name: str
    form: str = ""
    shift_seconds: int = 0

    def fill(self, facts: Facts) -> str:
        """Return the text that stands here for a row. Raises `Unmappable`."""
        match self.name:
            case "time":
                return (facts.at + timedelta(seconds=self.shift_seconds)).isoformat()
            case "date":
                return _local_day(facts).isoformat()
            case "month_start":
                return _local_day(facts).replace(day=1).isoformat()
            case "line":
                return str(facts.line)
            case "import":
                return facts.import_name
            case _:
                return self._cell(facts)

    def _cell(self, facts: Facts) -> str:
        text = facts.cells[self.name]
        if not text:
            raise Unmappable(f"{self.name} is empty")
        if self.form != "id":
            return text
        made = identifier(text)
        if not made:
            raise Unmappable(f"{self.name} {text!r} has no letter or digit to make an id of")
        return made


class Template(msgspec.Struct, frozen=True, gc=False):
    """A text with places. `whole_number` says that it becomes an integer, not a text."""

    parts: tuple[str | Place, ...]
    whole_number: bool = False

    @property
    def places(self) -> tuple[Place, ...]:
        """The places in it."""
        return tuple(part for part in self.parts if isinstance(part, Place))

    def render(self, facts: Facts) -> str | int:
        """Return the text, or the number, for a row. Raises `Unmappable`."""
        text = "".join(part if isinstance(part, str) else part.fill(facts) for part in self.parts)
        if not self.whole_number:
            return text
        if _whole_number.fullmatch(text) is None:
            raise Unmappable(f"{self.places[0].name} {text!r} is no whole number")
        return int(text)


Compiled = Any
"""JSON-like data in which texts with places have become `Template`s."""


def compile_text(text: str, names: frozenset[str]) -> Template:
    """Return the template that a text is; `names` are those of columns. Raises `TemplateError`."""
    parts: list[str | Place] = []
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise TemplateError(f"{error} (a brace itself is written twice)") from None
    for literal, name, form, conversion in pieces:
        if literal:
            parts.append(literal)
        if name is not None:
            parts.append(_place(name, form or "", conversion, names))
    whole_number = any(isinstance(part, Place) and part.form == "int" for part in parts)
    if whole_number and len(parts) > 1:
        raise TemplateError("a place of the form :int stands alone, without other text")
    return Template(tuple(parts), whole_number)


def compile_data(value: Any, names: frozenset[str]) -> Compiled:
    """Return JSON-like data with its texts compiled. Raises `TemplateError`; dates become texts as JSON has none."""
    match value:
        case str():
            template = compile_text(value, names)
            return template if template.places else "".join(str(part) for part in template.parts)
        case dict():
            return {key: compile_data(member, names) for key, member in value.items()}
        case list():
            return [compile_data(member, names) for member in value]
        case datetime() | date():
            return value.isoformat()
        case _:
            return value


def render_data(compiled: Compiled, facts: Facts) -> Any:
    """Return the data for a row. Raises `Unmappable`."""
    match compiled:
        case Template():
            return compiled.render(facts)
        case dict():
            return {key: render_data(member, facts) for key, member in compiled.items()}
        case list():
            return [render_data(member, facts) for member in compiled]
        case _:
            return compiled


def identifier(text: str) -> str:
    """Return a text in the form of an id: lower case, with a hyphen for whatever an id does not hold.

    Different texts can give the same id; whoever needs them apart has to look. Empty if nothing is left.
    """
    return _not_in_ids.sub("-", text.lower()).strip("-.")[:100]


def _place(name: str, form: str, conversion: str | None, names: frozenset[str]) -> Place:
    if conversion is not None or form not in {"", "id", "int"}:
        raise TemplateError(f"{{{name}}} takes the form :id or :int, nothing else")
    if (shifted := _shifted.fullmatch(name)) is not None:
        return Place("time", form, int(shifted[1]))
    known = names | set(TIME_PLACES) | set(ROW_PLACES)
    if name not in known:
        raise TemplateError(f"{{{name}}} is filled by nothing; there are {', '.join(sorted(known))}")
    if form and (name not in names or name in TIME_PLACES):
        raise TemplateError(f"{{{name}:{form}}}: a form belongs to a column")
    return Place(name, form)


def _local_day(facts: Facts) -> date:
    return facts.at.astimezone(facts.zone).date()
