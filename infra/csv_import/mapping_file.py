"""Reads a mapping file, and names everything that is wrong with it at once."""

import codecs
import hashlib
import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from marshmallow import fields, validate

from commands.wire.catalogue import COMMAND_TYPES, CommandType
from commands.wire.field_errors import InvalidData
from commands.wire.fields import Line, Many, Part, Table, Text, WholeNumber
from commands.wire.schema import WireSchema, load
from infra.csv_import.errors import MappingInvalid
from infra.csv_import.mapping import (
    CUSTOMER_COMMANDS,
    ISO_FORMAT,
    REQUIRED_COLUMNS,
    TICKET_COMMANDS,
    CommandTemplate,
    Mapping,
)
from infra.csv_import.template import (
    ROW_PLACES,
    TIME_PLACES,
    Compiled,
    Facts,
    Template,
    TemplateError,
    compile_data,
    compile_text,
    render_data,
)

SHIPPED = Path(__file__).with_name("mappings")
"""Mappings that are part of Caselog, to be named without a path."""

_SAMPLE_AT = datetime(2012, 10, 9, 14, 50, 17, tzinfo=UTC)
_plain_key = re.compile(r"[A-Za-z0-9_-]+")


class _Name(Text):
    pattern = r"^[a-z][a-z0-9_-]*$"
    expected = "must be a lower-case word of letters, digits, '-' and '_'"


class _CommandData(WireSchema):
    """A command that an activity stands for."""

    command = Text(longest=100, required=True)
    data = fields.Dict(keys=fields.String(), load_default=dict)


class _CustomerData(WireSchema):
    """Whose case a row is about, and what is done when the customer is first named."""

    id = Text(longest=500, required=True)
    commands = Many(Part(_CommandData), most=10, load_default=list)


class _ReopenData(WireSchema):
    """What reopens a case that was resolved or closed."""

    unless = Many(Text(longest=500), most=1000, required=True)
    data = fields.Dict(keys=fields.String(), required=True)


class _CaseData(WireSchema):
    """How a case begins and begins again."""

    open = fields.Dict(keys=fields.String(), required=True)
    reopen = Part(_ReopenData)


class _MappingData(WireSchema):
    name = _Name(longest=64, required=True)
    version = WholeNumber(least=1, most=1_000_000, required=True)
    zone = Text(longest=100, required=True)
    time_format = Text(longest=100, required=True)
    encoding = Text(longest=50, load_default="utf-8")
    delimiter = fields.String(validate=validate.Length(equal=1, error="must be one character"), load_default=",")
    columns = Table(_Name(longest=64), Line(longest=1000), most=1000, required=True)
    defaults = Table(_Name(longest=64), Text(longest=10_000), most=1000, load_default=dict)
    values = Table(
        _Name(longest=64), Table(Text(longest=1000), Text(longest=1000), most=100_000), most=1000, load_default=dict
    )
    customer = Part(_CustomerData, required=True)
    case = Part(_CaseData, required=True)
    activities = Table(Text(longest=1000), Many(Part(_CommandData), most=20), most=10_000, required=True)
    otherwise = Many(Part(_CommandData), most=20)


_schema = _MappingData()


def load_mapping(name_or_path: str) -> Mapping:
    """Return the mapping in a file, or the one shipped under that name. Raises `MappingInvalid`."""
    path = Path(name_or_path)
    shipped = sorted(file.stem for file in SHIPPED.glob("*.toml"))
    if name_or_path in shipped:
        path = SHIPPED / f"{name_or_path}.toml"
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        known = f"there is no such file, and no mapping of that name comes with Caselog ({', '.join(shipped)} does)"
        raise MappingInvalid(name_or_path, [known]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise MappingInvalid(name_or_path, [str(error)]) from None
    return parse_mapping(text, source=name_or_path)


def parse_mapping(text: str, *, source: str = "given") -> Mapping:
    """Return the mapping that a TOML text describes. Raises `MappingInvalid` with every wrong field."""
    try:
        data = load(_schema, tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise MappingInvalid(source, [f"it is no TOML: {error}"]) from None
    except InvalidData as invalid:
        raise MappingInvalid(source, [f"{_path(wrong.pointer)} {wrong.detail}" for wrong in invalid.errors]) from None
    reading = _Reading(data)
    mapping = reading.mapping(hashlib.sha256(text.encode()).hexdigest())
    if mapping is None or reading.errors:
        raise MappingInvalid(source, reading.errors)
    return mapping


class _Reading:
    """Turns well-formed data into a mapping and gathers what is wrong with it."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.errors: list[str] = []
        self._data = data
        self._names = frozenset(data["columns"])
        # "1" fits every form, so that the sample says nothing of cells: those are checked row by row.
        cells = dict.fromkeys(self._names, "1")
        self._sample = Facts(cells=cells, at=_SAMPLE_AT, zone=ZoneInfo("UTC"), line=2, import_name="sample.v1")

    def mapping(self, digest: str) -> Mapping | None:
        """Return the mapping, or nothing where it could not be made; `errors` then says why."""
        data = self._data
        self._check_columns()
        self._check_file_format()
        customer_id = self._text("/customer/id", data["customer"]["id"])
        for_new_customer = self._commands("/customer/commands", data["customer"]["commands"], CUSTOMER_COMMANDS)
        opening = self._command("/case/open", "", "open-ticket", data["case"]["open"])
        reopen = data["case"].get("reopen")
        reopening = reopen and self._command("/case/reopen", "/data", "reopen-ticket", reopen["data"])
        allowed = (*TICKET_COMMANDS, "buy-hours")
        activities = {
            activity: self._commands(f"/activities/{_step(activity)}", commands, allowed)
            for activity, commands in data["activities"].items()
        }
        otherwise = self._commands("/otherwise", data["otherwise"], allowed) if "otherwise" in data else None
        if self.errors or customer_id is None or opening is None:
            return None
        return Mapping(
            name=data["name"],
            version=data["version"],
            digest=digest,
            zone=ZoneInfo(data["zone"]),
            time_format=data["time_format"],
            encoding=data["encoding"],
            delimiter=data["delimiter"],
            columns=data["columns"],
            defaults=data["defaults"],
            values=data["values"],
            customer_id=customer_id,
            for_new_customer=for_new_customer,
            opening=opening,
            reopening=reopening,
            never_reopens=frozenset(reopen["unless"]) if reopen else frozenset(),
            activities=activities,
            otherwise=otherwise,
        )

    def _wrong(self, pointer: str, detail: str) -> None:
        self.errors.append(f"{_path(pointer)} {detail}")

    def _check_columns(self) -> None:
        for name in REQUIRED_COLUMNS:
            if name not in self._names:
                self._wrong(f"/columns/{name}", "is required")
        for name in sorted(self._names & {*TIME_PLACES, *ROW_PLACES} - set(REQUIRED_COLUMNS)):
            self._wrong(f"/columns/{name}", "is a name that the import fills itself; call the column something else")
        for part in ("defaults", "values"):
            for name in self._data[part]:
                if name not in self._names:
                    self._wrong(f"/{part}/{name}", "is not among the columns")

    def _check_file_format(self) -> None:
        data = self._data
        try:
            ZoneInfo(data["zone"])
        except (KeyError, OSError, ValueError):
            self._wrong("/zone", 'must be an IANA time zone such as "Europe/Rome"')
        try:
            codecs.lookup(data["encoding"])
            ascii_alike = '\n",;\t'.encode(data["encoding"]) == b'\n",;\t'
        except (LookupError, UnicodeError):
            ascii_alike = False
        if not ascii_alike:
            self._wrong(
                "/encoding", 'must be an encoding in which ASCII stands for itself, such as "utf-8" or "cp1252"'
            )
        if data["delimiter"] in '"\r\n':
            self._wrong("/delimiter", "must not be a quote or the end of a line")
        if data["time_format"] != ISO_FORMAT and not _tells_instants(data["time_format"]):
            self._wrong(
                "/time_format",
                f'must be "{ISO_FORMAT}", or directives of strptime that tell at least year to minute',
            )

    def _text(self, pointer: str, text: str) -> Template | None:
        try:
            return compile_text(text, self._names)
        except TemplateError as error:
            self._wrong(pointer, str(error))
            return None

    def _commands(
        self, pointer: str, commands: Sequence[dict[str, Any]], allowed: Sequence[str]
    ) -> Sequence[CommandTemplate]:
        made = []
        for number, item in enumerate(commands):
            if item["command"] not in allowed:
                self._wrong(f"{pointer}/{number}/command", f"must be one of {', '.join(allowed)}")
                continue
            made.append(self._command(f"{pointer}/{number}", "/data", item["command"], item["data"]))
        return tuple(template for template in made if template is not None)

    def _command(self, pointer: str, inner: str, name: str, data: dict[str, Any]) -> CommandTemplate | None:
        command = COMMAND_TYPES[name]
        filled_in = {"ticket": "1"} if name in TICKET_COMMANDS else {"customer_id": "1"}
        for field in filled_in:
            if field in data:
                self._wrong(f"{pointer}{inner}/{field}", "is put in by the import; leave it out")
        compiled: dict[str, Compiled] = {}
        for field, value in data.items():
            try:
                compiled[field] = compile_data(value, self._names)
            except TemplateError as error:
                self._wrong(f"{pointer}{inner}/{field}", str(error))
        if compiled.keys() != data.keys():
            return None
        for where, detail in self._misfits(command, compiled, filled_in):
            self._wrong(f"{pointer}{inner}{where}", detail)
        return CommandTemplate(command, compiled)

    def _misfits(
        self, command: CommandType, compiled: dict[str, Compiled], filled_in: dict[str, str]
    ) -> Iterator[tuple[str, str]]:
        """Tell what is wrong with a command's data whatever a row says: fields without places, and unknown ones."""
        try:
            command.load(filled_in | render_data(compiled, self._sample))
        except InvalidData as invalid:
            for wrong in invalid.errors:
                if not isinstance(_at(compiled, wrong.pointer), Template):
                    yield wrong.pointer, wrong.detail


def _tells_instants(time_format: str) -> bool:
    wanted = _SAMPLE_AT.replace(second=0, tzinfo=None)
    try:
        told = datetime.strptime(wanted.replace(tzinfo=UTC).strftime(time_format), time_format)  # noqa: DTZ007
    except (ValueError, re.error):
        return False
    return told.replace(second=0, microsecond=0, tzinfo=None) == wanted


def _at(compiled: Compiled, pointer: str) -> Compiled:
    """Return what stands at a JSON pointer; nothing where there is nothing."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(compiled, dict):
            compiled = compiled.get(name)
        elif isinstance(compiled, list):
            compiled = compiled[int(name)]
        else:
            return compiled
    return compiled


def _step(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _path(pointer: str) -> str:
    """Return a JSON pointer as a path of TOML: `activities."Closed"[0].command`."""
    path = ""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if name.isdigit() and path:
            path += f"[{name}]"
        else:
            quoted = name if _plain_key.fullmatch(name) else json.dumps(name, ensure_ascii=False)
            path += f".{quoted}" if path else quoted
    return path or "it"
