"""A worker that has lost a partition writes nothing there: the build is not where it left it."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import msgspec
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.recorded import Metadata
from domain.tags import decode
from infra.kafka.consuming.unpacked import UnpackedEvent
from infra.kafka.records import LogRow
from infra.kafka.workers.batches import Part, PartitionBatch
from infra.kafka.workers.runner import PartitionRunner
from infra.projection import partitions
from infra.projection.builds import Build, PositionMoved, begin_build, begin_epoch, switch
from infra.projection.partitions import Place
from infra.projection.writer import view_connection
from projections import ledger
from tests.infra.kafka.workers.conftest import SETTING_UP, FedDesk, LogRows

VIEW = ledger.VIEW


def batch(rows: LogRows, start: Place) -> PartitionBatch:
    """What comes of one partition that has the whole log, an event at each offset."""
    events = []
    for offset, row in enumerate(rows, start.next_offset):
        logged = LogRow(*row)
        came = UnpackedEvent(offset, logged.position, b"", 0)
        came.originator_id, came.originator_version = logged.stream_id, logged.version
        came._metadata = msgspec.json.decode(logged.metadata, type=Metadata)
        came.event = decode(logged.tag, logged.data)
        events.append(came)
    last = events[-1]
    end = msgspec.structs.replace(start, next_offset=last.offset + 1, position=last.position)
    return PartitionBatch([Part(start, end, events)])


@pytest.fixture
def connections(fed: FedDesk) -> Iterator[Sequence[Connection]]:
    """Those of two workers."""
    with (
        closing(view_connection(fed.dsn, fed.schema, VIEW)) as one,
        closing(view_connection(fed.dsn, fed.schema, VIEW)) as other,
    ):
        yield one, other


@pytest.fixture
def build(connections: Sequence[Connection]) -> Build:
    """One of one partition, which readers see."""
    connection, _ = connections
    with connection, connection.cursor() as cursor:
        build = begin_build(cursor, VIEW, "kafka")
        partitions.begin(cursor, VIEW.name, build.build, "a topic", 1)
        return switch(cursor, VIEW, build)


def test_what_another_has_taken_is_not_taken_again(
    fed: FedDesk, connections: Sequence[Connection], build: Build
) -> None:
    rows: list[tuple[Any, ...]] = list(fed.left[: 2 * SETTING_UP])
    fed.append(2 * SETTING_UP)
    late, taker = (PartitionRunner(connection, VIEW, build) for connection in connections)
    for runner in (late, taker):
        runner.stand([0])
    half = batch(rows[:SETTING_UP], late.places[0])
    taker.apply(half)
    with pytest.raises(PositionMoved):
        late.apply(half)
    taker.apply(batch(rows[SETTING_UP:], taker.places[0]))
    with pytest.raises(PositionMoved):
        late.apply(half)
    assert taker.settle() == rows[-1][0]
    fed.check_like_the_logs(VIEW)


def test_a_build_that_was_changed_beside_its_worker_is_looked_up_first(
    fed: FedDesk, connections: Sequence[Connection], build: Build
) -> None:
    rows: list[tuple[Any, ...]] = list(fed.left[:SETTING_UP])
    fed.append(SETTING_UP)
    worker, other = connections
    runner = PartitionRunner(worker, VIEW, build)
    runner.stand([0])
    before = batch(rows, runner.places[0])
    with other, other.cursor() as cursor:
        begin_epoch(cursor, build)
    with pytest.raises(PositionMoved):
        runner.apply(before)
    runner.stand([0])
    runner.apply(batch(rows, runner.places[0]))
    fed.check_like_the_logs(VIEW)
