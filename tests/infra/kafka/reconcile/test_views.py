"""A Kafka-fed view is held against the log as of where each of its partitions stands."""

import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from domain.subscription.events import AllowanceExhausted
from infra.kafka.reconcile.errors import CannotReconcile
from infra.kafka.reconcile.views import reconcile_view
from infra.kafka.records import key_of, partition_of
from infra.postgres.migrations import migrate
from infra.postgres.pool import connect
from infra.projection.comparing import Difference
from projections import ledger, queue, ticket
from projections.catalogue import VIEWS
from tests.desk import Desk, append
from tests.infra.kafka.reconcile.feeding import feed
from tests.projections.busy_desk import live, log_of
from tests.waiting import eventually


@pytest.fixture
def head(database: str, schema: str) -> Iterator[int]:
    """The end of a log in which everything happens."""
    desk = Desk(database, schema)
    live(desk)
    yield len(log_of(database, schema))
    desk.application.close()


def sql(dsn: str, schema: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(connect(dsn, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def scratch_tables(dsn: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname ~ '_b0$'")
        return cursor.fetchall()


def partition_with_notices(dsn: str, schema: str, partitions: int) -> int:
    """Return a partition with rows of every view: ids, and so partitions, are other ones each time."""
    event = next(each for each in log_of(dsn, schema) if isinstance(each.event, AllowanceExhausted))
    return partition_of(key_of(event.metadata, event.originator_id), partitions)


@pytest.mark.parametrize("most_events", [20_000, 7])
def test_every_view_is_what_the_log_makes_of_what_each_partition_has_brought(
    database: str, schema: str, head: int, other_database: str, most_events: int
) -> None:
    migrate(other_database, schema)
    ends = [head // 2, head - 10, head // 3]
    ends.insert(partition_with_notices(database, schema, len(ends) + 1), head)
    for view in VIEWS:
        feed(other_database, database, schema, view, ends)
        told: list[Difference] = []
        found = reconcile_view(other_database, database, schema, view, differs=told.append, most_events=most_events)
        assert found is not None
        assert told == []
        assert found.differences == 0
        assert found.left_out == []
        assert found.position == head // 3
        assert sum(found.rows.values()) > 0, view
    eventually(lambda: not scratch_tables(other_database))  # they go with the end of the server's process


def test_each_row_that_differs_is_told_by_its_key_and_columns(database: str, schema: str, head: int) -> None:
    build = feed(database, database, schema, ticket.VIEW, [head, head - 5, head])
    table = f"ticket_b{build.build}"
    changed, gone = [key for (key,) in sql(database, schema, f"SELECT ticket_id FROM {table} ORDER BY 1 LIMIT 2")]
    sql(database, schema, f"UPDATE {table} SET subject = 'Altered' WHERE ticket_id = '{changed}'")
    sql(
        database,
        schema,
        f'INSERT INTO {table} SELECT (jsonb_populate_record(t, \'{{"ticket_id": "more"}}\')).*'
        f" FROM {table} t WHERE ticket_id = '{gone}'",
    )
    sql(database, schema, f"DELETE FROM {table} WHERE ticket_id = '{gone}'")
    told: list[Difference] = []
    found = reconcile_view(database, database, schema, ticket.VIEW, differs=told.append)
    assert found is not None
    assert {(each.key[0], each.kind, ",".join(each.columns)) for each in told} == {
        (changed, "changed", "subject"),
        (gone, "only in the new", ""),
        ("more", "only in the old", ""),
    }
    assert found.differences == 3


def test_a_total_that_counted_something_twice_is_told(database: str, schema: str, head: int) -> None:
    build = feed(database, database, schema, ledger.VIEW, [head])
    sql(database, schema, f"UPDATE ledger_balance_b{build.build} SET amount = amount * 2 WHERE account = 'receivable'")
    told: list[Difference] = []
    reconcile_view(database, database, schema, ledger.VIEW, differs=told.append)
    assert {(each.table, *each.columns) for each in told} == {("ledger_balance", "amount")}


def test_keys_that_are_set_aside_are_told_apart(database: str, schema: str, head: int) -> None:
    build = feed(database, database, schema, ticket.VIEW, [head, head])
    table = f"ticket_b{build.build}"
    [(key,)] = sql(database, schema, f"DELETE FROM {table} WHERE case_number = 'C-000001' RETURNING ticket_id")
    sql(
        database,
        schema,
        "INSERT INTO parked_events (view, build, part, key, position, error)"
        f" VALUES ('ticket', {build.build}, 'ticket', '[\"{key}\"]', 7, 'it failed')",
    )
    told: list[Difference] = []
    found = reconcile_view(database, database, schema, ticket.VIEW, differs=told.append)
    assert found is not None
    assert [(each.key, each.parked) for each in told] == [([key], True)]
    assert (found.differences, found.parked) == (1, 1)


def test_a_stream_with_an_event_of_a_newer_release_is_set_aside_on_both_sides(
    database: str, schema: str, head: int
) -> None:
    [(stream, version)] = sql(
        database, schema, "SELECT stream_id, max(version) FROM events WHERE stream_id ~ '^ticket-' GROUP BY 1 LIMIT 1"
    )
    append(database, schema, stream, version + 1, "TicketPainted.v9")
    feed(database, database, schema, queue.VIEW, [head + 1, head + 1])
    assert sql(database, schema, "SELECT key FROM parked_events WHERE view = 'queue'") == [(f'"{stream}"',)]
    found = reconcile_view(database, database, schema, queue.VIEW)
    assert found is not None
    assert (found.position, found.differences) == (head + 1, 0)


def test_a_view_that_goes_on_meanwhile_is_compared_as_it_stands_then(database: str, schema: str, head: int) -> None:
    feed(database, database, schema, queue.VIEW, [40, 50])
    moved = threading.Event()

    def go_on(*_: object) -> None:
        if not moved.is_set():
            moved.set()
            [(old,)] = sql(database, schema, "SELECT build FROM projections WHERE view = 'queue' AND live")
            build = feed(database, database, schema, queue.VIEW, [head - 20, head]).build
            # the same build, at other places
            sql(database, schema, f"UPDATE projections SET live = false, state = 'ready' WHERE build = {build}")
            sql(database, schema, f"DELETE FROM queue_b{old}; INSERT INTO queue_b{old} SELECT * FROM queue_b{build}")
            sql(
                database,
                schema,
                f"UPDATE view_partitions v SET position = n.position FROM view_partitions n WHERE v.build = {old}"
                f" AND n.build = {build} AND v.partition = n.partition;"
                f" UPDATE projections SET live = true, state = 'live', position = {head - 20} WHERE build = {old}",
            )

    found = reconcile_view(database, database, schema, queue.VIEW, progress=go_on)
    assert found is not None
    assert moved.is_set()
    assert (found.position, found.differences) == (head - 20, 0)


def test_nothing_is_left_of_a_comparison_that_was_killed(database: str, schema: str, head: int) -> None:
    feed(database, database, schema, queue.VIEW, [head])

    def kill(*_: object) -> None:
        sql(
            database,
            schema,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE application_name = 'caselog {schema} view queue'",
        )

    with pytest.raises(psycopg2.OperationalError):
        reconcile_view(database, database, schema, queue.VIEW, progress=kill)
    eventually(lambda: not scratch_tables(database))
    found = reconcile_view(database, database, schema, queue.VIEW)
    assert found is not None
    assert found.differences == 0


def test_it_ends_soon_when_it_is_interrupted(database: str, schema: str, head: int) -> None:
    feed(database, database, schema, queue.VIEW, [head])
    stopping = threading.Event()
    stopping.set()
    assert reconcile_view(database, database, schema, queue.VIEW, stopping=stopping) is None


def test_what_cannot_be_compared_is_named(database: str, schema: str, head: int) -> None:
    with pytest.raises(CannotReconcile, match="view queue is not fed by Kafka"):
        reconcile_view(database, database, schema, queue.VIEW)
    feed(database, database, schema, queue.VIEW, [head + 1, head + 3])
    with pytest.raises(CannotReconcile, match=f"up to position {head + 1}, and the log ends at {head}"):
        reconcile_view(database, database, schema, queue.VIEW)
    sql(database, schema, "UPDATE projections SET version = 99 WHERE live")
    with pytest.raises(CannotReconcile, match=f"live in version 99, and this code has version {queue.VIEW.version}"):
        reconcile_view(database, database, schema, queue.VIEW)
