"""What customers wrote is in the desk's tables and nowhere else: not in the server's log, when an append fails."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2
import pytest
from eventsourcing.persistence import PersistenceError
from psycopg2.errors import QueryCanceled

from infra.log.factory import LogFactory
from infra.log.recorders import LogApplicationRecorder
from infra.log.stored import LogEvent
from infra.postgres.embedded import DISCREET, EmbeddedServer
from infra.postgres.migrations import migrate
from tests.deploy.files import yaml_of

SECRET = "Aurelia Quicksilver"
EVENT = LogEvent("ticket-1", 1, "Tested.v1", f'{{"name": "{SECRET}"}}'.encode(), b'{"event_id":"e"}')


@pytest.fixture
def server(data: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(data) as server:
        yield server


@contextmanager
def recorder(server: EmbeddedServer, *, statement_ms: int = 0) -> Iterator[LogApplicationRecorder]:
    migrate(server.url, "discreet")
    environment = {"CASELOG_DATABASE_URL": server.url, "CASELOG_SCHEMA": "discreet", "ORIGINATOR_ID_TYPE": "text"}
    timeout = {"CASELOG_STATEMENT_TIMEOUT_MS": str(statement_ms)}
    with closing(LogFactory(environment | timeout | {"CREATE_TABLE": "n"})) as factory:
        yield factory.application_recorder()


def logged_after(data: Path, sentence: str) -> str:
    """The server's log, once it has the sentence; it is written before the client is told."""
    text = (data / "postgres.log").read_text()
    assert sentence in text
    return text


def test_an_append_that_the_server_refuses_leaves_no_word_of_it_in_the_log(server: EmbeddedServer, data: Path) -> None:
    with (
        recorder(server) as log,
        closing(psycopg2.connect(server.url)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("ALTER TABLE discreet.events ADD CONSTRAINT nothing_more CHECK (data IS NULL) NOT VALID")
        connection.commit()
        with pytest.raises(PersistenceError, match="nothing_more"):
            log.append([EVENT])
        cursor.execute("ALTER TABLE discreet.events DROP CONSTRAINT nothing_more")
        connection.commit()
    text = logged_after(data, 'violates check constraint "nothing_more"')
    assert SECRET not in text
    assert "append_to_log" not in text


def test_an_append_that_takes_too_long_leaves_no_word_of_it_in_the_log(server: EmbeddedServer, data: Path) -> None:
    with (
        recorder(server, statement_ms=50) as log,
        closing(psycopg2.connect(server.url)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("LOCK TABLE discreet.log_head IN ACCESS EXCLUSIVE MODE")
        with pytest.raises((PersistenceError, QueryCanceled)):
            log.append([EVENT])
    text = logged_after(data, "canceling statement due to statement timeout")
    assert SECRET not in text
    assert "append_to_log" not in text


def test_the_compose_file_tells_its_server_the_same() -> None:
    command = yaml_of("compose.yaml")["services"]["postgres"]["command"]
    assert {f"-c{name}={value}" for name, value in DISCREET.items()} <= set(command)
