"""The facts of a subscription as the naive reference takes them, and the months, packs and billed time they come to."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.plan import Terms


class RefMonth(NamedTuple):
    """A month as the waterfall takes it: what it grants, and the rates of work that was started in it."""

    name: str
    starts_at: datetime
    ends_at: datetime
    allowance: int
    cap: int
    rate: int
    multiplier: int


class RefPack(NamedTuple):
    pack_id: str
    seconds: int
    price: int
    effective_at: datetime
    expires_at: datetime | None
    rate: int = 0


class Purchase(NamedTuple):
    pack_id: str
    hours: int
    bought_at: datetime
    effective_from: datetime | None = None


class Worked(NamedTuple):
    """A work entry as it was last stated."""

    entry_id: str
    started_at: datetime
    duration: int
    work_class: str
    voided: bool = False


class PlanFrom(NamedTuple):
    """Terms for the months from `month` ("2026-11") on."""

    month: str
    terms: Terms


class Again(NamedTuple):
    """A subscription that was started after the former one was cancelled."""

    starts_on: date
    terms: Terms
    changes: tuple[PlanFrom, ...] = ()


class Facts(NamedTuple):
    """All that is known at an instant; `changes` of plan in the order in which they were made."""

    zone: str
    starts_on: date
    terms: Terms
    changes: tuple[PlanFrom, ...] = ()
    last_month: str | None = None
    purchases: tuple[Purchase, ...] = ()
    entries: tuple[Worked, ...] = ()
    again: Again | None = None


class Stretch(NamedTuple):
    """A month, or what of it comes before or after the start of another subscription."""

    month: str
    starts_at: datetime
    ends_at: datetime
    terms: Terms
    subscribed: bool

    def as_month(self) -> RefMonth:
        terms = self.terms
        granted = (terms.allowance_seconds, terms.rollover_cap_seconds) if self.subscribed else (0, 0)
        return RefMonth(
            self.month, self.starts_at, self.ends_at, *granted, terms.regular_rate_cents, terms.emergency_multiplier
        )


YEARS = 3
"""For so long a history may go on."""


@lru_cache(maxsize=256)
def stretches(facts: Facts) -> tuple[Stretch, ...]:
    """The months since the first subscription's start; after a last month, at its terms and without a subscription."""
    found: list[Stretch] = []
    month = facts.starts_on.isoformat()[:7]
    for _ in range(12 * YEARS):
        first, end = date.fromisoformat(f"{month}-01"), date.fromisoformat(f"{month_after(month)}-01")
        first = max(first, facts.starts_on)
        again = facts.again
        if again is None or again.starts_on >= end:
            found.append(_of_the_first(facts, month, first, end))
        elif again.starts_on <= first:
            found.append(_of_the_second(facts, again, month, first, end))
        else:
            found.append(_of_the_first(facts, month, first, again.starts_on))
            found.append(_of_the_second(facts, again, month, again.starts_on, end))
        month = month_after(month)
    return tuple(found)


def _of_the_first(facts: Facts, month: str, first: date, end: date) -> Stretch:
    last = facts.last_month
    terms = last_change(facts.terms, facts.changes, month if last is None else min(month, last))
    return Stretch(month, midnight(facts, first), midnight(facts, end), terms, last is None or month <= last)


def _of_the_second(facts: Facts, again: Again, month: str, first: date, end: date) -> Stretch:
    terms = last_change(again.terms, again.changes, month)
    return Stretch(month, midnight(facts, first), midnight(facts, end), terms, subscribed=True)


def last_change(terms: Terms, changes: Iterable[PlanFrom], month: str) -> Terms:
    """The terms in force in a month; of the changes for one month the last made holds."""
    since = ""
    for change in changes:
        if since <= change.month <= month:
            terms, since = change.terms, change.month
    return terms


def terms_at(facts: Facts, at: datetime) -> Terms:
    return next(each.terms for each in stretches(facts) if each.starts_at <= at < each.ends_at)


def pack_of(facts: Facts, purchase: Purchase) -> RefPack:
    """A pack by the terms of the day of its purchase; validity counts whole local days after the effective one."""
    terms = terms_at(facts, purchase.bought_at)
    effective_at = purchase.effective_from or purchase.bought_at
    expires_at = None
    if terms.pack_validity_days is not None:
        last_day = effective_at.astimezone(ZoneInfo(facts.zone)).date() + timedelta(days=terms.pack_validity_days)
        expires_at = midnight(facts, last_day + timedelta(days=1))
    price = purchase.hours * terms.pack_rate_cents
    return RefPack(purchase.pack_id, purchase.hours * 3600, price, effective_at, expires_at, terms.pack_rate_cents)


def billed(facts: Facts, entry: Worked) -> int:
    if entry.voided:
        return 0
    terms = terms_at(facts, entry.started_at)
    increments = (Decimal(entry.duration) / terms.billing_increment_seconds).to_integral_value(ROUND_CEILING)
    return max(terms.minimum_charge_seconds, int(increments) * terms.billing_increment_seconds)


def month_of(facts: Facts, at: datetime) -> str:
    return at.astimezone(ZoneInfo(facts.zone)).date().isoformat()[:7]


def month_after(month: str) -> str:
    last_day = date(int(month[:4]), int(month[5:]), 28)
    return (last_day + timedelta(days=7)).isoformat()[:7]


def midnight(facts: Facts, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(facts.zone)).astimezone(UTC)
