"""A log to project: events appended to the real table, with notification, by a connection of the test's own."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Protocol

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extras import execute_values

from domain.tags import encode, tag_of
from infra.log.tail import channel_of
from infra.postgres.pool import connect
from infra.projection.positions import ViewPositions
from projections.view import View
from tests.projections.stories import METADATA, Placed

WAIT_SECONDS = 20.0
Wait = Callable[[View, int], None]


class Append(Protocol):
    """Appends events and returns the log's new head; `tell=False` loses the notification."""

    def __call__(self, events: Sequence[Placed], *, tell: bool = True) -> int: ...


@pytest.fixture
def connection(database: str, schema: str) -> Iterator[Connection]:
    """A connection to the desk's schema, in autocommit."""
    with closing(connect(database, schema)) as opened:
        opened.autocommit = True
        yield opened


@pytest.fixture
def append(database: str, schema: str) -> Iterator[Append]:
    """A function that appends events and returns the log's new head."""
    with closing(connect(database, schema)) as opened:

        def add(events: Sequence[Placed], *, tell: bool = True) -> int:
            with opened, opened.cursor() as cursor:
                cursor.execute("SELECT position FROM log_head FOR UPDATE")
                head = int((cursor.fetchone() or (0,))[0])
                cursor.execute("SELECT stream_id, max(version) FROM events GROUP BY stream_id")
                versions: dict[str, int] = dict(cursor.fetchall())
                rows = []
                for stream_id, event in events:
                    head += 1
                    versions[stream_id] = versions.get(stream_id, 0) + 1
                    data = encode(event).decode()
                    tag = tag_of(type(event))
                    rows.append((head, stream_id, versions[stream_id], tag, data, METADATA.decode()))
                execute_values(
                    cursor,
                    "INSERT INTO events (position, stream_id, version, type, data, metadata, recorded_at) VALUES %s",
                    rows,
                    template="(%s, %s, %s, %s, %s, %s, clock_timestamp())",
                    page_size=1000,
                )
                cursor.execute("UPDATE log_head SET position = %s", (head,))
                if tell:
                    cursor.execute("SELECT pg_notify(%s, %s)", (channel_of(schema), str(head)))
            return head

        yield add


@pytest.fixture
def wait(database: str, schema: str) -> Iterator[Wait]:
    """A function that waits, as another process would, until a view shows a position."""
    positions = ViewPositions(database, schema)
    positions.start()

    def until(view: View, position: int) -> None:
        assert positions.wait_for([view.name], position, WAIT_SECONDS), f"{view} did not reach {position}"

    yield until
    positions.stop()
