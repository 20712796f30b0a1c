from datetime import timedelta

import msgspec

from domain.plan import TermsChange
from domain.subscription.events import MonthStarted, WorkRated, WorkRerated
from domain.subscription.refusals import EntryRatedOtherwise, NoSubscription
from domain.subscription.state import Subscription
from tests.domain.subscription.sentences import (
    allowance,
    denver,
    draws,
    on_demand,
    rollover,
    since_november,
    subscription,
    work,
)


def test_a_work_entry_is_rated_with_all_that_a_reader_of_the_event_needs() -> None:
    since_november().when(work(denver(11, 3, 17), "e-1", denver(11, 3), 40)).then(
        WorkRated(
            occurred_at=denver(11, 3, 17),
            subscription_id="s-1",
            customer_id="c-1",
            month="2026-11",
            entry_id="e-1",
            ticket_id="t-1",
            case_number="C-000001",
            agent="Ann",
            started_at=denver(11, 3),
            duration_seconds=40 * 60,
            work_class="included",
            billed_seconds=45 * 60,
            rating_at=denver(11, 3),
            draws=(allowance(45),),
        )
    )


def test_work_before_the_subscription_starts_is_refused() -> None:
    starts_at = denver(11, 1, 0)
    assert since_november().when(work(denver(11, 3), "e-1", starts_at, 40)).events
    before = work(denver(11, 3), "e-1", starts_at - timedelta(microseconds=1), 40)
    since_november().when(before).then_refused(NoSubscription)


def test_the_same_entry_again_changes_nothing_even_months_later_and_ruled_otherwise() -> None:
    given = since_november().having(work(denver(11, 3, 17), "e-1", denver(11, 3), 40))
    given.when(work(denver(11, 3, 17), "e-1", denver(11, 3), 40)).then_nothing()
    given.when(work(denver(12, 3, 17), "e-1", denver(11, 3), 40, "billable")).then_nothing()


def test_the_facts_of_an_entry_are_never_edited() -> None:
    given = since_november().having(work(denver(11, 3, 17), "e-1", denver(11, 3), 40))
    given.when(work(denver(11, 3, 17), "e-1", denver(11, 3), 41)).then_refused(EntryRatedOtherwise)
    given.when(work(denver(11, 3, 17), "e-1", denver(11, 3), 40, agent="Bob")).then_refused(EntryRatedOtherwise)
    elsewhere = work(denver(11, 3, 17), "e-1", denver(11, 3), 40, ticket_id="t-2")
    given.when(elsewhere).then_refused(EntryRatedOtherwise)


def test_an_entry_belongs_to_the_month_of_its_start_at_the_desk() -> None:
    given = since_november().having(
        work(denver(12, 1, 12), "november", denver(11, 30, 23, 59), 60),
        work(denver(12, 1, 12), "december", denver(12, 1, 0), 60),
    )
    rated = [each for each in given.events if isinstance(each, WorkRated)]
    assert [(each.month, each.draws) for each in rated] == [
        ("2026-11", (allowance(60, "2026-11"),)),
        ("2026-12", (allowance(60, "2026-12"),)),
    ]


def test_entries_of_one_instant_are_rated_by_id_whichever_came_first() -> None:
    at = denver(11, 3)
    one = since_november().having(work(denver(11, 4), "a", at, 60), work(denver(11, 4), "b", at, 60))
    other = since_november().having(work(denver(11, 4), "b", at, 60), work(denver(11, 4), "a", at, 60))
    assert draws(one.events) == draws(other.events) == {"a": (allowance(60),), "b": (on_demand(60, 150_00),)}


def test_late_work_of_an_earlier_month_takes_from_what_rolled_over() -> None:
    given = since_november(TermsChange(rollover_cap_seconds=30 * 60)).having(
        work(denver(12, 2), "december", denver(12, 1, 9), 75)
    )
    assert draws(given.events)["december"] == (rollover(30), allowance(45, "2026-12"))
    rerated, rated = given.when(work(denver(12, 3), "late", denver(11, 5), 45)).events
    assert isinstance(rerated, WorkRerated)
    assert (rerated.month, rerated.draws) == ("2026-12", (rollover(15), allowance(60, "2026-12")))
    assert isinstance(rated, WorkRated)
    assert (rated.month, rated.draws) == ("2026-11", (allowance(45),))


def test_late_work_changes_nothing_for_entries_that_draw_as_before() -> None:
    given = since_november().having(
        work(denver(11, 3, 17), "e-1", denver(11, 3), 60),
        work(denver(11, 4, 17), "e-2", denver(11, 4), 60),
        work(denver(12, 2, 17), "e-3", denver(12, 2), 60),
    )
    (rated,) = given.when(work(denver(12, 3), "late", denver(11, 3, 13), 60)).events
    assert isinstance(rated, WorkRated)
    assert rated.draws == (on_demand(60, 150_00),)


def test_months_that_began_in_the_meantime_stand_before_the_work() -> None:
    months = since_november().when(work(denver(12, 3, 17), "e-1", denver(11, 3), 40)).events[:-1]
    assert [each.month for each in months if isinstance(each, MonthStarted)] == ["2026-12"]


def test_a_fold_of_the_recorded_events_is_the_state_that_was_decided_on() -> None:
    given = since_november(TermsChange(rollover_cap_seconds=900)).having(
        work(denver(11, 3, 17), "e-2", denver(11, 3), 60),
        work(denver(11, 4, 17), "e-1", denver(11, 2), 60),
        work(denver(12, 2, 17), "e-3", denver(12, 2), 60),
    )
    stored = [msgspec.json.decode(msgspec.json.encode(event), type=type(event)) for event in given.events]
    again = subscription.given(*stored).state
    assert isinstance(again, Subscription)
    assert again == given.state
    assert again.book.months[0].allowance_drawn == 3600
