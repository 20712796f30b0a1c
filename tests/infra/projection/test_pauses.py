"""A view that cannot be written is tried again after pauses that grow, and not again and again on a full disk."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.postgres.pool import connect
from infra.projection.feed import Feed
from infra.projection.group import ProcessingGroup
from infra.projection.positions import Announcer
from infra.projection.projector import Keeper
from infra.projection.rebuild import rebuild
from infra.projection.runner import BuildRunner
from infra.projection.writer import view_connection
from projections import queue
from tests.infra.projection.conftest import Append
from tests.projections.stories import desk_story

GROWING = [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
FULL = """
CREATE TABLE room (until bigint);
INSERT INTO room VALUES (0);
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.position > (SELECT until FROM room) THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER full_disk BEFORE UPDATE OF position ON projections FOR EACH ROW EXECUTE FUNCTION full_disk()
"""


class Pauses(threading.Event):
    """The end of a lead, which comes with as many pauses as are wanted; none of them takes time."""

    def __init__(self, most: int, after: Callable[[int], None] = lambda _count: None) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._most = most
        self._after = after

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        self._after(len(self.seconds))
        if len(self.seconds) == self._most:
            self.set()
        return self.is_set()


@pytest.fixture
def announcer(database: str, schema: str) -> Iterator[Announcer]:
    announcer = Announcer(database, schema)
    announcer.start()
    yield announcer
    announcer.stop()


@contextmanager
def feeding(database: str, schema: str, head: int, *, most_events: int) -> Iterator[Feed]:
    feed = Feed(lambda: connect(database, schema), most_events=most_events)
    feed.advanced(head)
    yield feed
    feed.close()


def make_room(connection: Connection, until: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE room SET until = %s", (until,))


def test_the_pauses_of_a_view_grow_until_a_batch_of_it_is_written(
    database: str, schema: str, append: Append, connection: Connection, announcer: Announcer
) -> None:
    head = append(desk_story(10))
    batch = head // 2
    with connection.cursor() as cursor:
        cursor.execute(FULL)

    def after(count: int) -> None:
        if count == len(GROWING):
            make_room(connection, batch)

    pauses = Pauses(len(GROWING) + 3, after)
    with feeding(database, schema, head, most_events=batch) as feed:
        group = ProcessingGroup(database, schema, feed, announcer, pauses)
        Keeper(database, schema, queue.VIEW, feed, announcer, group, pauses).run()
    assert pauses.seconds == [*GROWING, *GROWING[:3]]


def test_the_pauses_of_views_that_go_on_together_grow_until_a_batch_is_written(
    database: str, schema: str, append: Append, connection: Connection, announcer: Announcer
) -> None:
    story = desk_story(10)
    piece = len(story) // 3
    append(story[:piece])
    build = rebuild(database, schema, queue.VIEW).build
    assert build is not None
    head = append(story[piece:])
    with connection.cursor() as cursor:
        cursor.execute(FULL)

    def after(count: int) -> None:
        if count == len(GROWING):
            make_room(connection, 2 * piece)

    pauses = Pauses(len(GROWING) + 3, after)
    with (
        feeding(database, schema, head, most_events=piece) as feed,
        closing(view_connection(database, schema, queue.VIEW)) as writing,
    ):
        runner = BuildRunner(writing, queue.VIEW, build)
        group = ProcessingGroup(database, schema, feed, announcer, pauses)

        def follow() -> None:
            while not pauses.is_set():
                group.follow(runner)

        follower = threading.Thread(target=follow)
        follower.start()
        group.run()
        follower.join()
    assert pauses.seconds == [*GROWING, *GROWING[:3]]
