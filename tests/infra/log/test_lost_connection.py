"""An append whose connection is lost says so and is not repeated; after a restart of the database all goes on."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event
from time import monotonic

import psycopg2
import pytest
from eventsourcing.persistence import InterfaceError, OperationalError

from commands.ports import IdempotencyRecord, OutcomeUnknown
from infra.log.factory import LogFactory
from infra.log.recorders import LogApplicationRecorder
from infra.postgres.embedded import EmbeddedServer
from tests.infra.log.conftest import EventOf, Query
from tests.infra.log.test_tail import following

WAIT = 20.0


def wait_for_append(query: Query, schema: str, or_when: Callable[[], bool] = lambda: False) -> int | None:
    """Return the backend that waits for the head row of a schema's log; none once `or_when` says so."""
    end = monotonic() + WAIT
    while monotonic() < end:
        if or_when():
            return None
        found = query(
            "SELECT a.pid FROM pg_stat_activity a JOIN pg_locks l USING (pid) JOIN pg_class c ON c.oid = l.relation"
            " WHERE a.wait_event_type = 'Lock' AND a.query LIKE '%%append_to_log%%' AND c.relname = 'log_head'"
            " AND c.relnamespace = %s::regnamespace",
            schema,
        )
        if found:
            return int(found[0][0])
        Event().wait(0.01)
    pytest.fail("no append is under way")


def test_a_connection_lost_in_an_append_leaves_the_outcome_to_the_idempotency_record(
    log: LogApplicationRecorder, event_of: EventOf, query: Query, database: str, schema: str
) -> None:
    record = IdempotencyRecord("caller:open", "key-1", "print", "{}")
    with closing(psycopg2.connect(database, options=f"-c search_path={schema}")) as rival, ThreadPoolExecutor() as pool:
        with rival.cursor() as cursor:
            cursor.execute("SELECT position FROM log_head FOR UPDATE")
        append = pool.submit(log.append, [event_of("ticket-1")], idempotency=record)
        query("SELECT pg_terminate_backend(%s)", wait_for_append(query, schema))
        with pytest.raises(OutcomeUnknown):
            append.result(timeout=WAIT)
    assert log.find_answer("caller:open", "key-1") is None  # so this one was not committed
    assert log.append([event_of("ticket-1")], idempotency=record) == 1


def test_all_threads_of_a_lost_group_learn_that_their_outcome_is_open(
    log: LogApplicationRecorder, event_of: EventOf, query: Query, database: str, schema: str
) -> None:
    with (
        closing(psycopg2.connect(database, options=f"-c search_path={schema}")) as rival,
        ThreadPoolExecutor(9) as pool,
    ):
        with rival.cursor() as cursor:
            cursor.execute("SELECT position FROM log_head FOR UPDATE")
        appends = [pool.submit(log.append, [event_of(f"ticket-{number}")]) for number in range(8)]

        def all_told() -> bool:
            return all(append.done() for append in appends)

        lost = set()
        while (backend := wait_for_append(query, schema, all_told)) is not None:
            lost.add(backend)
            query("SELECT pg_terminate_backend(%s)", backend)
    assert all(isinstance(append.exception(), OutcomeUnknown) for append in appends)
    assert 1 <= len(lost) <= len(appends)
    assert log.max_notification_id() is None


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A server of the test's own, which it may kill."""
    folder = Path(tempfile.mkdtemp(prefix="caselog-tests-"))
    folder.chmod(0o711)
    with EmbeddedServer(folder / "data") as server:
        yield server
    shutil.rmtree(folder)


def test_after_a_crash_of_the_database_writers_and_tails_go_on_and_nothing_acknowledged_is_gone(
    server: EmbeddedServer, event_of: EventOf
) -> None:
    factory = LogFactory({"CASELOG_DATABASE_URL": server.url, "CASELOG_SCHEMA": "desk", "ORIGINATOR_ID_TYPE": "text"})
    try:
        log = factory.application_recorder()
        with following(log.tail(poll_seconds=0.1)) as follower:
            log.append([event_of("ticket-1"), event_of("ticket-2")])
            assert follower.next(2) == [1, 2]
            assert server.pid is not None
            os.kill(server.pid, signal.SIGKILL)
            with pytest.raises((OperationalError, InterfaceError)):
                for version in range(2, 1000):
                    log.append([event_of("ticket-1", version)])
            server.start()
            acknowledged = log.max_notification_id() or 0
            assert acknowledged >= 2
            assert log.append([event_of("ticket-3")]) == acknowledged + 1
            assert follower.next(acknowledged - 1) == list(range(3, acknowledged + 2))
    finally:
        factory.close()


def test_without_a_database_an_append_fails_clearly(server: EmbeddedServer, event_of: EventOf) -> None:
    factory = LogFactory({"CASELOG_DATABASE_URL": server.url, "CASELOG_SCHEMA": "desk"})
    log = factory.application_recorder()
    server.stop()
    with pytest.raises(OperationalError, match="connection to server") as failure:
        log.append([event_of("ticket-1")])
    assert not isinstance(failure.value, OutcomeUnknown)
    factory.close()
    with pytest.raises(InterfaceError, match="closed"):
        log.append([event_of("ticket-1")])
