"""The statement and the subscription as customers see them, by the examples of SUPPORT_POLICY B."""

from typing import Any

from domain.subscription.events import SubscriptionEvent
from projections.account import Account, account_of, until
from projections.statement import statement
from tests.domain.subscription.sentences import buy, denver, since_november, work
from tests.projections.stories import recorded

NOVEMBER = since_november().having(
    work(denver(11, 3, 17), "nov-3", denver(11, 3), 40),
    work(denver(11, 5, 17), "nov-5", denver(11, 5), 50),
    buy(denver(11, 10)),
    work(denver(11, 12, 17), "nov-12", denver(11, 12), 120),
)
LATE = NOVEMBER.having(work(denver(11, 15), "nov-2", denver(11, 2), 30))


def account(events: tuple[SubscriptionEvent, ...]) -> Account:
    found = account_of(recorded([("subscription-s-1", each) for each in events]))
    assert found is not None
    return found


def draws_of(shown: dict[str, Any]) -> dict[str, list[tuple[str, int, int]]]:
    return {
        entry["entry_id"]: [(draw["source"], draw["seconds"] // 60, draw["amount_cents"]) for draw in entry["draws"]]
        for entry in shown["entries"]
    }


def test_example_1_entry_by_entry_and_in_total() -> None:
    shown = statement(account(NOVEMBER.events), "2026-11")
    assert draws_of(shown) == {
        "nov-3": [("allowance", 45, 0)],
        "nov-5": [("allowance", 15, 0), ("on_demand", 45, 112_50)],
        "nov-12": [("pack", 120, 0)],
    }
    assert shown["fee_cents"] == 150_00
    assert [(each["hours"], each["price_cents"]) for each in shown["purchases"]] == [(5, 600_00)]
    assert shown["allowance"] == {
        "granted_seconds": 3600,
        "rollover_seconds": 0,
        "used_seconds": 3600,
        "left_seconds": 0,
    }
    assert shown["totals"] == {
        "worked_seconds": 210 * 60,
        "billed_seconds": 225 * 60,
        "on_demand_seconds": 45 * 60,
        "on_demand_cents": 112_50,
        "emergency_seconds": 0,
        "emergency_cents": 0,
        "packs_cents": 600_00,
        "credits_cents": 0,
        "hold_cents": 0,
        "owed_cents": 150_00 + 600_00 + 112_50,
    }


def test_example_2_the_late_entry_comes_first_and_moves_the_draws_of_the_others() -> None:
    shown = statement(account(LATE.events), "2026-11")
    assert draws_of(shown) == {
        "nov-2": [("allowance", 30, 0)],
        "nov-3": [("allowance", 30, 0), ("on_demand", 15, 37_50)],
        "nov-5": [("on_demand", 60, 150_00)],
        "nov-12": [("pack", 120, 0)],
    }
    assert shown["totals"]["on_demand_cents"] == 187_50


def test_a_draw_names_the_rating_and_what_changed_it_and_one_that_stands_its_rating_alone() -> None:
    events = LATE.events
    rated = {getattr(each, "entry_id", None): number for number, each in enumerate(NOVEMBER.events, 1)}
    entries = {each["entry_id"]: each for each in statement(account(events), "2026-11")["entries"]}
    (nov_12,) = entries["nov-12"]["draws"]
    assert nov_12["positions"] == (rated["nov-12"],)
    (nov_5,) = entries["nov-5"]["draws"]
    assert nov_5["positions"] == (rated["nov-5"], len(NOVEMBER.events) + 1)


def test_a_draw_that_stands_while_another_of_its_entry_changes_names_its_rating_alone() -> None:
    bought = since_november().having(buy(denver(11, 2)), work(denver(11, 10, 20), "nov-10", denver(11, 10), 360))
    late = bought.having(work(denver(11, 11), "nov-5", denver(11, 5), 30, "billable"))
    entries = {each["entry_id"]: each for each in statement(account(late.events), "2026-11")["entries"]}
    rated, rerated = len(bought.events), len(bought.events) + 1
    assert [(each["source"], each["positions"]) for each in entries["nov-10"]["draws"]] == [
        ("allowance", (rated,)),
        ("pack", (rated, rerated)),
        ("on_demand", (rated, rerated)),
    ]


def test_as_of_an_earlier_instant_the_statement_is_what_it_was_then() -> None:
    records = recorded([("subscription-s-1", each) for each in LATE.events])
    then = account_of(until(records, denver(11, 14)))
    assert then is not None
    now = account(NOVEMBER.events)
    assert statement(then, "2026-11") == statement(now, "2026-11")


def test_a_month_without_anything_is_a_statement_of_nothing() -> None:
    shown = statement(account(NOVEMBER.events), "2026-09")
    assert shown["entries"] == shown["purchases"] == []
    assert shown["totals"]["owed_cents"] == 0


def test_no_events_are_no_account() -> None:
    assert account_of([]) is None
