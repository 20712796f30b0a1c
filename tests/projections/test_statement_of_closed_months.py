"""What a statement shows of work whose facts changed: in its own month while that is open, in a later one after."""

from datetime import date
from typing import Any

from domain.subscription.events import SubscriptionEvent
from projections.account import account_of
from projections.statement import statement
from tests.domain.subscription.sentences import allowance, denver, on_demand, pack
from tests.projections.subscription_events import (
    bought,
    carried_over,
    closed,
    credit,
    emergency,
    hold,
    month,
    rated,
    recorded,
    rerated,
    revised,
    settled,
    started,
    terms,
)

NOV_3 = rated(denver(11, 3), "nov-3", 40, allowance(45))
NOV_5 = rated(denver(11, 5), "nov-5", 50, allowance(15), on_demand(45, 112_50))
SAT = rated(denver(11, 7, 22), "sat", 90, hold(90), work_class="pending")
NOVEMBER: list[SubscriptionEvent] = [started(denver(11, 1), date(2026, 11, 1)), month("2026-11"), NOV_3, NOV_5]
DECEMBER: list[SubscriptionEvent] = [*NOVEMBER, month("2026-12"), closed(denver(12, 2), "2026-11")]


def shown(events: list[SubscriptionEvent], period: str) -> dict[str, Any]:
    account = account_of(recorded(events))
    assert account is not None
    return statement(account, period)


def lines(found: dict[str, Any]) -> dict[str, list[tuple[str, int, tuple[int, ...]]]]:
    """Of each entry its draws: source, minutes and the positions behind it."""
    return {
        entry["entry_id"]: [(draw["source"], draw["seconds"] // 60, draw["positions"]) for draw in entry["draws"]]
        for entry in found["entries"]
    }


def test_a_correction_within_the_month_changes_the_facts_and_the_draws_that_differ() -> None:
    corrected = revised(
        denver(11, 6),
        NOV_5,
        duration_seconds=1800,
        billed_seconds=1800,
        draws=(allowance(15), on_demand(15, 37_50)),
    )
    found = shown([*NOVEMBER, corrected], "2026-11")
    assert lines(found)["nov-5"] == [("allowance", 15, (4,)), ("on_demand", 15, (4, 5))]
    (_, entry) = found["entries"]
    assert (entry["duration_seconds"], entry["billed_seconds"]) == (1800, 1800)
    assert found["totals"]["worked_seconds"] == (40 + 30) * 60
    assert found["totals"]["owed_cents"] == 150_00 + 37_50


def test_what_is_rated_anew_after_a_correction_names_the_correction_too() -> None:
    corrected = revised(denver(11, 6), NOV_5, draws=(allowance(15), on_demand(15, 37_50)))
    again = rerated(denver(11, 8), NOV_5, on_demand(30, 75_00), caused_by="nov-2", before=corrected.draws)
    assert lines(shown([*NOVEMBER, corrected, again], "2026-11"))["nov-5"] == [("on_demand", 30, (4, 5, 6))]


def test_a_second_correction_takes_the_place_of_the_first_among_the_reasons() -> None:
    first = revised(denver(11, 6), NOV_3, draws=(allowance(30),))
    second = revised(denver(11, 7), NOV_3, before=first.draws, draws=(allowance(15),))
    assert lines(shown([*NOVEMBER, first, second], "2026-11"))["nov-3"] == [("allowance", 15, (3, 6))]


def test_a_void_entry_is_on_no_statement() -> None:
    void = revised(denver(11, 6), NOV_5, voided=True, billed_seconds=0, draws=())
    found = shown([*NOVEMBER, void], "2026-11")
    assert list(lines(found)) == ["nov-3"]
    assert found["totals"]["worked_seconds"] == 40 * 60
    assert found["totals"]["owed_cents"] == 150_00
    assert found["allowance"]["used_seconds"] == 45 * 60


def test_an_entry_that_moved_is_shown_on_its_new_case() -> None:
    moved = revised(denver(11, 6), NOV_5, ticket_id="t-2", case_number="C-000002")
    (_, entry) = shown([*NOVEMBER, moved], "2026-11")["entries"]
    assert (entry["ticket_id"], entry["case_number"]) == ("t-2", "C-000002")
    assert [draw["positions"] for draw in entry["draws"]] == [(4,), (4,)]


def test_a_month_is_closed_by_its_close_and_says_which_events_began_and_ended_it() -> None:
    assert (shown(DECEMBER, "2026-11")["state"], shown(DECEMBER, "2026-12")["state"]) == ("closed", "open")
    assert shown(DECEMBER, "2026-11")["positions"] == (2, 6)
    assert shown(DECEMBER, "2026-12")["positions"] == (5,)


def test_example_4_a_correction_of_a_closed_month_is_credited_in_the_open_one_linked_to_its_entry() -> None:
    back = credit(on_demand(45, 112_50), 30, "2026-11", 75_00)
    corrected = settled(denver(12, 3), NOV_5, "2026-12", duration_seconds=1800, billed_seconds=1800, credits=(back,))
    events = [*DECEMBER, corrected]
    november, december = shown(events, "2026-11"), shown(events, "2026-12")
    assert november == {**shown(DECEMBER, "2026-11"), "as_of_position": 7}
    assert december["entries"] == []
    (given_back,) = december["credits"]
    assert given_back == {
        "entry_id": "nov-5",
        "source": "on_demand",
        "posted_month": "2026-11",
        "seconds": 30 * 60,
        "rate_cents_per_hour": 150_00,
        "multiplier": 1,
        "amount_cents": 75_00,
        "restored": False,
        "positions": (4, 7),
    }
    assert december["totals"]["credits_cents"] == 75_00
    assert december["totals"]["owed_cents"] == 150_00 - 75_00
    assert december["totals"]["worked_seconds"] == december["totals"]["billed_seconds"] == 0


def test_another_class_of_frozen_work_is_credited_whole_and_drawn_anew_but_not_worked_again() -> None:
    anew = settled(
        denver(12, 3),
        NOV_5,
        "2026-12",
        work_class="billable",
        credits=(credit(on_demand(45, 112_50), 45, "2026-11", 112_50), credit(allowance(15), 15, "2026-11")),
        draws=(on_demand(60, 150_00),),
    )
    events = [*DECEMBER, anew]
    december = shown(events, "2026-12")
    assert lines(december) == {"nov-5": [("on_demand", 60, (4, 7))]}
    assert december["entries"][0]["class"] == "billable"
    assert [(each["source"], each["amount_cents"]) for each in december["credits"]] == [
        ("on_demand", 112_50),
        ("allowance", 0),
    ]
    assert december["totals"]["worked_seconds"] == 0
    assert december["totals"]["billed_seconds"] == 60 * 60
    assert december["totals"]["owed_cents"] == 150_00 + 150_00 - 112_50
    assert shown(events, "2026-11")["entries"][1]["class"] == "included"
    assert shown(events, "2026-11")["totals"]["worked_seconds"] == 90 * 60


def test_a_credit_that_stands_keeps_its_reasons_when_another_is_added() -> None:
    some = credit(on_demand(45, 112_50), 30, "2026-11", 75_00)
    first = settled(denver(12, 3), NOV_5, "2026-12", credits=(some,))
    rest = credit(allowance(15), 15, "2026-11")
    second = settled(denver(12, 4), NOV_5, "2026-12", credits_before=(some,), credits=(some, rest))
    credits_ = shown([*DECEMBER, first, second], "2026-12")["credits"]
    assert [each["positions"] for each in credits_] == [(4, 7), (4, 8)]


def test_what_was_settled_in_a_month_is_frozen_with_it() -> None:
    some = credit(on_demand(45, 112_50), 30, "2026-11", 75_00)
    events = [*DECEMBER, settled(denver(12, 3), NOV_5, "2026-12", credits=(some,)), month("2027-01")]
    frozen = [*events, closed(denver(12, 31), "2026-12")]
    before = shown(frozen, "2026-12")
    later = settled(denver(12, 31), NOV_5, "2027-01", credits=(credit(allowance(15), 15, "2026-11"),))
    assert shown([*frozen, later], "2026-12") == {**before, "as_of_position": 10}
    assert [each["source"] for each in shown([*frozen, later], "2027-01")["credits"]] == ["allowance"]


def test_pending_work_leaves_a_closed_month_and_counts_in_the_next() -> None:
    held = [*NOVEMBER, SAT, month("2026-12")]
    assert shown(held, "2026-11")["totals"]["hold_cents"] == 450_00
    events = [*held, closed(denver(12, 2), "2026-11"), carried_over(denver(12, 2), SAT, "2026-12")]
    november, december = shown(events, "2026-11"), shown(events, "2026-12")
    assert list(lines(november)) == ["nov-3", "nov-5"]
    assert november["totals"]["hold_cents"] == 0
    assert november["totals"]["worked_seconds"] == 90 * 60
    assert lines(december) == {"sat": [("hold", 90, (5, 8))]}
    assert december["totals"]["worked_seconds"] == 90 * 60
    assert december["totals"]["hold_cents"] == 450_00
    assert december["totals"]["owed_cents"] == 150_00


def test_a_ruling_after_that_is_drawn_where_the_hold_stands() -> None:
    carried = carried_over(denver(12, 2), SAT, "2026-12")
    ruled = settled(denver(12, 5), SAT, "2026-12", work_class="emergency", before=SAT.draws, draws=(emergency(90),))
    events = [*NOVEMBER, SAT, month("2026-12"), closed(denver(12, 2), "2026-11"), carried, ruled]
    found = shown(events, "2026-12")
    assert lines(found) == {"sat": [("emergency", 90, (5, 9))]}
    assert found["totals"]["emergency_cents"] == 450_00
    assert found["totals"]["owed_cents"] == 150_00 + 450_00


def test_a_hold_that_moves_on_leaves_the_credits_of_the_month_that_it_stood_in() -> None:
    some = credit(on_demand(45, 112_50), 45, "2026-11", 112_50)
    held = settled(denver(12, 3), NOV_5, "2026-12", work_class="pending", credits=(some,), draws=(hold(60),))
    moved = carried_over(denver(12, 31), rated(denver(12, 1), "nov-5", 60, hold(60)), "2027-01")
    events = [*DECEMBER, held, month("2027-01"), closed(denver(12, 31), "2026-12"), moved]
    assert shown(events, "2026-12")["entries"] == []
    assert shown(events, "2026-12")["totals"]["credits_cents"] == 112_50
    january = shown(events, "2027-01")
    assert lines(january) == {"nov-5": [("hold", 60, (4, 7, 10))]}
    assert january["credits"] == []
    assert january["totals"]["worked_seconds"] == 0


def test_seconds_that_went_back_to_their_pack_say_so() -> None:
    work = rated(denver(11, 20), "nov-20", 60, pack(60))
    back = credit(pack(60), 60, "2026-11", restored=True)
    events = [*NOVEMBER, bought(denver(11, 10)), work, month("2026-12"), closed(denver(12, 2), "2026-11")]
    (given_back,) = shown([*events, settled(denver(12, 3), work, "2026-12", credits=(back,))], "2026-12")["credits"]
    assert (given_back["pack_id"], given_back["restored"], given_back["amount_cents"]) == ("p-1", True, 0)


def test_a_month_in_which_a_subscription_starts_again_has_the_fee_and_allowance_of_its_second_part() -> None:
    agreed = terms(monthly_fee_cents=99_00, allowance_seconds=7200)
    events: list[SubscriptionEvent] = [
        started(denver(10, 1), date(2026, 10, 1)),
        month("2026-10"),
        month("2026-11", None),
        rated(denver(11, 3), "nov-3", 60, on_demand(60, 150_00)),
        started(denver(11, 10), date(2026, 11, 10), agreed),
        month("2026-11", agreed, starts_at=denver(11, 10, 0)),
    ]
    found = shown(events, "2026-11")
    assert found["fee_cents"] == 99_00
    assert found["allowance"]["granted_seconds"] == 7200
    assert found["positions"] == (3, 6)
    assert found["totals"]["owed_cents"] == 99_00 + 150_00
