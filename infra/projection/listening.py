"""Who hears of a change at once? A thread that listens to channels, and asks now and then in case it missed one."""

import os
import select
import threading
from collections.abc import Callable, Sequence
from time import monotonic

import psycopg2
import structlog
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.pauses import Pauses
from infra.postgres.pool import DatabaseUnavailable, connect

_LONGEST_PAUSE_SECONDS = 2.0

log = structlog.get_logger()


class Listener:
    """Listens on a connection of its own until it is stopped, and connects again after a restart of the database.

    `refresh` is called with the connection once LISTEN has taken effect (so nothing in between is missed) and every
    `poll_seconds`, however much is told meanwhile; `notified` with each payload. Both run in the listener's thread.
    """

    def __init__(
        self,
        dsn: str,
        schema: str,
        channels: Sequence[str],
        *,
        refresh: Callable[[Connection], None],
        notified: Callable[[str], None],
        poll_seconds: float = 1.0,
        name: str = "listener",
    ) -> None:
        self._dsn = dsn
        self._schema = schema
        self._channels = tuple(channels)
        self._refresh = refresh
        self._notified = notified
        self._poll_seconds = poll_seconds
        self._name = name
        self._stopping = threading.Event()
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it. A stopped listener cannot be started again."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        os.write(self._wake, b".")
        if self._thread.is_alive():
            self._thread.join()
        os.close(self._wake)
        os.close(self._woken)

    def _run(self) -> None:
        pauses = Pauses(longest_seconds=_LONGEST_PAUSE_SECONDS)
        while not self._stopping.is_set():
            try:
                connection = connect(self._dsn, self._schema, application_name=f"caselog {self._schema} {self._name}")
            except DatabaseUnavailable:
                self._stopping.wait(pauses.next())
                continue
            pauses.succeeded()
            try:
                self._listen(connection)
            except (psycopg2.Error, OSError) as error:
                log.warning("listening was interrupted", listener=self._name, error=str(error).strip())
            except Exception:
                # A notification that nobody of ours sent, say; what it may have told is asked for on connecting.
                log.exception("listening was interrupted", listener=self._name)
            finally:
                connection.close()
            self._stopping.wait(pauses.next())

    def _listen(self, connection: Connection) -> None:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for channel in self._channels:
                cursor.execute(f'LISTEN "{channel}"')
        self._refresh(connection)
        refresh_at = monotonic() + self._poll_seconds
        poll = select.poll()
        poll.register(connection.fileno(), select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        while not self._stopping.is_set():
            told = poll.poll(1000 * max(0.0, refresh_at - monotonic()))
            if monotonic() >= refresh_at:
                self._refresh(connection)
                refresh_at = monotonic() + self._poll_seconds
            if not told:
                continue
            connection.poll()
            while connection.notifies:
                self._notified(connection.notifies.pop(0).payload)
