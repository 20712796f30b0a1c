"""The journal: balanced whatever happened, and saying what the subscription's own arithmetic says."""

from collections import Counter
from itertools import groupby
from typing import Any

from hypothesis import given, settings

from domain.subscription.events import SubscriptionEvent
from domain.subscription.state import Subscription, evolve
from projections import ledger
from projections.account import account_of
from projections.folding import fold
from projections.ledger import LedgerLine
from projections.statement import statement
from tests.domain.subscription.histories import MONTHS, History, happened, histories, pack_income_of
from tests.domain.subscription.sentences import buy, denver, since_november, work
from tests.projections.stories import recorded


def lines_of(events: list[SubscriptionEvent] | tuple[SubscriptionEvent, ...]) -> list[LedgerLine]:
    lines: Any = fold(ledger.VIEW, recorded([("subscription-s-1", each) for each in events])).journals["ledger"]
    return list(lines)


def balances_of(events: list[SubscriptionEvent] | tuple[SubscriptionEvent, ...]) -> Counter[str]:
    balances: Counter[str] = Counter()
    for line in lines_of(events):
        balances[line.account] += line.amount
    return balances


@given(histories)
@settings(max_examples=60, deadline=None)
def test_every_entry_balances_in_money_and_in_seconds(history: History) -> None:
    lines = lines_of(happened(history))
    for entry, group in groupby(lines, key=lambda line: (line.position, line.part)):
        sums: Counter[str] = Counter()
        for line in group:
            sums[line.commodity] += line.amount
        assert not any(sums.values()), entry


@given(histories)
@settings(max_examples=60, deadline=None)
def test_balances_are_what_the_book_has_left_and_what_the_months_are_owed(history: History) -> None:
    events = happened(history)
    balances = balances_of(events)
    state: Subscription | None = None
    for event in events:
        state = evolve(state, event)
    assert state is not None
    for pack in state.book.packs.values():
        assert balances[f"pack:{pack.pack_id}"] == pack.remaining_seconds >= 0
    for month in state.book.months:
        left = month.allowance_left - month.rollover_drawn
        assert balances[f"allowance:{month.month}"] == left >= 0
    account = account_of(recorded([("subscription-s-1", each) for each in events]))
    assert account is not None
    totals = [statement(account, month)["totals"] for month in MONTHS]
    assert balances["receivable"] == sum(each["owed_cents"] for each in totals)
    assert balances["worked"] == sum(each["worked_seconds"] for each in totals)
    assert balances["memo:holds"] == sum(each["hold_cents"] for each in totals)
    assert balances["income:packs"] == -sum(pack_income_of(events).values())


@given(histories)
@settings(max_examples=30, deadline=None)
def test_income_from_packs_is_posted_in_the_month_that_earned_it(history: History) -> None:
    events = happened(history)
    posted: Counter[str] = Counter()
    for line in lines_of(events):
        if line.account == "income:packs":
            posted[line.period] -= line.amount
    earned: Counter[str] = Counter()
    for (_, month), cents in pack_income_of(events).items():
        earned[month] += cents
    assert +posted == +earned
    assert -posted == -earned


NOVEMBER = since_november().having(
    work(denver(11, 3, 17), "nov-3", denver(11, 3), 40),
    work(denver(11, 5, 17), "nov-5", denver(11, 5), 50),
    buy(denver(11, 10)),
    work(denver(11, 12, 17), "nov-12", denver(11, 12), 120),
)


def test_example_1_in_the_accounts() -> None:
    assert balances_of(NOVEMBER.events) == {
        "receivable": 150_00 + 112_50 + 600_00,
        "income:subscription": -150_00,
        "income:on_demand": -112_50,
        "deferred_packs": -600_00 + 240_00,
        "income:packs": -240_00,
        "granted": -3600 - 5 * 3600,
        "allowance:2026-11": 0,
        "pack:p-1": 180 * 60,
        "worked": (40 + 50 + 120) * 60,
        "rounding": (5 + 10) * 60,
        "on_demand": -45 * 60,
    }


def test_late_work_adds_entries_that_name_it_and_changes_none() -> None:
    before = lines_of(NOVEMBER.events)
    after = lines_of(NOVEMBER.having(work(denver(11, 15), "nov-2", denver(11, 2), 30)).events)
    assert after[: len(before)] == before
    added = after[len(before) :]
    assert [(line.subject, line.caused_by) for line in added if line.account == "receivable"] == [
        ("nov-5", "nov-2"),
        ("nov-3", "nov-2"),
    ]
    assert {line.occurred_at for line in added} == {denver(11, 15)}
    posted = {line.subject: line.posted_at for line in added}
    assert posted == {"nov-5": denver(11, 5), "nov-3": denver(11, 3), "nov-2": denver(11, 2)}


def test_a_hold_is_a_memo_that_nobody_owes() -> None:
    pending = work(denver(11, 7, 23), "sat", denver(11, 7, 21), 90, "pending")
    balances = balances_of(since_november().having(pending).events)
    assert balances["memo:holds"] == -balances["memo:holds_offset"] == 450_00
    assert balances["receivable"] == 150_00
    assert balances["hold"] == -90 * 60
