"""Facts of work that change while its month is open: corrected, void, ruled otherwise, moved (B1, B4, B7)."""

import pytest

from domain.plan import TermsChange
from domain.subscription.commands import ReviseWork
from domain.subscription.events import Draw, MonthStarted, Recognition, WorkRerated, WorkRevised
from domain.subscription.state import Subscription
from tests.domain.subscription.sentences import (
    allowance,
    buy,
    correct,
    denver,
    draws,
    emergency,
    facts,
    hold,
    on_demand,
    pack,
    since_november,
    work,
)

BUSY = since_november().having(
    work(denver(11, 3, 17), "early", denver(11, 3), 60),
    work(denver(11, 5, 17), "late", denver(11, 5), 60),
)


def test_a_correction_is_recorded_with_all_that_a_reader_of_the_event_needs() -> None:
    given = since_november().having(work(denver(11, 3, 17), "e-1", denver(11, 3), 40))
    given.when(correct(denver(11, 6), "e-1", 20, ticket_id="t-2", purpose="enhancement")).then(
        WorkRevised(
            occurred_at=denver(11, 6),
            subscription_id="s-1",
            customer_id="c-1",
            month="2026-11",
            entry_id="e-1",
            ticket_id="t-2",
            case_number="C-000002",
            agent="Ann",
            started_at=denver(11, 3),
            duration_seconds=20 * 60,
            worked_before_seconds=40 * 60,
            work_class="included",
            purpose="enhancement",
            billed_seconds=30 * 60,
            rating_at=denver(11, 3),
            before=(allowance(45),),
            draws=(allowance(30),),
        )
    )


def test_facts_that_are_known_change_nothing() -> None:
    BUSY.when(correct(denver(11, 6), "early", 60)).then_nothing()
    BUSY.when(correct(denver(12, 6), "early", 60)).then_nothing()
    BUSY.when(ReviseWork(now=denver(11, 6), revisions=())).then_nothing()
    corrected = BUSY.having(correct(denver(11, 6), "early", 30))
    corrected.when(correct(denver(11, 7), "early", 30)).then_nothing()
    corrected.when(correct(denver(11, 7), "early", 60)).then(
        *corrected.when(correct(denver(11, 7), "early", 60)).events
    )


def test_an_entry_that_was_never_rated_cannot_be_revised() -> None:
    with pytest.raises(LookupError, match="never rated"):
        BUSY.when(correct(denver(11, 6), "unheard-of", 60))


def test_a_shorter_entry_leaves_more_to_those_after_it() -> None:
    revised, rerated = BUSY.when(correct(denver(11, 6), "early", 15)).events
    assert isinstance(revised, WorkRevised)
    assert (revised.before, revised.draws, revised.billed_seconds) == ((allowance(60),), (allowance(15),), 900)
    assert isinstance(rerated, WorkRerated)
    assert (rerated.entry_id, rerated.caused_by) == ("late", "early")
    assert rerated.draws == (allowance(45), on_demand(15, 37_50))


def test_a_longer_entry_takes_from_those_after_it_and_is_recorded_after_them() -> None:
    given = since_november().having(
        work(denver(11, 3, 17), "early", denver(11, 3), 15),
        work(denver(11, 5, 17), "late", denver(11, 5), 45),
    )
    rerated, revised = given.when(correct(denver(11, 6), "early", 30)).events
    assert isinstance(rerated, WorkRerated)
    assert rerated.draws == (allowance(30), on_demand(15, 37_50))
    assert isinstance(revised, WorkRevised)
    assert revised.draws == (allowance(30),)


def test_a_void_entry_draws_nothing() -> None:
    given = BUSY.having(correct(denver(11, 6), "early", 60, voided=True))
    assert draws(given.events) == {"early": (), "late": (allowance(60),)}
    revised = next(each for each in given.events if isinstance(each, WorkRevised))
    assert (revised.voided, revised.duration_seconds, revised.billed_seconds) == (True, 3600, 0)
    assert revised.worked_before_seconds == 3600
    (moved,) = given.when(correct(denver(11, 7), "early", 60, voided=True, ticket_id="t-2")).events
    assert isinstance(moved, WorkRevised)
    assert (moved.worked_before_seconds, moved.draws, moved.before) == (0, (), ())


def test_void_time_is_not_billed_where_a_minimum_is_charged() -> None:
    given = since_november(TermsChange(minimum_charge_seconds=1800)).having(
        work(denver(11, 3, 17), "e-1", denver(11, 3), 5),
        correct(denver(11, 6), "e-1", 5, voided=True),
    )
    assert draws(given.events) == {"e-1": ()}


def test_example_3_ruled_out_of_scope_the_hold_is_owed_and_in_scope_it_is_included() -> None:
    given = since_november().having(work(denver(11, 8, 9), "outage", denver(11, 7, 22, 10), 90, "pending"))
    assert draws(given.events) == {"outage": (hold(90, 450_00),)}
    (out_of_scope,) = given.when(correct(denver(11, 9), "outage", 90, "emergency")).events
    assert isinstance(out_of_scope, WorkRevised)
    assert (out_of_scope.before, out_of_scope.draws) == ((hold(90, 450_00),), (emergency(90, 450_00),))
    (in_scope,) = given.when(correct(denver(11, 9), "outage", 90, "included")).events
    assert isinstance(in_scope, WorkRevised)
    assert in_scope.draws == (allowance(60), on_demand(30, 75_00))


def test_a_decision_on_a_case_holds_for_all_of_its_entries_at_once() -> None:
    decided = ReviseWork(now=denver(11, 6), revisions=(facts("early", 60, "billable"), facts("late", 60, "billable")))
    given = BUSY.having(work(denver(11, 6, 10), "other", denver(11, 6, 9), 30, ticket_id="t-2"))
    events = given.when(decided).events
    assert draws(events) == {
        "early": (on_demand(60, 150_00),),
        "late": (on_demand(60, 150_00),),
        "other": (allowance(30),),
    }
    assert sorted(each.entry_id for each in events if isinstance(each, WorkRevised)) == ["early", "late"]


def test_waived_work_is_one_draw_at_no_rate() -> None:
    given = BUSY.having(correct(denver(11, 6), "early", 60, "waived"))
    assert draws(given.events)["early"] == (Draw(source="waived", seconds=3600),)


def test_income_of_a_pack_is_taken_back_with_its_time() -> None:
    given = since_november(TermsChange(allowance_seconds=0)).having(
        buy(denver(11, 2)), work(denver(11, 3, 17), "e-1", denver(11, 3), 60)
    )
    (revised,) = given.when(correct(denver(11, 6), "e-1", 30)).events
    assert isinstance(revised, WorkRevised)
    assert revised.draws == (pack(30),)
    assert revised.recognised == (Recognition(pack_id="p-1", month="2026-11", amount_cents=-60_00),)


def test_two_entries_that_swap_grants_give_back_before_they_take() -> None:
    """One holds the allowance and leaves it for the pack, which the other holds and leaves for the allowance."""
    given = since_november(TermsChange(pack_step_hours=1)).having(
        buy(denver(11, 2), 1),
        work(denver(11, 3, 17), "first", denver(11, 3), 60),
        work(denver(11, 4, 17), "second", denver(11, 4), 60, ticket_id="t-2"),
    )
    assert draws(given.events) == {"first": (allowance(60),), "second": (pack(60),)}
    events = given.when(correct(denver(11, 6), "first", 60, "billable")).events
    assert draws(events) == {"first": (pack(60),), "second": (allowance(60),)}
    assert [(type(each).__name__, each.draws) for each in events if isinstance(each, WorkRevised | WorkRerated)] == [
        ("WorkRevised", (on_demand(60, 150_00),)),
        ("WorkRerated", (on_demand(60, 150_00),)),
        ("WorkRerated", (pack(60),)),
        ("WorkRerated", (allowance(60),)),
    ]


def test_terms_are_those_of_the_month_that_the_work_was_done_in() -> None:
    given = since_november().having(
        work(denver(12, 2), "e-1", denver(11, 30), 90),
    )
    state = given.having(correct(denver(12, 3), "e-1", 61)).state
    assert isinstance(state, Subscription)
    entry = state.book.entries.get("e-1")
    assert entry is not None
    assert (entry.billed_seconds, entry.rating_at) == (75 * 60, denver(11, 30))


def test_a_revision_records_the_months_that_began_before_it() -> None:
    events = BUSY.when(correct(denver(12, 6), "early", 15)).events
    assert [type(each) for each in events][1:3] == [MonthStarted, WorkRevised]
