"""The places of a build that Kafka feeds, and who leaves such a build alone."""

from collections.abc import Sequence
from threading import Event

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.projection import partitions
from infra.projection.builds import Build, begin_build, begin_epoch, live_build, lock_live, switch
from infra.projection.partitions import Place
from infra.projection.rebuild import FedByKafka, NothingKept, rebuild, switch_back
from projections import queue
from tests.infra.projection.conftest import Append, Wait
from tests.infra.projection.test_projector import projecting
from tests.projections.stories import desk_story

TOPIC = "a-topic"


@pytest.fixture
def build(connection: Connection) -> Build:
    """A build of the queue that Kafka feeds, at the beginning of three partitions."""
    with connection.cursor() as cursor:
        begun = begin_build(cursor, queue.VIEW, "kafka")
        partitions.begin(cursor, "queue", begun.build, TOPIC, 3)
    return begun


def places_of(connection: Connection, build: Build) -> Sequence[Place]:
    with connection.cursor() as cursor:
        return partitions.places(cursor, build.view, build.build)


def test_places_move_together_from_where_they_stand(connection: Connection, build: Build) -> None:
    first, second, third = places_of(connection, build)
    there = {first: Place(0, TOPIC, 7, 12), third: Place(2, TOPIC, 3, 11)}
    with connection.cursor() as cursor:
        assert partitions.move(cursor, "queue", build.build, there)
    assert places_of(connection, build) == [there[first], second, there[third]]


@pytest.mark.parametrize("stale", [Place(0, TOPIC, next_offset=6), Place(0, TOPIC, next_offset=7, epoch=1)])
def test_one_who_stands_elsewhere_or_in_another_epoch_moves_nothing(
    connection: Connection, build: Build, stale: Place
) -> None:
    with connection.cursor() as cursor:
        partitions.move(cursor, "queue", build.build, {Place(0, TOPIC): Place(0, TOPIC, 7, 12)})
        assert not partitions.move(cursor, "queue", build.build, {stale: Place(0, TOPIC, 9, 20)})
    assert places_of(connection, build)[0] == Place(0, TOPIC, 7, 12)


def test_a_position_is_the_lowest_of_the_places_and_never_goes_back(connection: Connection, build: Build) -> None:
    with connection.cursor() as cursor:
        partitions.move(cursor, "queue", build.build, {Place(n, TOPIC): Place(n, TOPIC, 1, 10 + n) for n in range(3)})
        assert partitions.settle(cursor, "queue", build.build) == 10
        cursor.execute("UPDATE view_partitions SET position = 4")
        assert partitions.settle(cursor, "queue", build.build) == 10


def test_whoever_changes_the_build_beside_its_workers_begins_an_epoch(connection: Connection, build: Build) -> None:
    with connection.cursor() as cursor:
        begin_epoch(cursor, build)
        assert [place.epoch for place in places_of(connection, build)] == [1, 1, 1]
        switch(cursor, queue.VIEW, build)
        assert [place.epoch for place in places_of(connection, build)] == [2, 2, 2]


def test_the_live_build_is_held_at_the_furthest_that_readers_have_seen(connection: Connection, build: Build) -> None:
    with connection.cursor() as cursor:
        partitions.move(cursor, "queue", build.build, {Place(1, TOPIC): Place(1, TOPIC, 5, 42)})
        switch(cursor, queue.VIEW, build)
        assert lock_live(cursor, queue.VIEW) == 42


def test_the_projector_leaves_a_view_to_kafka_and_goes_on_with_others(
    database: str, schema: str, append: Append, wait: Wait, connection: Connection
) -> None:
    story = desk_story(20)
    with projecting(database, schema, [queue.VIEW]):
        wait(queue.VIEW, append(story[:40]))
        with connection.cursor() as cursor:
            before = live_build(cursor, queue.VIEW)
            cursor.execute("BEGIN")
            begun = begin_build(cursor, queue.VIEW, "kafka")
            partitions.begin(cursor, "queue", begun.build, TOPIC, 1)
            switch(cursor, queue.VIEW, begun)
            cursor.execute("COMMIT")
        append(story[40:])
        rebuilt = rebuild(database, schema, queue.VIEW, from_kafka=True)  # the log is followed again from here on
        wait(queue.VIEW, append(desk_story(1)[:1]))
    assert before is not None
    assert rebuilt.replaced is not None
    assert (rebuilt.replaced.build, rebuilt.replaced.position) == (begun.build, 0), "the projector moved it"
    assert rebuilt.comparison is None


def test_a_build_from_the_log_takes_the_view_from_kafka_only_where_that_is_asked_for(
    database: str, schema: str, append: Append, connection: Connection, build: Build
) -> None:
    append(desk_story(5))
    with connection.cursor() as cursor:
        switch(cursor, queue.VIEW, build)
    with pytest.raises(FedByKafka, match="caselog rebuild queue"):
        rebuild(database, schema, queue.VIEW)
    assert rebuild(database, schema, queue.VIEW, from_kafka=True).build is not None
    with pytest.raises(NothingKept, match="caselog kafka-project --again queue"):
        switch_back(database, schema, queue.VIEW, progress=lambda *_: None, stopping=Event())
