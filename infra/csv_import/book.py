"""How far has an import come? What the database keeps of it, and the lock that lets only one process run it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from commands.answers import render
from infra.csv_import.errors import AlreadyRunning, MappingChanged
from infra.csv_import.mapping import Mapping
from infra.csv_import.reader import Row
from infra.csv_import.row_command import IMPORT_ROW
from infra.postgres.pool import ConnectionPool

_FETCH = 5_000


class Finished(msgspec.Struct):
    """What earlier runs did: rows, the tickets of cases, and the customers and subscriptions they made."""

    rows: set[bytes]
    ticket_ids: dict[str, str]
    customer_ids: list[str]
    subscription_ids: list[str]


class _Refused(msgspec.Struct, frozen=True, gc=False):
    row_digest: str
    reason: str


class ImportBook:
    """The import's rows of `imports` and `import_refusals`, written on the connection that holds its lock."""

    def __init__(self, connection: Connection, mapping: Mapping, file_digest: str) -> None:
        self._connection = connection
        self._mapping = mapping
        self._file_digest = file_digest
        self._refused = {
            line: _Refused(digest, reason)
            for line, digest, reason in self._read(
                "SELECT line, row_digest, reason FROM import_refusals WHERE import_name = %s", (mapping.import_name,)
            )
        }

    def check_mapping(self) -> None:
        """Raise `MappingChanged` if the mapping said something else when it was used before."""
        digests = self._read("SELECT mapping_digest FROM imports WHERE name = %s", (self._mapping.import_name,))
        if digests and digests[0] != (self._mapping.digest,):
            raise MappingChanged(
                f"mapping {self._mapping.name} version {self._mapping.version} was used on this desk before and has"
                " been changed since: restore it to go on, or give it a new version, which imports every row anew"
            )

    def begin(self) -> None:
        """Say that the import is running, before its first event: from here on the timekeeper leaves it alone."""
        self._write(
            "INSERT INTO imports (name, mapping_digest, file_digest, state) VALUES (%s, %s, %s, 'running')"
            " ON CONFLICT (name) DO UPDATE SET file_digest = excluded.file_digest, state = 'running',"
            " rows_done = 0, last_line = NULL, started_at = clock_timestamp(), ended_at = NULL",
            (self._mapping.import_name, self._mapping.digest, self._file_digest),
        )

    def advance(self, rows_done: int, last_line: int) -> None:
        """Say how many rows of the file are done, in time order, and the line of the last of them."""
        self._write(
            "UPDATE imports SET rows_done = %s, last_line = %s WHERE name = %s",
            (rows_done, last_line, self._mapping.import_name),
        )

    @contextmanager
    def interrupted_unless_ended(self) -> Iterator[None]:
        """Say that the import has stopped before its end if the block is left by an exception.

        Where the connection is lost too it stays "running", which the timekeeper takes for the same.
        """
        try:
            yield
        except BaseException:
            with suppress(psycopg2.OperationalError, psycopg2.InterfaceError):
                self._write(
                    "UPDATE imports SET state = 'interrupted' WHERE name = %s AND state = 'running'",
                    (self._mapping.import_name,),
                )
            raise

    def end(self, rows_done: int) -> None:
        """Say that all rows are done: from here on the timekeeper does what falls due."""
        self._write(
            "INSERT INTO imports (name, mapping_digest, file_digest, state, rows_done, ended_at)"
            " VALUES (%s, %s, %s, 'ended', %s, clock_timestamp())"
            " ON CONFLICT (name) DO UPDATE SET state = 'ended', rows_done = excluded.rows_done,"
            " ended_at = excluded.ended_at WHERE imports.state <> 'ended'",
            (self._mapping.import_name, self._mapping.digest, self._file_digest, rows_done),
        )

    def refused_before(self, row: Row) -> str | None:
        """Return why the row was refused in an earlier run, if it was and still says the same."""
        refused = self._refused.get(row.line)
        return refused.reason if refused is not None and refused.row_digest == fingerprint_of(row) else None

    def refuse(self, row: Row, reason: str) -> None:
        """Keep that a rule refused the row."""
        self._write(
            "INSERT INTO import_refusals (import_name, line, row_digest, reason) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (import_name, line) DO UPDATE SET row_digest = excluded.row_digest, reason = excluded.reason",
            (self._mapping.import_name, row.line, fingerprint_of(row), reason),
        )

    def finished(self) -> Finished:
        """Return what earlier runs did, read in one go so that no row has to ask for itself."""
        finished = Finished(set(), {}, [], [])
        with self._connection.cursor(name="finished_rows", withhold=True) as cursor:
            cursor.itersize = _FETCH
            cursor.execute(
                # Only the first rows of cases and customers made anything that the others have to know.
                "SELECT key, fingerprint, CASE WHEN answer ~ %s THEN answer END, first_position"
                " FROM idempotency WHERE scope = %s",
                ('"(customer|subscription|ticket)_id":', f"{self._mapping.caller}:{IMPORT_ROW}"),
            )
            for key, fingerprint, answer, position in cursor:
                finished.rows.add(_mark(key, fingerprint))
                if answer is not None:
                    made = msgspec.json.decode(render(answer, position, replayed=True).body)["result"]
                    if "ticket_id" in made:
                        finished.ticket_ids[case_of(key)] = made["ticket_id"]
                    finished.customer_ids += filter(None, [made.get("customer_id")])
                    finished.subscription_ids += filter(None, [made.get("subscription_id")])
        return finished

    def _read(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def _write(self, statement: str, values: tuple[Any, ...]) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)


@contextmanager
def import_lock(pool: ConnectionPool, mapping: Mapping) -> Iterator[Connection]:
    """Hold the import against other processes, on the connection given, until the block or the process ends.

    Raises `AlreadyRunning`.
    """
    key = f"import {mapping.import_name}"
    with pool.connection() as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(current_schema() || %s, 0))", (f" {key}",))
            if cursor.fetchone() != (True,):
                raise AlreadyRunning(f"{key} is running already, in another process")
        try:
            yield connection
        finally:
            with suppress(psycopg2.OperationalError, psycopg2.InterfaceError), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock_all()")


def key_of(row: Row) -> str:
    """Return the idempotency key of a row, within those of the mapping's version."""
    return f"{row.case}/{row.line}"


def case_of(key: str) -> str:
    """Return the case of a row by its key."""
    return key.rpartition("/")[0]


def fingerprint_of(row: Row) -> str:
    """Return a digest of what a row says, to tell it from another one in the same place."""
    return hashlib.sha256(msgspec.json.encode(row.cells, order="deterministic")).hexdigest()


def is_finished(finished: Finished, row: Row) -> bool:
    """Whether an earlier run carried the row out."""
    return _mark(key_of(row), fingerprint_of(row)) in finished.rows


def _mark(key: str, fingerprint: str) -> bytes:
    """Return what tells a finished row from all others, in 16 bytes: there may be millions."""
    return hashlib.blake2b(f"{key}\0{fingerprint}".encode(), digest_size=16).digest()
