"""A file that is cut short, changed or of another kind is told as such; only what was written is ever read from one."""

import os
import random
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from infra.backup.archive import (
    FORMAT,
    FORMAT_VERSION,
    AppliedMigration,
    Archive,
    ArchiveWriter,
    Manifest,
    SavedBuild,
    SavedSequence,
    SavedTable,
)
from infra.backup.errors import BackupFailed, DamagedBackup, NotABackup

LINES = [f"{number}\t{'x' * (number % 50)}é\\n\n".encode() for number in range(2_000)]
FLIPS = 600


def write(path: Path, rows: dict[str, list[bytes]], **other: object) -> Manifest:
    """Write a backup of tables without a database."""
    saved = []
    with path.open("wb") as file, ArchiveWriter(file) as writer:
        for name, lines in rows.items():
            with writer.table(name, lambda _: None) as sink:
                for line in lines:
                    sink.write(line)
            saved.append(
                SavedTable(name=name, columns=["a", "b"], rows=len(lines), bytes=sink.bytes, sha256=sink.sha256)
            )
        manifest = msgspec.structs.replace(
            Manifest(
                format=FORMAT,
                format_version=FORMAT_VERSION,
                release="0.1.0",
                taken_at=datetime(2026, 11, 2, tzinfo=UTC),
                schema="caselog",
                server_version=180000,
                head_position=7,
                migrations=[AppliedMigration(1, "0001_log.sql", "abc")],
                builds=[SavedBuild("queue", 1, 2, 7)],
                sequences=[SavedSequence("case_number", 5, is_called=True)],
                tables=saved,
            ),
            **other,
        )
        writer.end(manifest)
    return manifest


def contents(path: Path) -> tuple[Manifest, dict[str, bytes]]:
    """Read all of a backup."""
    read = {}
    with Archive(path) as archive:
        for table in archive.manifest.tables:
            with archive.table(table) as source:
                read[table.name] = b"".join(iter(source.read, b""))
        return archive.manifest, read


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "desk.backup"
    write(path, {"events": LINES, "claims": LINES[:3], "imports": []})
    return path


def test_what_was_written_is_read_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "desk.backup"
    manifest = write(path, {"events": LINES, "imports": []})
    told: list[int] = []
    with Archive(path) as archive:
        archive.verify(told.append)
        assert archive.manifest == manifest
    assert sum(told) == manifest.bytes == sum(map(len, LINES))
    assert contents(path)[1] == {"events": b"".join(LINES), "imports": b""}


def test_a_changed_byte_is_told_or_changes_nothing(file: Path) -> None:
    """Bytes of the archive that mean nothing (an instant of a member, say) may change."""
    whole, before = file.read_bytes(), contents(file)
    chance = random.Random(6)
    end = len(whole) - 1500  # the manifest and the directory, where most of what has a meaning is
    places = [*chance.sample(range(len(whole)), FLIPS // 2), *chance.sample(range(end, len(whole)), FLIPS // 2)]
    refused: list[str] = []
    for place in places:
        changed = bytearray(whole)
        changed[place] ^= 1 << chance.randrange(8)
        file.write_bytes(changed)
        try:
            found = contents(file)
        except BackupFailed as error:
            refused.append(str(error))
        else:
            assert found == before, f"byte {place} of {len(whole)}"
    assert len(refused) > FLIPS * 0.6
    assert max(map(len, refused)) < 400


def test_a_file_that_was_cut_short_is_told_wherever_it_ends(file: Path) -> None:
    whole = file.read_bytes()
    for length in [4, 30, *range(100, len(whole), len(whole) // 60), len(whole) - 1]:
        file.write_bytes(whole[:length])
        with pytest.raises(DamagedBackup, match="is not whole"):
            contents(file)


def a_text(path: Path) -> None:
    path.write_text("SELECT 1;\n" * 100)


def nothing(path: Path) -> None:
    path.write_bytes(b"")


def another_archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("letter.txt", "Dear Ada")


def another_program(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.json", '{"format": "photos", "format_version": 1}')


def a_later_format(path: Path) -> None:
    write(path, {}, format_version=FORMAT_VERSION + 1)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (a_text, "is no backup: `caselog backup` writes another kind of file"),
        (nothing, "is no backup"),
        (another_archive, "it has no manifest.json"),
        (another_program, "its manifest.json is another program's"),
        (a_later_format, "in format 2, and this Caselog reads up to 1: restore it with the release that wrote it"),
    ],
)
def test_a_file_of_another_kind_is_told(tmp_path: Path, make: Callable[[Path], None], told: str) -> None:
    make(tmp_path / "file")
    with pytest.raises(NotABackup, match=told):
        Archive(tmp_path / "file")


def test_a_file_that_is_not_there_or_no_file_is_told(tmp_path: Path) -> None:
    for path, told in [(tmp_path / "none", "No such file"), (tmp_path, "Is a directory")]:
        with pytest.raises(NotABackup, match=told):
            Archive(path)


def test_a_table_that_the_manifest_tells_otherwise_is_told(tmp_path: Path) -> None:
    """As nobody's accident would leave it: the archive is sound, and the digest another one."""
    path = tmp_path / "desk.backup"
    manifest = write(path, {"events": LINES})
    (table,) = manifest.tables
    for wrong in ({"sha256": "0" * 64}, {"bytes": table.bytes + 1}):
        write(path, {"events": LINES}, tables=[msgspec.structs.replace(table, **wrong)])
        with Archive(path) as archive, pytest.raises(DamagedBackup, match="table events is not what was written"):
            archive.verify()
    write(path, {}, tables=[table])
    with Archive(path) as archive, pytest.raises(DamagedBackup, match="table events cannot be read"):
        archive.verify()


def test_a_long_table_is_written_and_read_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "desk.backup"
    line = os.urandom(1 << 16)
    write(path, {"events": [line] * 100})
    with Archive(path) as archive, archive.table(archive.manifest.tables[0]) as source:
        pieces = [len(piece) for piece in iter(source.read, b"")]
    assert sum(pieces) == 100 << 16
    assert max(pieces) <= 1 << 20
