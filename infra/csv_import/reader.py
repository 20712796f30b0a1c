"""Which rows does the file have, in the order of their instants?

The file is read twice. The first time every row is checked and only its instant and place in the file are kept (32
bytes a row); the second time the rows are fetched one by one in time order. So a file may be far greater than memory.
"""

import hashlib
import os
from array import array
from codecs import BOM_UTF8, lookup
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BufferedReader
from pathlib import Path
from typing import Self

import msgspec

from infra.csv_import.errors import Failure, Unmappable, UnreadableFile
from infra.csv_import.mapping import REQUIRED_COLUMNS, Mapping
from infra.csv_import.records import BrokenRecord, CsvForm

LONGEST_CASE = 200
"""Characters of a case's name: it is part of the keys of its rows, which an index has to hold."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TELL_EVERY = 5_000
_MOST_TITLES, _LONGEST_TITLE = 30, 60


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row that says what happened to which case, and when (UTC). `cells` are its texts by the mapping's names."""

    line: int
    at: datetime
    cells: dict[str, str]

    @property
    def case(self) -> str:
        """The case it is about."""
        return self.cells["case"]

    @property
    def activity(self) -> str:
        """What happened."""
        return self.cells["activity"]


class EventLogFile:
    """An event log in a CSV file, checked on opening.

    `total` counts its rows, blank lines aside; `failures` are those that are none by the mapping; `digest` is of the
    file's bytes. A context manager: it holds the file open. Raises `UnreadableFile` where the file is no event log of
    this mapping's form.
    """

    def __init__(
        self, path: Path, mapping: Mapping, *, not_after: datetime, progress: Callable[[int, int], None]
    ) -> None:
        self._mapping = mapping
        self._form = CsvForm(mapping.encoding, mapping.delimiter)
        self._not_after = not_after
        self._file = _open(path)
        try:
            self._size = os.fstat(self._file.fileno()).st_size
            self.digest = self._digest(path)
            self._place_of, self._columns = self._header(path)
            self.total = 0
            self.failures: list[Failure] = []
            self._instants = array("q")
            self._offsets = array("q")
            self._lengths = array("q")
            self._lines = array("q")
            self._index(progress)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def rows(self) -> Iterator[Row]:
        """Give the rows in time order, those of one instant in the order of the file.

        Raises `UnreadableFile` if the file is no longer what was checked.
        """
        instants = self._instants
        order = array("q", sorted(range(len(instants)), key=instants.__getitem__))
        for number in order:
            self._file.seek(self._offsets[number])
            raw = self._file.read(self._lengths[number])
            try:
                row = self._row(self._lines[number], self._form.parse(raw))
            except (BrokenRecord, Unmappable, IndexError):
                row = None
            if row is None or _microseconds(row.at) != instants[number]:
                raise UnreadableFile(
                    f"line {self._lines[number]} is not what it was a moment ago: the file has changed"
                )
            yield row

    def _digest(self, path: Path) -> str:
        if self._size == 0:
            raise UnreadableFile(f"{path} is empty")
        digest = hashlib.file_digest(self._file, "sha256").hexdigest()
        self._file.seek(0)
        return digest

    def _header(self, path: Path) -> tuple[dict[str, int], int]:
        """Return where each of the mapping's columns stands, and how many columns there are."""
        is_utf8 = lookup(self._mapping.encoding).name in {"utf-8", "utf-8-sig"}
        if not (is_utf8 and self._file.read(len(BOM_UTF8)) == BOM_UTF8):
            self._file.seek(0)
        header = next(self._form.records(self._file, 1, None), None)
        if header is None:
            raise UnreadableFile(f"{path} has no header: it holds nothing but blank lines")
        if header.cells is None:
            raise UnreadableFile(f"{path} is no CSV event log: its header {header.reason}")
        titles = header.cells
        wanted = {name: title.strip() for name, title in self._mapping.columns.items()}
        missing = [title for title in wanted.values() if title not in titles]
        if missing:
            raise UnreadableFile(
                f"{path} has no column {_listed(missing)}; its first line names {_listed(titles)}"
                f" (between its columns the mapping expects {self._mapping.delimiter!r})"
            )
        twice = [title for title in wanted.values() if titles.count(title) > 1]
        if twice:
            raise UnreadableFile(
                f"{path} has the column {_listed(twice)} more than once; which one counts cannot be told"
            )
        self._first_line = header.line + self._lines_of(header.offset, header.length)
        self._file.seek(header.offset + header.length)
        return {name: titles.index(title) for name, title in wanted.items()}, len(titles)

    def _lines_of(self, offset: int, length: int) -> int:
        self._file.seek(offset)
        return max(self._file.read(length).count(b"\n"), 1)

    def _index(self, progress: Callable[[int, int], None]) -> None:
        for record in self._form.records(self._file, self._first_line, self._columns):
            self.total += 1
            if self.total % _TELL_EVERY == 0:
                progress(record.offset, self._size)
            if record.cells is None:
                self.failures.append(Failure(record.line, record.reason))
                continue
            try:
                row = self._row(record.line, record.cells)
            except Unmappable as unmappable:
                self.failures.append(Failure(record.line, str(unmappable)))
                continue
            self._instants.append(_microseconds(row.at))
            self._offsets.append(record.offset)
            self._lengths.append(record.length)
            self._lines.append(record.line)
        progress(self._size, self._size)

    def _row(self, line: int, texts: list[str]) -> Row:
        mapping = self._mapping
        cells = {name: texts[place] or mapping.defaults.get(name, "") for name, place in self._place_of.items()}
        for name, table in mapping.values.items():
            if cells[name] not in table:
                raise Unmappable(f"{name} {cells[name]!r} is not among the values of the mapping")
            cells[name] = table[cells[name]]
        for name in REQUIRED_COLUMNS:
            if not cells[name]:
                raise Unmappable(f"{name} is empty")
        if len(cells["case"]) > LONGEST_CASE:
            raise Unmappable(f"case is longer than {LONGEST_CASE} characters")
        try:
            at = mapping.instant(cells["time"])
        except (ValueError, OverflowError):
            raise Unmappable(
                f"time {cells['time'][:100]!r} is not of the form {mapping.time_format!r}, or no such time exists"
            ) from None
        if not _EPOCH <= at <= self._not_after:
            raise Unmappable(f"time {cells['time']!r} lies {'before 1970' if at < _EPOCH else 'in the future'}")
        return Row(line, at, cells)


def _open(path: Path) -> BufferedReader:
    try:
        if not path.is_file():
            raise UnreadableFile(f"{path} is {'no file' if path.exists() else 'not there'}")
        return path.open("rb")
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}") from None


def _microseconds(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def _listed(titles: list[str]) -> str:
    more = ", …" if len(titles) > _MOST_TITLES else ""
    return ", ".join(f"'{title[:_LONGEST_TITLE]}'" for title in titles[:_MOST_TITLES]) + more
