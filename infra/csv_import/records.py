"""Where the records of a CSV file begin and end, so that a broken one costs no more than its own line."""

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

MOST_BYTES = 1 << 20
"""Longest record that is taken: what follows a stray quote must not be read to the end of the file for each line."""


class BrokenRecord(ValueError):
    """A record that is no CSV, or not in the encoding of the file."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record of the file: the line it begins in (from 1), its place in bytes, and its cells or what is wrong."""

    line: int
    offset: int
    length: int
    cells: list[str] | None
    reason: str = ""


class CsvForm(msgspec.Struct, frozen=True):
    """How the file is written. Cells in quotes may hold delimiters and ends of lines (RFC 4180)."""

    encoding: str
    delimiter: str

    def parse(self, raw: bytes) -> list[str]:
        """Return the cells of a record without the blanks around them. Raises `BrokenRecord`."""
        try:
            text = raw.decode(self.encoding)
        except UnicodeDecodeError as error:
            raise BrokenRecord(f"is not in {self.encoding}: {error.reason} at its byte {error.start + 1}") from None
        if "\0" in text:
            raise BrokenRecord("holds a NUL character")
        try:
            records = list(csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter, strict=True))
        except csv.Error as error:
            raise BrokenRecord(f"is not CSV: {error}") from None
        if len(records) > 1:
            raise BrokenRecord("is not CSV: it has an end of line within a cell without quotes")
        return [cell.strip() for cell in records[0]] if records else []

    def records(self, file: BinaryIO, line: int, columns: int | None) -> Iterator[Record]:
        """Give the records from the file's position on, which is the beginning of `line`.

        `columns` is how many cells each must have. A record that goes over several lines and does not fit began with
        a stray quote: only its first line is given as broken, and the others are looked at on their own.
        """
        offset = file.tell()
        while first := file.readline(MOST_BYTES + 1):
            taken, length = 1, len(first)
            if length > MOST_BYTES:
                length += _rest_of_line(file)
                yield Record(line, offset, length, None, f"is longer than {MOST_BYTES} bytes")
            elif first.strip(b"\r\n"):
                taken, record = self._record(file, first, line, offset, columns)
                length = record.length
                yield record
            offset += length
            line += taken
            file.seek(offset)

    def _record(self, file: BinaryIO, first: bytes, line: int, offset: int, columns: int | None) -> tuple[int, Record]:
        """Return how many lines the record takes, and the record."""
        reason = ""
        for taken, raw in self._candidates(file, first):
            try:
                cells = self.parse(raw)
            except BrokenRecord as broken:
                reason = reason or str(broken)
                continue
            if columns is None or len(cells) == columns:
                return taken, Record(line, offset, len(raw), cells)
            reason = reason or f"has {len(cells)} columns, not the {columns} of the header"
        return 1, Record(line, offset, len(first), None, reason)

    def _candidates(self, file: BinaryIO, first: bytes) -> Iterator[tuple[int, bytes]]:
        """Give the line by itself and, where its quotes are uneven, with the lines up to the one that evens them."""
        yield 1, first
        raw, taken = first, 1
        while raw.count(b'"') % 2 and len(raw) <= MOST_BYTES and (more := file.readline(MOST_BYTES)):
            raw += more
            taken += 1
        if taken > 1:
            yield taken, raw


def _rest_of_line(file: BinaryIO) -> int:
    """Pass over what is left of a line and return how many bytes that was."""
    length = 0
    while piece := file.readline(MOST_BYTES):
        length += len(piece)
        if piece.endswith(b"\n"):
            break
    return length
