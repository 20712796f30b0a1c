"""Sorted sequences that versions share: one more item copies one chunk of some hundred, never all of them.

Everything here works on a tuple of chunks; `key` says what their items are sorted by, a `place` is such a key.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

Chunks = tuple[tuple[T, ...], ...]

_CHUNK = 256


def put(chunks: Chunks[T], item: T, key: Callable[[T], Any]) -> Chunks[T]:
    """Return the items with one more, or with another in the place of the one with the same key."""
    place = key(item)
    number = _chunk_of(chunks, place, key)
    if number == len(chunks):  # behind all others: by far the most frequent case
        if not chunks or len(chunks[-1]) >= _CHUNK:
            return (*chunks, (item,))
        return (*chunks[:-1], (*chunks[-1], item))
    chunk = chunks[number]
    index = bisect_left(chunk, place, key=key)
    grown = (*chunk[:index], item, *chunk[index + (key(chunk[index]) == place) :])
    halves = (grown,) if len(grown) <= 2 * _CHUNK else (grown[:_CHUNK], grown[_CHUNK:])
    return (*chunks[:number], *halves, *chunks[number + 1 :])


def without(chunks: Chunks[T], place: Any, key: Callable[[T], Any]) -> Chunks[T]:
    """Return the items but for the one at a place, which must be there."""
    number = _chunk_of(chunks, place, key)
    chunk = chunks[number]
    index = bisect_left(chunk, place, key=key)
    rest = (*chunk[:index], *chunk[index + 1 :])
    return (*chunks[:number], *((rest,) if rest else ()), *chunks[number + 1 :])


def find(chunks: Chunks[T], place: Any, key: Callable[[T], Any]) -> T | None:
    """Return the item at a place."""
    number = _chunk_of(chunks, place, key)
    if number == len(chunks):
        return None
    item = chunks[number][bisect_left(chunks[number], place, key=key)]
    return item if key(item) == place else None


def since(chunks: Chunks[T], place: Any, key: Callable[[T], Any]) -> list[T]:
    """Return the items from a place on, in order."""
    number = _chunk_of(chunks, place, key)
    if number == len(chunks):
        return []
    found = list(chunks[number][bisect_left(chunks[number], place, key=key) :])
    for chunk in chunks[number + 1 :]:
        found.extend(chunk)
    return found


def _chunk_of(chunks: Chunks[T], place: Any, key: Callable[[T], Any]) -> int:
    """Return the index of the first chunk that does not end before a place."""
    if chunks and key(chunks[-1][-1]) < place:
        return len(chunks)
    return bisect_left(chunks, place, key=lambda chunk: key(chunk[-1]))
