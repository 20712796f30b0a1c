"""Who appends? The library's own recorder, ours, and pgbench: one event of the same size each time."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Barrier, Thread
from time import perf_counter
from typing import Protocol

import msgspec
import psycopg2
import uuid_utils
from eventsourcing.persistence import StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg2.extensions import parse_dsn

from infra.log.factory import LogFactory
from infra.log.stored import LogEvent

_TOPIC = "StaffReplied.v1"
_DATA = (
    b'{"occurred_at":"2026-11-23T12:00:00Z","author":{"name":"Ada Lovelace","email":"ada@example.com"},"body":"'
    + b"x" * 100
    + b'"}'
)
_METADATA = '{"event_id":"%s","correlation_id":"%s","actor":"agent-7","command_id":"%s"}'


class Turn(msgspec.Struct, frozen=True):
    """What a peer did in one turn. Latencies (milliseconds) are of one append, as its thread saw it."""

    events: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def events_per_second(self) -> float:
        """Its speed."""
        return self.events / self.seconds


class Peer(Protocol):
    """One way to append."""

    name: str

    def turn(self, threads: int, seconds: float) -> Turn:
        """Append for some time, one event at a time in each thread (of each process)."""

    def rows(self) -> int:
        """Return how many events are stored."""

    def close(self) -> None:
        """Let go of the database."""


class LibraryRecorder:
    """The recorder that comes with the eventsourcing library, over psycopg's binary build, in its safe default."""

    name = "library"

    def __init__(self, dsn: str, schema: str, threads: int) -> None:
        given = parse_dsn(dsn)
        os.environ["PGPASSFILE"] = given.get("passfile", os.environ.get("PGPASSFILE", ""))
        self._datastore = PostgresDatastore(
            dbname=given["dbname"],
            host=given["host"],
            port=given.get("port", "5432"),
            user=given["user"],
            password=given.get("password", ""),
            schema=schema,
            originator_id_type="text",
            pool_size=threads,  # more than its default, and faster
        )
        self._recorder = PostgresApplicationRecorder(self._datastore, events_table_name="library_events")
        with advisory_lock(dsn):  # of several processes only one can create it
            self._recorder.create_table()
        self._dsn, self._schema = dsn, schema

    def turn(self, threads: int, seconds: float) -> Turn:
        """Append through `insert_events`."""
        return _in_threads(self._append, threads, seconds)

    def rows(self) -> int:
        """Return how many events are stored."""
        return _count(self._dsn, f'"{self._schema}".library_events')

    def close(self) -> None:
        """Close its pool."""
        self._datastore.close()

    def _append(self) -> None:
        stream_id, metadata = _one_event()
        self._recorder.insert_events([StoredEvent(stream_id, 1, _TOPIC, _DATA + metadata)])


class OurRecorder:
    """The recorder of `infra.log`."""

    name = "caselog"

    def __init__(self, dsn: str, schema: str) -> None:
        self._factory = LogFactory({"CASELOG_DATABASE_URL": dsn, "CASELOG_SCHEMA": schema})
        self._recorder = self._factory.application_recorder()
        self._dsn, self._schema = dsn, schema

    def turn(self, threads: int, seconds: float) -> Turn:
        """Append through `insert_events`."""
        return _in_threads(self._append, threads, seconds)

    def rows(self) -> int:
        """Return how many events are stored, which is the head of the log too."""
        rows, head = _count(self._dsn, f'"{self._schema}".events'), self._recorder.max_notification_id() or 0
        if rows != head:
            raise RuntimeError(f"the log has {rows} events, but its head is {head}")
        return rows

    def close(self) -> None:
        """Close its pool."""
        self._factory.close()

    def _append(self) -> None:
        stream_id, metadata = _one_event()
        self._recorder.insert_events([LogEvent(stream_id, 1, _TOPIC, _DATA, metadata)])


class Pgbench:
    """Single-row inserts, prepared, by a C program, into a table like ours: what the server itself can do."""

    name = "pgbench"

    def __init__(self, dsn: str, schema: str, programs: Path, folder: Path, processes: int = 1) -> None:
        self._dsn, self._table = dsn, f'"{schema}".pgbench_events'
        self._programs = programs
        self._processes = processes
        self._script = folder / "insert.sql"
        metadata = _METADATA % ((str(uuid_utils.uuid4()),) * 3)
        self._script.write_text(
            f"INSERT INTO {self._table} (stream_id, version, type, data, metadata, recorded_at)"
            f" VALUES ('ticket-' || gen_random_uuid(), 1, '{_TOPIC}', '{_DATA.decode()}', '{metadata}', now());\n"
        )
        with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass(%s)", (self._table,))
            if cursor.fetchone() == (None,):
                cursor.execute(f'CREATE TABLE {self._table} (LIKE "{schema}".events INCLUDING ALL)')
                cursor.execute(f"ALTER TABLE {self._table} ALTER position ADD GENERATED ALWAYS AS IDENTITY")

    def turn(self, threads: int, seconds: float) -> Turn:
        """Insert from as many connections as there are threads elsewhere."""
        given = parse_dsn(self._dsn)
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "passfile": "PGPASSFILE"}
        ran = subprocess.run(
            [
                self._programs / "pgbench",
                *("--no-vacuum", "--protocol=prepared", "--jobs=2", f"--client={threads * self._processes}"),
                *(f"--time={max(1, round(seconds))}", f"--file={self._script}"),
            ],
            env=os.environ | {names[key]: value for key, value in given.items() if key in names},
            capture_output=True,
            text=True,
            check=True,
        )
        events = int(_found(r"actually processed: (\d+)", ran.stdout))
        rate = float(_found(r"tps = ([\d.]+)", ran.stdout))
        latency = float(_found(r"latency average = ([\d.]+)", ran.stdout))
        return Turn(events, events / rate, latency, float("nan"))

    def rows(self) -> int:
        """Return how many rows are stored."""
        return _count(self._dsn, self._table)

    def close(self) -> None:
        """Do nothing: it holds no connection."""


def _one_event() -> tuple[str, bytes]:
    identity = str(uuid_utils.uuid4())
    return f"ticket-{identity}", (_METADATA % (identity, identity, identity)).encode()


def _in_threads(append: Callable[[], None], threads: int, seconds: float) -> Turn:
    """Call `append` over and over in each thread until the time is over."""
    start = Barrier(threads + 1)
    latencies: list[list[float]] = [[] for _ in range(threads)]
    failures: list[Exception] = []

    def run(mine: list[float]) -> None:
        try:
            append()  # opens the thread's connection, if it has one
            start.wait()
            before = perf_counter()
            end = before + seconds
            while before < end:
                append()
                after = perf_counter()
                mine.append(after - before)
                before = after
        except Exception as error:  # noqa: BLE001 - raised by the thread that measures
            failures.append(error)
            start.abort()

    workers = [Thread(target=run, args=(mine,)) for mine in latencies]
    for worker in workers:
        worker.start()
    start.wait()
    started = perf_counter()
    for worker in workers:
        worker.join()
    elapsed = perf_counter() - started
    if failures:
        raise failures[0]
    ordered = sorted(latency for mine in latencies for latency in mine)
    return Turn(len(ordered), elapsed, ordered[len(ordered) // 2] * 1000, ordered[int(len(ordered) * 0.99)] * 1000)


@contextmanager
def advisory_lock(dsn: str) -> Iterator[None]:
    """Let one process at a time through."""
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(7)")
        yield


def _count(dsn: str, table: str) -> int:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        [(rows,)] = cursor.fetchall()
        return int(rows)


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"pgbench said something unforeseen:\n{text}")
    return match[1]
