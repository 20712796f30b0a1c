"""How far have the views come, and who waits for that? Positions told between processes without busy polling."""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from time import monotonic

import msgspec
import psycopg2
import structlog
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.postgres.pool import DatabaseUnavailable, connect
from infra.projection.listening import Listener

_decode = msgspec.json.Decoder(dict[str, int]).decode

log = structlog.get_logger()


def views_channel(schema: str) -> str:
    """Return the channel on which positions of a desk's views are told."""
    return f"views_{hashlib.md5(schema.encode(), usedforsecurity=False).hexdigest()[:16]}"


class Announcer:
    """Tells other processes of moved positions, from a thread and connection of its own.

    NOTIFY takes a lock that all committing notifiers share until their commit is on disk. A transaction that does
    nothing else writes nothing to disk, so the views' own commits and the log's are not held up. What several views
    announce while one NOTIFY is under way goes out as the next.
    """

    def __init__(self, dsn: str, schema: str) -> None:
        self._dsn = dsn
        self._schema = schema
        self._changed = threading.Condition()
        self._pending: dict[str, int] = {}
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="view announcer", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def announce(self, positions: Mapping[str, int]) -> None:
        """Tell that readers of views now see the events up to these positions."""
        with self._changed:
            self._pending |= positions
            self._changed.notify()

    def _run(self) -> None:
        connection: Connection | None = None
        while (pending := self._take()) is not None:
            try:
                if connection is None:
                    connection = connect(
                        self._dsn, self._schema, application_name=f"caselog {self._schema} view announcer"
                    )
                    connection.autocommit = True
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT pg_notify(%s, %s)",
                        (views_channel(self._schema), msgspec.json.encode(pending).decode()),
                    )
            except (psycopg2.Error, DatabaseUnavailable) as error:
                # Nothing is lost but time: those who wait ask now and then.
                log.warning("positions were not announced", error=str(error).strip())
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    def _take(self) -> dict[str, int] | None:
        with self._changed:
            while not self._pending and not self._stopping:
                self._changed.wait()
            if self._stopping:
                return None
            pending, self._pending = self._pending, {}
            return pending


class ViewPositions:
    """The positions of the live views as this process knows them: one thread listens, any number wait.

    Opened in the process that uses it (after a fork, not before).
    """

    def __init__(self, dsn: str, schema: str, *, poll_seconds: float = 1.0) -> None:
        self._changed = threading.Condition()
        self._known: dict[str, int] = {}
        self._versions: dict[str, int] = {}
        self._listener = Listener(
            dsn,
            schema,
            [views_channel(schema)],
            refresh=self._refresh,
            notified=lambda payload: self._learn(_decode(payload)),
            poll_seconds=poll_seconds,
            name="view positions",
        )

    def start(self) -> None:
        """Start listening."""
        self._listener.start()

    def stop(self) -> None:
        """Stop listening."""
        self._listener.stop()

    def position(self, view: str) -> int:
        """Return the position that a view had at least reached, as far as this process has heard."""
        with self._changed:
            return self._known.get(view, 0)

    def shows(self, versions: Mapping[str, int]) -> bool:
        """Whether readers were shown all these views in these versions when that was looked at last."""
        with self._changed:
            return all(self._versions.get(view) == version for view, version in versions.items())

    def wait_for(self, views: Sequence[str], position: int, timeout_seconds: float) -> bool:
        """Wait until readers of all these views see the event at a position; false if they do not within the time."""
        deadline = monotonic() + timeout_seconds
        with self._changed:
            while any(self._known.get(view, 0) < position for view in views):
                left = deadline - monotonic()
                if left <= 0:
                    return False
                self._changed.wait(left)
        return True

    def _learn(self, positions: Mapping[str, int]) -> None:
        with self._changed:
            for view, position in positions.items():
                if position > self._known.get(view, 0):
                    self._known[view] = position
            self._changed.notify_all()

    def _refresh(self, connection: Connection) -> None:
        """Take the positions as they are, be it less: a crash of the server takes a view's last moment back.

        What was told before is in them, for it was told after the commit.
        """
        with connection.cursor() as cursor:
            # a database for views that nobody has made ready yet shows none
            cursor.execute("SELECT to_regclass('projections') IS NOT NULL")
            if cursor.fetchone() == (True,):
                cursor.execute("SELECT view, position, version FROM projections WHERE live")
            rows = cursor.fetchall()
        with self._changed:
            self._known = {view: position for view, position, _ in rows}
            self._versions = {view: version for view, _, version in rows}
            self._changed.notify_all()
