"""What a process remembers of the log: folded states of streams, and who holds a claim. Bounded, and never trusted.

A state that was remembered may be behind the log, for other processes write too. Whoever decides by it has the append,
or a guard, check the stream's version (`UnitOfWork`); so a command on a stream of late needs no read at all
(docs/adr/0077-states-are-remembered.md).
"""

from collections import OrderedDict
from threading import Lock
from typing import Any, Generic, TypeVar

import msgspec

MOST_STREAMS = 20_000
MOST_EVENTS = 1_000_000
"""Of all remembered streams together: what their states hold grows with their events, slower as a rule."""

MOST_HOLDERS = 100_000

S = TypeVar("S")


class Loaded(msgspec.Struct, Generic[S], frozen=True, gc=False):
    """A stream folded to its state. `version` is that of its last event.

    `is_checked` is false for one that was remembered, and not compared with the log since.
    """

    id: str
    version: int
    state: S | None
    is_checked: bool = True


class Memory:
    """The states used last, by stream, and the holders of claims. Safe to use from many threads."""

    def __init__(self, *, most_streams: int = MOST_STREAMS, most_events: int = MOST_EVENTS) -> None:
        self._most_streams = most_streams
        self._most_events = most_events
        self._mutex = Lock()
        self._streams: OrderedDict[str, Loaded[Any]] = OrderedDict()
        self._doubtful: set[str] = set()
        self._events = 0
        self._holders: OrderedDict[tuple[str, str], str] = OrderedDict()

    def state(self, stream_id: str) -> Loaded[Any] | None:
        """Return what is remembered of a stream, whether doubtful or not."""
        with self._mutex:
            found = self._streams.get(stream_id)
            if found is not None:
                self._streams.move_to_end(stream_id)
            return found

    def is_doubtful(self, stream_id: str) -> bool:
        """Whether somebody has found a stream to be behind the log."""
        return stream_id in self._doubtful

    def doubt(self, stream_id: str) -> None:
        """Take note that a stream has moved on: it is to be read before it is decided by again."""
        with self._mutex:
            if stream_id in self._streams:
                self._doubtful.add(stream_id)

    def keep(self, loaded: Loaded[Any]) -> None:
        """Remember a state as the log has it, unless a later one is known; forget those used longest ago."""
        with self._mutex:
            known = self._streams.get(loaded.id)
            if known is not None:
                if known.version > loaded.version:
                    return
                self._events -= known.version
            self._streams[loaded.id] = loaded
            self._streams.move_to_end(loaded.id)
            self._doubtful.discard(loaded.id)
            self._events += loaded.version
            while len(self._streams) > self._most_streams or (
                self._events > self._most_events and len(self._streams) > 1
            ):
                forgotten, former = self._streams.popitem(last=False)
                self._doubtful.discard(forgotten)
                self._events -= former.version

    def holder(self, kind: str, key: str) -> str | None:
        """Return the stream that holds a claim, if that is remembered. Claims are never given back."""
        return self._holders.get((kind, key))

    def keep_holder(self, kind: str, key: str, stream_id: str) -> None:
        """Remember who holds a claim."""
        with self._mutex:
            self._holders[kind, key] = stream_id
            if len(self._holders) > MOST_HOLDERS:
                self._holders.popitem(last=False)
