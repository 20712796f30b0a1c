"""Who may talk to the database now: a bounded pool of psycopg2 connections that waits, then fails with a clear error.

`eventsourcing.persistence.ConnectionPool` blocks too, but opens connections while it holds its own lock, so that one
slow connect stops every return, and it learns that a connection broke only when the caller closes it
(docs/adr/0003-connection-pool.md).
"""

import select
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from time import monotonic

import psycopg2
from eventsourcing.persistence import PersistenceError
from psycopg2.errors import LockNotAvailable, QueryCanceled
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import parse_dsn
from psycopg2.extras import register_uuid

# Whatever a server of the user's has for defaults: the append relies on a new snapshot a statement, an acknowledged
# command must be on disk, and instants are read as UTC.
_SESSION = (
    "-c timezone=UTC",
    "-c default_transaction_isolation=read\\ committed",
    "-c synchronous_commit=on",
)


TOOK_TOO_LONG: tuple[type[psycopg2.Error], ...] = (QueryCanceled, LockNotAvailable)
"""What a statement ends with that the server has given up; nothing of it was done."""


class PoolClosed(Exception):
    """The pool was asked for a connection after `close`."""


class PoolTimeout(Exception):
    """All connections stayed in use for the whole time the caller was ready to wait."""


class DatabaseUnavailable(Exception):
    """No connection can be had: the database is down, starting, full or refuses us; trying later may help."""


UNREACHABLE = (DatabaseUnavailable, PoolTimeout, PoolClosed, psycopg2.OperationalError, psycopg2.InterfaceError)
"""What is raised where a database cannot be had, or too slowly."""

DATABASE_AWAY = (*UNREACHABLE, psycopg2.Error, PersistenceError)
"""The same for work that is tried again in any case: whatever a database says, it may go well later. Commands end with
the last of them."""


def connect(
    dsn: str, schema: str | None = None, *, application_name: str = "caselog", statement_seconds: float | None = None
) -> Connection:
    """A new connection in UTC whose unqualified names live in `schema` alone (default: the server's search path).

    It understands UUIDs, and the operating system notices a dead peer within a minute. The server gives up a statement
    that takes longer than `statement_seconds`, its waits for locks included. Raises `DatabaseUnavailable`.
    """
    given = parse_dsn(dsn)
    options = [str(given.pop("options", "")), *_SESSION]
    if schema is not None:
        options.append(f'-c search_path="{schema}"')
    if statement_seconds is not None:
        options.append(f"-c statement_timeout={round(statement_seconds * 1000)}")
    defaults = {"connect_timeout": 5, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
    try:
        connection: Connection = psycopg2.connect(
            **(defaults | given), options=" ".join(options).strip(), application_name=application_name
        )
    except psycopg2.OperationalError as error:
        raise DatabaseUnavailable(str(error).strip()) from error
    register_uuid(conn_or_curs=connection)  # type: ignore[no-untyped-call]
    return connection


class ConnectionPool:
    """At most `size` connections to one schema, opened when first needed and kept.

    A caller waits up to `wait_seconds` for one to come free. A connection that the server closed while it lay idle (a
    restart of the database) is dropped before it is handed out. One that breaks in use fails the work it was used
    for: that is the caller's to repeat or not, for only the caller knows whether it may.
    """

    def __init__(
        self,
        dsn: str,
        schema: str,
        size: int = 10,
        wait_seconds: float = 5.0,
        *,
        statement_seconds: float | None = None,
    ) -> None:
        self._dsn = dsn
        self._schema = schema
        self._size = size
        self._wait_seconds = wait_seconds
        self._statement_seconds = statement_seconds
        self._changed = Condition()
        self._idle: list[Connection] = []
        self._open = 0  # idle, in use, and those being opened
        self._closed = False

    @property
    def in_use(self) -> int:
        """Connections that callers hold now, those being opened included."""
        with self._changed:
            return self._open - len(self._idle)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for one transaction: committed at the end, rolled back on an error, thrown away if broken.

        With `autocommit` set by the caller nothing is left to commit; the pool resets it. Raises `PoolTimeout`,
        `DatabaseUnavailable` when none can be opened, `PoolClosed`; errors of the work pass unchanged.
        """
        connection = self._take()
        try:
            yield connection
            connection.commit()
        except BaseException:
            self._undo(connection)
            raise
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Close idle connections now and those in use on their return; whoever waits gets `PoolClosed`."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._open -= len(idle)
            self._changed.notify_all()
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        deadline = monotonic() + self._wait_seconds
        with self._changed:
            while True:
                if self._closed:
                    raise PoolClosed("the connection pool is closed")
                while self._idle:
                    connection = self._idle.pop()  # the last used is the likeliest to be alive
                    if not _hung_up(connection):
                        return connection
                    self._open -= 1
                    connection.close()
                if self._open < self._size:
                    self._open += 1
                    break
                if not self._changed.wait(deadline - monotonic()) and monotonic() >= deadline:
                    raise PoolTimeout(
                        f"all {self._size} database connections stayed in use for {self._wait_seconds:g} s"
                    )
        try:
            return connect(self._dsn, self._schema, statement_seconds=self._statement_seconds)
        except BaseException:
            with self._changed:
                self._open -= 1
                self._changed.notify()
            raise

    def _undo(self, connection: Connection) -> None:
        try:
            connection.rollback()
        except psycopg2.Error:
            connection.close()  # its transaction dies with it

    def _give_back(self, connection: Connection) -> None:
        if not connection.closed and connection.autocommit:
            connection.autocommit = False
        with self._changed:
            if self._closed:
                self._open -= 1
                connection.close()
            else:
                self._idle.append(connection)
            self._changed.notify()


def _hung_up(connection: Connection) -> bool:
    """Whether an idle connection is broken, or was ended by the server: its farewell or the socket's end then waits.

    Nothing else arrives unasked on a connection that listens to no channel, so this costs no round trip.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))
