"""What a subscription granted and what was worked on it, with the draws that stand between the two."""

from bisect import bisect_right
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace

from domain.event import Value
from domain.money import share_cents
from domain.plan import Terms
from domain.rating.entries import Entries, Entry
from domain.rating.months import month_before

GrantSource = Literal["rollover", "allowance", "pack"]
Grant = tuple[GrantSource, str]
"""Where covered time comes from: the source, and the month of an allowance or a rollover, or a pack's id."""


class Month(Value, frozen=True, kw_only=True):
    """A month with the allowance it granted and what was drawn of that (B6).

    `allowance_drawn` seconds were drawn in the month itself, `rollover_drawn` in the next one from what was left.
    `allowance_expired` and `rollover_expired` say that it is recorded what was left at the end of either.

    Where a subscription starts within a month that another one left empty, two of them have the same name.
    """

    month: str
    starts_at: datetime
    ends_at: datetime
    terms: Terms
    allowance_seconds: int
    allowance_drawn: int = 0
    rollover_drawn: int = 0
    allowance_expired: bool = False
    rollover_expired: bool = False

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
        return replace(
            self,
            allowance_drawn=self.allowance_drawn + allowance,
            rollover_drawn=self.rollover_drawn + rollover,
        )


class Pack(Value, frozen=True, kw_only=True):
    """Hours bought in advance, and the seconds drawn of them by posting month (B5, B6).

    Time that goes back to the pack counts as drawn less in the month that the credit is posted in (B8). `expired_in` is
    the month that its expiry is posted in, once it is recorded.
    """

    pack_id: str
    seconds: int
    rate_cents_per_hour: int
    price_cents: int
    effective_at: datetime
    expires_at: datetime | None = None
    drawn: dict[str, int] = msgspec.field(default_factory=dict)
    expired_in: str | None = None

    @property
    def remaining_seconds(self) -> int:
        """Seconds not drawn, expired or not."""
        return self.seconds - sum(self.drawn.values())

    @property
    def recognised_cents(self) -> int:
        """The income earned so far, expiry aside: the share of the price that is drawn (B9)."""
        return share_cents(sum(self.drawn.values()), self.seconds, self.price_cents)

    def drawing(self, month: str, seconds: int) -> "Pack":
        """Return the pack with that many seconds more drawn in a month."""
        drawn = self.drawn | {month: self.drawn.get(month, 0) + seconds}
        if not drawn[month]:
            del drawn[month]
        return replace(self, drawn=drawn)

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
    """The months begun (without a gap, oldest first), the packs by id and the entries of a subscription.

    `closed_until` is the end of the last closed month.
    """

    months: tuple[Month, ...] = ()
    packs: dict[str, Pack] = msgspec.field(default_factory=dict)
    entries: Entries = Entries()
    closed_until: datetime | None = None

    @property
    def open_from(self) -> datetime:
        """The start of the earliest open month; a month must have begun."""
        return self.months[0].starts_at if self.closed_until is None else self.closed_until

    def month_number(self, at: datetime) -> int:
        """Return the index of the month begun last at an instant; it must not be before the first."""
        if self.months[-1].starts_at <= at:
            return len(self.months) - 1
        return bisect_right(self.months, at, key=_starts_at) - 1

    def month_at(self, at: datetime) -> Month:
        """Return the month begun last at an instant; it must not be before the first."""
        return self.months[self.month_number(at)]

    def number_before(self, number: int) -> int | None:
        """Return the index of the month whose rollover serves a month: the last one of the name before (B6)."""
        name = self.months[number].month
        while number >= 0 and self.months[number].month == name:
            number -= 1
        return number if number >= 0 and self.months[number].month == month_before(name) else None

    def rating_at(self, started_at: datetime) -> datetime:
        """Return the rating time of work: when it started, or when the earliest open month began, if later (B7)."""
        return max(started_at, self.open_from)

    def is_open(self, entry: Entry) -> bool:
        """Whether an entry's draws and credits can still change."""
        return self.closed_until is None or entry.rating_at >= self.closed_until

    def with_month(self, month: Month) -> "Book":
        """Return the book with the month that follows its last.

        Entries that are there already, of a month that was cut by a new subscription, take its rates (B2).
        """
        entries = self.entries
        if self.months:
            for entry in self.entries.since((month.starts_at,)):
                if entry.started_at >= month.starts_at:
                    terms = month.terms
                    entries = entries.put(
                        replace(
                            entry,
                            rate_cents_per_hour=terms.regular_rate_cents,
                            multiplier=terms.emergency_multiplier,
                        )
                    )
        return replace(self, months=(*self.months, month), entries=entries)

    def cut(self, at: datetime) -> "Book":
        """Return the book with its last month, which is of no subscription, ended where a new subscription starts."""
        if not self.months or self.months[-1].ends_at <= at:
            return self
        last = self.months[-1]
        kept = () if last.starts_at == at else (replace(last, ends_at=at),)
        return replace(self, months=(*self.months[:-1], *kept))

    def closed(self, until: datetime) -> "Book":
        """Return the book with all months closed until an instant."""
        return replace(self, closed_until=until)

    def with_pack(self, pack: Pack) -> "Book":
        """Return the book with one more pack, or another in its place."""
        return replace(self, packs={**self.packs, pack.pack_id: pack})

    def with_unrated(self, entry: Entry) -> "Book":
        """Return the book with one more entry, which draws nothing yet."""
        return replace(self, entries=self.entries.put(entry))

    def with_entry(self, before: Entry | None, after: Entry) -> "Book":
        """Return the book with an entry in the place of what it was until now; it need not hold the entry yet."""
        book = replace(self, entries=self.entries.put(after))
        taken = self.taken(before, after)
        return book.drawing(taken, after.rating_at) if taken else book

    def taken(self, before: Entry | None, after: Entry) -> dict[Grant, int]:
        """Return the seconds that a changed entry draws more of each grant (negative: less)."""
        changed = usage(after)
        if before is not None and self.is_open(before):
            for grant, seconds in usage(before).items():
                changed[grant] = changed.get(grant, 0) - seconds
        return {grant: seconds for grant, seconds in changed.items() if seconds}

    def drawing(self, taken: dict[Grant, int], rating_at: datetime) -> "Book":
        """Return the book with that many seconds more drawn of each grant, posted in the month of a rating time."""
        months, packs = self.months, self.packs
        number = self.month_number(rating_at)
        for (source, grant), seconds in taken.items():
            if source == "pack":
                packs = {**packs, grant: packs[grant].drawing(months[number].month, seconds)}
            elif source == "allowance":
                months = _replaced(months, number, months[number].drawing(seconds, 0))
            elif (granting := self.number_before(number)) is not None:
                months = _replaced(months, granting, months[granting].drawing(0, seconds))
        return replace(self, months=months, packs=packs)

    def with_granting(self, month: Month) -> "Book":
        """Return the book with another month in the place of the one with the same start."""
        return replace(self, months=_replaced(self.months, self.month_number(month.starts_at), month))

    def month_named(self, month: str) -> Month:
        """Return the month of a name that can have granted anything: the last one."""
        return next(each for each in reversed(self.months) if each.month == month)

    def free(self, grant: Grant) -> int:
        """Return the seconds of a grant that no entry draws."""
        source, name = grant
        if source == "pack":
            return self.packs[name].remaining_seconds
        month = self.month_named(name)
        return month.rollover_left if source == "rollover" else month.allowance_left - month.rollover_drawn


def drawn(entry: Entry) -> dict[Grant, int]:
    """Return the seconds that an entry's draws take of each grant."""
    taken: dict[Grant, int] = {}
    for draw in entry.draws:
        if draw.source == "pack" and draw.pack_id is not None:
            taken["pack", draw.pack_id] = draw.seconds
        elif draw.month is not None and (draw.source == "allowance" or draw.source == "rollover"):  # noqa: PLR1714 - for mypy
            taken[draw.source, draw.month] = draw.seconds
    return taken


def usage(entry: Entry) -> dict[Grant, int]:
    """Return the seconds that an entry's draws take of each grant, less those that its credits give back."""
    taken = drawn(entry)
    for credit in entry.credits:
        if credit.restored and credit.pack_id is not None:
            grant: Grant = ("pack", credit.pack_id)
            taken[grant] = taken.get(grant, 0) - credit.seconds
    return taken


def _replaced(months: tuple[Month, ...], number: int, month: Month) -> tuple[Month, ...]:
    return (*months[:number], month, *months[number + 1 :])


def _starts_at(month: Month) -> datetime:
    return month.starts_at
