"""A Kafka-fed build as workers leave it: each partition at a place of its own."""

from contextlib import closing

import msgspec

from domain.recorded import Metadata, RecordedEvent
from infra.kafka.records import key_of, partition_of
from infra.postgres.pool import connect
from infra.projection import partitions
from infra.projection.builds import Build, begin_build, switch
from infra.projection.feed import MOST_EVENTS, Batch, Undecodable, read_batch
from infra.projection.runner import BuildRunner
from infra.projection.writer import view_connection
from projections.view import View


def feed(dsn: str, log: str, schema: str, view: View, ends: list[int]) -> Build:
    """Make a live build of a view in `dsn` that has taken the log's events up to a position of each partition."""
    with closing(connect(log, schema)) as reader:
        batch = read_batch(reader, 0, MOST_EVENTS)

    def taken(each: RecordedEvent | Undecodable) -> bool:
        key = key_of(msgspec.json.decode(each.metadata_json, type=Metadata), each.originator_id)
        return (each.position or 0) <= ends[partition_of(key, len(ends))]

    records, undecodable = [*filter(taken, batch.records)], [*filter(taken, batch.undecodable)]
    with closing(view_connection(dsn, schema, view)) as connection:
        with connection, connection.cursor() as cursor:
            build = begin_build(cursor, view, "kafka")
            partitions.begin(cursor, view.name, build.build, "a topic", len(ends))
        runner = BuildRunner(connection, view, build)
        runner.apply(Batch(0, min(ends), records, undecodable))
        with connection, connection.cursor() as cursor:
            for partition, position in enumerate(ends):
                cursor.execute(
                    "UPDATE view_partitions SET position = %s WHERE build = %s AND partition = %s",
                    (position, build.build, partition),
                )
            return switch(cursor, view, runner.build_at)
