"""Views that go on together: in one transaction a batch, and each alone where one of them is held up or at fault."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.postgres.pool import connect
from infra.projection.group import MOST_EVENTS
from projections import ledger, queue, sla, ticket
from projections.view import View
from tests.infra.projection.conftest import Append, Wait
from tests.infra.projection.test_parking import Faulty
from tests.infra.projection.test_projector import projecting
from tests.infra.projection.test_runner import folded, rows_of
from tests.projections.stories import desk_story

VIEWS = (queue.VIEW, ticket.VIEW, sla.VIEW, ledger.VIEW)
STORY = desk_story(120)
PIECE = 10


@pytest.fixture
def heads(append: Append) -> Iterator[int]:
    """Lets the log grow by a piece of the story each time it is asked for the next head."""
    return (append(STORY[start : start + PIECE]) for start in range(0, len(STORY), PIECE))


@pytest.fixture
def rival(database: str, schema: str) -> Iterator[Connection]:
    """A connection that keeps its locks."""
    with closing(connect(database, schema)) as opened:
        yield opened


def are_together(connection: Connection) -> bool:
    """Whether one transaction was the last to move all live views."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT xmin::text) FROM projections WHERE live")
        return cursor.fetchall() == [(1,)]


def come_together(connection: Connection, wait: Wait, views: tuple[View, ...], heads: Iterator[int]) -> None:
    for head in heads:
        for view in views:
            wait(view, head)
        if are_together(connection):
            return
    raise AssertionError("no batch moved all views in one transaction")


def finish(wait: Wait, views: tuple[View, ...], head: int, append: Append) -> None:
    """Append what is left of the story at once, and wait for it."""
    head = append(STORY[head:]) if head < len(STORY) else head
    for view in views:
        wait(view, head)


def test_views_that_have_caught_up_are_moved_in_one_transaction(
    database: str, schema: str, append: Append, heads: Iterator[int], wait: Wait, connection: Connection
) -> None:
    with projecting(database, schema, VIEWS):
        come_together(connection, wait, VIEWS, heads)
        for view in VIEWS:
            wait(view, next(heads))
        assert are_together(connection)
        head = next(heads)
        assert len(STORY) - head > MOST_EVENTS
        finish(wait, VIEWS, head, append)  # a large batch: each by itself
        assert not are_together(connection)
    for view in VIEWS:
        assert rows_of(connection, view) == folded(view, STORY)


def test_a_view_that_somebody_holds_is_waited_for_by_nobody_else(
    database: str,
    schema: str,
    append: Append,
    heads: Iterator[int],
    wait: Wait,
    connection: Connection,
    rival: Connection,
) -> None:
    with projecting(database, schema, VIEWS):
        come_together(connection, wait, VIEWS, heads)
        with rival.cursor() as cursor:
            cursor.execute("SELECT FROM projections WHERE view = 'queue' FOR UPDATE")
        for head in (next(heads), next(heads)):
            for view in VIEWS[1:]:
                wait(view, head)
        rival.rollback()
        wait(queue.VIEW, head)
        come_together(connection, wait, VIEWS, heads)
        finish(wait, VIEWS, next(heads), append)
    for view in VIEWS:
        assert rows_of(connection, view) == folded(view, STORY)


def test_a_row_that_the_database_refuses_is_parked_and_the_views_come_together_again(
    database: str, schema: str, append: Append, heads: Iterator[int], wait: Wait, connection: Connection
) -> None:
    refused = next(
        position for position in range(8 * PIECE, len(STORY)) if type(STORY[position - 1][1]).__name__ == "WorkLogged"
    )
    views = (Faulty([refused], with_what="data").view, *VIEWS)
    with projecting(database, schema, views):
        come_together(connection, wait, views, heads)
        for head in heads:
            for view in views:
                wait(view, head)
            if head > refused:
                break
        come_together(connection, wait, views, heads)
        with connection.cursor() as cursor:
            cursor.execute("SELECT view, position FROM parked_events")
            assert ("counts", refused) in cursor.fetchall()
        finish(wait, views, next(heads), append)
    for view in VIEWS:
        assert rows_of(connection, view) == folded(view, STORY)


def test_without_its_connection_views_go_on_and_come_together_again(
    database: str, schema: str, append: Append, heads: Iterator[int], wait: Wait, connection: Connection
) -> None:
    with projecting(database, schema, VIEWS):
        come_together(connection, wait, VIEWS, heads)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s",
                (f"caselog {schema} views",),
            )
            assert cursor.fetchall() == [(True,)]
        come_together(connection, wait, VIEWS, heads)
        finish(wait, VIEWS, next(heads), append)
    for view in VIEWS:
        assert rows_of(connection, view) == folded(view, STORY)
