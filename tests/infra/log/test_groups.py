"""A group in one statement comes to the same as its jobs one by one."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import count
from secrets import token_hex

import psycopg2
import pytest
from eventsourcing.persistence import StoredEvent, Tracking
from hypothesis import given, settings
from hypothesis import strategies as st

from commands.ports import Claim, Guard, IdempotencyRecord, TookTooLong
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


def stored(pool: ConnectionPool, prefix: str) -> dict[str, list[tuple[int, str]]]:
    """Return what an example left: (position counted from its first event or 0, name without the prefix), a table."""
    found: dict[str, list[tuple[int, str]]] = {}
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT position FROM events WHERE stream_id = %s", (f"{prefix}-desk",))
        [(first,)] = cursor.fetchall()
        for table, position, name in (
            ("events", "position", "stream_id"),
            ("claims", None, "key"),
            ("idempotency", "first_position", "key"),
            ("tracking", None, "application_name"),
        ):
            placed = f"{position} - {first}" if position else "0"
            cursor.execute(
                f"SELECT {placed}, replace({name}, %s, '') FROM {table} WHERE starts_with({name}, %s) ORDER BY 1, 2",
                (f"{prefix}-", f"{prefix}-"),
            )
            found[table] = cursor.fetchall()
    return found


def expected(planned: list[Plan], told: list[int | type]) -> dict[str, list[tuple[int, str]]]:
    """Return what the jobs that were not refused leave, by what they were told of their positions."""
    left: dict[str, list[tuple[int, str]]] = {"events": [(0, "desk")], "claims": [], "idempotency": [], "tracking": []}
    for number, ((streams, _, with_claim, with_answer, with_tracking), position) in enumerate(
        zip(planned, told, strict=True)
    ):
        if not isinstance(position, int):
            continue
        names = [f"{number}-{stream}" for stream in range(len(streams)) for _ in range(2)]
        left["events"] += list(enumerate(names, position))
        left["claims"] += [(0, str(number))] * with_claim
        left["idempotency"] += [(position, str(number))] * with_answer
        left["tracking"] += [(0, str(number))] * with_tracking
    return {table: sorted(rows) for table, rows in left.items()}


@settings(max_examples=60)
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
        rows = stored(pool, prefix)
        assert rows == expected(planned, told)
        results.append(told)
    assert results[0] == results[1]


class CountingWriter(LogWriter):
    """Notes how many jobs each statement carries."""

    def __init__(self, pool: ConnectionPool) -> None:
        super().__init__(pool)
        self.statements: list[int] = []

    def _append(self, jobs: Sequence[Job]) -> Sequence[int | Exception]:
        self.statements.append(len(jobs))
        return super()._append(jobs)


def test_a_group_that_took_too_long_is_given_up_as_a_whole(postgres_dsn: str, schema: str) -> None:
    """One by one each of its jobs would take as long again, and those behind them would wait for all."""
    migrate(postgres_dsn, schema)
    jobs = [Job([LogEvent(f"waits-{number}", 1, "Tested.v1", b"{}", b"{}")]) for number in range(5)]
    with (
        closing(ConnectionPool(postgres_dsn, schema, size=2, statement_seconds=0.1)) as pool,
        closing(psycopg2.connect(postgres_dsn)) as other,
        other.cursor() as cursor,
    ):
        writer = CountingWriter(pool)
        cursor.execute(f'SELECT * FROM "{schema}".log_head FOR UPDATE')
        outcomes = writer._send(jobs)
        other.rollback()
        assert [type(each) for each in outcomes] == [TookTooLong] * 5
        assert writer.statements == [5]
        assert writer._send(jobs) == [1, 2, 3, 4, 5]
