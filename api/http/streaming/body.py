"""The body of a whole list: put by and then sent, or sent while it is read.

An iterator that raises is for granian one that has ended, so the client of a body of unknown length could not tell a
part from the whole. A list of a view is therefore put by in a temporary file first: what fails meanwhile is answered as
ever, the length is told before the body, and the database is free again whatever the client does
(docs/adr/0082-lists-come-whole.md). The log's feed is sent while it is read, for it can be gone on with; where it
breaks off, it ends in the middle of a line.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from tempfile import SpooledTemporaryFile
from threading import BoundedSemaphore

import structlog
from flask import Response, request

from api.http.correlation import correlation_id
from api.http.problems.types import NO_ROOM, TOO_MANY_STREAMS
from api.http.replies import ProblemRaised
from api.http.streaming.limits import Limits, end_stalled

POSITION = "Caselog-Position"
"""The header that tells which position of the log a list shows."""
BROKEN_OFF = b'"broken off'
"""What a broken feed ends with: an open quote, which no reader of CSV or JSON takes for a line."""

_IN_MEMORY_BYTES = 1 << 20
_PART_BYTES = 1 << 16

Begin = Callable[[ExitStack], tuple[int, Iterator[bytes]]]
"""Return the position that a list shows and its chunks, and enter what they need into the stack."""

log = structlog.get_logger()


class Streams:
    """Sends whole lists, so many at once: each keeps a thread of the server."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._places = BoundedSemaphore(limits.at_once)

    def put_by(self, content_type: str, begin: Begin) -> Response:
        """Answer with all chunks and their length, once all of them have been made. Raises what making them raises.

        Ends the request with 503 where too many lists are on their way already.
        """
        with self._place() as stack:
            spool = stack.enter_context(SpooledTemporaryFile(_IN_MEMORY_BYTES))  # noqa: SIM115 - it goes with the stack
            with ExitStack() as making:
                position, chunks = begin(making)
                length = sum(_put_by(spool, chunk) for chunk in chunks)
            _put_by(spool)
            spool.seek(0)
            parts = iter(lambda: spool.read(_PART_BYTES), b"")
            headers = {POSITION: str(position), "Content-Length": str(length)}
            return Response(_Body(parts, stack.pop_all()), headers=headers, content_type=content_type)

    def send(self, content_type: str, begin: Begin) -> Response:
        """Answer with chunks while they are made. What is wrong with the first is raised, and 503 answered, alike."""
        with self._place() as stack:
            position, chunks = begin(stack)
            parts = _unbroken(next(chunks, b""), chunks)
            headers = {POSITION: str(position)}
            return Response(_Body(parts, stack.pop_all()), headers=headers, content_type=content_type)

    def _place(self) -> ExitStack:
        if not self._places.acquire(blocking=False):
            raise ProblemRaised(TOO_MANY_STREAMS)
        with ExitStack() as stack:
            stack.callback(self._places.release)
            end_stalled(int(request.environ.get("SERVER_PORT") or 0), self._limits.stalled_seconds)
            return stack.pop_all()


class _Body(Iterator[bytes]):
    """Parts, and what they hold until whoever sends them closes this: at the end, or when the client has gone."""

    def __init__(self, parts: Iterator[bytes], kept: ExitStack) -> None:
        self._parts = parts
        self._kept = kept

    def __next__(self) -> bytes:
        try:
            return next(self._parts)
        except StopIteration:
            self.close()
            raise

    def close(self) -> None:
        """Give back what the list held."""
        self._kept.close()


def _put_by(spool: SpooledTemporaryFile[bytes], chunk: bytes = b"") -> int:
    """Put a chunk by and return its length; without one, bring all that was put by to where it is safe."""
    try:
        spool.write(chunk) if chunk else spool.flush()
    except OSError as error:
        log.error("no room for a list", error=str(error), path=request.path, correlation_id=correlation_id())  # noqa: TRY400
        raise ProblemRaised(NO_ROOM) from error
    return len(chunk)


def _unbroken(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    about = {"path": request.path, "correlation_id": correlation_id()}

    def chunks() -> Iterator[bytes]:
        yield first
        try:
            yield from rest
        except Exception as error:  # noqa: BLE001 - there is nobody to whom it could be raised
            log.warning("the feed was broken off", error=str(error).strip(), **about)
            yield BROKEN_OFF

    return chunks()
