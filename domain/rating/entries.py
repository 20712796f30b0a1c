"""The work entries of a subscription in the order they are rated in (SUPPORT_POLICY B7)."""

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime

from domain.event import Value
from domain.subscription.events import Draw, WorkClass

Key = tuple[datetime, datetime, str]
"""(rating time, started_at, entry_id). Text compares by code point, which is the order of its UTF-8 bytes."""

Place = Key | tuple[datetime]
"""Where in that order: at an entry, or before the first entry with a rating time."""

_CHUNK = 256


class Entry(Value, frozen=True, kw_only=True):
    """A work entry with the draws that stand for it; none, as long as it has not been rated.

    The rate and the multiplier are those of the month it was worked in (B2).
    """

    entry_id: str
    ticket_id: str
    agent: str
    started_at: datetime
    duration_seconds: int
    rating_at: datetime
    work_class: WorkClass
    billed_seconds: int
    rate_cents_per_hour: int
    multiplier: int
    draws: tuple[Draw, ...] = ()

    @property
    def key(self) -> Key:
        """Where the entry stands among the others (B7)."""
        return (self.rating_at, self.started_at, self.entry_id)

    def drawing(self, draws: tuple[Draw, ...]) -> "Entry":
        """Return the entry with other draws."""
        return Entry(
            entry_id=self.entry_id,
            ticket_id=self.ticket_id,
            agent=self.agent,
            started_at=self.started_at,
            duration_seconds=self.duration_seconds,
            rating_at=self.rating_at,
            work_class=self.work_class,
            billed_seconds=self.billed_seconds,
            rate_cents_per_hour=self.rate_cents_per_hour,
            multiplier=self.multiplier,
            draws=draws,
        )


class Entries(Value, frozen=True):
    """Entries sorted by key, never changed: `put` returns others that share all but one chunk.

    So a fold of n entries costs n small copies, where one long tuple would be copied n times.
    """

    chunks: tuple[tuple[Entry, ...], ...] = ()

    def __len__(self) -> int:
        return sum(map(len, self.chunks))

    def __iter__(self) -> Iterator[Entry]:
        for chunk in self.chunks:
            yield from chunk

    def find(self, key: Key) -> Entry | None:
        """Return the entry with that key."""
        number = self._chunk_of(key)
        if number < len(self.chunks):
            chunk = self.chunks[number]
            place = _index(chunk, key)
            if chunk[place].key == key:
                return chunk[place]
        return None

    def put(self, entry: Entry) -> "Entries":
        """Return these entries with one more, or with another in the place of the one with the same key."""
        key = entry.key
        number = self._chunk_of(key)
        if number == len(self.chunks):  # behind all others: by far the most frequent case
            if not self.chunks or len(self.chunks[-1]) >= _CHUNK:
                return Entries((*self.chunks, (entry,)))
            return Entries((*self.chunks[:-1], (*self.chunks[-1], entry)))
        chunk = self.chunks[number]
        place = _index(chunk, key)
        replaced = chunk[place].key == key
        grown = (*chunk[:place], entry, *chunk[place + replaced :])
        halves = (grown,) if len(grown) <= 2 * _CHUNK else (grown[:_CHUNK], grown[_CHUNK:])
        return Entries((*self.chunks[:number], *halves, *self.chunks[number + 1 :]))

    def since(self, place: Place) -> list[Entry]:
        """Return the entries from a place on, in order."""
        number = self._chunk_of(place)
        if number == len(self.chunks):
            return []
        found = list(self.chunks[number][_index(self.chunks[number], place) :])
        for chunk in self.chunks[number + 1 :]:
            found.extend(chunk)
        return found

    def _chunk_of(self, place: Place) -> int:
        if self.chunks and self.chunks[-1][-1].key < place:
            return len(self.chunks)
        return bisect_left(self.chunks, place, key=_last_key)


def _index(chunk: tuple[Entry, ...], place: Place) -> int:
    return bisect_left(chunk, place, key=_key)


def _key(entry: Entry) -> Place:
    return entry.key


def _last_key(chunk: tuple[Entry, ...]) -> Place:
    return chunk[-1].key
