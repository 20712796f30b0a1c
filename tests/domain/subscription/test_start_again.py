"""A customer subscribes again after a cancellation: the packs and the open months go on (SUPPORT_POLICY B2, B6)."""

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given as with_any
from hypothesis import settings
from hypothesis import strategies as st

from domain.plan import TermsChange, default_terms
from domain.subscription.commands import RateWork, RecordDue, SubscriptionCommand
from domain.subscription.events import (
    GrantExpired,
    MonthStarted,
    SubscriptionEvent,
    SubscriptionStarted,
    WorkRerated,
    WorkRevised,
)
from domain.subscription.refusals import NoSubscription, StartsTooEarly, SubscriptionExists
from domain.subscription.state import Subscription
from tests.domain.subscription.sentences import (
    allowance,
    buy,
    cancel,
    change,
    close,
    correct,
    denver,
    draws,
    on_demand,
    pack,
    plan,
    rollover,
    since_november,
    start,
    subscription,
    work,
)
from tests.domain.subscription.standing import Standing, standing_after

ENDED = since_november().having(cancel(denver(11, 10)))
DECEMBER = denver(12, 1, 0)


def months(events: Sequence[SubscriptionEvent]) -> list[tuple[str, int, int, int]]:
    return [
        (each.month, each.starts_at.day, each.fee_cents, each.allowance_seconds)
        for each in events
        if isinstance(each, MonthStarted)
    ]


def test_the_same_stream_has_another_subscription_with_a_whole_month_from_its_start() -> None:
    now = denver(12, 10)
    events = ENDED.when(start(now)).events
    started = next(each for each in events if isinstance(each, SubscriptionStarted))
    assert (started.subscription_id, started.starts_on, started.starts_at) == (
        "s-1",
        date(2026, 12, 10),
        denver(12, 10, 0),
    )
    assert months(events) == [("2026-12", 1, 0, 0), ("2026-12", 10, 150_00, 3600)]
    assert [type(each).__name__ for each in events] == [
        "GrantExpired",
        "SubscriptionStarted",
        "MonthStarted",
        "MonthStarted",
    ]


def test_it_does_not_start_before_the_former_has_ended() -> None:
    before = date(2026, 11, 30)
    ENDED.when(start(denver(11, 20), starts_on=before, terms=TermsChange(allowance_seconds=0))).then_refused(
        SubscriptionExists
    )
    assert ENDED.when(start(denver(11, 20), starts_on=date(2026, 12, 1))).events
    since_november().when(start(denver(11, 20), starts_on=date(2026, 12, 1))).then_refused(SubscriptionExists)


def test_a_repeat_of_the_former_start_is_none_of_the_new_one() -> None:
    ENDED.when(start(denver(11, 20))).then_nothing()
    ENDED.when(start(denver(12, 20), starts_on=date(2026, 11, 1))).then_nothing()
    assert ENDED.when(start(DECEMBER)).events
    again = ENDED.having(start(denver(12, 20)))
    again.when(start(denver(12, 21))).then_nothing()
    again.when(start(denver(12, 21), starts_on=date(2026, 12, 21))).then_refused(SubscriptionExists)


def test_a_start_that_lies_ahead_is_due_when_it_comes() -> None:
    given = ENDED.having(start(denver(11, 20), starts_on=date(2027, 2, 10)), RecordDue(now=denver(1, 20, year=2027)))
    state = given.state
    assert isinstance(state, Subscription)
    assert state.next_due == denver(2, 10, 0, year=2027)
    given = given.having(RecordDue(now=denver(2, 10, 0, year=2027)))
    assert months(given.events) == [
        ("2026-11", 1, 150_00, 3600),
        ("2026-12", 1, 0, 0),
        ("2027-01", 1, 0, 0),
        ("2027-02", 1, 0, 0),
        ("2027-02", 10, 150_00, 3600),
    ]


def test_a_month_that_was_recorded_without_a_subscription_is_cut_where_the_new_one_starts() -> None:
    given = ENDED.having(buy(denver(12, 5)), start(denver(12, 10)))
    assert months(given.events) == [
        ("2026-11", 1, 150_00, 3600),
        ("2026-12", 1, 0, 0),
        ("2026-12", 10, 150_00, 3600),
    ]
    state = given.state
    assert isinstance(state, Subscription)
    assert [(each.starts_at, each.ends_at) for each in state.book.months[1:]] == [
        (denver(12, 1, 0), denver(12, 10, 0)),
        (denver(12, 10, 0), denver(1, 1, 0, year=2027)),
    ]
    from_the_first = ENDED.having(buy(denver(12, 5)), start(denver(12, 10), starts_on=date(2026, 12, 1))).state
    assert isinstance(from_the_first, Subscription)
    assert [each.starts_at for each in from_the_first.book.months] == [denver(11, 1, 0), DECEMBER]


def test_work_done_in_between_is_billed_by_the_terms_of_the_month_before_and_after_by_the_new_ones() -> None:
    terms = TermsChange(billing_increment_seconds=60, regular_rate_cents=100_00)
    given = ENDED.having(
        work(denver(12, 10, 9), "before", denver(12, 9), 50),
        work(denver(12, 10, 9), "today", denver(12, 10, 8), 80),
    )
    assert draws(given.events) == {"before": (on_demand(60, 150_00),), "today": (on_demand(90, 225_00),)}
    events = given.when(start(denver(12, 10), terms=terms)).events
    (revised,) = (each for each in events if isinstance(each, WorkRevised))
    assert (revised.entry_id, revised.billed_seconds) == ("today", 80 * 60)
    assert [(draw.source, draw.seconds, draw.amount_cents) for draw in revised.draws] == [
        ("allowance", 3600, 0),
        ("on_demand", 1200, 33_33),
    ]


def test_other_rates_alone_rate_work_anew_without_other_facts() -> None:
    given = ENDED.having(work(denver(12, 10, 9), "today", denver(12, 10, 8), 60, "billable"))
    events = given.when(start(denver(12, 10), terms=TermsChange(regular_rate_cents=100_00))).events
    (rerated,) = (each for each in events if isinstance(each, WorkRerated | WorkRevised))
    assert isinstance(rerated, WorkRerated)
    assert [draw.amount_cents for draw in rerated.draws] == [100_00]


def test_the_packs_go_on_and_the_rollover_of_the_last_month_serves_the_next_one_whole() -> None:
    given = since_november(TermsChange(rollover_cap_seconds=900)).having(
        buy(denver(11, 2)),
        cancel(denver(11, 10)),
        start(denver(12, 10), terms=TermsChange(rollover_cap_seconds=1800)),
        work(denver(12, 20), "e-1", denver(12, 11), 90),
        work(denver(1, 20, year=2027), "e-2", denver(1, 11, year=2027), 90),
    )
    assert draws(given.events) == {
        "e-1": (rollover(15), allowance(60, "2026-12"), pack(15)),
        "e-2": (allowance(60, "2027-01"), pack(30)),
    }
    saving = since_november(TermsChange(rollover_cap_seconds=900)).having(
        cancel(denver(11, 10)),
        start(denver(12, 10), terms=TermsChange(rollover_cap_seconds=1800)),
        work(denver(1, 20, year=2027), "e-2", denver(1, 11, year=2027), 90),
    )
    assert draws(saving.events) == {"e-2": (rollover(30, "2026-12"), allowance(60, "2027-01"))}


def test_a_change_of_plan_made_before_the_end_does_not_come_back() -> None:
    premium = plan(msgspec.structs.replace(default_terms("USD"), monthly_fee_cents=300_00), name="premium")
    given = since_november().having(
        change(denver(11, 5), to=premium, effective_on=date(2027, 1, 1)),
        cancel(denver(11, 10)),
        start(denver(12, 10)),
        RecordDue(now=denver(1, 5, year=2027)),
    )
    assert months(given.events)[-1] == ("2027-01", 1, 150_00, 3600)
    changed = given.having(change(denver(1, 6, year=2027), to=premium), RecordDue(now=denver(2, 5, year=2027)))
    assert months(changed.events)[-1] == ("2027-02", 1, 300_00, 3600)


def test_months_recorded_without_a_subscription_are_not_taken_back() -> None:
    given = ENDED.having(buy(denver(1, 5, year=2027)))
    for day in (date(2026, 12, 1), date(2026, 12, 31)):
        given.when(start(denver(1, 6, year=2027), starts_on=day)).then_refused(StartsTooEarly)
    assert given.when(start(denver(1, 6, year=2027), starts_on=date(2027, 1, 1))).events


def test_a_start_in_the_past_is_taken_where_nothing_is_recorded_since() -> None:
    events = ENDED.when(start(denver(2, 6, year=2027), starts_on=date(2026, 12, 10))).events
    assert months(events) == [
        ("2026-12", 1, 0, 0),
        ("2026-12", 10, 150_00, 3600),
        ("2027-01", 1, 150_00, 3600),
        ("2027-02", 1, 150_00, 3600),
    ]


def test_work_that_a_start_in_the_past_covers_draws_on_an_allowance_that_has_expired_since() -> None:
    given = ENDED.having(work(denver(12, 15), "e-1", denver(12, 14), 45))
    events = given.when(start(denver(1, 6, year=2027), starts_on=date(2026, 12, 10))).events
    expired = [each.expired for each in events if isinstance(each, GrantExpired)]
    assert [(each.grant, each.seconds) for each in expired] == [("2026-12", 3600)]
    rerated = events[-1]
    assert isinstance(rerated, WorkRerated)
    assert rerated.draws == (allowance(45, "2026-12"),)
    assert [(each.grant, each.month, each.seconds) for each in rerated.expired] == [("2026-12", "2026-12", -2700)]


def test_a_closed_month_gets_no_subscription_any_more() -> None:
    given = ENDED.having(close(denver(12, 5), "2026-11"), close(denver(1, 5, year=2027), "2026-12"))
    given.when(start(denver(1, 6, year=2027), starts_on=date(2026, 12, 20))).then_refused(StartsTooEarly)
    assert given.when(start(denver(1, 6, year=2027))).events


def test_both_pieces_of_a_month_are_closed_together() -> None:
    given = ENDED.having(
        work(denver(12, 9, 17), "before", denver(12, 9), 60, "billable"),
        start(denver(12, 10)),
        work(denver(12, 11, 17), "after", denver(12, 11), 60, "billable"),
        close(denver(1, 5, year=2027), "2026-11"),
        close(denver(1, 5, year=2027), "2026-12"),
        correct(denver(1, 6, year=2027), "before", 30, "billable"),
        correct(denver(1, 6, year=2027), "after", 30, "billable"),
    )
    credited = [each.credits for each in given.events if isinstance(each, WorkRevised)]
    assert [(each.posted_month, each.amount_cents) for (each,) in credited] == [("2026-12", 75_00)] * 2


def test_the_new_subscription_is_cancelled_for_itself() -> None:
    given = ENDED.having(start(denver(11, 20), starts_on=date(2027, 1, 10)))
    given.when(cancel(denver(11, 21))).then_nothing()  # the first one is
    given.when(cancel(denver(12, 21))).then_refused(NoSubscription)
    given = given.having(cancel(denver(12, 21), effective_on=date(2027, 1, 10)), RecordDue(now=denver(3, 1, year=2027)))
    assert months(given.events)[-1] == ("2027-01", 10, 150_00, 3600)
    assert given.when(start(denver(3, 1, year=2027))).events


def test_a_subscription_that_never_began_can_be_followed_by_another_one() -> None:
    given = ENDED.having(
        start(denver(11, 20), starts_on=date(2027, 2, 10)),
        cancel(denver(11, 21), effective_on=date(2027, 2, 10)),
        start(denver(11, 22), starts_on=date(2027, 4, 1)),
        RecordDue(now=denver(4, 1, year=2027)),
    )
    assert [each for each in months(given.events) if each[2]] == [
        ("2026-11", 1, 150_00, 3600),
        ("2027-02", 10, 150_00, 3600),
        ("2027-04", 1, 150_00, 3600),
    ]


_SECONDS = int((denver(12, 20) - denver(11, 1, 0)).total_seconds())
_TERMS = st.builds(
    TermsChange,
    allowance_seconds=st.sampled_from([0, 1800, 3600]),
    billing_increment_seconds=st.sampled_from([60, 900]),
    regular_rate_cents=st.sampled_from([100_00, 150_00]),
    rollover_cap_seconds=st.sampled_from([0, 900]),
)
_WORK = st.lists(
    st.tuples(
        st.integers(0, _SECONDS) | st.integers(_SECONDS * 3 // 4, _SECONDS),
        st.integers(1, 90),
        st.sampled_from(("included", "included", "billable", "emergency")),
        st.booleans(),
    ),
    max_size=8,
)


@settings(max_examples=300)
@with_any(_TERMS, _TERMS, _WORK, st.sampled_from([date(2026, 12, 1), date(2026, 12, 10), date(2026, 12, 20)]))
def test_whether_work_was_heard_of_before_or_after_the_new_start_makes_no_difference(
    first: TermsChange, second: TermsChange, worked: list[tuple[int, int, str, bool]], starts_on: date
) -> None:
    now = denver(12, 20, 18)
    early: list[SubscriptionCommand] = []
    late: list[SubscriptionCommand] = []
    for number, (second_of, minutes, work_class, is_early) in enumerate(worked):
        rate = work(now, f"e-{number}", denver(11, 1, 0) + timedelta(seconds=second_of), minutes)
        command: RateWork = msgspec.structs.replace(rate, work_class=work_class)
        (early if is_early else late).append(command)
    begun = since_november(first).having(buy(denver(11, 2)), cancel(denver(11, 10)))
    again = start(now, starts_on=starts_on, terms=second)
    before = standing_after(begun.having(*early, again, *late).events)
    after = standing_after(begun.having(again, *late, *early).events)
    assert before.bottom_line() == after.bottom_line()
    assert before.billed == after.billed
    for standing in (before, after):
        _nothing_is_overdrawn(standing)


def _nothing_is_overdrawn(standing: Standing) -> None:
    used = standing.used()
    assert all(seconds <= standing.granted[grant] for grant, seconds in used.items())


@pytest.mark.parametrize("starts_on", [date(2026, 12, 1), date(2026, 12, 10)])
def test_a_fold_of_the_recorded_events_is_the_state_that_was_decided_on(starts_on: date) -> None:
    given = ENDED.having(
        work(denver(12, 15), "e-1", denver(12, 14), 50),
        start(denver(12, 15), starts_on=starts_on, terms=TermsChange(billing_increment_seconds=60)),
        correct(denver(12, 16), "e-1", 70, "billable"),
    )
    stored = [msgspec.json.decode(msgspec.json.encode(event), type=type(event)) for event in given.events]
    assert subscription.given(*stored).state == given.state
