"""What stands after events, in the terms of the naive reference, held against what each event says of the former."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from domain.subscription.events import (
    Credit,
    Draw,
    Expiry,
    GrantExpired,
    HourPackPurchased,
    MonthStarted,
    PendingWorkCarriedOver,
    PeriodClosed,
    Recognition,
    SubscriptionEvent,
    WorkRated,
    WorkRerated,
    WorkRevised,
)
from tests.domain.rating.reference import RefCredit, RefDraw

Posted = tuple[str, str]
"""An entry and the month that draws or credits of it are posted in."""


class BottomLine(NamedTuple):
    """All that the customer and the books see; two of them are compared, so without zeros and in one order."""

    draws: list[RefDraw]
    credits: list[RefCredit]
    income: dict[tuple[str, str], int]
    owed: dict[str, int]

    @classmethod
    def of(
        cls,
        draws: Iterable[RefDraw],
        credited: Iterable[RefCredit],
        income: Mapping[tuple[str, str], int],
        owed: Mapping[str, int],
    ) -> "BottomLine":
        return cls(
            sorted(draws, key=str),
            sorted(credited, key=str),
            {key: cents for key, cents in income.items() if cents},
            {key: cents for key, cents in owed.items() if cents},
        )


class Standing:
    """A fold of a subscription's events that knows nothing of rating; `put` refuses what contradicts the past."""

    def __init__(self) -> None:
        self.draws: dict[Posted, tuple[Draw, ...]] = {}
        self.credits: dict[Posted, tuple[Credit, ...]] = {}
        self.billed: dict[str, int] = {}
        self.closed: set[str] = set()
        self.income: Counter[tuple[str, str]] = Counter()
        self.expired: Counter[tuple[str, str]] = Counter()
        self.broken: Counter[str] = Counter()
        self.prices: dict[str, int] = {}
        self.granted: Counter[tuple[str, str]] = Counter()
        self.posted: Counter[str] = Counter()

    def put(self, event: SubscriptionEvent) -> None:
        """Take one more event in."""
        match event:
            case MonthStarted():
                self.posted[event.month] += event.fee_cents
                self.granted["allowance", event.month] = event.allowance_seconds
                self.granted["rollover", event.month] = event.rollover_cap_seconds
            case HourPackPurchased():
                self.posted[event.month] += event.price_cents
                self.prices[event.pack_id] = event.price_cents
                self.granted["pack", event.pack_id] = event.seconds
            case WorkRated():
                assert event.entry_id not in self.billed
                self.billed[event.entry_id] = event.billed_seconds
                self._draw(event.entry_id, event.month, (), event.draws)
            case WorkRerated():
                assert event.before != event.draws
                self._draw(event.entry_id, event.month, event.before, event.draws)
            case WorkRevised():
                self.billed[event.entry_id] = event.billed_seconds
                self._draw(event.entry_id, event.month, event.before, event.draws)
                assert self.credits.get((event.entry_id, event.month), ()) == event.credits_before
                self.credits[event.entry_id, event.month] = event.credits
            case PendingWorkCarriedOver():
                assert self.draws.pop((event.entry_id, event.from_month)) == event.draws
                self.draws[event.entry_id, event.month] = event.draws
            case PeriodClosed():
                self.closed.add(event.month)
            case GrantExpired():
                self._expire([event.expired])
            case _:
                pass
        if isinstance(event, WorkRated | WorkRerated | WorkRevised):
            self._recognise(event.recognised)
            self._expire(event.expired)

    def _draw(self, entry_id: str, month: str, before: tuple[Draw, ...], draws: tuple[Draw, ...]) -> None:
        assert month not in self.closed
        assert self.draws.get((entry_id, month), ()) == before
        self.draws[entry_id, month] = draws

    def _recognise(self, recognised: Iterable[Recognition]) -> None:
        for each in recognised:
            assert each.month not in self.closed
            self.income[each.pack_id, each.month] += each.amount_cents

    def _expire(self, expired: Iterable[Expiry]) -> None:
        for each in expired:
            assert each.month not in self.closed
            self.expired[each.source, each.grant] += each.seconds
            if each.source == "pack":
                self.broken[each.grant] += each.amount_cents

    def bottom_line(self) -> BottomLine:
        draws = [
            RefDraw(entry_id, month, draw.source, draw.pack_id or draw.month, draw.seconds, draw.amount_cents)
            for (entry_id, month), draws in self.draws.items()
            for draw in draws
        ]
        credited = [
            RefCredit(
                entry_id,
                month,
                each.source,
                each.pack_id or each.month,
                each.posted_month,
                each.seconds,
                each.amount_cents,
                each.restored,
            )
            for (entry_id, month), credited in self.credits.items()
            for each in credited
        ]
        return BottomLine.of(draws, credited, self.income, self.owed())

    def used(self) -> Counter[tuple[str, str]]:
        """Seconds taken from each grant and not given back; from the cap of a rollover beside the allowance."""
        used: Counter[tuple[str, str]] = Counter()
        for draws in self.draws.values():
            for draw in draws:
                if draw.pack_id:
                    used["pack", draw.pack_id] += draw.seconds
                elif draw.month:
                    used["allowance", draw.month] += draw.seconds
                    used["rollover", draw.month] += draw.seconds * (draw.source == "rollover")
        for credited in self.credits.values():
            for each in credited:
                used["pack", str(each.pack_id)] -= each.seconds * each.restored
        return +used

    def net_seconds(self) -> Counter[str]:
        """Seconds drawn less seconds credited, by entry."""
        net: Counter[str] = Counter()
        for (entry_id, _), draws in self.draws.items():
            net[entry_id] += sum(draw.seconds for draw in draws)
        for (entry_id, _), credited in self.credits.items():
            net[entry_id] -= sum(each.seconds for each in credited)
        return net

    def owed(self) -> Counter[str]:
        """Fee + packs + on demand + emergency - credits, by month."""
        owed = Counter(self.posted)
        for (_, month), draws in self.draws.items():
            owed[month] += sum(draw.amount_cents for draw in draws if draw.source in ("on_demand", "emergency"))
        for (_, month), credited in self.credits.items():
            owed[month] -= sum(each.amount_cents for each in credited)
        return owed


def standing_after(events: Sequence[SubscriptionEvent]) -> Standing:
    standing = Standing()
    for event in events:
        standing.put(event)
    return standing
