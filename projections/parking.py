"""Which keys of a view are set aside? A handler that fails parks the key; later events of the key queue behind it."""

from collections import defaultdict
from collections.abc import Iterable
from traceback import format_exception
from typing import Protocol, TypeAlias

import msgspec

from projections.view import Key

EVERYWHERE = ""
"""In place of a table's name: all tables and journals of the view."""

ParkedKey: TypeAlias = Key | str
"""The key of a row; or the id of a stream, where the key cannot be told: for a journal, and where telling it failed."""


class Placed(Protocol):
    """An event by its place in the log, whether it can be decoded or not."""

    @property
    def originator_id(self) -> str:
        """Its stream."""

    @property
    def position(self) -> int | None:
        """Its place in the log."""

    @property
    def metadata_json(self) -> bytes:
        """Why it is there, as JSON."""


class ParkedEvent(msgspec.Struct, frozen=True, gc=False):
    """An event that a part of a view (a table or journal, by name) has not taken. Without `error` it only queues."""

    part: str
    key: ParkedKey
    at: Placed
    error: str | None = None
    traceback: str | None = None


class Parking:
    """The keys of one build that are set aside, and what the batch under way adds to their queues."""

    def __init__(self, keys: Iterable[tuple[str, ParkedKey]] = ()) -> None:
        self._keys: defaultdict[str, set[ParkedKey]] = defaultdict(set)
        for part, key in keys:
            self._keys[part].add(key)
        self.added: list[ParkedEvent] = []

    def of(self, part: str) -> set[ParkedKey]:
        """Return the keys of a part that are set aside; `park` adds to the same set."""
        return self._keys[part]

    def keys(self) -> list[tuple[str, ParkedKey]]:
        """Return all keys that are set aside, with the part that each is of."""
        return [(part, key) for part, keys in self._keys.items() for key in keys]

    def park(self, part: str, key: ParkedKey, at: Placed, error: BaseException) -> None:
        """Set a key aside, because of an event that its handler cannot take."""
        self._keys[part].add(key)
        self.added.append(ParkedEvent(part, key, at, repr(error), "".join(format_exception(error))))

    def queue(self, part: str, key: ParkedKey, at: Placed) -> None:
        """Let an event wait behind the one that its key was parked for."""
        self.added.append(ParkedEvent(part, key, at))

    def release(self, part: str, key: ParkedKey) -> None:
        """Take a key up again."""
        self._keys[part].discard(key)
