"""A month is closed, and what is said of its work afterwards is settled in the next open one (SUPPORT_POLICY B8)."""

from datetime import timedelta

import msgspec
import pytest
from hypothesis import given as with_any
from hypothesis import settings
from hypothesis import strategies as st

from domain.plan import TermsChange
from domain.subscription.commands import RecordDue, ReviseWork, WorkRevision
from domain.subscription.events import (
    Credit,
    Draw,
    MonthStarted,
    PendingWorkCarriedOver,
    PeriodClosed,
    Recognition,
    SubscriptionEvent,
    WorkClass,
    WorkRated,
    WorkRerated,
    WorkRevised,
)
from domain.subscription.refusals import (
    EffectiveTooEarly,
    PeriodBeforeStart,
    PeriodNotEnded,
    PeriodNotOldest,
)
from domain.subscription.state import Subscription
from tests.domain.subscription.sentences import (
    allowance,
    buy,
    close,
    correct,
    denver,
    emergency,
    facts,
    hold,
    on_demand,
    pack,
    rollover,
    since_november,
    work,
)
from tests.domain.subscription.standing import standing_after

DECEMBER = denver(12, 1, 0)
EXAMPLE_1 = since_november().having(
    work(denver(11, 3, 17), "nov-3", denver(11, 3), 40),
    work(denver(11, 5, 17), "nov-5", denver(11, 5), 50),
    buy(denver(11, 10)),
    work(denver(11, 12, 17), "nov-12", denver(11, 12), 120),
)
CLOSED = EXAMPLE_1.having(close(denver(12, 2), "2026-11"))


def revision(events: list[SubscriptionEvent]) -> WorkRevised:
    """The one revision among the events."""
    (revised,) = (each for each in events if isinstance(each, WorkRevised))
    return revised


def credit(
    minutes: int, draw: Draw, *, cents: int = 0, month: str = "2026-11", restored: bool = False, rate: int | None = None
) -> Credit:
    return Credit(
        source=draw.source,
        posted_month=month,
        seconds=minutes * 60,
        amount_cents=cents,
        rate_cents_per_hour=draw.rate_cents_per_hour if rate is None else rate,
        multiplier=draw.multiplier,
        pack_id=draw.pack_id,
        month=draw.month,
        restored=restored,
    )


def test_a_month_that_has_ended_is_closed() -> None:
    EXAMPLE_1.when(close(DECEMBER, "2026-11")).then(
        *EXAMPLE_1.when(RecordDue(now=DECEMBER)).events,  # what began and expired
        PeriodClosed(
            occurred_at=DECEMBER, subscription_id="s-1", customer_id="c-1", month="2026-11", ended_at=DECEMBER
        ),
    )


def test_a_month_is_not_closed_before_it_has_ended() -> None:
    EXAMPLE_1.when(close(DECEMBER - timedelta(microseconds=1), "2026-11")).then_refused(PeriodNotEnded)
    for ahead in ("2026-12", "2027-01", "9999-12"):
        EXAMPLE_1.when(close(DECEMBER, ahead)).then_refused(PeriodNotEnded)


def test_the_oldest_open_month_is_closed_first() -> None:
    EXAMPLE_1.when(close(denver(1, 2, year=2027), "2026-12")).then_refused(PeriodNotOldest)
    assert CLOSED.when(close(denver(1, 2, year=2027), "2026-12")).events


def test_before_the_subscription_there_is_nothing_to_close() -> None:
    for before in ("2026-10", "0000-01"):
        EXAMPLE_1.when(close(DECEMBER, before)).then_refused(PeriodBeforeStart)


def test_a_closed_month_stays_closed() -> None:
    CLOSED.when(close(denver(12, 3), "2026-11")).then_nothing()
    both = CLOSED.having(close(denver(1, 2, year=2027), "2026-12"))
    both.when(close(denver(1, 2, year=2027), "2026-11")).then_nothing()


def test_a_closed_month_takes_no_pack_for_work_in_it() -> None:
    CLOSED.when(buy(denver(12, 3), effective_from=DECEMBER - timedelta(seconds=1), pack_id="p-2")).then_refused(
        EffectiveTooEarly
    )
    assert CLOSED.when(buy(denver(12, 3), effective_from=DECEMBER, pack_id="p-2")).events


def test_example_4_fewer_minutes_are_credited_from_on_demand_in_the_open_month() -> None:
    CLOSED.when(correct(denver(12, 3), "nov-5", 30)).then(
        WorkRevised(
            occurred_at=denver(12, 3),
            subscription_id="s-1",
            customer_id="c-1",
            month="2026-12",
            entry_id="nov-5",
            ticket_id="t-1",
            case_number="C-000001",
            agent="Ann",
            started_at=denver(11, 5),
            duration_seconds=30 * 60,
            worked_before_seconds=50 * 60,
            work_class="included",
            billed_seconds=30 * 60,
            rating_at=DECEMBER,
            before=(),
            draws=(),
            credits=(credit(30, on_demand(45, 112_50), cents=75_00),),
        )
    )


def test_the_last_draw_is_credited_first_and_an_allowance_is_not_restored() -> None:
    revised = revision(CLOSED.when(correct(denver(12, 3), "nov-5", 10)).events)
    assert revised.credits == (credit(45, on_demand(45, 112_50), cents=112_50),)
    given = CLOSED.having(correct(denver(12, 3), "nov-5", 50, voided=True))
    assert revision(list(given.events)).credits == (
        credit(45, on_demand(45, 112_50), cents=112_50),
        credit(15, allowance(15)),
    )
    (december,) = given.when(work(denver(12, 4), "dec", denver(12, 3), 75)).events
    assert isinstance(december, WorkRated)
    assert december.draws == (allowance(60, "2026-12"), pack(15))


def test_more_time_is_rated_at_the_start_of_the_open_month() -> None:
    given = CLOSED.having(work(denver(12, 2), "dec", denver(12, 1, 9), 60))
    rerated, revised = given.when(correct(denver(12, 3), "nov-3", 70)).events
    assert isinstance(rerated, WorkRerated)
    assert rerated.draws == (allowance(30, "2026-12"), pack(30))
    assert isinstance(revised, WorkRevised)
    assert (revised.rating_at, revised.billed_seconds) == (DECEMBER, 75 * 60)
    assert (revised.draws, revised.credits) == ((allowance(30, "2026-12"),), ())


def test_another_class_credits_all_and_rates_anew() -> None:
    revised = revision(CLOSED.when(correct(denver(12, 3), "nov-5", 50, "emergency")).events)
    assert revised.credits == (credit(45, on_demand(45, 112_50), cents=112_50), credit(15, allowance(15)))
    assert revised.draws == (emergency(60, 300_00),)


def test_pack_time_goes_back_to_its_pack_from_the_start_of_the_open_month() -> None:
    given = CLOSED.having(work(denver(12, 10), "dec", denver(12, 1, 0), 360, "billable"))
    assert given.events[-1].draws == (pack(180), on_demand(180, 450_00))  # type: ignore[union-attr]
    revised, rerated = given.when(correct(denver(12, 11), "nov-12", 60)).events
    assert isinstance(revised, WorkRevised)
    assert revised.credits == (credit(60, pack(120), restored=True),)
    assert revised.recognised == (Recognition(pack_id="p-1", month="2026-12", amount_cents=-120_00),)
    assert isinstance(rerated, WorkRerated)
    assert rerated.draws == (pack(240), on_demand(120, 300_00))
    assert rerated.recognised == (Recognition(pack_id="p-1", month="2026-12", amount_cents=120_00),)


@pytest.mark.parametrize(("validity", "restored"), [(20, False), (21, True)])
def test_pack_time_is_worth_money_where_the_pack_expired_by_the_start_of_the_open_month(
    validity: int, restored: bool
) -> None:
    given = since_november(TermsChange(pack_validity_days=validity, allowance_seconds=0)).having(
        buy(denver(11, 10)),
        work(denver(11, 12, 17), "e-1", denver(11, 12), 120),
        close(denver(12, 2), "2026-11"),
    )
    revised = revision(given.when(correct(denver(12, 3), "e-1", 90)).events)
    expected = credit(30, pack(120), restored=True) if restored else credit(30, pack(120), cents=60_00, rate=120_00)
    assert revised.credits == (expected,)


def test_what_is_said_again_while_the_month_is_open_is_settled_anew() -> None:
    given = CLOSED.having(correct(denver(12, 3), "nov-5", 30))
    revised = revision(given.when(correct(denver(12, 4), "nov-5", 65)).events)
    assert revised.credits_before == (credit(30, on_demand(45, 112_50), cents=75_00),)
    assert (revised.credits, revised.draws) == ((), (allowance(15, "2026-12"),))
    back = revision(given.when(correct(denver(12, 4), "nov-5", 50)).events)
    assert (back.credits, back.draws) == ((), ())


def test_a_settlement_freezes_with_its_month_and_the_next_one_starts_from_there() -> None:
    given = CLOSED.having(
        correct(denver(12, 3), "nov-5", 80),  # 75 of 90 billed minutes more: 30 of December's allowance
        close(denver(1, 2, year=2027), "2026-12"),
    )
    revised = revision(given.when(correct(denver(1, 3, year=2027), "nov-5", 20)).events)
    assert revised.month == "2027-01"
    assert (revised.before, revised.credits_before) == ((), ())
    assert revised.credits == (
        credit(30, allowance(30, "2026-12"), month="2026-12"),
        credit(30, on_demand(45, 112_50), cents=75_00),
    )


def test_partial_credits_add_up_to_what_was_charged() -> None:
    """Forty seconds at a rate of which no part is whole cents."""
    terms = TermsChange(allowance_seconds=0, billing_increment_seconds=1, regular_rate_cents=9_999)
    given = since_november(terms).having(
        work(denver(11, 3, 17), "e-1", denver(11, 3), 1, "billable"), close(denver(12, 2), "2026-11")
    )
    state = given.state
    assert isinstance(state, Subscription)
    charged = [each.amount_cents for event in given.events if isinstance(event, WorkRated) for each in event.draws]
    parts = []
    for seconds, period in ((40, "2026-12"), (7, "2027-01"), (0, "2027-02")):
        fewer = ReviseWork(
            now=denver(int(period[5:]), 5, year=int(period[:4])),
            revisions=(_seconds("e-1", seconds),),
        )
        given = given.having(fewer)
        parts += [each.amount_cents for each in given.events[-1].credits]  # type: ignore[union-attr]
        year, month = divmod(int(period[:4]) * 12 + int(period[5:]), 12)
        given = given.having(close(denver(month + 1, 2, year=year), period))
    assert sum(parts) == sum(charged) == 1_67
    assert len(parts) == 3


def _seconds(entry_id: str, seconds: int) -> WorkRevision:
    revised = facts(entry_id, 0, "billable", voided=not seconds)
    return msgspec.structs.replace(revised, duration_seconds=seconds or 40)


def test_pending_work_moves_to_the_next_open_month_with_its_hold() -> None:
    given = since_november().having(work(denver(11, 8, 9), "outage", denver(11, 7, 22, 10), 90, "pending"))
    events = given.when(close(denver(12, 2), "2026-11")).events
    assert events[-1] == PendingWorkCarriedOver(
        occurred_at=denver(12, 2),
        subscription_id="s-1",
        customer_id="c-1",
        entry_id="outage",
        from_month="2026-11",
        month="2026-12",
        started_at=denver(11, 7, 22, 10),
        rating_at=DECEMBER,
        draws=(hold(90, 450_00),),
    )
    ruled = given.having(close(denver(12, 2), "2026-11")).when(correct(denver(12, 3), "outage", 90)).events
    assert revision(ruled).draws == (allowance(60, "2026-12"), on_demand(30, 75_00))
    assert revision(ruled).before == (hold(90, 450_00),)
    assert revision(ruled).credits == ()


def test_pending_work_that_is_void_has_no_hold_to_move() -> None:
    given = since_november().having(
        work(denver(11, 8, 9), "outage", denver(11, 7, 22, 10), 90, "pending"),
        correct(denver(11, 9), "outage", 90, "pending", voided=True),
    )
    assert isinstance(given.when(close(denver(12, 2), "2026-11")).events[-1], PeriodClosed)


def test_late_work_of_a_closed_month_is_rated_at_the_start_of_the_open_one() -> None:
    rated = CLOSED.when(work(denver(12, 3), "late", denver(11, 20), 75)).events[-1]
    assert isinstance(rated, WorkRated)
    assert (rated.month, rated.rating_at, rated.draws) == ("2026-12", DECEMBER, (allowance(60, "2026-12"), pack(15)))


def test_the_rates_of_late_work_are_those_of_the_month_it_was_done_in() -> None:
    given = since_november(TermsChange(allowance_seconds=0, regular_rate_cents=100_00)).having(
        close(denver(12, 2), "2026-11"), work(denver(12, 3), "late", denver(11, 20), 60)
    )
    rated = given.events[-1]
    assert isinstance(rated, WorkRated)
    assert [draw.amount_cents for draw in rated.draws] == [100_00]


def test_rollover_of_a_closed_month_serves_what_is_settled_in_the_next() -> None:
    given = since_november(TermsChange(rollover_cap_seconds=1800)).having(
        close(denver(12, 2), "2026-11"), work(denver(12, 3), "late", denver(11, 20), 45)
    )
    rated = given.events[-1]
    assert isinstance(rated, WorkRated)
    assert rated.draws == (rollover(30), allowance(15, "2026-12"))


def test_a_decision_on_a_case_settles_all_of_its_frozen_entries() -> None:
    decided = ReviseWork(
        now=denver(12, 3),
        revisions=(facts("nov-3", 40, "waived"), facts("nov-5", 50, "waived"), facts("nov-12", 120, "waived")),
    )
    events = CLOSED.when(decided).events
    assert [type(each) for each in events] == [WorkRevised] * 3
    credited = [each for event in events if isinstance(event, WorkRevised) for each in event.credits]
    assert sum(each.seconds for each in credited) == (45 + 60 + 120) * 60
    assert sum(each.amount_cents for each in credited) == 112_50


def test_no_month_is_closed_twice_and_the_next_begins_with_its_own_events() -> None:
    events = EXAMPLE_1.when(close(denver(12, 2), "2026-11")).events
    assert [type(each) for each in events][-2:] == [MonthStarted, PeriodClosed]


_FACTS = st.tuples(st.integers(1, 300), st.booleans(), st.sampled_from(("billable", "emergency", "waived", "billable")))


@settings(max_examples=200)
@with_any(st.lists(st.tuples(st.integers(1, 29), _FACTS, st.lists(_FACTS, max_size=3)), min_size=1, max_size=6))
def test_closing_and_correcting_equals_correcting_what_is_open(
    worked: list[tuple[int, tuple[int, bool, WorkClass], list[tuple[int, bool, WorkClass]]]],
) -> None:
    """Without grants, at a rate of a cent a second, what is owed in all is the same; the closed month stands."""
    begun = since_november(TermsChange(allowance_seconds=0, regular_rate_cents=36_00))
    logged = [
        work(denver(12, 1, 12), f"e-{number}", denver(11, day), minutes, work_class)
        for number, (day, (minutes, _, work_class), _) in enumerate(worked)
    ]
    corrections = [
        correct(denver(12, 3), f"e-{number}", minutes, work_class, voided=voided)
        for number, (_, _, changes) in enumerate(worked)
        for minutes, voided, work_class in changes
    ]
    while_open = standing_after(begun.having(*logged, *corrections).events)
    before = standing_after(begun.having(*logged, close(denver(12, 2), "2026-11")).events)
    closed = standing_after(begun.having(*logged, close(denver(12, 2), "2026-11"), *corrections).events)
    assert closed.owed().total() == while_open.owed().total()
    assert closed.owed()["2026-11"] == before.owed()["2026-11"]
    assert +closed.net_seconds() == +while_open.net_seconds()
