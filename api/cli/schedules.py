"""Files of business hours: schedules by name, and vectors that say what is due and elapsed by them.

{"schedules": {NAME: {"tz", "hours", "holidays"?, "overrides"?, "breaks"?}},
 "vectors": [{"id", "kind": "due", "schedule": NAME, "start", "add_s", "expect", "pauses"?},
             {"id", "kind": "elapsed", "schedule": NAME, "start", "end", "expect_s", "pauses"?}]}

A schedule is written as a published calendar is (`domain/business_hours.py`). Instants are RFC 3339 with an offset,
`_s` are seconds, `pauses` are pairs of instants. Whatever else a vector has (a source, a note) is for its readers.
"""

import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from domain import business_hours
from domain.business_time import BusinessTime

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Seconds = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
T = TypeVar("T")


class BadFile(Exception):
    """The file is not of this form; the message names the place and the reason."""


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Business hours of a zone."""

    tz: str
    hours: dict[str, str]
    holidays: tuple[date, ...] = ()
    overrides: dict[date, str] = {}
    breaks: dict[date, str] = {}
    note: str | None = None
    source: str | None = None


class _Vector(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    id: str
    schedule: str
    start: Instant
    pauses: tuple[tuple[Instant, Instant], ...] = ()


class Due(_Vector, frozen=True, tag="due"):
    """When `add_s` of business time have passed since `start`."""

    add_s: Seconds
    expect: Instant


class Elapsed(_Vector, frozen=True, tag="elapsed"):
    """How much business time lies between `start` and `end`."""

    end: Instant
    expect_s: Seconds


Vector = Due | Elapsed


class ScheduleFile:
    """A file of that form. What is wrong with a part of it is told when that part is asked for."""

    def __init__(self, path: Path) -> None:
        """Read the file. Raises `BadFile`."""
        self._name = str(path)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BadFile(f"{path} cannot be read: {error.strerror}") from None
        content = content.removeprefix(b"\xef\xbb\xbf")
        try:
            self._content = msgspec.json.decode(content)
        except msgspec.DecodeError as error:
            raise BadFile(f"{path}{_line_of(str(error), content)} is no JSON: {error}") from None
        except UnicodeDecodeError as error:
            raise BadFile(f"{path} is not UTF-8 at byte {error.start}") from None
        except RecursionError:
            raise BadFile(f"{path} is nested too deeply") from None

    def calendar(self, name: str) -> BusinessTime:
        """Return a schedule, ready to count with. Raises `BadFile`."""
        schedules = self._part("schedules", dict)
        if name not in schedules:
            known = ", ".join(sorted(schedules)) or "none"
            raise BadFile(f"{self._name} has no schedule {name!r}; it has {known}")
        schedule = self._converted(f"schedules/{name}", schedules[name], Schedule)
        faults = business_hours.faults(
            tz=schedule.tz, hours=schedule.hours, overrides=schedule.overrides, breaks=schedule.breaks
        )
        for pointer, reason in faults:
            if pointer != "/hours":  # a week without open hours cannot be published, but can be counted with
                raise BadFile(f"{self._name}: schedules/{name}{pointer}: {reason}")
        return BusinessTime(
            tz=schedule.tz,
            hours=schedule.hours,
            holidays=schedule.holidays,
            overrides=schedule.overrides,
            breaks=schedule.breaks,
        )

    def calendars(self) -> dict[str, BusinessTime]:
        """Return all schedules. Raises `BadFile`."""
        return {name: self.calendar(name) for name in self._part("schedules", dict)}

    def vectors(self) -> list[Vector]:
        """Return all vectors. Raises `BadFile`."""
        found: list[Vector] = []
        schedules = self._part("schedules", dict)
        for index, each in enumerate(self._part("vectors", list)):
            place = f"vectors/{index}"
            if isinstance(each, dict) and isinstance(each.get("id"), str):
                place += f" ({each['id']})"
            vector: Vector = self._converted(place, each, Vector)  # type: ignore[arg-type]  # a union is no type
            if vector.schedule not in schedules:
                raise BadFile(f"{self._name}: {place}: there is no schedule {vector.schedule!r}")
            for start, end in vector.pauses:
                if end < start:
                    raise BadFile(f"{self._name}: {place}: the pause of {start.isoformat()} ends before it starts")
            found.append(vector)
        return found

    def _part(self, name: Literal["schedules", "vectors"], kind: type[T]) -> T:
        if not isinstance(self._content, dict):
            raise BadFile(f"{self._name}: the whole must be an object with schedules and vectors")
        if name not in self._content:
            raise BadFile(f"{self._name} has no {name!r}")
        return self._converted(name, self._content[name], kind)

    def _converted(self, place: str, value: object, kind: type[T]) -> T:
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            raise BadFile(f"{self._name}: {place}: {error}") from None


def _line_of(error: str, content: bytes) -> str:
    place = re.search(r"\(byte (\d+)\)", error)
    return f", line {content.count(bytes([10]), 0, int(place[1])) + 1}," if place else ""
