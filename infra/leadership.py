"""Which process of several may do a job that only one should do? The one that holds an advisory lock.

The lock belongs to a connection: it is free again as soon as PostgreSQL sees the holder's connection end, however the
holder ended. It keeps two from doing the work twice over; that work done twice has no double effect is for the work
itself to see to, for a leader that lost its connection learns of it a moment late.
"""

import threading
from collections.abc import Callable

import psycopg2
import structlog
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.postgres.pool import DatabaseUnavailable, connect

log = structlog.get_logger()


class Leadership:
    """The right to do one job for one desk, named by `role` ("projector")."""

    def __init__(self, dsn: str, schema: str, role: str, *, retry_seconds: float = 1.0) -> None:
        self._dsn = dsn
        self._schema = schema
        self._role = role
        self._retry_seconds = retry_seconds
        self._connection: Connection | None = None

    def acquire(self, stopping: threading.Event, meanwhile: Callable[[], None] = lambda: None) -> bool:
        """Wait until this process leads, and return true; false once `stopping` is set.

        Waits out a database that cannot be reached. `meanwhile` is called after each time that it was asked in vain.
        """
        waiting = False
        while not stopping.is_set():
            if self.try_acquire():
                log.info("leading", role=self._role, schema=self._schema)
                return True
            if not waiting:
                log.info("standing by", role=self._role, schema=self._schema)
                waiting = True
            meanwhile()
            stopping.wait(self._retry_seconds)
        return False

    def run(
        self, lead: Callable[[], None], stopping: threading.Event, standing_by: Callable[[], None] = lambda: None
    ) -> None:
        """Call `lead` whenever this process has got the lead, until `stopping` is set; it returns once it is to end.

        The lead is given up after each call, however it ended, so that another process can take over. `standing_by` is
        called each time that another leads; what it raises ends the waiting.
        """
        try:
            while self.acquire(stopping, standing_by):
                try:
                    lead()
                finally:
                    self.release()
        finally:
            self.release()

    def try_acquire(self) -> bool:
        """Return whether this process leads now."""
        try:
            if self._connection is None:
                self._connection = connect(
                    self._dsn, self._schema, application_name=f"caselog {self._schema} {self._role} lock"
                )
                self._connection.autocommit = True
            with self._connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (f"caselog {self._role} of {self._schema}",)
                )
                row = cursor.fetchone()
            return row is not None and bool(row[0])
        except (psycopg2.Error, DatabaseUnavailable) as error:
            log.warning("cannot ask for the lead", role=self._role, error=str(error).strip())
            self.release()
            return False

    def is_held_by_another(self) -> bool:
        """Return whether another process leads now. Not for one that leads itself."""
        leads = self.try_acquire()
        self.release()
        return not leads

    def held(self) -> bool:
        """Return whether the connection that holds the lock still lives; asks the server."""
        if self._connection is None:
            return False
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Give the lead up, if this process has it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
