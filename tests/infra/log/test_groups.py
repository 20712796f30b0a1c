"""A group in one statement comes to the same as its jobs one by one."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from secrets import token_hex

import psycopg2
import pytest
from eventsourcing.persistence import StoredEvent, Tracking
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.ports import Claim, Guard, IdempotencyRecord
from infra.log.job import Job
from infra.log.stored import LogEvent
from infra.log.writer import LogWriter
from infra.postgres.migrations import migrate
from infra.postgres.pool import ConnectionPool

_prefixes = count()

Plan = tuple[list[tuple[bool, int]], int, bool, bool, bool]
"""Of one job: (of ours?, first version) of each stream, version of its guard, with claim, answer, tracking?"""

plans = st.lists(
    st.tuples(
        st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=3),
        st.integers(0, 2),
        st.booleans(),
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
)


@pytest.fixture(scope="module")
def pool(postgres_dsn: str) -> Iterator[ConnectionPool]:
    """One schema for all examples; each writes streams and keys of its own."""
    schema = f"test_{token_hex(6)}"
    migrate(postgres_dsn, schema)
    pool = ConnectionPool(postgres_dsn, schema, size=2)
    yield pool
    pool.close()
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{schema}" CASCADE')


def jobs_of(prefix: str, planned: list[Plan]) -> list[Job]:
    return [job_of(f"{prefix}-{number}", f"{prefix}-desk", plan) for number, plan in enumerate(planned)]


def job_of(name: str, desk: str, plan: Plan) -> Job:
    streams, guard, with_claim, with_answer, with_tracking = plan
    events: list[StoredEvent] = []
    for number, (ours, first) in enumerate(streams):
        for version in (first, first + 1):
            stream_id = f"{name}-{number}"
            if ours:
                events.append(LogEvent(stream_id, version, "Tested.v1", b'{"a": "\\u00e9"}', b"{}"))
            else:
                events.append(StoredEvent(stream_id, version, "other:Topic", b"\x00\xff"))
    return Job(
        events,
        guards=[Guard(desk, guard)],
        claims=[Claim("key", name, name)] if with_claim else [],
        idempotency=IdempotencyRecord("scope", name, "print", "{}") if with_answer else None,
        tracking=Tracking(name, 1) if with_tracking else None,
    )


def stored(pool: ConnectionPool, prefix: str) -> list[object]:
    """Return all rows of an example, its prefix taken off, with positions counted from its first."""
    found: list[object] = []
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT min(position) FROM events WHERE stream_id = %s", (f"{prefix}-desk",))
        [(first,)] = cursor.fetchall()
        for columns, table, name in (
            ("position - %s, replace(stream_id, %s, ''), version, type, data::text, raw::text", "events", "stream_id"),
            ("%s, replace(key, %s, ''), kind", "claims", "key"),
            ("first_position - %s, replace(key, %s, '')", "idempotency", "key"),
            ("%s, replace(application_name, %s, '')", "tracking", "application_name"),
        ):
            query = f"SELECT {columns} FROM {table} WHERE starts_with({name}, %s) ORDER BY 1, 2"
            cursor.execute(query, (first if "position" in query else 0, prefix, prefix + "-"))
            found.append(cursor.fetchall())
    return found


@settings(max_examples=60, deadline=None)
@given(planned=plans)
def test_a_group_comes_to_the_same_as_its_jobs_one_by_one(pool: ConnectionPool, planned: list[Plan]) -> None:
    writer = LogWriter(pool)
    results = []
    for together in (True, False):
        prefix = f"example-{next(_prefixes):06d}"
        first = writer.append([LogEvent(f"{prefix}-desk", 1, "Tested.v1", b"{}", b"{}")])
        jobs = jobs_of(prefix, planned)
        outcomes = writer._send(jobs) if together else [outcome for job in jobs for outcome in writer._send([job])]
        told = [outcome - first if isinstance(outcome, int) else type(outcome) for outcome in outcomes]
        results.append((told, stored(pool, prefix)))
    assert results[0] == results[1]
