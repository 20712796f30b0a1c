"""The pool is bounded, waits, says clearly when there is nothing to be had, and survives the database's restart."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from time import monotonic
from urllib.parse import quote
from uuid import UUID

import psycopg2
import pytest
from psycopg2.errors import QueryCanceled, UndefinedTable

from infra.postgres.embedded import EmbeddedServer
from infra.postgres.pool import ConnectionPool, DatabaseUnavailable, PoolClosed, PoolTimeout, connect


@pytest.fixture
def pool(database: str, schema: str) -> Iterator[ConnectionPool]:
    pool = ConnectionPool(database, schema, size=2, wait_seconds=5)
    yield pool
    pool.close()


def test_the_log_can_rely_on_its_sessions_whatever_the_servers_defaults(database: str, schema: str) -> None:
    lax = " -c default_transaction_isolation=serializable -c synchronous_commit=off -c timezone=Asia/Tokyo"
    with closing(connect(f"{database}&options={quote(lax)}", schema)) as connection, connection.cursor() as cursor:
        shown = {}
        for name in ("default_transaction_isolation", "synchronous_commit", "timezone"):
            cursor.execute(f"SHOW {name}")
            shown[name] = (cursor.fetchone() or ("",))[0]
    assert shown == {
        "default_transaction_isolation": "read committed",
        "synchronous_commit": "on",
        "timezone": "UTC",
    }


def value(pool: ConnectionPool, sql: str, *arguments: object) -> object:
    """The first value that `sql` answers on a connection of the pool; None where it answers nothing."""
    with pool.connection() as connection, connection.cursor() as cursor:
        cursor.execute(sql, arguments)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def test_names_without_a_schema_are_the_desks_and_time_is_utc(pool: ConnectionPool, schema: str) -> None:
    value(pool, "CREATE TABLE mine (id uuid)")
    assert value(pool, "SELECT schemaname FROM pg_tables WHERE tablename = 'mine'") == schema
    assert value(pool, "SHOW search_path") == f'"{schema}"'
    assert value(pool, "SHOW timezone") == "UTC"


def test_uuids_go_in_and_come_back_as_uuids(pool: ConnectionPool) -> None:
    one = UUID("12345678-1234-5678-1234-567812345678")
    assert value(pool, "SELECT %s", one) == one


def test_options_of_the_url_are_kept_beside_ours(database: str, schema: str) -> None:
    with (
        closing(connect(f"{database}&options=-c%20work_mem%3D9MB", schema)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT current_setting('work_mem') || current_setting('timezone') || current_schema()")
        assert cursor.fetchone() == (f"9MBUTC{schema}",)


def test_work_is_committed_at_the_end_and_rolled_back_on_an_error(pool: ConnectionPool) -> None:
    value(pool, "CREATE TABLE kept (number int)")
    with pytest.raises(RuntimeError, match="changed my mind"), pool.connection() as connection:
        connection.cursor().execute("INSERT INTO kept VALUES (1)")
        raise RuntimeError("changed my mind")
    assert value(pool, "SELECT count(*) FROM kept") == 0
    assert pool.in_use == 0


def test_an_error_of_the_work_passes_unchanged_and_the_connection_is_used_again(pool: ConnectionPool) -> None:
    pid = value(pool, "SELECT pg_backend_pid()")
    with pytest.raises(UndefinedTable):
        value(pool, "SELECT 1 FROM nowhere")
    assert value(pool, "SELECT pg_backend_pid()") == pid


def test_autocommit_set_by_one_caller_is_not_the_next_ones(pool: ConnectionPool) -> None:
    with pool.connection() as connection:
        connection.autocommit = True
        connection.cursor().execute("SELECT 1")
    with pool.connection() as connection:
        assert not connection.autocommit


def test_a_caller_waits_for_a_connection_to_come_free(pool: ConnectionPool) -> None:
    with ThreadPoolExecutor(1) as other, pool.connection():
        with pool.connection():
            waiting = other.submit(value, pool, "SELECT 1")
            assert not waiting.done()
        assert waiting.result(timeout=5) == 1


def test_a_caller_that_waited_too_long_is_told_so(database: str, schema: str) -> None:
    with closing(ConnectionPool(database, schema, size=1, wait_seconds=0.05)) as pool, pool.connection():
        begun = monotonic()
        with pytest.raises(PoolTimeout, match=r"all 1 .* stayed in use for 0\.05 s"), pool.connection():
            pass
        assert monotonic() - begun >= 0.05
        assert pool.in_use == 1  # the one that waited holds nothing


def test_never_more_connections_than_its_size_whatever_the_number_of_threads(database: str, schema: str) -> None:
    most = 3
    seen: set[object] = set()
    gate = threading.Barrier(12)

    def work(pool: ConnectionPool) -> None:
        gate.wait()
        for _ in range(20):
            seen.add(value(pool, "SELECT pg_backend_pid()"))

    with (
        closing(ConnectionPool(database, schema, size=most, wait_seconds=30)) as pool,
        ThreadPoolExecutor(12) as threads,
    ):
        for done in [threads.submit(work, pool) for _ in range(12)]:
            done.result()
    assert 1 <= len(seen) <= most


@pytest.mark.parametrize("autocommit", [False, True])
def test_a_connection_that_broke_in_use_fails_its_work_and_is_thrown_away(
    pool: ConnectionPool, autocommit: bool
) -> None:
    with pytest.raises(psycopg2.OperationalError), pool.connection() as connection, connection.cursor() as cursor:
        connection.autocommit = autocommit
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    assert pool.in_use == 0
    assert value(pool, "SELECT 1") == 1


def test_a_connection_that_the_server_ended_while_idle_is_not_handed_out(pool: ConnectionPool, database: str) -> None:
    pid = value(pool, "SELECT pg_backend_pid()")
    with closing(psycopg2.connect(database)) as other, other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))  # returns when it has gone
    assert value(pool, "SELECT 1") == 1


def test_a_restart_of_the_database_fails_nobody_who_comes_after_it(data: Path) -> None:
    with EmbeddedServer(data) as server, closing(ConnectionPool(server.url, "public", size=4, wait_seconds=1)) as pool:
        with pool.connection(), pool.connection(), pool.connection():
            pass  # three idle connections, each of which will be stale
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.start()
        assert [value(pool, "SELECT 1") for _ in range(4)] == [1, 1, 1, 1]


def test_without_a_database_the_error_says_so_and_no_place_in_the_pool_is_lost(data: Path) -> None:
    with EmbeddedServer(data) as server:
        url = server.url
    with closing(ConnectionPool(url, "public", size=1, wait_seconds=0.05)) as pool:
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable, match="connection to server on socket"), pool.connection():
                pass
        assert pool.in_use == 0


def test_after_close_nothing_is_handed_out_and_whoever_waits_is_told(database: str, schema: str) -> None:
    pool = ConnectionPool(database, schema, size=1, wait_seconds=30)

    def wait() -> None:
        with pool.connection():
            pass

    with ThreadPoolExecutor(1) as other:
        with pool.connection() as connection:
            waiting = other.submit(wait)
            pool.close()
            with pytest.raises(PoolClosed):
                waiting.result(timeout=5)
            assert connection.closed == 0  # the work in progress may finish
        assert connection.closed != 0
    with pytest.raises(PoolClosed):
        wait()


def test_a_statement_that_takes_too_long_is_given_up_and_its_connection_goes_on(database: str, schema: str) -> None:
    with closing(ConnectionPool(database, schema, size=1, statement_seconds=0.05)) as pool:
        with pytest.raises(QueryCanceled):
            value(pool, "SELECT pg_sleep(60)")
        assert value(pool, "SELECT 1") == 1
        assert value(pool, "SHOW statement_timeout") == "50ms"
