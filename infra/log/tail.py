"""Who follows the log, and hears of new events at once? One thread a tail, on a connection of its own that listens."""

import hashlib
import os
import select
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import Event, Lock
from typing import Protocol, TypeVar

import psycopg2
from eventsourcing.persistence import InterfaceError, OperationalError
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.postgres.pool import DatabaseUnavailable


class Placed(Protocol):
    """What has a position in the log."""

    @property
    def id(self) -> int:
        """The position."""


E = TypeVar("E", bound=Placed)


def channel_of(schema: str) -> str:
    """Return the channel that a schema's log notifies; `append_to_log` makes the same name."""
    return "log_" + hashlib.md5(schema.encode(), usedforsecurity=False).hexdigest()[:16]


class Tail(Iterator[Sequence[E]]):
    """Batches of events after a position, in order, each event once, for as long as the log grows.

    `read(after, limit)` gives what follows a position, `connect` opens a connection to listen on. A notification only
    shortens the wait: what comes is always read from the log, after each LISTEN and every `poll_seconds`, so one that
    is lost does no harm. While the database is down the tail waits and tries again. One thread iterates; `stop` may be
    called by any, at any time, and ends the iteration at once.
    """

    def __init__(
        self,
        read: Callable[[int, int], Sequence[E]],
        connect: Callable[[], Connection],
        schema: str,
        after: int = 0,
        *,
        poll_seconds: float = 1.0,
        batch_size: int = 500,
    ) -> None:
        self._read = read
        self._connect = connect
        self._channel = channel_of(schema)
        self._after = after
        self._poll_seconds = poll_seconds
        self._batch_size = batch_size
        self._connection: Connection | None = None
        self._stopped = Event()
        self._closing = Lock()
        self._closed = False
        self._woken, self._wake = os.pipe()

    def __next__(self) -> Sequence[E]:
        try:
            while not self._stopped.is_set():
                if self._connection is None:
                    self._listen()
                batch = self._next_batch()
                if batch:
                    self._after = batch[-1].id
                    return batch
                self._wait()
        except BaseException:
            self.close()
            raise
        self.close()
        raise StopIteration

    def stop(self) -> None:
        """End the iteration: the next batch asked for does not come, nor one that is being waited for."""
        self._stopped.set()
        with self._closing:
            if not self._closed:
                os.write(self._wake, b".")

    def close(self) -> None:
        """Stop, and let go of the connection. Only for the thread that iterates, or once none does."""
        self._stopped.set()
        self._disconnect()
        with self._closing:
            if not self._closed:
                self._closed = True
                os.close(self._wake)
                os.close(self._woken)

    def _next_batch(self) -> Sequence[E]:
        try:
            return self._read(self._after, self._batch_size)
        except (OperationalError, InterfaceError):
            self._disconnect()  # a database that was restarted has forgotten that this one listens
            return ()

    def _listen(self) -> None:
        with suppress(DatabaseUnavailable, psycopg2.Error):
            self._connection = self._connect()
            self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                cursor.execute(f'LISTEN "{self._channel}"')
            return
        self._disconnect()

    def _wait(self) -> None:
        """Wait for a notification, for `stop`, or for `poll_seconds`."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        if self._connection is not None:
            poll.register(self._connection.fileno(), select.POLLIN)
        poll.poll(self._poll_seconds * 1000)
        if self._connection is None:
            return
        try:
            self._connection.poll()
        except psycopg2.Error:
            self._disconnect()
        else:
            self._connection.notifies.clear()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
