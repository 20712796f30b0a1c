"""Is the desk's schema the one this code was written for? Numbered SQL files, applied once each, in order.

A file is `NNNN_name.sql` in the folder `migrations` beside this module; a new one has a higher number than all before
it, and none changes once it has been released. It runs in one transaction with the desk's schema as its whole search
path, so it names no schema; what it did is recorded in that schema's table `schema_migrations` in the same transaction.
"""

import hashlib
import re
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from infra.postgres.pool import connect

MIGRATIONS = Path(__file__).with_name("migrations")
_OLDEST_SERVER_VERSION = 150000
_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")


class MigrationError(Exception):
    """The schema cannot be brought to this code's version; nothing was changed beyond the migrations that succeeded."""


class Migration(NamedTuple):
    """One numbered step of the schema's history."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text, hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrate(dsn: str, schema: str, folder: Path = MIGRATIONS) -> list[str]:
    """Bring `schema` (made when missing) to the newest version and return the file names applied now, in order.

    Processes that start together wait for each other. Raises `MigrationError` for a server older than PostgreSQL 15,
    a schema newer than this code, or an applied file that has changed since; `DatabaseUnavailable` without a database.
    """
    migrations = read_migrations(folder)
    with closing(connect(dsn, schema, application_name="caselog migrate")) as connection:
        hold_schema(connection, schema)
        with connection, connection.cursor() as cursor:
            applied = begin_record(cursor, schema)
        pending = pending_migrations(migrations, applied, f"schema {schema}")
        for migration in pending:
            with connection, connection.cursor() as cursor:
                apply_migration(cursor, migration)
    return [migration.name for migration in pending]


def hold_schema(connection: Connection, schema: str) -> None:
    """Let no other process bring the schema up to date until the connection is closed; wait for one that does.

    Raises `MigrationError` for a server older than PostgreSQL 15.
    """
    if connection.server_version < _OLDEST_SERVER_VERSION:
        version = connection.server_version // 10000
        raise MigrationError(f"Caselog needs PostgreSQL 15 or later; this server is version {version}")
    connection.autocommit = True
    with connection.cursor() as cursor:  # held by the session
        cursor.execute("SELECT pg_advisory_lock(hashtextextended('caselog migrations of ' || %s, 0))", (schema,))
    connection.autocommit = False


def apply_migration(cursor: Cursor, migration: Migration) -> None:
    """Carry out a migration and record it, in the caller's transaction."""
    cursor.execute(migration.sql)
    cursor.execute(
        "INSERT INTO schema_migrations (number, name, checksum) VALUES (%s, %s, %s)",
        (migration.number, migration.name, migration.checksum),
    )


def read_migrations(folder: Path = MIGRATIONS) -> list[Migration]:
    """Return the files of a folder, in order."""
    migrations: dict[int, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None or int(match[1]) in migrations:
            raise MigrationError(f"{path} needs a number of its own and a name like 0001_log.sql")
        migrations[int(match[1])] = Migration(int(match[1]), path.name, path.read_text(encoding="utf-8"))
    return list(migrations.values())


def begin_record(cursor: Cursor, schema: str) -> dict[int, tuple[str, str]]:
    """Return number -> (file name, checksum) as recorded; the schema and the record are made when missing."""
    cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,))
    if cursor.fetchone() is None:
        cursor.execute(f'CREATE SCHEMA "{schema}"')
    cursor.execute(
        """
        CREATE TABLE IF NOT EXISTS schema_migrations (
            number integer PRIMARY KEY,
            name text NOT NULL,
            checksum text NOT NULL,
            applied_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    cursor.execute("SELECT number, name, checksum FROM schema_migrations")
    return {number: (name, checksum) for number, name, checksum in cursor}


def pending_migrations(
    migrations: list[Migration], applied: Mapping[int, tuple[str, str]], where: str
) -> list[Migration]:
    """Return what is to be applied where `applied` (number -> file name, checksum) has been, in order.

    Raises `MigrationError` for a schema newer than this code, or an applied file that has changed since.
    """
    known = {migration.number: migration for migration in migrations}
    newest = max(applied, default=0)
    for number, (name, checksum) in applied.items():
        if number not in known:
            raise MigrationError(
                f"{where} has {name}, which this Caselog does not know: run the version that wrote it, or a later one"
            )
        if known[number].checksum != checksum:
            raise MigrationError(
                f"{name} is not what was applied to {where}: a released migration never changes, so restore "
                "the file and write a new one"
            )
    pending = [migration for migration in migrations if migration.number not in applied]
    if pending and pending[0].number < newest:
        raise MigrationError(
            f"{pending[0].name} comes before {applied[newest][0]}, which {where} already has: renumber it"
        )
    return pending
