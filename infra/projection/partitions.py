"""How far has a build come that Kafka feeds? A place for each partition, written with the rows of its events.

A worker compares the place before it moves it, as a runner of the log does with the build's position: one whose
partition has been given to another writes nothing. Who changes the build beside the workers raises the epoch of all
places, so that every worker finds that out at its next batch.
"""

from collections.abc import Mapping, Sequence

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from infra.postgres.prepared import execute_prepared

_COLUMNS = "partition, topic_id, next_offset, position, epoch, skipped"


class Place(msgspec.Struct, frozen=True):
    """Where a build stands in a partition.

    `next_offset` is of the first record that it has not taken; up to `position` it has all events of the partition.
    `skipped` counts the records that were none of the desk's.
    """

    partition: int
    topic_id: str
    next_offset: int = 0
    position: int = 0
    epoch: int = 0
    skipped: int = 0


def begin(cursor: Cursor, view: str, build: int, topic_id: str, number: int) -> None:
    """Note a new build at the beginning of so many partitions of a topic."""
    cursor.execute(
        "INSERT INTO view_partitions (view, build, partition, topic_id)"
        " SELECT %s, %s, partition, %s FROM generate_series(0, %s) AS partition",
        (view, build, topic_id, number - 1),
    )


def places(cursor: Cursor, view: str, build: int) -> Sequence[Place]:
    """Return where a build stands in each partition, in order; nothing for one that the log feeds."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM view_partitions WHERE view = %s AND build = %s ORDER BY partition", (view, build)
    )
    return [Place(*row) for row in cursor.fetchall()]


def held(cursor: Cursor, view: str, build: int) -> Sequence[Place]:
    """Return where a build stands, and hold it there until the transaction ends."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM view_partitions WHERE view = %s AND build = %s ORDER BY partition FOR UPDATE",
        (view, build),
    )
    return [Place(*row) for row in cursor.fetchall()]


def begin_epoch(cursor: Cursor, view: str) -> None:
    """Let the workers of all builds of a view find out that something beside them has changed one.

    Those whose batch is under way are waited for, in the order that they take their places in.
    """
    cursor.execute("SELECT FROM view_partitions WHERE view = %s ORDER BY build, partition FOR UPDATE", (view,))
    if cursor.rowcount:
        cursor.execute("UPDATE view_partitions SET epoch = epoch + 1 WHERE view = %s", (view,))


def move(cursor: Cursor, view: str, build: int, moves: Mapping[Place, Place]) -> bool:
    """Move a build from places to places in the caller's transaction; they stay locked until that ends.

    False if it does not stand at one of them in the same epoch: then the caller has to undo the transaction.
    """
    execute_prepared(
        cursor,
        "WITH held AS ("
        "  SELECT p.view, p.build, p.partition FROM view_partitions p"
        "  JOIN json_to_recordset($3::json) AS m (partition integer, next_offset bigint, epoch bigint)"
        "  ON (p.partition, p.next_offset, p.epoch) = (m.partition, m.next_offset, m.epoch)"
        "  WHERE p.view = $1 AND p.build = $2 ORDER BY p.partition FOR UPDATE OF p"
        ") UPDATE view_partitions p"
        " SET next_offset = t.next_offset, position = t.position, skipped = t.skipped, updated_at = clock_timestamp()"
        " FROM held, json_to_recordset($4::json)"
        "  AS t (partition integer, next_offset bigint, position bigint, skipped bigint)"
        " WHERE (p.view, p.build, p.partition) = (held.view, held.build, held.partition)"
        " AND t.partition = p.partition",
        (view, build, msgspec.json.encode(list(moves)).decode(), msgspec.json.encode(list(moves.values())).decode()),
    )
    return cursor.rowcount == len(moves)


def settle(cursor: Cursor, view: str, build: int) -> int:
    """Note how far the build has come on the whole, the lowest of its places, and return that.

    For a transaction of its own: it sees what others have committed, and holds nobody up.
    """
    execute_prepared(
        cursor,
        "UPDATE projections SET position = lowest, updated_at = clock_timestamp()"
        " FROM (SELECT min(position) AS lowest FROM view_partitions WHERE view = $1 AND build = $2) AS p"
        " WHERE view = $1 AND build = $2 AND position < lowest",
        (view, build),
    )
    execute_prepared(cursor, "SELECT position FROM projections WHERE view = $1 AND build = $2", (view, build))
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])
