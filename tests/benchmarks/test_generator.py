"""A generated log is one that the desk itself could have written: its shape, its views, and commands on its cases."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from statistics import mean
from typing import Any

import psycopg2
import pytest

from benchmarks.case_templates import CUSTOMERS
from benchmarks.generator import HEAVY_CUSTOMERS, LONG_CASE, Generated, generate
from benchmarks.running_desk import send
from commands.application import CaselogApplication
from commands.dispatch import Dispatcher
from commands.handlers.catalogue import HANDLERS
from infra.log.factory import environment_of
from infra.postgres.pool import connect
from infra.projection.feed import read_batch
from projections.catalogue import VIEWS
from projections.folding import fold
from tests.desk import StandingClock

AT = datetime(2026, 11, 10, 17, tzinfo=UTC)
EVENTS = 80_000
"""Of two months."""


@pytest.fixture(scope="module")
def made(postgres_dsn: str) -> Iterator[tuple[str, Generated]]:
    schema = f"test_{token_hex(6)}"
    heads: list[int] = []
    yield schema, generate(postgres_dsn, schema, EVENTS, seed=7, at=AT, told=heads.append)
    assert heads == sorted(heads)
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA {schema} CASCADE")


def ask(dsn: str, schema: str, query: str) -> list[tuple[Any, ...]]:
    with closing(connect(dsn, schema)) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


def test_its_cases_are_of_the_shape_that_is_promised(postgres_dsn: str, made: tuple[str, Generated]) -> None:
    schema, generated = made
    [(events, first, last, head)] = ask(
        postgres_dsn,
        schema,
        "SELECT count(*), min(position), max(position), (SELECT position FROM log_head) FROM events",
    )
    assert events == last == head == generated.events
    assert first == 1
    assert EVENTS <= events < EVENTS + LONG_CASE
    rows = ask(
        postgres_dsn,
        schema,
        "SELECT data->>'ticket_id', max(data->>'customer_id'), count(*) FROM events"
        " WHERE data->>'ticket_id' IS NOT NULL GROUP BY 1",
    )
    assert mean(count for _, _, count in rows) == pytest.approx(5, rel=0.05)
    lengths = Counter(count for _, _, count in rows)
    assert lengths[1] / len(rows) == pytest.approx(0.2, rel=0.1)
    assert lengths[2] / lengths[1] == pytest.approx(0.8, rel=0.1)
    customers = Counter(customer for _, customer, _ in rows)
    assert len(customers) == CUSTOMERS
    assert sum(count for _, count in customers.most_common(HEAVY_CUSTOMERS)) / len(rows) == pytest.approx(0.5, rel=0.1)


def test_the_same_seed_makes_the_same_cases(postgres_dsn: str) -> None:
    made = []
    for seed in (1, 1, 2):
        schema = f"test_{token_hex(6)}"
        generate(postgres_dsn, schema, 6_000, seed=seed, at=AT)
        rows = ask(postgres_dsn, schema, "SELECT position, type, data->>'case_number' FROM events ORDER BY position")
        made.append(rows)
        with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f"DROP SCHEMA {schema} CASCADE")
    assert made[0] == made[1]
    assert made[0] != made[2]


def test_every_view_can_be_made_of_it(postgres_dsn: str, made: tuple[str, Generated]) -> None:
    schema, generated = made
    with closing(connect(postgres_dsn, schema)) as connection:
        batch = read_batch(connection, 0, generated.events)
    assert not batch.undecodable
    for view in VIEWS:
        fold(view, batch.records)  # raises where a handler cannot take an event


def test_the_desk_goes_on_with_it(postgres_dsn: str, made: tuple[str, Generated]) -> None:
    schema, generated = made
    environment = environment_of(postgres_dsn, schema)
    clock = StandingClock(AT + timedelta(hours=1))
    staff = {"role": "staff", "name": "Kim", "email": "kim@desk.example"}
    with CaselogApplication(environment) as application:
        dispatcher = Dispatcher(application, clock, HANDLERS)
        for case in generated.open_cases[:20]:
            assert send(dispatcher, "add-reply", {"ticket": case, "author": staff, "body": "Hello"}).status == 200
            work = {"ticket": case, "agent": "kim", "duration_seconds": 900, "activity": "research"}
            answer = send(dispatcher, "log-work", work | {"started_at": (AT + timedelta(minutes=30)).isoformat()})
            assert b'"source":"on_demand"' in answer.body
        assert application.recorder.max_notification_id() == generated.events + 60
