"""Which draws each entry makes, once the facts before it are known (SUPPORT_POLICY B5-B7)."""

from datetime import datetime
from heapq import heappop, heappush
from typing import NamedTuple, assert_never

from domain.money import amount_cents
from domain.plan import Terms
from domain.rating.book import Book, Month, Pack
from domain.rating.entries import Entry, Place
from domain.subscription.events import Draw, DrawSource

_Precedence = tuple[bool, datetime, datetime, str]


class Redraw(NamedTuple):
    """An entry, with the draws that stand for it, and those it makes by the facts known now."""

    entry: Entry
    draws: tuple[Draw, ...]


def billed_seconds(duration_seconds: int, terms: Terms) -> int:
    """Return the time that is billed for a duration: rounded up to the increment, at least the minimum (B3)."""
    increment = terms.billing_increment_seconds
    return max(terms.minimum_charge_seconds, -(-duration_seconds // increment) * increment)


def redraws(book: Book, place: Place) -> list[Redraw]:
    """Rate the entries from `place` on anew and return, in B7's order, those that draw otherwise than the book says.

    The draws of the entries before `place` must be right; then the result depends on the facts in the book alone.
    Costs n log n for the n entries from `place` on and the packs that cover them. Nothing before is looked at, since
    what was left at `place` is what is left at the end together with what was drawn since.
    """
    entries = book.entries.since(place)
    if not entries:
        return []
    waterfall = _Waterfall(book, entries)
    return [Redraw(entry, draws) for entry in entries if (draws := waterfall.draw(entry)) != entry.draws]


class _Waterfall:
    """What is left of each grant, while entries draw from them in B7's order."""

    def __init__(self, book: Book, entries: list[Entry]) -> None:
        returned: dict[tuple[str, str], int] = {}
        for entry in entries:
            for draw in entry.draws:
                if grant := draw.pack_id or draw.month:
                    returned[draw.source, grant] = returned.get((draw.source, grant), 0) + draw.seconds
        at = entries[0].rating_at
        self._months = book.months
        self._number = book.month_number(at)
        self._month = book.months[self._number]
        self._allowance = 0
        if self._month.allowance_seconds:  # else another month of the same name may have granted what was drawn
            self._allowance = self._month.allowance_left + returned.get(("allowance", self._month.month), 0)
        self._granting: Month | None = None
        self._rollover = 0
        granting = book.number_before(self._number)
        if granting is not None:
            self._granting = book.months[granting]
            self._rollover = self._granting.rollover_left + returned.get(("rollover", self._granting.month), 0)
        self._left = {
            pack_id: left
            for pack_id, pack in book.packs.items()
            if (left := pack.remaining_seconds + returned.get(("pack", pack_id), 0))
            and (pack.expires_at is None or pack.expires_at > at)
        }
        self._packs_ahead = sorted((book.packs[pack_id] for pack_id in self._left), key=_effective_at, reverse=True)
        self._packs: list[tuple[_Precedence, Pack]] = []

    def draw(self, entry: Entry) -> tuple[Draw, ...]:
        """Draw what an entry needs; its key is above those of the entries before."""
        if entry.rating_at >= self._month.ends_at:
            self._turn_months(entry.rating_at)
        seconds = entry.open_seconds
        if not seconds:
            return ()
        match entry.work_class:
            case "included":
                return self._covered(entry, seconds)
            case "billable":
                return self._packs_then_on_demand(entry, seconds, [])
            case "emergency":
                return (charge("emergency", entry, seconds, entry.multiplier),)
            case "pending":
                return (charge("hold", entry, seconds, entry.multiplier),)
            case "waived":
                return (Draw(source="waived", seconds=seconds),)
            case _ as never:
                assert_never(never)

    def _turn_months(self, at: datetime) -> None:
        while at >= self._month.ends_at and self._number + 1 < len(self._months):
            ended = self._month
            self._number += 1
            self._month = self._months[self._number]
            if self._month.month != ended.month:
                # What the entries before left of the allowance decides, not what the book says is left.
                self._granting = ended
                self._rollover = min(ended.terms.rollover_cap_seconds, self._allowance)
            self._allowance = self._month.allowance_seconds

    def _covered(self, entry: Entry, needed: int) -> tuple[Draw, ...]:
        draws: list[Draw] = []
        if self._rollover and self._granting is not None:
            seconds = min(needed, self._rollover)
            self._rollover -= seconds
            needed -= seconds
            draws.append(Draw(source="rollover", seconds=seconds, month=self._granting.month))
        if needed and self._allowance:
            seconds = min(needed, self._allowance)
            self._allowance -= seconds
            needed -= seconds
            draws.append(Draw(source="allowance", seconds=seconds, month=self._month.month))
        return self._packs_then_on_demand(entry, needed, draws)

    def _packs_then_on_demand(self, entry: Entry, needed: int, draws: list[Draw]) -> tuple[Draw, ...]:
        at = entry.rating_at
        while self._packs_ahead and self._packs_ahead[-1].effective_at <= at:
            pack = self._packs_ahead.pop()
            heappush(self._packs, (_precedence(pack), pack))
        while needed and self._packs:
            pack = self._packs[0][1]
            left = self._left[pack.pack_id]
            if not left or (pack.expires_at is not None and pack.expires_at <= at):
                heappop(self._packs)
                continue
            seconds = min(needed, left)
            self._left[pack.pack_id] = left - seconds
            needed -= seconds
            draws.append(Draw(source="pack", seconds=seconds, pack_id=pack.pack_id))
        if needed:
            draws.append(charge("on_demand", entry, needed, 1))
        return tuple(draws)


def charge(source: DrawSource, entry: Entry, seconds: int, multiplier: int) -> Draw:
    """Return time that no grant covers, at the rate of the month it was worked in (B2, B9)."""
    return Draw(
        source=source,
        seconds=seconds,
        rate_cents_per_hour=entry.rate_cents_per_hour,
        multiplier=multiplier,
        amount_cents=amount_cents(seconds, entry.rate_cents_per_hour, multiplier),
    )


def _precedence(pack: Pack) -> _Precedence:
    """Soonest expiry first, none last, then `effective_at`, then the id by bytes (B5)."""
    return (pack.expires_at is None, pack.expires_at or pack.effective_at, pack.effective_at, pack.pack_id)


def _effective_at(pack: Pack) -> datetime:
    return pack.effective_at
