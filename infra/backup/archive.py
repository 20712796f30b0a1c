"""What is in the file of a backup, and is it whole?

A ZIP archive: each table as the text that PostgreSQL's COPY writes, and `manifest.json`, which has the rows, bytes and
SHA-256 of each. The manifest is the last member, so that a file which has one has all that the manifest names.
"""

import hashlib
import struct
import textwrap
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Protocol, Self

import msgspec

from infra.backup.errors import DamagedBackup, NotABackup

FORMAT = "caselog backup"
FORMAT_VERSION = 1
_MANIFEST = "manifest.json"
_CHUNK_BYTES = 1 << 20
_COMPRESSION = 1
"""Level of deflate. The next ones take twice the time and more for a file that is a tenth smaller."""

# What zipfile and zlib raise at bytes that are not what they were; RuntimeError for a flag that says "encrypted".
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    msgspec.MsgspecError,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


class AppliedMigration(msgspec.Struct, frozen=True):
    """A step of the schema's history, as `schema_migrations` has it."""

    number: int
    name: str
    checksum: str


class SavedBuild(msgspec.Struct, frozen=True):
    """A build of a view that readers saw: the version of the view's code, and the last event in its rows."""

    view: str
    build: int
    version: int
    position: int


class SavedTable(msgspec.Struct, frozen=True, kw_only=True):
    """A table in the file: `bytes` and `sha256` (hexadecimal) are of the text before it was compressed.

    `build` is the number of the build that it belongs to, `None` for a table that is no view's.
    """

    name: str
    columns: list[str]
    rows: int
    bytes: int
    sha256: str
    build: int | None = None


class SavedSequence(msgspec.Struct, frozen=True):
    """A sequence, as setval() takes it."""

    name: str
    last_value: int
    is_called: bool


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds. `head_position` is the last event of its log; `schema` is where the desk was."""

    format: str
    format_version: int
    release: str
    taken_at: datetime
    schema: str
    server_version: int
    head_position: int
    migrations: list[AppliedMigration]
    builds: list[SavedBuild]
    sequences: list[SavedSequence]
    tables: list[SavedTable]

    @property
    def bytes(self) -> int:
        """How long the texts of all tables are, before they are compressed."""
        return sum(table.bytes for table in self.tables)


class _Kind(msgspec.Struct):
    format: str
    format_version: int


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class Sink:
    """Takes the text of a table, which COPY gives row by row, and hands it on in larger pieces."""

    def __init__(self, member: IO[bytes], told: Callable[[int], None]) -> None:
        self.bytes = 0
        self._member = member
        self._told = told
        self._hash: _Hash = hashlib.sha256()
        self._kept: list[bytes] = []
        self._kept_bytes = 0

    @property
    def sha256(self) -> str:
        """The digest of all that has been flushed, hexadecimal."""
        return self._hash.hexdigest()

    def write(self, data: bytes) -> int:
        """Take a row."""
        self._kept.append(data)
        self._kept_bytes += len(data)
        if self._kept_bytes >= _CHUNK_BYTES:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Hand on what is kept."""
        text = b"".join(self._kept)
        self._hash.update(text)
        self._member.write(text)
        self.bytes += len(text)
        self._told(len(self._kept))
        self._kept, self._kept_bytes = [], 0


class Source:
    """Gives the text of a table in pieces, and knows at its end whether it is the text that was written."""

    def __init__(self, member: IO[bytes], table: SavedTable, told: Callable[[int], None]) -> None:
        self._member = member
        self._table = table
        self._told = told
        self._hash: _Hash = hashlib.sha256()
        self._bytes = 0
        self.error: BaseException | None = None

    def read(self, size: int = _CHUNK_BYTES) -> bytes:
        """Return up to so many bytes, none at the end.

        Raises `DamagedBackup`, and keeps it as `error` for those who are told of it by way of COPY only.
        """
        try:
            return self._read(size)
        except BaseException as error:
            self.error = error
            raise

    def _read(self, size: int) -> bytes:
        try:
            text = self._member.read(size)
        except _DAMAGE as error:
            raise DamagedBackup(f"table {self._table.name} cannot be read: {_short(error)}") from error
        self._hash.update(text)
        self._bytes += len(text)
        if not text and (self._bytes, self._hash.hexdigest()) != (self._table.bytes, self._table.sha256):
            raise DamagedBackup(f"table {self._table.name} is not what was written")
        self._told(len(text))
        return text

    def readline(self, _size: int = -1, /) -> bytes:
        """Raise: COPY reads pieces."""
        raise NotImplementedError


class ArchiveWriter:
    """Writes the file of a backup, table by table; closed without its `end` it is no backup."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @contextmanager
    def table(self, name: str, told: Callable[[int], None]) -> Iterator[Sink]:
        """Give what takes the text of a table; `told` hears how many rows were added."""
        with self._zip.open(_member(name), "w", force_zip64=True) as member:
            sink = Sink(member, told)
            yield sink
            sink.flush()

    def end(self, manifest: Manifest) -> None:
        """Write the manifest, after all tables."""
        self._zip.writestr(_MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


class Archive:
    """The file of a backup, opened to be read."""

    def __init__(self, path: Path) -> None:
        """Raises `NotABackup` for a file that is none, or of a later format, and `DamagedBackup`."""
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise NotABackup(f"{path} cannot be read: {error.strerror}") from error
        try:
            self.manifest = self._open(path)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    @contextmanager
    def table(self, table: SavedTable, told: Callable[[int], None] = lambda _: None) -> Iterator[Source]:
        """Give the text of a table; `told` hears how many bytes of it were read. Raises `DamagedBackup`."""
        try:
            member = self._zip.open(_member(table.name))
        except _DAMAGE as error:
            raise DamagedBackup(f"table {table.name} cannot be read: {_short(error)}") from error
        with member:
            yield Source(member, table, told)

    def verify(self, told: Callable[[int], None] = lambda _: None) -> None:
        """Read all of it, and raise `DamagedBackup` unless each table is what was written."""
        for table in self.manifest.tables:
            with self.table(table, told) as source:
                while source.read():
                    pass

    def _open(self, path: Path) -> Manifest:
        try:
            begins = self._file.read(4)
            self._file.seek(0)
        except OSError as error:
            raise NotABackup(f"{path} cannot be read: {error.strerror}") from error
        if begins != b"PK\x03\x04":
            raise NotABackup(f"{path} is no backup: `caselog backup` writes another kind of file")
        try:
            self._zip = zipfile.ZipFile(self._file)
        except _DAMAGE as error:
            raise DamagedBackup(
                f"{path} is not whole: it ends too early, or its end was changed ({_short(error)})"
            ) from error
        if _MANIFEST not in self._zip.namelist():
            raise NotABackup(f"{path} is no backup: it has no {_MANIFEST}")
        try:
            text = self._zip.read(_MANIFEST)
            kind = msgspec.json.decode(text, type=_Kind)
            if kind.format != FORMAT:
                raise NotABackup(f"{path} is no backup: its {_MANIFEST} is another program's")
            if kind.format_version > FORMAT_VERSION:
                raise NotABackup(
                    f"{path} is a backup in format {kind.format_version}, and this Caselog reads up to"
                    f" {FORMAT_VERSION}: restore it with the release that wrote it, or a later one"
                )
            return msgspec.json.decode(text, type=Manifest)
        except _DAMAGE as error:
            raise DamagedBackup(f"{path} is damaged: its {_MANIFEST} cannot be read ({_short(error)})") from error


def _member(table: str) -> str:
    return f"tables/{table}.copy"


def _short(error: Exception) -> str:
    """Return the reason, which may repeat the bytes that it is about."""
    return textwrap.shorten(str(error) or type(error).__name__, 120, placeholder=" …")
