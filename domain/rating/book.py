"""What a subscription granted and what was worked on it, with the draws that stand between the two."""

from bisect import bisect_right
from datetime import datetime

import msgspec

from domain.event import Value
from domain.money import share_cents
from domain.plan import Terms
from domain.rating.entries import Entries, Entry
from domain.subscription.events import Draw, Recognition


class Month(Value, frozen=True, kw_only=True):
    """A month with the allowance it granted and what was drawn of that (B6).

    `allowance_drawn` seconds were drawn in the month itself, `rollover_drawn` in the next one from what was left.
    """

    month: str
    starts_at: datetime
    ends_at: datetime
    terms: Terms
    allowance_seconds: int
    allowance_drawn: int = 0
    rollover_drawn: int = 0

    @property
    def allowance_left(self) -> int:
        """Seconds of the month's own allowance that are not drawn in it."""
        return self.allowance_seconds - self.allowance_drawn

    @property
    def rollover_seconds(self) -> int:
        """Seconds that serve the next month: what is left of the own allowance, at most the cap (B6)."""
        return min(self.terms.rollover_cap_seconds, self.allowance_left)

    @property
    def rollover_left(self) -> int:
        """Seconds of the rollover that the next month has not drawn."""
        return self.rollover_seconds - self.rollover_drawn

    def drawing(self, allowance: int, rollover: int) -> "Month":
        """Return the month with that many seconds more drawn."""
        return Month(
            month=self.month,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            terms=self.terms,
            allowance_seconds=self.allowance_seconds,
            allowance_drawn=self.allowance_drawn + allowance,
            rollover_drawn=self.rollover_drawn + rollover,
        )


class Pack(Value, frozen=True, kw_only=True):
    """Hours bought in advance, and the seconds drawn of them by posting month (B5, B6)."""

    pack_id: str
    seconds: int
    price_cents: int
    effective_at: datetime
    expires_at: datetime | None = None
    drawn: dict[str, int] = msgspec.field(default_factory=dict)

    @property
    def remaining_seconds(self) -> int:
        """Seconds not drawn, expired or not."""
        return self.seconds - sum(self.drawn.values())

    def drawing(self, month: str, seconds: int) -> "Pack":
        """Return the pack with that many seconds more drawn in a month."""
        drawn = self.drawn | {month: self.drawn.get(month, 0) + seconds}
        if not drawn[month]:
            del drawn[month]
        return Pack(
            pack_id=self.pack_id,
            seconds=self.seconds,
            price_cents=self.price_cents,
            effective_at=self.effective_at,
            expires_at=self.expires_at,
            drawn=drawn,
        )

    def recognised(self) -> dict[str, int]:
        """Return the income that each month has earned, in cents, by cumulative share in the order of months (B9)."""
        earned: dict[str, int] = {}
        drawn = before = 0
        for month in sorted(self.drawn):
            drawn += self.drawn[month]
            until = share_cents(drawn, self.seconds, self.price_cents)
            earned[month] = until - before
            before = until
        return earned


class Book(Value, frozen=True, kw_only=True):
    """The months begun (without a gap, oldest first), the packs by id and the entries of a subscription."""

    months: tuple[Month, ...] = ()
    packs: dict[str, Pack] = msgspec.field(default_factory=dict)
    entries: Entries = Entries()

    def month_number(self, at: datetime) -> int:
        """Return the index of the month begun last at an instant; it must not be before the first."""
        if self.months[-1].starts_at <= at:
            return len(self.months) - 1
        return bisect_right(self.months, at, key=_starts_at) - 1

    def month_at(self, at: datetime) -> Month:
        """Return the month begun last at an instant; it must not be before the first."""
        return self.months[self.month_number(at)]

    def rating_at(self, started_at: datetime) -> datetime:
        """Return the rating time of work: when it started, or when the earliest open month began, if later (B7).

        Months are not closed yet, so the earliest open one is the first.
        """
        return max(started_at, self.months[0].starts_at)

    def with_month(self, month: Month) -> "Book":
        """Return the book with the month that follows its last."""
        return Book(months=(*self.months, month), packs=self.packs, entries=self.entries)

    def with_pack(self, pack: Pack) -> "Book":
        """Return the book with one more pack, not drawn from yet."""
        return Book(months=self.months, packs={**self.packs, pack.pack_id: pack}, entries=self.entries)

    def with_unrated(self, entry: Entry) -> "Book":
        """Return the book with one more entry, which draws nothing yet."""
        return Book(months=self.months, packs=self.packs, entries=self.entries.put(entry))

    def with_draws(self, entry: Entry, draws: tuple[Draw, ...]) -> "Book":
        """Return the book with `draws` in the place of those that `entry` has; it need not hold the entry yet."""
        months, packs = self.months, self.packs
        number = self.month_number(entry.rating_at)
        for sign, changed in ((-1, entry.draws), (1, draws)):
            for draw in changed:
                seconds = sign * draw.seconds
                if draw.source == "allowance":
                    months = _replaced(months, number, months[number].drawing(seconds, 0))
                elif draw.source == "rollover":
                    months = _replaced(months, number - 1, months[number - 1].drawing(0, seconds))
                elif draw.pack_id is not None:
                    packs = {**packs, draw.pack_id: packs[draw.pack_id].drawing(months[number].month, seconds)}
        return Book(months=months, packs=packs, entries=self.entries.put(entry.drawing(draws)))


def recognitions(before: Book, after: Book) -> tuple[Recognition, ...]:
    """Return the pack income that the step from one book to the other recognises, or takes back, by month (B9)."""
    if before.packs is after.packs:
        return ()
    found = []
    for pack_id, pack in sorted(after.packs.items()):
        former = before.packs[pack_id]
        if former is not pack:
            was, now = former.recognised(), pack.recognised()
            changes = ((month, now.get(month, 0) - was.get(month, 0)) for month in sorted(was.keys() | now.keys()))
            found += [
                Recognition(pack_id=pack_id, month=month, amount_cents=cents) for month, cents in changes if cents
            ]
    return tuple(found)


def _replaced(months: tuple[Month, ...], number: int, month: Month) -> tuple[Month, ...]:
    return (*months[:number], month, *months[number + 1 :])


def _starts_at(month: Month) -> datetime:
    return month.starts_at
