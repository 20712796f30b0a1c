"""Every figure of a statement names the events that it follows from: read alone, they give the figure again."""

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings

from domain.rating.months import month_before
from domain.subscription.events import (
    Credit,
    Draw,
    HourPackPurchased,
    MonthStarted,
    PendingWorkCarriedOver,
    SubscriptionEvent,
    WorkRated,
    WorkRerated,
    WorkRevised,
)
from projections.account import account_of
from projections.statement import statement
from tests.domain.subscription.histories import History, happened, long_histories
from tests.domain.subscription.test_whole_lives import Life, live, lives
from tests.projections.linked import without_events
from tests.projections.stories import recorded
from tests.projections.test_statement import LATE

Json = dict[str, Any]
Rating = WorkRated | WorkRerated | WorkRevised | PendingWorkCarriedOver


class Told:
    """What events say of a month, with nothing else known."""

    def __init__(self, events: Sequence[SubscriptionEvent], period: str) -> None:
        self.events, self.period = events, period

    def months(self, name: str) -> list[MonthStarted]:
        return [each for each in self.events if isinstance(each, MonthStarted) and each.month == name]

    def latest(self, month: str, kinds: type[Any] | Any) -> Iterable[Any]:
        """The last of them about each entry in a month."""
        found: dict[str, Any] = {}
        for each in self.events:
            if isinstance(each, kinds) and each.month == month:
                found[each.entry_id] = each
        return found.values()

    def draws(self, *sources: str, month: str = "") -> list[Draw]:
        return [
            draw
            for each in self.latest(month or self.period, Rating)
            for draw in each.draws
            if not sources or draw.source in sources
        ]

    def credits(self) -> list[Credit]:
        return [credit for each in self.latest(self.period, WorkRevised) for credit in each.credits]

    def worked(self) -> int:
        facts: dict[str, int] = {}
        for each in self.events:
            if isinstance(each, WorkRated | WorkRevised):
                facts[each.entry_id] = each.duration_seconds
        return sum(facts.values())

    def packs(self) -> int:
        return sum(each.price_cents for each in self.events if isinstance(each, HourPackPurchased))

    def fee(self) -> int:
        return sum(each.fee_cents for each in self.months(self.period))

    def granted(self) -> int:
        return sum(each.allowance_seconds for each in self.months(self.period))

    def rollover(self) -> int:
        before = month_before(self.period)
        months = self.months(before)
        if not months:
            return 0
        left = sum(each.allowance_seconds for each in months) - seconds(self.draws("allowance", month=before))
        return min(months[-1].rollover_cap_seconds, left)

    def used(self) -> int:
        return seconds(self.draws("allowance", "rollover"))


def seconds(taken: Iterable[Draw | Credit]) -> int:
    return sum(each.seconds for each in taken)


def cents(taken: Iterable[Draw | Credit]) -> int:
    return sum(each.amount_cents for each in taken)


AGAIN: dict[str, Callable[[Told], int]] = {
    "fee_cents": Told.fee,
    "granted_seconds": Told.granted,
    "rollover_seconds": Told.rollover,
    "used_seconds": Told.used,
    "worked_seconds": Told.worked,
    "billed_seconds": lambda told: seconds(told.draws()),
    "on_demand_seconds": lambda told: seconds(told.draws("on_demand")),
    "on_demand_cents": lambda told: cents(told.draws("on_demand")),
    "emergency_seconds": lambda told: seconds(told.draws("emergency")),
    "emergency_cents": lambda told: cents(told.draws("emergency")),
    "packs_cents": Told.packs,
    "credits_cents": lambda told: cents(told.credits()),
    "hold_cents": lambda told: cents(told.draws("hold")),
}
"""How each figure is worked out from events alone."""

SUMS = {
    "left_seconds": {"granted_seconds": 1, "rollover_seconds": 1, "used_seconds": -1},
    "owed_cents": {"fee_cents": 1, "packs_cents": 1, "on_demand_cents": 1, "emergency_cents": 1, "credits_cents": -1},
}
"""Figures that are sums of others: their events are those of their parts, each part to be worked out from its own."""


def figures_of(shown: Json) -> dict[str, tuple[int, Sequence[int]]]:
    """Each figure by its name, with its positions."""
    positions = shown["figure_positions"]
    return {
        "fee_cents": (shown["fee_cents"], positions["fee_cents"]),
        **{name: (value, positions["allowance"][name]) for name, value in shown["allowance"].items()},
        **{name: (value, positions["totals"][name]) for name, value in shown["totals"].items()},
    }


def check(events: Sequence[SubscriptionEvent]) -> int:
    """Hold every figure of every month against its positions; return how many figures were not 0."""
    account = account_of(recorded([("subscription-s-1", each) for each in events]))
    assert account is not None
    checked = 0
    for month in {row.month for row in account.months}:
        shown = statement(account, month, max(each.occurred_at for each in events))
        assert without_events(shown) == []
        figures = figures_of(shown)
        assert figures.keys() == AGAIN.keys() | SUMS.keys()
        for name, parts in SUMS.items():
            value, positions = figures[name]
            assert value == sum(sign * figures[part][0] for part, sign in parts.items())
            assert set(positions) == {each for part in parts for each in figures[part][1]}
            checked += bool(value)
        for name, work_out in AGAIN.items():
            value, positions = figures[name]
            assert positions or not value, f"{name} of {month} names no event"
            if name == "rollover_seconds" and not value:
                continue  # nothing comes over into a month that has not begun yet
            told = Told([events[position - 1] for position in positions], month)
            assert work_out(told) == value, f"{name} of {month}"
            checked += bool(value)
        for entry in shown["entries"]:
            told = Told([events[position - 1] for position in entry["positions"]], month)
            assert told.worked() == entry["duration_seconds"]
            assert seconds(told.draws()) == sum(draw["seconds"] for draw in entry["draws"])
    return checked


def test_each_figure_of_the_example_follows_from_its_events() -> None:
    assert check(LATE.events) == 9


@settings(max_examples=150)
@given(lives)
def test_each_figure_of_any_life_follows_from_its_events(life: Life) -> None:
    check(life.events)


@settings(max_examples=150)
@given(long_histories)
def test_each_figure_of_any_history_follows_from_its_events(history: History) -> None:
    check(happened(history))


@pytest.mark.parametrize("name", [*AGAIN, *SUMS])
def test_some_life_has_a_figure_of_each_kind(name: str) -> None:
    """Without one the properties above would prove nothing of it."""
    for seed in range(60):
        events = live(Random(seed)).events
        account = account_of(recorded([("subscription-s-1", each) for each in events]))
        if account and any(figures_of(statement(account, row.month))[name][0] for row in account.months):
            return
    raise AssertionError(f"{name} is 0 in every life")
