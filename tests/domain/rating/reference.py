"""The rules B2-B9 once more, naively: every balance is summed up anew from all draws made before.

Slow, without any cleverness, and sharing nothing with the code it checks but the terms. `settled` is all of it: what
was known at each close, and what is known now, give the draws and credits that stand. `bill` is the waterfall alone.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from tests.domain.rating.reference_facts import (
    Facts,
    RefMonth,
    RefPack,
    Worked,
    billed,
    midnight,
    month_after,
    month_of,
    pack_of,
    stretches,
    terms_at,
)


class RefEntry(NamedTuple):
    """Seconds to draw; `rating_at` is there where it is later than the start of the work."""

    entry_id: str
    started_at: datetime
    work_class: str
    billed: int
    rating_at: datetime | None = None


class RefDraw(NamedTuple):
    entry_id: str
    posted_in: str
    source: str
    grant: str | None
    seconds: int
    cents: int


class RefCredit(NamedTuple):
    """Seconds taken back of the draw of `drawn_in`; `restored` to their pack, else worth `cents`."""

    entry_id: str
    posted_in: str
    source: str
    grant: str | None
    drawn_in: str
    seconds: int
    cents: int
    restored: bool


class Close(NamedTuple):
    """A month that was closed, and what was known then."""

    month: str
    known: Facts


class Bill(NamedTuple):
    """The draws and credits that stand, and the class that each entry's draws were made under."""

    draws: list[RefDraw]
    credits: list[RefCredit]
    classes: dict[str, str]


# What stands: B8 over the months that were closed, one after the other, and then over what is open.


def settled(facts: Facts, closes: Sequence[Close] = ()) -> Bill:
    """All draws and credits that stand when these months were closed and these are the facts."""
    frozen = Bill([], [], {})
    open_from = month_of(facts, midnight(facts, facts.starts_on))
    for close in closes:
        assert close.month == open_from
        rated = _rated(close.known, frozen, open_from)
        frozen = Bill(
            [draw for draw in rated.draws if draw.posted_in <= open_from and draw.source != "hold"],
            [credit for credit in rated.credits if credit.posted_in <= open_from],
            rated.classes,
        )
        open_from = month_after(open_from)
    return _rated(facts, frozen, open_from)


def _rated(facts: Facts, frozen: Bill, open_from: str) -> Bill:
    """What stands by these facts beside the draws and credits of the months before `open_from`."""
    open_at = next(each.starts_at for each in stretches(facts) if each.month == open_from)
    packs = [pack_of(facts, purchase) for purchase in facts.purchases]
    credited = list(frozen.credits)
    to_draw: list[RefEntry] = []
    for entry in facts.entries:
        standing: list[tuple[RefDraw, int]] = []
        for draw in frozen.draws:
            if draw.entry_id == entry.entry_id:
                key = (draw.entry_id, draw.source, draw.grant, draw.posted_in)
                given_back = sum(
                    each.seconds
                    for each in frozen.credits
                    if (each.entry_id, each.source, each.grant, each.drawn_in) == key
                )
                standing.append((draw, draw.seconds - given_back))
        total = sum(seconds for _, seconds in standing)
        needed = billed(facts, entry)
        if total and frozen.classes[entry.entry_id] == entry.work_class:
            too_much, to_rate = max(0, total - needed), max(0, needed - total)
        else:
            too_much, to_rate = total, needed
        # The latest month first; within one the waterfall reversed, as the sort keeps equals in their order.
        standing.reverse()
        standing.sort(key=lambda each: each[0].posted_in, reverse=True)
        for draw, seconds in standing:
            taken = min(too_much, seconds)
            if taken:
                too_much -= taken
                credited.append(_credit(facts, packs, entry, draw, seconds, taken, open_from, open_at))
        assert too_much == 0
        if to_rate:
            rating_at = max(entry.started_at, open_at)
            to_draw.append(RefEntry(entry.entry_id, entry.started_at, entry.work_class, to_rate, rating_at))
    months = [each.as_month() for each in stretches(facts)]
    draws = bill(months, packs, to_draw, frozen.draws, credited)
    return Bill([*frozen.draws, *draws], credited, {entry.entry_id: entry.work_class for entry in facts.entries})


def _credit(
    facts: Facts,
    packs: list[RefPack],
    entry: Worked,
    draw: RefDraw,
    standing: int,
    taken: int,
    open_from: str,
    open_at: datetime,
) -> RefCredit:
    rate, restored = Decimal(0), False
    terms = terms_at(facts, entry.started_at)
    if draw.source == "on_demand":
        rate = Decimal(terms.regular_rate_cents)
    elif draw.source == "emergency":
        rate = Decimal(terms.regular_rate_cents) * terms.emergency_multiplier
    elif draw.source == "pack":
        pack = next(pack for pack in packs if pack.pack_id == draw.grant)
        if pack.expires_at is not None and pack.expires_at <= open_at:
            rate = Decimal(pack.rate)
        else:
            restored = True
    cents = rounded(standing * rate / 3600) - rounded((standing - taken) * rate / 3600)
    return RefCredit(entry.entry_id, open_from, draw.source, draw.grant, draw.posted_in, taken, cents, restored)


# The waterfall: B5-B7.


def bill(
    months: list[RefMonth],
    packs: list[RefPack],
    entries: Iterable[RefEntry],
    frozen: Iterable[RefDraw] = (),
    credited: Iterable[RefCredit] = (),
) -> list[RefDraw]:
    """Rate all entries in B7's order, after what is drawn and credited already; return the new draws."""
    before = list(frozen)
    given_back = list(credited)
    made: list[RefDraw] = []

    def left(granted: int, source: str, grant: str) -> int:
        drawn = sum(draw.seconds for draw in [*before, *made] if (draw.source, draw.grant) == (source, grant))
        restored = sum(
            each.seconds for each in given_back if each.restored and (each.source, each.grant) == (source, grant)
        )
        assert drawn - restored <= granted
        return granted - drawn + restored

    def in_month(at: datetime) -> int:
        return next(n for n, month in enumerate(months) if month.starts_at <= at < month.ends_at)

    ordered = sorted(entries, key=lambda e: (e.rating_at or e.started_at, e.started_at, e.entry_id.encode()))
    for entry in ordered:
        rating_at = entry.rating_at or entry.started_at
        number = in_month(rating_at)
        month = months[number]
        available: list[tuple[str, str, int]] = []
        if entry.work_class == "included":
            for last in (each for each in months if month_after(each.name) == month.name and each.allowance):
                unused = left(last.allowance, "allowance", last.name)
                available.append(("rollover", last.name, left(min(unused, last.cap), "rollover", last.name)))
            available.append(("allowance", month.name, left(month.allowance, "allowance", month.name)))
        if entry.work_class in ("included", "billable"):
            covering = [
                pack
                for pack in packs
                if pack.effective_at <= rating_at and (pack.expires_at is None or rating_at < pack.expires_at)
            ]
            without_expiry = [pack for pack in covering if pack.expires_at is None]
            with_expiry = [pack for pack in covering if pack.expires_at is not None]
            in_order = sorted(with_expiry, key=lambda p: (p.expires_at, p.effective_at, p.pack_id.encode())) + sorted(
                without_expiry, key=lambda p: (p.effective_at, p.pack_id.encode())
            )
            available += [("pack", p.pack_id, left(p.seconds, "pack", p.pack_id)) for p in in_order]
        needed = entry.billed
        for source, grant, seconds in available:
            taken = min(needed, seconds)
            if taken:
                made.append(RefDraw(entry.entry_id, month.name, source, grant, taken, 0))
                needed -= taken
        if needed:
            worked_in = months[in_month(entry.started_at)]
            source, multiplier = {
                "included": ("on_demand", 1),
                "billable": ("on_demand", 1),
                "emergency": ("emergency", worked_in.multiplier),
                "pending": ("hold", worked_in.multiplier),
                "waived": ("waived", 0),
            }[entry.work_class]
            cents = rounded(Decimal(needed) * worked_in.rate * multiplier / 3600)
            made.append(RefDraw(entry.entry_id, month.name, source, None, needed, cents))
    return made


# Money: B2, B9.


def pack_income(
    packs: list[RefPack], draws: Iterable[RefDraw], credited: Iterable[RefCredit] = ()
) -> Counter[tuple[str, str]]:
    """Income by (pack, month): of each month's end, what the share of all used so far is above the former's."""
    income: Counter[tuple[str, str]] = Counter()
    for pack in packs:
        used: Counter[str] = Counter()
        for draw in draws:
            if (draw.source, draw.grant) == ("pack", pack.pack_id):
                used[draw.posted_in] += draw.seconds
        for credit in credited:
            if credit.restored and credit.grant == pack.pack_id:
                used[credit.posted_in] -= credit.seconds
        so_far = 0
        for month in sorted(used):
            earned = rounded(Decimal(so_far) * pack.price / pack.seconds)
            so_far += used[month]
            income[pack.pack_id, month] += rounded(Decimal(so_far) * pack.price / pack.seconds) - earned
    return income


def breakage(packs: list[RefPack], stands: Bill, now: datetime) -> Counter[str]:
    """What each pack that has expired by `now` earned beyond what was used of it."""
    earned: Counter[str] = Counter()
    for (pack_id, _), cents in pack_income(packs, stands.draws, stands.credits).items():
        earned[pack_id] += cents
    return Counter({p.pack_id: p.price - earned[p.pack_id] for p in packs if p.expires_at and p.expires_at <= now})


def owed(facts: Facts, stands: Bill, now: datetime) -> Counter[str]:
    """Fee + packs + on demand + emergency - credits, by month, for the months that began by `now`."""
    total: Counter[str] = Counter()
    for each in stretches(facts):
        if each.subscribed and each.starts_at <= now:
            total[each.month] += each.terms.monthly_fee_cents
    for purchase in facts.purchases:
        total[month_of(facts, purchase.bought_at)] += pack_of(facts, purchase).price
    for draw in stands.draws:
        if draw.source in ("on_demand", "emergency"):
            total[draw.posted_in] += draw.cents
    for credit in stands.credits:
        total[credit.posted_in] -= credit.cents
    return total


def rounded(cents: Decimal) -> int:
    return int(cents.quantize(Decimal(1), ROUND_HALF_UP))
