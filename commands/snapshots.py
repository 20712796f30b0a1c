"""States of long streams, kept so that to load one need not fold all of its events. In doubt they are folded.

A snapshot is bytes that only the code that made it can read: its fingerprint is one of the source of the whole domain,
so that after a deploy nobody takes a state for one that the new code would have made
(docs/adr/0077-states-are-remembered.md).
"""

import hashlib
import io
import pickle
import sys
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from queue import Empty, Full, Queue
from threading import Lock, Thread
from typing import Any

import msgspec
import structlog

import domain
from commands.memory import Loaded
from commands.ports import Log, Replay, Snapshot

_WAITING = 64
_IDLE_SECONDS = 10.0
_FROM_OUTSIDE = {
    ("datetime", "datetime"),
    ("datetime", "date"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("builtins", "frozenset"),
    ("msgspec._utils", "rebuild"),
}
"""What a state may be made of, beside the domain's own types."""

log = structlog.get_logger()


class Snapshots:
    """Takes snapshots from a thread of its own, and restores states from them."""

    def __init__(self, event_log: Log) -> None:
        self._log = event_log
        self._waiting: Queue[Loaded[Any] | None] = Queue(_WAITING)
        self._mutex = Lock()
        self._thread: Thread | None = None
        self._closed = False

    @property
    def fingerprint(self) -> str:
        """Tells apart snapshots of this version of the code."""
        return fingerprint()

    def restored(self, stream_id: str, replay: Replay) -> tuple[Any, int, Sequence[tuple[int, str, bytes]]]:
        """Return the state and version of a replay's snapshot, and the events to fold on with.

        One that cannot be read is passed over: then the events are those from the first.
        """
        if replay.snapshot is None:
            return None, 0, replay.events
        try:
            state = restore(replay.snapshot.state)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the events are there
            log.warning("snapshot passed over", stream_id=stream_id, version=replay.snapshot.version, error=repr(error))
            return None, 0, self._log.replay(stream_id).events
        return state, replay.snapshot.version, replay.events

    def take(self, loaded: Loaded[Any]) -> None:
        """Keep a state, soon: nobody waits for it, and where too many wait already it is not kept."""
        with self._mutex:
            if self._closed:
                return
            try:
                self._waiting.put_nowait(loaded)
            except Full:
                return
            if self._thread is None:
                self._thread = Thread(target=self._run, name="snapshots", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """Keep what waits, and take no more."""
        with self._mutex:
            self._closed = True
            thread = self._thread
        if thread is not None:
            with suppress(Full):  # then it does not wait, and sees for itself that it is over
                self._waiting.put_nowait(None)  # wakes it
            thread.join()

    def _run(self) -> None:
        while True:
            try:
                loaded = self._waiting.get(timeout=0 if self._closed else _IDLE_SECONDS)
            except Empty:
                with self._mutex:
                    if self._waiting.empty():
                        self._thread = None
                        return
                continue
            if loaded is None:
                continue
            try:
                self._log.keep_snapshot(Snapshot(loaded.id, loaded.version, self.fingerprint, keep(loaded.state)))
            except Exception as error:  # noqa: BLE001 - without it a load takes longer, and that is all
                log.warning("snapshot not taken", stream_id=loaded.id, version=loaded.version, error=repr(error))


@cache
def fingerprint() -> str:
    """Return what tells apart the states that this code makes: of the domain's source, msgspec and Python."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {msgspec.__version__}".encode())
    for folder in domain.__path__:
        for path in sorted(Path(folder).rglob("*.py")):
            digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def keep(state: Any) -> bytes:
    """Return a state as bytes for `restore`."""
    return pickle.dumps(state, protocol=pickle.HIGHEST_PROTOCOL)


def restore(text: bytes) -> Any:
    """Return the state of those bytes. Raises `pickle.UnpicklingError` where they name more than the domain's types."""
    return _Restoring(io.BytesIO(text)).load()


class _Restoring(pickle.Unpickler):
    """Reads states, and nothing else: types of the domain and a few plain ones; no function can be called by it."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a type that a state may be made of."""
        found = None
        if (module, name) in _FROM_OUTSIDE or module.split(".", maxsplit=1)[0] == "domain":
            found = super().find_class(module, name)
        if not isinstance(found, type) and (module, name) not in _FROM_OUTSIDE:
            raise pickle.UnpicklingError(f"a state holds no {module}.{name}")
        return found
