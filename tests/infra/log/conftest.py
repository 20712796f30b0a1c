"""A log in a schema of its own, events to put into it, and a look at its tables."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest

from infra.log.factory import LogFactory
from infra.log.recorders import LogApplicationRecorder
from infra.log.stored import LogEvent

Query = Callable[..., list[tuple[Any, ...]]]
EventOf = Callable[..., LogEvent]


@pytest.fixture
def factory(database: str, schema: str) -> Iterator[LogFactory]:
    """The factory of a fresh log whose ids are text."""
    factory = LogFactory(
        {"CASELOG_DATABASE_URL": database, "CASELOG_SCHEMA": schema, "ORIGINATOR_ID_TYPE": "text", "CREATE_TABLE": "n"}
    )
    yield factory
    factory.close()


@pytest.fixture
def log(factory: LogFactory) -> LogApplicationRecorder:
    """A fresh log."""
    return factory.application_recorder()


@pytest.fixture
def event_of() -> EventOf:
    """Return a maker of events: stream, version, text of the data."""

    def make(stream_id: str, version: int = 1, data: bytes = b'{"a": 1}') -> LogEvent:
        return LogEvent(stream_id, version, "Tested.v1", data, b'{"event_id":"e"}')

    return make


@pytest.fixture
def query(database: str, schema: str) -> Iterator[Query]:
    """Ask the schema's tables over a connection of its own that commits each statement."""
    with closing(psycopg2.connect(database, options=f"-c search_path={schema}")) as connection:
        connection.autocommit = True

        def ask(sql: str, *values: object) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                cursor.execute(sql, values or None)
                return cursor.fetchall() if cursor.description else []

        yield ask
