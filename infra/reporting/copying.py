"""How do rows leave the database as a stream? By COPY in a thread of its own, read from a socket as fast as it is used.

The reader can stop at any time (Ctrl-C, a full disk): the statement is cancelled and the thread ends.
"""

import socket
import threading
from types import TracebackType
from typing import Self

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

_BUFFER_BYTES = 1 << 18


class CopyStream:
    """What a COPY statement says, as a stream of bytes to read once. After its end `rows` tells how many rows it was.

    An end before the statement's own is no end: `finish` raises what went wrong with it.
    """

    def __init__(self, connection: Connection, statement: str) -> None:
        self._connection = connection
        self._statement = statement
        self._ours, self._its = socket.socketpair()
        self.stream = self._ours.makefile("rb", _BUFFER_BYTES)
        self.rows = 0
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._copy, name="copy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failure = self._failure
        if self._thread.is_alive() and failure is None:
            self._connection.cancel()
            self._ours.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self.stream.close()
        self._ours.close()
        if isinstance(error, Exception) and failure is not None and error is not failure:
            raise failure from error  # what was read broke off because of it

    def finish(self) -> int:
        """Wait for the end of the statement, once its stream has been read, and return the number of its rows."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self.rows

    def _copy(self) -> None:
        with self._its:  # the reader's end, which comes after it is known whether it is a good one
            try:
                with self._its.makefile("wb", _BUFFER_BYTES) as out, self._connection.cursor() as cursor:
                    cursor.copy_expert(self._statement, out, _BUFFER_BYTES)
                    self.rows = cursor.rowcount
            except BaseException as error:  # noqa: BLE001 - it is raised in the thread that reads
                self._failure = error
