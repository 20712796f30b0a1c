"""The log read from outside: pages that end where the log did when they were begun, and only our events."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import msgspec
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.customer import CustomerRegistered
from domain.personal import Personal
from domain.recorded import Metadata
from infra.feed import claims_of, head_position, holder_of, read_page, read_streams
from infra.postgres.pool import connect

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
METADATA = msgspec.json.encode(Metadata(event_id="e", correlation_id="c", actor="a", command_id="x")).decode()


@pytest.fixture
def connection(database: str, schema: str) -> Iterator[Connection]:
    with closing(connect(database, schema)) as opened:
        yield opened


def record(connection: Connection, position: int, stream_id: str, version: int, *, head: int | None = None) -> None:
    """Put an event of ours into the log by hand; the head moves with it unless told otherwise."""
    event = CustomerRegistered(occurred_at=NOON, customer_id=stream_id, name=Personal("Alpine"))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events (position, stream_id, version, type, data, metadata, recorded_at)"
            " VALUES (%s, %s, %s, 'CustomerRegistered.v1', %s, %s, %s)",
            (position, stream_id, version, msgspec.json.encode(event).decode(), METADATA, NOON),
        )
        cursor.execute("UPDATE log_head SET position = %s", (position if head is None else head,))


def test_an_empty_log_has_a_page_without_events(connection: Connection) -> None:
    page = read_page(connection, 0, 10)
    assert (page.events, page.more, page.head) == ([], False, 0)
    assert head_position(connection) == 0


def test_a_page_says_whether_others_follow_it(connection: Connection) -> None:
    for position in (1, 2, 3):
        record(connection, position, "customer-a", position)
    assert [each.position for each in read_page(connection, 0, 2).events] == [1, 2]
    assert read_page(connection, 0, 2).more
    assert not read_page(connection, 1, 2).more
    assert [each.position for each in read_page(connection, 1, 2).events] == [2, 3]


def test_an_event_that_came_while_the_page_was_read_is_left_to_the_next(connection: Connection) -> None:
    """A reader that goes on after `head` must not meet it again, nor miss one before it."""
    record(connection, 1, "customer-a", 1)
    record(connection, 2, "customer-a", 2, head=1)
    page = read_page(connection, 0, 10)
    assert [each.position for each in page.events] == [1]
    assert page.head == 1


def test_events_of_another_mapper_are_left_out(connection: Connection) -> None:
    record(connection, 1, "customer-a", 1)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events (position, stream_id, version, type, raw, recorded_at)"
            " VALUES (2, 'customer-a', 2, 'another.library:Event', 'bytes', %s)",
            (NOON,),
        )
        cursor.execute("UPDATE log_head SET position = 2")
    assert [each.position for each in read_page(connection, 0, 10).events] == [1]
    assert [each.position for each in read_streams(connection, ["customer-a"])] == [1]


def test_streams_are_read_together_in_the_order_of_the_log(connection: Connection) -> None:
    record(connection, 1, "customer-b", 1)
    record(connection, 2, "customer-a", 1)
    record(connection, 3, "customer-b", 2)
    record(connection, 4, "customer-c", 1)
    found = read_streams(connection, ["customer-a", "customer-b"])
    assert [(each.originator_id, each.originator_version, each.position) for each in found] == [
        ("customer-b", 1, 1),
        ("customer-a", 1, 2),
        ("customer-b", 2, 3),
    ]
    assert found[0].metadata.correlation_id == "c"
    assert read_streams(connection, []) == []


def test_the_holder_of_a_claim_is_found(connection: Connection) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO claims VALUES ('case_number', 'C-000001', 'ticket-t')")
    assert holder_of(connection, "case_number", "C-000001") == "ticket-t"
    assert holder_of(connection, "case_number", "C-000002") is None
    assert holder_of(connection, "entry", "C-000001") is None
    assert claims_of(connection, "case_number") == {"C-000001": "ticket-t"}
    assert claims_of(connection, "entry") == {}
