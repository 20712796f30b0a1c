"""One build of a view, brought forward by batches of any size, through rollbacks and rivals."""

from contextlib import closing
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.projection.builds import PositionMoved, begin_build, live_build
from infra.projection.feed import read_batch
from infra.projection.rebuild import finish
from infra.projection.runner import BuildRunner
from infra.projection.writer import view_connection
from projections import due, pause, queue, sla, ticket
from projections.folding import fold
from projections.reading import select
from projections.view import View
from tests.infra.projection.conftest import Append
from tests.projections.stories import desk_story, recorded

FAIL = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'"

VIEWS = (queue.VIEW, ticket.VIEW, sla.VIEW, due.VIEW, pause.VIEW)


def rows_of(connection: Connection, view: View) -> dict[str, list[Any]]:
    return {
        table.name: sorted(select(connection, table.row, f"FROM {table.name} t"), key=table.key_of_row)
        for table in view.tables
    }


def folded(view: View, story: list[Any]) -> dict[str, list[Any]]:
    memory = fold(view, recorded(story))
    return {table.name: sorted(memory.rows(table), key=table.key_of_row) for table in view.tables}


def begin(connection: Connection, view: View, **options: Any) -> BuildRunner:
    with connection, connection.cursor() as cursor:
        build = begin_build(cursor, view)
    return BuildRunner(connection, view, build, **options)


def run(connection: Connection, runner: BuildRunner, batch_size: int) -> None:
    while (batch := read_batch(connection, runner.position, batch_size)).records:
        runner.apply(batch)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.name)
@pytest.mark.parametrize(("batch_size", "cached_rows"), [(1, 100_000), (7, 0), (7, 3), (100_000, 100_000)])
def test_rows_are_those_of_a_fold_in_memory_whatever_the_batch_and_the_cache(
    database: str, schema: str, append: Append, connection: Connection, view: View, batch_size: int, cached_rows: int
) -> None:
    story = desk_story({1: 10, 7: 40, 100_000: 300}[batch_size])
    append(story)
    with closing(view_connection(database, schema, view)) as writing:
        runner = begin(writing, view, cached_rows=cached_rows)
        run(writing, runner, batch_size)
        finish(writing, runner)
    assert rows_of(connection, view) == folded(view, story)


def test_a_reader_sees_nothing_before_the_first_switch_and_all_of_it_after(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    story = desk_story(20)
    append(story)
    with closing(view_connection(database, schema, queue.VIEW)) as writing:
        runner = begin(writing, queue.VIEW)
        run(writing, runner, 1000)
        assert rows_of(connection, queue.VIEW) == {"queue": []}
        finish(writing, runner)
    assert len(rows_of(connection, queue.VIEW)["queue"]) == 20


def test_a_batch_rolled_back_leaves_no_row_no_position_and_no_stale_cache(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    story = desk_story(100)
    append(story)
    view = queue.VIEW
    with closing(view_connection(database, schema, view)) as writing:
        runner = begin(writing, view)
        finish(writing, runner)
        first = read_batch(writing, 0, 150)
        runner.apply(first)
        before = rows_of(connection, view)
        with connection.cursor() as cursor:  # the next batch fails when it has written its rows
            cursor.execute(
                f"{FAIL}; CREATE TRIGGER fail BEFORE INSERT ON queue_b{runner.build.build} FOR ROW WHEN"
                " (new.status = 'resolved') EXECUTE FUNCTION fail()"
            )
        rest = read_batch(writing, first.position, 1000)
        with pytest.raises(psycopg2.errors.RaiseException):
            runner.apply(rest)
        assert rows_of(connection, view) == before
        assert runner.position == first.position
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION fail CASCADE")
        runner.apply(rest)
    assert rows_of(connection, view) == folded(view, story)


def test_what_a_rolled_back_batch_left_in_memory_is_forgotten(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    story = desk_story(100)
    append(story)
    view = sla.VIEW
    with closing(view_connection(database, schema, view)) as writing:
        runner = begin(writing, view)
        finish(writing, runner)
        batch = read_batch(writing, 0, 1000)
        with connection.cursor() as cursor:  # the first table is written and cached when the second one fails
            table = f"sla_breach_b{runner.build.build}"
            cursor.execute(f"{FAIL}; CREATE TRIGGER fail BEFORE INSERT ON {table} EXECUTE FUNCTION fail()")
            with pytest.raises(psycopg2.errors.RaiseException):
                runner.apply(batch)
            cursor.execute("DROP FUNCTION fail CASCADE")
        run(writing, runner, 7)  # had it remembered the rows, it would count events twice
    assert rows_of(connection, view) == folded(view, story)


def test_a_build_goes_live_only_with_all_that_readers_saw_before(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    story = desk_story(60)
    append(story)
    view = queue.VIEW
    with (
        closing(view_connection(database, schema, view)) as one,
        closing(view_connection(database, schema, view)) as two,
    ):
        old = begin(one, view)
        finish(one, old)
        seen = read_batch(one, 0, 100)
        old.apply(seen)
        new = begin(two, view)
        new.go_live()
        assert new.position == 100
        assert rows_of(connection, view) == folded(view, story[:100])
        later = read_batch(one, 100, 10)
        with pytest.raises(PositionMoved):  # the replaced build's runner learns of it
            old.apply(later)


def test_of_two_runners_of_one_build_the_slower_is_told_and_writes_nothing(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    story = desk_story(100)
    append(story)
    view = ticket.VIEW
    with (
        closing(view_connection(database, schema, view)) as one,
        closing(view_connection(database, schema, view)) as two,
    ):
        first = begin(one, view)
        finish(one, first)
        with two.cursor() as cursor:
            build = live_build(cursor, view)
        assert build is not None
        second = BuildRunner(two, view, build)
        batch = read_batch(connection, 0, 50)
        first.apply(batch)
        with pytest.raises(PositionMoved):
            second.apply(batch)
        run(one, first, 1000)
    assert rows_of(connection, view) == folded(view, story)
