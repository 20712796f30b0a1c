"""The projector with its views: live, interrupted, twice at once, rebuilt under way."""

import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.log.tail import channel_of
from infra.postgres.pool import connect
from infra.projection.feed import Feed
from infra.projection.group import ProcessingGroup
from infra.projection.positions import Announcer, ViewPositions, views_channel
from infra.projection.projector import Keeper, Projector
from projections import queue, ticket
from projections.view import View
from tests.infra.projection.conftest import WAIT_SECONDS, Append, Wait
from tests.infra.projection.test_runner import folded, rows_of
from tests.projections.stories import Placed, desk_story

ROOT = Path(__file__).parents[3]
LATE: Placed = ("note-1", desk_story(1)[0][1])
"""An event more."""


@contextmanager
def projecting(database: str, schema: str, views: Sequence[View], **options: int) -> Iterator[Projector]:
    projector = Projector(database, schema, views, poll_seconds=0.1, **options)
    projector.start()
    try:
        yield projector
    finally:
        projector.stop()


def terminate_sessions(connection: Connection, schema: str) -> None:
    """What a restart of the database does to a projector and those who wait for it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE %s AND pid <> pg_backend_pid()",
            (f"caselog {schema} %",),
        )


def statements_of(connection: Connection, schema: str) -> list[tuple[object, ...]]:
    """When those who know the views' positions asked last, and what."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid, query_start, query FROM pg_stat_activity WHERE application_name = %s",
            (f"caselog {schema} view positions",),
        )
        return cursor.fetchall()


def append_in_chunks(append: Append, story: list[Placed], size: int) -> int:
    return [append(chunk) for chunk in chunks(story, size)][-1]


def chunks(story: list[Placed], size: int) -> Iterator[list[Placed]]:
    for start in range(0, len(story), size):
        yield story[start : start + size]


def test_views_follow_the_log_as_it_grows(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(80)
    with projecting(database, schema, [queue.VIEW, ticket.VIEW]):
        head = append_in_chunks(append, story, 37)
        wait(queue.VIEW, head)
        wait(ticket.VIEW, head)
    assert rows_of(connection, queue.VIEW) == folded(queue.VIEW, story)
    assert rows_of(connection, ticket.VIEW) == folded(ticket.VIEW, story)


def test_a_reader_never_sees_a_part_of_a_view_that_is_being_built(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    head = append(desk_story(100))
    with connection.cursor() as cursor:
        cursor.execute("CREATE VIEW queue AS SELECT 1 WHERE false")  # asked before the projector has begun
        with projecting(database, schema, [queue.VIEW], most_events=20):
            counts: set[int] = set()
            while 100 not in counts:
                cursor.execute("SELECT count(*) FROM queue")
                counts.add((cursor.fetchone() or (0,))[0])
            wait(queue.VIEW, head)
    assert counts == {0, 100}


def test_a_build_is_shown_only_when_the_log_itself_says_that_it_has_caught_up(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(20)
    head = append(story)
    feed = Feed(lambda: connect(database, schema), most_events=20)  # nobody tells it how long the log is
    announcer = Announcer(database, schema)
    over = threading.Event()
    group = ProcessingGroup(database, schema, feed, announcer, over)
    keeping = threading.Thread(target=Keeper(database, schema, queue.VIEW, feed, announcer, group, over).run)
    announcer.start()
    keeping.start()
    try:
        wait(queue.VIEW, head)
    finally:
        over.set()
        feed.close()
        keeping.join()
        announcer.stop()
    assert rows_of(connection, queue.VIEW) == folded(queue.VIEW, story)


def test_views_go_on_after_their_connections_were_cut(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(120)
    with projecting(database, schema, [queue.VIEW, ticket.VIEW]):
        for chunk in chunks(story, 50):
            append(chunk)
            terminate_sessions(connection, schema)
        wait(queue.VIEW, len(story))
        wait(ticket.VIEW, len(story))
    assert rows_of(connection, queue.VIEW) == folded(queue.VIEW, story)
    assert rows_of(connection, ticket.VIEW) == folded(ticket.VIEW, story)


def test_who_waits_is_woken_and_asks_nothing_meanwhile(
    database: str, schema: str, append: Append, connection: Connection
) -> None:
    positions = ViewPositions(database, schema, poll_seconds=3600)
    positions.start()
    try:
        with ThreadPoolExecutor(8) as pool, projecting(database, schema, [queue.VIEW]):
            assert positions.wait_for([queue.VIEW.name], append(desk_story(5)), WAIT_SECONDS)
            head = positions.position(queue.VIEW.name) + 1
            waiting = [pool.submit(positions.wait_for, [queue.VIEW.name], head, WAIT_SECONDS) for _ in range(8)]
            asked = statements_of(connection, schema)
            append([LATE])
            assert all(each.result(timeout=WAIT_SECONDS / 2) for each in waiting), "who is woken need not wait it out"
            assert statements_of(connection, schema) == asked
    finally:
        positions.stop()


def test_a_lost_notification_delays_a_view_and_no_more(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(10)
    with projecting(database, schema, [queue.VIEW]):
        wait(queue.VIEW, append(story[:5]))
        wait(queue.VIEW, append(story[5:], tell=False))
    assert rows_of(connection, queue.VIEW) == folded(queue.VIEW, story)


def test_a_notification_that_nobody_understands_stops_no_view(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(10)
    with projecting(database, schema, [queue.VIEW]):
        wait(queue.VIEW, append(story[:5]))
        with connection.cursor() as cursor:
            for channel in (channel_of(schema), views_channel(schema)):
                cursor.execute(f"NOTIFY \"{channel}\", 'rubbish'")
        connection.commit()
        wait(queue.VIEW, append(story[5:]))
    assert rows_of(connection, queue.VIEW) == folded(queue.VIEW, story)


def test_of_two_projectors_one_stands_by_and_takes_over(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(60)
    half = len(story) // 2
    with projecting(database, schema, [ticket.VIEW]) as first, projecting(database, schema, [ticket.VIEW]):
        wait(ticket.VIEW, append(story[:half]))
        first.stop()
        wait(ticket.VIEW, append(story[half:]))
    assert rows_of(connection, ticket.VIEW) == folded(ticket.VIEW, story)


RUN_FOR_EVER = """
import sys
from infra.projection.projector import Keeper, Projector
from projections import queue, ticket
Projector(sys.argv[1], sys.argv[2], [queue.VIEW, ticket.VIEW], most_events=7).run()
"""


def test_views_are_whole_after_projectors_were_killed_in_mid_batch(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(150)
    for chunk in chunks(story, len(story) // 3 + 1):
        with subprocess.Popen([sys.executable, "-c", RUN_FOR_EVER, database, schema], cwd=ROOT) as process:
            append(chunk[:-1])
            wait(queue.VIEW, append(chunk[-1:]) - len(chunk) // 2)
            process.kill()
    with projecting(database, schema, [queue.VIEW, ticket.VIEW]):
        wait(queue.VIEW, len(story))
        wait(ticket.VIEW, len(story))
    assert rows_of(connection, queue.VIEW) == folded(queue.VIEW, story)
    assert rows_of(connection, ticket.VIEW) == folded(ticket.VIEW, story)


def test_waiting_ends_when_the_time_is_over(database: str, schema: str) -> None:
    positions = ViewPositions(database, schema)
    positions.start()
    try:
        assert positions.wait_for(["queue"], 0, 0.0)
        assert not positions.wait_for(["queue"], 1, 0.05)
    finally:
        positions.stop()


def test_a_position_that_a_crash_of_the_server_took_back_is_not_taken_for_reached(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    head = append(desk_story(5))
    with projecting(database, schema, [queue.VIEW]):
        wait(queue.VIEW, head)
    positions = ViewPositions(database, schema, poll_seconds=0.01)
    positions.start()
    try:
        assert positions.wait_for([queue.VIEW.name], head, WAIT_SECONDS)
        with connection.cursor() as cursor:
            cursor.execute("UPDATE projections SET position = position - 1")
        deadline = monotonic() + WAIT_SECONDS
        while positions.position(queue.VIEW.name) == head:
            assert monotonic() < deadline
        assert not positions.wait_for([queue.VIEW.name], head, 0)
    finally:
        positions.stop()
