"""The journal: balanced whatever happened, and saying what the subscription's own arithmetic says."""

from collections import Counter
from datetime import date
from functools import reduce
from itertools import groupby
from typing import Any

from hypothesis import given, settings

from domain.plan import TermsChange
from domain.subscription.events import Credit, SubscriptionEvent
from domain.subscription.state import evolve
from projections import ledger
from projections.account import account_of
from projections.folding import fold
from projections.ledger import LedgerLine
from projections.statement import statement
from tests.domain.subscription.happenings import MONTHS
from tests.domain.subscription.histories import History, happened, histories, long_histories
from tests.domain.subscription.sentences import buy, cancel, denver, since_november, start, work
from tests.domain.subscription.standing import Standing, standing_after
from tests.projections.stories import recorded


def lines_of(events: list[SubscriptionEvent] | tuple[SubscriptionEvent, ...]) -> list[LedgerLine]:
    lines: Any = fold(ledger.VIEW, recorded([("subscription-s-1", each) for each in events])).journals["ledger"]
    return list(lines)


def balances_of(events: list[SubscriptionEvent] | tuple[SubscriptionEvent, ...]) -> Counter[str]:
    balances: Counter[str] = Counter()
    for line in lines_of(events):
        balances[line.account] += line.amount
    return balances


@given(histories | long_histories)
@settings(max_examples=100)
def test_every_entry_balances_in_money_and_in_seconds(history: History) -> None:
    lines = lines_of(happened(history))
    for entry, group in groupby(lines, key=lambda line: (line.position, line.part)):
        sums: Counter[str] = Counter()
        for line in group:
            sums[line.commodity] += line.amount
        assert not any(sums.values()), entry


@given(histories | long_histories)
@settings(max_examples=150)
def test_in_each_month_the_receivable_is_what_the_statement_says_is_owed(history: History) -> None:
    events = happened(history)
    posted: Counter[tuple[str, str]] = Counter()
    for line in lines_of(events):
        posted[line.account, line.period] += line.amount
    account = account_of(recorded([("subscription-s-1", each) for each in events]))
    assert account is not None
    standing = standing_after(events)
    for month in MONTHS:
        shown = statement(account, month)
        totals = shown["totals"]
        assert posted["receivable", month] == totals["owed_cents"] == standing.owed()[month]
        assert posted["memo:holds", month] == totals["hold_cents"]
        assert posted["income:subscription", month] == -shown["fee_cents"]
        drawn = standing_draws(standing, month)
        assert totals["billed_seconds"] == sum(drawn.values())
        assert totals["on_demand_seconds"] == drawn["on_demand"]
        assert (shown["state"] == "closed") == (month in standing.closed)


def standing_draws(standing: Standing, month: str) -> Counter[str]:
    """The seconds drawn in a month, by source."""
    drawn: Counter[str] = Counter()
    for (_, posted_in), draws in standing.draws.items():
        for draw in draws if posted_in == month else ():
            drawn[draw.source] += draw.seconds
    return drawn


@given(histories | long_histories)
@settings(max_examples=150)
def test_balances_are_what_the_book_has_left_and_what_was_earned(history: History) -> None:
    events = happened(history)
    balances = balances_of(events)
    state = reduce(evolve, events, None)
    assert state is not None
    for pack in state.book.packs.values():
        assert balances[f"pack:{pack.pack_id}"] == (0 if pack.expired_in else pack.remaining_seconds) >= 0
    left_in: Counter[str] = Counter()  # by name: within a month another subscription can have started
    for month in state.book.months:
        left = month.rollover_left if month.allowance_expired else month.allowance_left - month.rollover_drawn
        assert left >= 0
        left_in[month.month] += 0 if month.rollover_expired else left
    assert {month: balances[f"allowance:{month}"] for month in left_in} == left_in
    standing = standing_after(events)
    earned, broken = sum(standing.income.values()), sum(standing.broken.values())
    paid_out = sum(each.amount_cents for each in credits_of(standing) if each.source == "pack")
    assert balances["deferred_packs"] == earned + broken - sum(standing.prices.values()) <= 0
    assert balances["income:packs"] == paid_out - earned
    assert balances["income:breakage"] == -broken
    worked = sum(entry.duration_seconds for entry in state.book.entries if not entry.voided)
    assert balances["worked"] == worked
    assert balances["worked"] + balances["rounding"] == sum(standing.net_seconds().values())
    assert balances["carried_over"] == 0


def credits_of(standing: Standing) -> list[Credit]:
    return [each for credited in standing.credits.values() for each in credited]


@given(histories | long_histories)
@settings(max_examples=60)
def test_income_from_packs_is_posted_in_the_month_that_earned_it(history: History) -> None:
    events = happened(history)
    posted: Counter[str] = Counter()
    for line in lines_of(events):
        if line.account == "income:packs":
            posted[line.period] -= line.amount
    standing = standing_after(events)
    earned: Counter[str] = Counter()
    for (_, month), cents in standing.income.items():
        earned[month] += cents
    for (_, month), credited in standing.credits.items():
        earned[month] -= sum(each.amount_cents for each in credited if each.source == "pack")
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


def test_a_subscription_that_starts_again_is_billed_in_one_month_by_both_of_its_parts() -> None:
    agreed = TermsChange(monthly_fee_cents=99_00, allowance_seconds=1800, regular_rate_cents=200_00)
    given = since_november().having(
        cancel(denver(11, 10)),
        work(denver(12, 4), "dec-4", denver(12, 3), 60),
        work(denver(12, 13), "dec-12", denver(12, 12), 60),
        start(denver(12, 14), starts_on=date(2026, 12, 10), terms=agreed),
        work(denver(12, 15), "dec-5", denver(12, 5), 60),
    )
    account = account_of(recorded([("subscription-s-1", each) for each in given.events]))
    assert account is not None
    shown = statement(account, "2026-12")
    # Before the new start by the terms of the last month, after it by the new ones with their allowance.
    assert {entry["entry_id"]: [draw["amount_cents"] for draw in entry["draws"]] for entry in shown["entries"]} == {
        "dec-4": [150_00],
        "dec-5": [150_00],
        "dec-12": [0, 100_00],
    }
    assert shown["fee_cents"] == 99_00
    owed = sum(line.amount for line in lines_of(given.events) if (line.account, line.period) == RECEIVABLE_OF_DECEMBER)
    assert owed == shown["totals"]["owed_cents"] == 99_00 + 400_00


RECEIVABLE_OF_DECEMBER = ("receivable", "2026-12")
