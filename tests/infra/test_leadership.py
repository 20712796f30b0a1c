"""One of several leads: the one that holds the lock, for as long as its connection lives."""

import threading
from collections.abc import Iterator

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.leadership import Leadership
from infra.postgres.pool import connect


@pytest.fixture
def rivals(database: str, schema: str) -> Iterator[tuple[Leadership, Leadership]]:
    pair = Leadership(database, schema, "timekeeper", retry_seconds=0.02), Leadership(database, schema, "timekeeper")
    yield pair
    for each in pair:
        each.release()


@pytest.fixture
def connection(database: str, schema: str) -> Iterator[Connection]:
    opened = connect(database, schema)
    opened.autocommit = True
    yield opened
    opened.close()


def test_of_two_one_leads_until_it_lets_go(rivals: tuple[Leadership, Leadership]) -> None:
    first, second = rivals
    assert second.try_acquire()
    assert second.held()
    assert not first.try_acquire()
    waiting = threading.Thread(target=first.acquire, args=(threading.Event(),))
    waiting.start()
    second.release()
    waiting.join(10)
    assert first.held()
    assert not second.held()


def test_a_leader_whose_connection_was_cut_learns_of_it_and_another_can_lead(
    rivals: tuple[Leadership, Leadership], connection: Connection, schema: str
) -> None:
    first, second = rivals
    assert first.try_acquire()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name LIKE %s",
            (f"caselog {schema} timekeeper%",),
        )
    assert second.try_acquire()
    assert not first.held()
    assert not first.try_acquire()


def test_roles_and_desks_have_a_lead_each(database: str, schema: str) -> None:
    others = [
        Leadership(database, schema, "projector"),
        Leadership(database, schema, "timekeeper"),
        Leadership(database, f"{schema}_other", "projector"),
    ]
    try:
        assert all(each.try_acquire() for each in others)
    finally:
        for each in others:
            each.release()


def test_one_that_stands_by_can_be_stopped(rivals: tuple[Leadership, Leadership]) -> None:
    first, second = rivals
    assert second.try_acquire()
    stopping = threading.Event()
    stopping.set()
    assert not first.acquire(stopping)
