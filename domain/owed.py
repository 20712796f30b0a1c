"""What does a customer owe for each month, and for what? Statement totals by purpose (SUPPORT_POLICY R23).

Fees and packs count as maintenance. Draws and credits count by the purpose of their work entry: that which its case's
category gives it now, whenever they were posted, as the class of work holds for all of a case's entries, before and
after (B4). A hold is not owed. The sum over the purposes is what the month's statement says is owed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date

import msgspec
from msgspec.structs import replace

from domain.event import Event, Value
from domain.rating.months import month_after
from domain.subscription.events import (
    Credit,
    Draw,
    HourPackPurchased,
    MonthStarted,
    PlanChanged,
    Purpose,
    SubscriptionCancelled,
    SubscriptionStarted,
    WorkRated,
    WorkRerated,
    WorkRevised,
)

EntryEvent = WorkRated | WorkRerated | WorkRevised
"""The events that say what an entry draws, each with all that is posted for it in its month."""

FeeEvent = SubscriptionStarted | PlanChanged | SubscriptionCancelled
"""The events that say which fee a month to come will have."""

_OWED_FOR = frozenset({"on_demand", "emergency"})


class MonthOwed(Value, frozen=True, kw_only=True):
    """What was posted in a month, in cents: its fee, its packs, and work less credits by purpose."""

    fee_cents: int = 0
    packs_cents: int = 0
    maintenance_work_cents: int = 0
    enhancement_work_cents: int = 0

    @property
    def maintenance_cents(self) -> int:
        """What a budget for maintenance is set against."""
        return self.fee_cents + self.packs_cents + self.maintenance_work_cents

    @property
    def enhancement_cents(self) -> int:
        """What a budget for enhancements is set against."""
        return self.enhancement_work_cents

    @property
    def total_cents(self) -> int:
        """What the month's statement says is owed."""
        return self.maintenance_cents + self.enhancement_cents


Owed = Mapping[str, MonthOwed]
"""Month ("2026-11") -> what was posted in it; a month in which nothing was is left out."""


def owed_for_entry(event: EntryEvent) -> int:
    """Return the cents owed for an entry in the event's month, from then on, but for credits that stood before.

    Of `WorkRerated` that is the difference it makes: credits do not change with it.
    """
    match event:
        case WorkRated():
            return _of_draws(event.draws)
        case WorkRerated():
            return _of_draws(event.draws) - _of_draws(event.before)
        case WorkRevised():
            return _of_draws(event.draws) - _of_credits(event.credits)


def owed_by_month(events: Iterable[Event]) -> Owed:
    """Return what a customer owes by month, from all events of its subscription in their order; others are skipped."""
    months: dict[str, MonthOwed] = {}
    entries: dict[tuple[str, str], int] = {}
    purposes: dict[str, Purpose] = {}
    for event in events:
        match event:
            case MonthStarted():
                known = months.get(event.month, MonthOwed())
                months[event.month] = replace(known, fee_cents=known.fee_cents + event.fee_cents)
            case HourPackPurchased():
                known = months.get(event.month, MonthOwed())
                months[event.month] = replace(known, packs_cents=known.packs_cents + event.price_cents)
            case WorkRerated():
                place = event.entry_id, event.month
                entries[place] = entries.get(place, 0) + owed_for_entry(event)
            case WorkRated() | WorkRevised():
                entries[event.entry_id, event.month] = owed_for_entry(event)
                purposes[event.entry_id] = event.purpose
            case _:
                pass
    for (entry_id, month), cents in entries.items():
        months[month] = with_work(months.get(month, MonthOwed()), purposes[entry_id], cents)
    return months


def with_work(month: MonthOwed, purpose: Purpose, cents: int) -> MonthOwed:
    """Return a month with so much more owed for work."""
    if purpose == "enhancement":
        return replace(month, enhancement_work_cents=month.enhancement_work_cents + cents)
    return replace(month, maintenance_work_cents=month.maintenance_work_cents + cents)


class Fees(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The monthly fees that are agreed: each of `steps`, by month, holds from its month on.

    `last_month` is that of a cancelled subscription: there is no fee after it.
    """

    steps: tuple[tuple[str, int], ...] = ()
    last_month: str | None = None

    def of(self, month: str) -> int:
        """Return the fee that a month will have as things stand."""
        if self.last_month is not None and month > self.last_month:
            return 0
        number = bisect_right(self.steps, month, key=lambda step: step[0])
        return self.steps[number - 1][1] if number else 0


def agreed_fees(fees: Fees, event: FeeEvent) -> Fees:
    """Return the fees that are agreed after an event."""
    match event:
        case SubscriptionStarted():
            ended = () if fees.last_month is None else ((month_after(fees.last_month), 0),)
            kept = tuple(step for step in fees.steps if fees.last_month is None or step[0] <= fees.last_month)
            return Fees(steps=_stepped((*kept, *ended), _month(event.starts_on), event.terms.monthly_fee_cents))
        case PlanChanged():
            return replace(fees, steps=_stepped(fees.steps, event.month, event.terms.monthly_fee_cents))
        case SubscriptionCancelled():
            return replace(fees, last_month=event.last_month)


def _stepped(steps: Iterable[tuple[str, int]], month: str, fee_cents: int) -> tuple[tuple[str, int], ...]:
    return tuple(sorted([*(step for step in steps if step[0] != month), (month, fee_cents)]))


def _month(day: date) -> str:
    return day.isoformat()[:7]


def _of_draws(draws: Iterable[Draw]) -> int:
    return sum(draw.amount_cents for draw in draws if draw.source in _OWED_FOR)


def _of_credits(credited: Iterable[Credit]) -> int:
    return sum(credit.amount_cents for credit in credited)
