"""How is a running desk put into a file? All its tables as one transaction sees them, while everything goes on."""

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO

import msgspec
from psycopg2.errors import UndefinedTable
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from infra.backup.archive import (
    FORMAT,
    FORMAT_VERSION,
    AppliedMigration,
    ArchiveWriter,
    Manifest,
    SavedBuild,
    SavedSequence,
    SavedTable,
)
from infra.backup.errors import BackupFailed
from infra.feed import head_position
from infra.postgres.pool import connect

LEFT_OUT = frozenset({"schema_migrations", "state_snapshots", "rate_limits", "kafka_relay"})
"""Tables that are not in a backup: what the manifest has, and what is worth nothing after a restart."""

_LIVE_ONLY = {
    "projections": "WHERE live",
    "view_partitions": "WHERE (view, build) IN (SELECT view, build FROM projections WHERE live)",
    "parked_events": "WHERE (view, build) IN (SELECT view, build FROM projections WHERE live)",
}
_OF_A_BUILD = re.compile(r".+_b(\d+)")


class Taken(msgspec.Struct, frozen=True):
    """A backup that is on disk: what is in it, and how long the file is in bytes."""

    manifest: Manifest
    file_bytes: int


class _Table(msgspec.Struct, frozen=True):
    name: str
    columns: list[str]
    build: int | None


def take_backup(
    dsn: str, schema: str, path: Path, *, progress: Callable[[int, int], None] = lambda _done, _total: None
) -> Taken:
    """Write all of a desk into a new file, which only its owner may read, and return what is in it.

    The file has its name only when it is whole and on disk; until then it is called `NAME.part`, and an interrupt
    leaves neither. `progress` hears of rows, and about how many there are. Raises `BackupFailed`, and
    `DatabaseUnavailable`.
    """
    with (
        _new_file(path) as file,
        closing(connect(dsn, schema, application_name=f"caselog {schema} backup")) as connection,
    ):
        manifest = _write(connection, schema, file, progress)
        file.flush()
        size = os.fstat(file.fileno()).st_size
    return Taken(manifest, size)


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a file that gets its name at the end; what an earlier backup left when it was killed is replaced."""
    part = path.with_name(f"{path.name}.part")
    try:
        path.lstat()
    except FileNotFoundError:
        pass
    except OSError as error:
        raise BackupFailed(f"{path} cannot be written: {error.strerror}") from error
    else:
        raise BackupFailed(f"{path} is there already, and a backup replaces none: give it another name")
    try:
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BackupFailed(f"{path} cannot be written: {error.strerror}") from error
    with _closed(os.fdopen(descriptor, "r+b")) as file:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            taken = part.stat().st_ino != os.fstat(descriptor).st_ino
        except (BlockingIOError, FileNotFoundError):
            taken = True
        if taken:
            raise BackupFailed(f"another backup is being written to {path}")
        try:
            os.ftruncate(descriptor, 0)
            os.fchmod(descriptor, 0o600)
            yield file
            file.flush()
            os.fsync(descriptor)
            part.rename(path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise BackupFailed(f"{path} cannot be written: {error.strerror}") from error
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    folder = os.open(path.absolute().parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _closed(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Close a file at the end. All that counts was flushed before; what a full disk did not take fails once more."""
    try:
        yield file
    finally:
        with suppress(OSError):
            file.close()


def _write(connection: Connection, schema: str, file: IO[bytes], progress: Callable[[int, int], None]) -> Manifest:
    with ArchiveWriter(file) as archive, connection.cursor() as cursor:
        tables = _hold(connection, cursor, schema)
        rows = _about_how_many(cursor, schema, tables)
        done = 0

        def told(more: int) -> None:
            nonlocal done
            done += more
            progress(done, max(done, rows))

        saved = [_save(cursor, archive, table, told) for table in tables]
        manifest = Manifest(
            format=FORMAT,
            format_version=FORMAT_VERSION,
            release=version("caselog"),
            taken_at=_snapshot_taken_at(cursor),
            schema=schema,
            server_version=connection.server_version,
            head_position=head_position(connection),
            migrations=_migrations(cursor),
            builds=_builds(cursor),
            # Not of the snapshot, but later than it: numbers that were given since are given again by nobody.
            sequences=list(_sequences(cursor, schema)),
            tables=saved,
        )
        archive.end(manifest)
    return manifest


def _hold(connection: Connection, cursor: Cursor, schema: str) -> list[_Table]:
    """Begin the transaction whose snapshot is the backup, and return the tables in it, which nobody can drop now.

    A lock needs no snapshot, so the snapshot is taken behind the locks; where a view was switched in between, it is
    tried again with the tables that are there then.
    """
    cursor.execute("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = 0")
    connection.commit()
    tables = _tables(cursor, schema)
    while True:
        connection.rollback()
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        names = ", ".join(f'"{schema}"."{table.name}"' for table in tables)
        try:
            cursor.execute(f"LOCK TABLE {names} IN ACCESS SHARE MODE")
        except UndefinedTable:
            connection.rollback()
            tables = _tables(cursor, schema)
            continue
        held, tables = tables, _tables(cursor, schema)
        if held == tables:
            return tables


def _tables(cursor: Cursor, schema: str) -> list[_Table]:
    """Return every table of the desk but those of builds that readers do not see. Raises `BackupFailed`."""
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (f'"{schema}".projections',))
    if cursor.fetchone() != (True,):
        raise BackupFailed(f"there is no desk in the schema {schema}: set CASELOG_SCHEMA to that of one")
    cursor.execute("SELECT build, live FROM projections")
    builds: dict[int, bool] = dict(cursor.fetchall())
    cursor.execute(
        "SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
        " WHERE c.relnamespace = %s::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.relname ORDER BY c.relname",
        (f'"{schema}"',),
    )
    found = []
    for name, columns in cursor.fetchall():
        of_a_build = _OF_A_BUILD.fullmatch(name)
        build = int(of_a_build[1]) if of_a_build and int(of_a_build[1]) in builds else None
        if name not in LEFT_OUT and (build is None or builds[build]):
            found.append(_Table(name, columns, build))
    return found


def _save(cursor: Cursor, archive: ArchiveWriter, table: _Table, told: Callable[[int], None]) -> SavedTable:
    columns = ", ".join(f'"{column}"' for column in table.columns)
    with archive.table(table.name, told) as sink:
        cursor.copy_expert(
            f'COPY (SELECT {columns} FROM "{table.name}" {_LIVE_ONLY.get(table.name, "")}) TO STDOUT', sink
        )
        rows = cursor.rowcount
    return SavedTable(
        name=table.name, columns=table.columns, rows=rows, bytes=sink.bytes, sha256=sink.sha256, build=table.build
    )


def _about_how_many(cursor: Cursor, schema: str, tables: list[_Table]) -> int:
    """Return the rows of all tables, as the server last estimated them; those of the log are counted."""
    cursor.execute(
        "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class"
        " WHERE relnamespace = %s::regnamespace AND relname = ANY (%s) AND relname <> 'events'",
        (f'"{schema}"', [table.name for table in tables]),
    )
    row = cursor.fetchone()
    return (int(row[0]) if row else 0) + head_position(cursor.connection)


def _snapshot_taken_at(cursor: Cursor) -> datetime:
    cursor.execute("SELECT now()")
    row = cursor.fetchone()
    return datetime.min.replace(tzinfo=UTC) if row is None else row[0]


def _migrations(cursor: Cursor) -> list[AppliedMigration]:
    cursor.execute("SELECT number, name, checksum FROM schema_migrations ORDER BY number")
    return [AppliedMigration(*row) for row in cursor.fetchall()]


def _builds(cursor: Cursor) -> list[SavedBuild]:
    cursor.execute("SELECT view, build, version, position FROM projections WHERE live ORDER BY view")
    return [SavedBuild(*row) for row in cursor.fetchall()]


def _sequences(cursor: Cursor, schema: str) -> Iterator[SavedSequence]:
    cursor.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'S' ORDER BY relname",
        (f'"{schema}"',),
    )
    for (name,) in cursor.fetchall():
        cursor.execute(f'SELECT last_value, is_called FROM "{name}"')
        last_value, is_called = cursor.fetchone() or (1, False)
        yield SavedSequence(name, last_value, is_called)
