"""How much may be under way at once? What is more is answered at once, so that what was let in is answered in time.

The server's own queue has no bounds and nobody sees how long a request has stood in it. So the server has threads for
all that may be at work or wait here, and some more, which tell everybody else to come again
(docs/adr/0095-shedding-load.md).
"""

from collections import deque
from collections.abc import Iterable, Iterator
from threading import BoundedSemaphore, Lock
from typing import TYPE_CHECKING, Any

import msgspec
from flask import Flask

from api.http.correlation import HEADER, correlation_id_of
from api.http.problems.types import OVERLOADED
from api.http.replies import RETRY_AFTER_SECONDS
from api.http.threads import SPARE_THREADS
from commands.problems import MEDIA_TYPE, make_problem
from infra.metrics.instruments import SHED, UNDER_WAY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

NEVER_SHED = ("/health/", "/metrics")
"""Addresses of those who watch over the service, which they do most of all when it is overloaded."""

LONGEST_DISCARDED = 1024 * 1024
MOST_DISCARDING = SPARE_THREADS // 4
"""Threads that senders of nothing can keep."""
DISCARD_WAIT_SECONDS = 0.02
"""How long others wait for one of these: those who do send are done within a millisecond or two."""

_discarding = BoundedSemaphore(MOST_DISCARDING)
_COMMANDS = "/v1/commands"

_encode = msgspec.json.Encoder().encode


class Places:
    """For so many requests at once; so many more queue for them in the order they came, none of them long.

    `kind` names them in the metrics. Safe to use from many threads.
    """

    def __init__(self, kind: str, places: int, queue_size: int, queue_wait_seconds: float) -> None:
        self._free = places
        self._queue_size = queue_size
        self._queue_wait_seconds = queue_wait_seconds
        self._queue: deque[Lock] = deque()
        self._mutex = Lock()
        self._full = SHED.labels(kind, "full")
        self._late = SHED.labels(kind, "late")
        self._under_way = UNDER_WAY.labels(kind)

    @property
    def queued(self) -> int:
        """How many wait now."""
        return len(self._queue)

    def enter(self) -> bool:
        """Take a place, if need be after a wait; False where the queue is full, or the wait became too long."""
        with self._mutex:
            if self._free > 0:
                self._free -= 1
                self._under_way.inc()
                return True
            if len(self._queue) >= self._queue_size:
                self._full.inc()
                return False
            turn = Lock()
            turn.acquire()
            self._queue.append(turn)
        if not turn.acquire(timeout=self._queue_wait_seconds):
            with self._mutex:
                if turn in self._queue:  # else it came at the last moment
                    self._queue.remove(turn)
                    self._late.inc()
                    return False
        self._under_way.inc()
        return True

    def leave(self) -> None:
        """Give the place to whoever has waited longest."""
        self._under_way.dec()
        with self._mutex:
            if self._queue:
                self._queue.popleft().release()
            else:
                self._free += 1


class Admission:
    """Lets requests in while there are places; commands and all others have their own, and so a chance each."""

    def __init__(self, application: "WSGIApplication", commands: Places, others: Places) -> None:
        self._application = application
        self._commands = commands
        self._others = others

    def __call__(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request (PEP 3333)."""
        path: str = environ["PATH_INFO"]
        if path.startswith(NEVER_SHED):
            return self._application(environ, start_response)
        places = self._commands if path.startswith(_COMMANDS) else self._others
        if not places.enter():
            _discard_body(environ)
            return _come_again(environ, start_response)
        try:
            return _Held(self._application(environ, start_response), places)
        except BaseException:
            places.leave()
            raise


class _Held:
    """An answer on its way. Its request keeps the place until the server closes it: a list may be read as it goes."""

    __slots__ = ("_answer", "_places")

    def __init__(self, answer: Iterable[bytes], places: Places) -> None:
        self._answer = answer
        self._places: Places | None = places

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._answer)

    def close(self) -> None:
        places, self._places = self._places, None
        if places is None:
            return
        try:
            if (close := getattr(self._answer, "close", None)) is not None:
                close()
        finally:
            places.leave()


def shed_load(app: Flask, *, places: int, queue_size: int, queue_wait_seconds: float) -> None:
    """Let an application have so many requests of each kind, and as long a queue for each; the rest come again."""
    commands = Places("commands", places, queue_size, queue_wait_seconds)
    others = Places("others", places, queue_size, queue_wait_seconds)
    app.wsgi_app = Admission(app.wsgi_app, commands, others)  # type: ignore[method-assign]


def _discard_body(environ: dict[str, Any]) -> None:
    """Read what is sent in vain: else its sender, still writing, may meet a broken connection. Who sends more may.

    Nobody knows who it is, and the server gives no way to end a wait for one who sends nothing: few are waited for.
    """
    length = environ.get("CONTENT_LENGTH", "")
    if not length.isdecimal() or not 0 < int(length) <= LONGEST_DISCARDED or "HTTP_EXPECT" in environ:
        return
    if _discarding.acquire(timeout=DISCARD_WAIT_SECONDS):
        try:
            environ["wsgi.input"].read(int(length))
        finally:
            _discarding.release()


def _come_again(environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
    """Answer that there is too much to do, which costs nearly nothing: nobody asks who sends it, or what it says."""
    correlation_id = correlation_id_of(environ)
    body = _encode(make_problem(OVERLOADED, OVERLOADED.description, correlation_id))
    start_response(
        "503 Service Unavailable",
        [
            ("Content-Type", MEDIA_TYPE),
            ("Content-Length", str(len(body))),
            ("Retry-After", str(RETRY_AFTER_SECONDS)),
            (HEADER, correlation_id),
            ("X-Content-Type-Options", "nosniff"),
            ("Cache-Control", "no-store"),
        ],
    )
    return [body]
