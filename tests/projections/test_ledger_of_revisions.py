"""The journal of what is said later: corrections, credits, expiry, closes; each entry balanced, with its causes."""

from collections import Counter
from datetime import date, datetime
from typing import Any

from domain.event import Event
from domain.personal import Personal
from domain.recorded import RecordedEvent
from domain.subscription.events import Expiry, Recognition, SubscriptionEvent
from domain.ticket.events import ScopeDecided, WorkCorrected
from projections import ledger
from projections.folding import fold
from projections.ledger import LedgerLine
from projections.ledger_queries import shape
from tests.domain.subscription.sentences import allowance, denver, on_demand, pack
from tests.projections.stories import METADATA
from tests.projections.subscription_events import (
    bought,
    cancelled,
    carried_over,
    closed,
    credit,
    grant_expired,
    hold,
    month,
    plan_changed,
    rated,
    recorded,
    rerated,
    revised,
    settled,
    started,
    terms,
)

BEGUN: list[SubscriptionEvent] = [started(denver(11, 1), date(2026, 11, 1)), month("2026-11")]
NOV_5 = rated(denver(11, 5), "nov-5", 50, allowance(15), on_demand(45, 112_50))


def lines_of(events: list[SubscriptionEvent], after: int = 0) -> list[LedgerLine]:
    lines: list[Any] = fold(ledger.VIEW, recorded(events)).journals["ledger"]
    for entry in {(line.position, line.part) for line in lines}:
        for commodity in ("money", "seconds"):
            assert not sum(
                line.amount for line in lines if (line.position, line.part) == entry and line.commodity == commodity
            )
    return [line for line in lines if line.position > after]


def posted_by(event: SubscriptionEvent, before: list[SubscriptionEvent]) -> dict[str, int]:
    """What an event posts, in all months together."""
    posted: Counter[str] = Counter()
    for line in lines_of([*before, event], after=len(before)):
        posted[line.account] += line.amount
    return {account: amount for account, amount in posted.items() if amount}


def test_a_correction_posts_the_difference_of_work_and_of_draws() -> None:
    corrected = revised(
        denver(11, 6), NOV_5, duration_seconds=1800, draws=(allowance(15), on_demand(15, 37_50)), billed_seconds=1800
    )
    assert posted_by(corrected, [*BEGUN, NOV_5]) == {
        "worked": -20 * 60,
        "rounding": -10 * 60,
        "on_demand": 30 * 60,
        "receivable": -75_00,
        "income:on_demand": 75_00,
    }


def test_a_void_takes_back_all_of_an_entry() -> None:
    void = revised(denver(11, 6), NOV_5, voided=True, billed_seconds=0, draws=())
    balances = Counter[str]()
    for line in lines_of([*BEGUN, NOV_5, void]):
        balances[line.account] += line.amount
    assert +balances == {"receivable": 150_00, "allowance:2026-11": 3600}
    assert -balances == {"income:subscription": 150_00, "granted": 3600}


def test_a_void_entry_that_is_moved_to_another_case_posts_nothing() -> None:
    void = revised(denver(11, 6), NOV_5, voided=True, billed_seconds=0, draws=())
    moved = revised(
        denver(11, 7),
        NOV_5,
        voided=True,
        worked_before_seconds=0,
        billed_seconds=0,
        before=(),
        draws=(),
        ticket_id="t-2",
    )
    assert posted_by(moved, [*BEGUN, NOV_5, void]) == {}


def test_example_4_money_goes_back_in_the_open_month() -> None:
    back = credit(on_demand(45, 112_50), 30, "2026-11", 75_00)
    corrected = settled(denver(12, 3), NOV_5, "2026-12", duration_seconds=1800, credits=(back,))
    before = [*BEGUN, NOV_5, month("2026-12"), closed(denver(12, 2), "2026-11")]
    assert posted_by(corrected, before) == {
        "worked": -20 * 60,
        "rounding": -10 * 60,
        "on_demand": 30 * 60,
        "receivable": -75_00,
        "income:on_demand": 75_00,
    }
    lines = lines_of([*before, corrected], after=len(before))
    assert {(line.kind, line.period, line.worked_at, line.posted_at) for line in lines} == {
        ("revision", "2026-12", denver(11, 5), denver(12, 1, 0))
    }


def test_a_credit_that_grows_posts_what_it_grows_by() -> None:
    some, more = (credit(on_demand(45, 112_50), each, "2026-11", 250 * each) for each in (10, 30))
    first = settled(denver(12, 3), NOV_5, "2026-12", credits=(some,))
    second = settled(denver(12, 4), NOV_5, "2026-12", credits_before=(some,), credits=(more,))
    before = [*BEGUN, NOV_5, month("2026-12"), closed(denver(12, 2), "2026-11"), first]
    assert posted_by(second, before) == {
        "rounding": -20 * 60,
        "on_demand": 20 * 60,
        "receivable": -50_00,
        "income:on_demand": 50_00,
    }


def test_pack_time_goes_back_to_its_pack_with_the_income_or_out_as_money() -> None:
    work = rated(denver(11, 20), "nov-20", 120, pack(120))
    before = [*BEGUN, bought(denver(11, 2)), work, month("2026-12"), closed(denver(12, 2), "2026-11")]
    restored = settled(
        denver(12, 3),
        work,
        "2026-12",
        duration_seconds=3600,
        credits=(credit(pack(120), 60, "2026-11", restored=True),),
        recognised=(Recognition(pack_id="p-1", month="2026-12", amount_cents=-120_00),),
    )
    assert posted_by(restored, before) == {
        "worked": -3600,
        "pack:p-1": 3600,
        "deferred_packs": -120_00,
        "income:packs": 120_00,
    }
    paid_out = settled(
        denver(12, 3), work, "2026-12", duration_seconds=3600, credits=(credit(pack(120), 60, "2026-11", 120_00),)
    )
    assert posted_by(paid_out, before) == {
        "worked": -3600,
        "expired": 3600,
        "receivable": -120_00,
        "income:packs": 120_00,
    }


def test_allowance_time_of_a_closed_month_is_not_restored_but_has_served_nobody() -> None:
    given_back = settled(denver(12, 3), NOV_5, "2026-12", voided=True, credits=(credit(allowance(15), 15, "2026-11"),))
    before = [*BEGUN, NOV_5, month("2026-12"), closed(denver(12, 2), "2026-11")]
    assert posted_by(given_back, before) == {"worked": -50 * 60, "rounding": 35 * 60, "expired": 15 * 60}


def test_what_is_left_of_an_allowance_expires_with_its_month() -> None:
    left = Expiry(source="allowance", grant="2026-11", month="2026-11", seconds=2700)
    gone = grant_expired(denver(12, 1, 0), left)
    assert posted_by(gone, BEGUN) == {"allowance:2026-11": -2700, "expired": 2700}
    assert {(line.kind, line.subject, line.period) for line in lines_of([*BEGUN, gone], after=2)} == {
        ("expiry", "2026-11", "2026-11")
    }


def test_what_is_left_of_a_pack_is_earned_when_it_expires() -> None:
    left = Expiry(source="pack", grant="p-1", month="2026-12", seconds=18_000, amount_cents=600_00)
    gone = grant_expired(denver(12, 5, 0), left)
    before = [*BEGUN, bought(denver(11, 2))]
    assert posted_by(gone, before) == {
        "pack:p-1": -18_000,
        "expired": 18_000,
        "deferred_packs": 600_00,
        "income:breakage": -600_00,
    }
    assert {(line.kind, line.subject, line.period) for line in lines_of([*before, gone], after=3)} == {
        ("breakage", "p-1", "2026-12")
    }


def test_late_work_on_an_expired_pack_changes_its_breakage_in_the_month_of_that() -> None:
    less = Expiry(source="pack", grant="p-1", month="2026-12", seconds=-3600, amount_cents=-120_00)
    earned = Recognition(pack_id="p-1", month="2026-11", amount_cents=120_00)
    late = rated(denver(11, 20), "nov-20", 60, pack(60), recognised=(earned,), expired=(less,))
    before = [*BEGUN, bought(denver(11, 2))]
    lines = lines_of([*before, late], after=3)
    assert {(line.part, line.kind, line.period) for line in lines} == {
        (0, "work", "2026-11"),
        (1, "knock_on", "2026-12"),
    }
    assert {line.account: line.amount for line in lines if line.part} == {
        "pack:p-1": 3600,
        "expired": -3600,
        "deferred_packs": -120_00,
        "income:breakage": 120_00,
    }


def test_what_a_rerating_leaves_to_expire_is_posted_with_it_in_the_same_month() -> None:
    less = Expiry(source="allowance", grant="2026-11", month="2026-11", seconds=-900)
    again = rerated(denver(12, 2), NOV_5, allowance(30), on_demand(30, 75_00), caused_by="nov-2", expired=(less,))
    before = [*BEGUN, NOV_5]
    assert posted_by(again, before) == {
        "expired": -900,
        "on_demand": 900,
        "receivable": -37_50,
        "income:on_demand": 37_50,
    }
    assert {line.part for line in lines_of([*before, again], after=3)} == {0}


def test_a_hold_is_taken_out_of_the_closed_month_and_put_into_the_next() -> None:
    sat = rated(denver(11, 7), "sat", 90, hold(90), work_class="pending")
    before = [*BEGUN, sat, month("2026-12"), closed(denver(12, 2), "2026-11")]
    moved = carried_over(denver(12, 2), sat, "2026-12")
    assert posted_by(moved, before) == {}
    for period, sign in (("2026-11", -1), ("2026-12", 1)):
        lines = [line for line in lines_of([*before, moved], after=5) if line.period == period]
        assert {line.kind for line in lines} == {"carry_over"}
        assert {line.account: sign * line.amount for line in lines} == {
            "memo:holds": 450_00,
            "memo:holds_offset": -450_00,
            "hold": -5400,
            "carried_over": 5400,
        }


def test_what_moves_neither_time_nor_money_posts_nothing() -> None:
    quiet: list[SubscriptionEvent] = [
        plan_changed(denver(11, 5), "2026-12", terms()),
        cancelled(denver(11, 5), "2026-12"),
        closed(denver(12, 2), "2026-11"),
    ]
    assert lines_of([*BEGUN, month("2026-12"), *quiet], after=3) == []


def test_an_entry_names_what_was_said_on_the_case_by_the_command_that_it_came_from() -> None:
    def at(position: int, stream_id: str, event: Event, command_id: str) -> RecordedEvent:
        metadata = METADATA.replace(b'"command_id":"d"', b'"command_id":"%s"' % command_id.encode())
        return RecordedEvent(stream_id, position, event, metadata, position)

    def case(moment: datetime) -> dict[str, Any]:
        return {"occurred_at": moment, "ticket_id": "t-1", "customer_id": "c-1"}

    corrected = WorkCorrected(
        entry_id="nov-5",
        duration_seconds=1800,
        former_duration_seconds=3000,
        reason=Personal("Lunch"),
        **case(denver(11, 6)),
    )
    decided = ScopeDecided(scope="billable", reason=Personal("New"), **case(denver(11, 7)))
    revision = revised(denver(11, 6), NOV_5, draws=(allowance(15), on_demand(15, 37_50)))
    anew = revised(denver(11, 7), NOV_5, before=revision.draws, draws=(on_demand(30, 75_00),))
    records = [
        at(1, "subscription-s-1", BEGUN[0], "start"),
        at(2, "subscription-s-1", BEGUN[1], "start"),
        at(3, "subscription-s-1", NOV_5, "log"),
        at(4, "ticket-t-1", corrected, "correct"),
        at(5, "subscription-s-1", revision, "correct"),
        at(6, "ticket-t-1", decided, "decide"),
        at(7, "subscription-s-1", anew, "decide"),
    ]
    folded = fold(ledger.VIEW, records)
    causes: dict[str, set[int]] = {}
    found: list[Any] = folded.journals["ledger_cause"]
    for cause in found:
        causes.setdefault(cause.cause_id, set()).add(cause.position)
    lines: list[Any] = folded.journals["ledger"]
    named = {line.position: shape([line], causes)["positions"] for line in lines}
    assert named == {2: [2], 3: [3], 5: [4, 5], 7: [6, 7]}
