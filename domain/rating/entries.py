"""The work entries of a subscription in the order they are rated in (SUPPORT_POLICY B7)."""

from collections.abc import Iterator
from datetime import datetime
from operator import itemgetter

from msgspec.structs import replace

from domain.event import Value
from domain.rating import chunks as shared
from domain.rating.chunks import Chunks
from domain.subscription.events import Credit, Draw, Purpose, WorkClass

Key = tuple[datetime, datetime, str]
"""(rating time, started_at, entry_id). Text compares by code point, which is the order of its UTF-8 bytes."""

Place = Key | tuple[datetime]
"""Where in that order: at an entry, or before the first entry with a rating time."""


class Standing(Value, frozen=True, kw_only=True):
    """What stands for ever of a draw of a closed month: the draw, less what was credited of it until that closed (B8).

    `posted_month` is the month that the draw is posted in.
    """

    posted_month: str
    draw: Draw


class Entry(Value, frozen=True, kw_only=True):
    """A work entry as the facts have it, with the draws that stand for it; none, as long as it has not been rated.

    The rate and the multiplier are those of the month it was worked in (B2). `frozen` is what stands of it in closed
    months, and `frozen_class` the class that it was closed with; `draws` and `credits` are posted in the month of
    `rating_at`, beside those. `revised` says that its facts are not those it was logged with.
    """

    entry_id: str
    ticket_id: str
    case_number: str = ""
    agent: str
    started_at: datetime
    duration_seconds: int
    rating_at: datetime
    work_class: WorkClass
    purpose: Purpose = "maintenance"
    voided: bool = False
    revised: bool = False
    billed_seconds: int
    rate_cents_per_hour: int
    multiplier: int
    draws: tuple[Draw, ...] = ()
    credits: tuple[Credit, ...] = ()
    frozen: tuple[Standing, ...] = ()
    frozen_class: WorkClass | None = None

    @property
    def key(self) -> Key:
        """Where the entry stands among the others (B7)."""
        return (self.rating_at, self.started_at, self.entry_id)

    @property
    def open_seconds(self) -> int:
        """Seconds that its draws are to cover: the billed time, but for what stands of closed months."""
        if not self.frozen:
            return self.billed_seconds
        stands = sum(standing.draw.seconds for standing in self.frozen)
        return self.billed_seconds - stands + sum(credit.seconds for credit in self.credits)

    def drawing(self, draws: tuple[Draw, ...]) -> "Entry":
        """Return the entry with other draws."""
        return replace(self, draws=draws)


class Entries(Value, frozen=True):
    """Entries sorted by key and found by id, never changed: `put` returns others that share all but one chunk.

    So a fold of n entries costs n small copies, where one long tuple would be copied n times. `places` has the key of
    each entry by its id.
    """

    chunks: Chunks[Entry] = ()
    places: Chunks[tuple[str, Key]] = ()

    def __len__(self) -> int:
        return sum(map(len, self.chunks))

    def __iter__(self) -> Iterator[Entry]:
        for chunk in self.chunks:
            yield from chunk

    def get(self, entry_id: str) -> Entry | None:
        """Return the entry with that id."""
        place = shared.find(self.places, entry_id, _id)
        return None if place is None else shared.find(self.chunks, place[1], _key)

    def put(self, entry: Entry) -> "Entries":
        """Return these entries with one more, or with another in the place of the one with the same id."""
        key = entry.key
        place = shared.find(self.places, entry.entry_id, _id)
        if place is not None and place[1] == key:
            return Entries(shared.put(self.chunks, entry, _key), self.places)
        others = self.chunks if place is None else shared.without(self.chunks, place[1], _key)
        return Entries(shared.put(others, entry, _key), shared.put(self.places, (entry.entry_id, key), _id))

    def since(self, place: Place) -> list[Entry]:
        """Return the entries from a place on, in order."""
        return shared.since(self.chunks, place, _key)


def _key(entry: Entry) -> Key:
    return entry.key


_id = itemgetter(0)
