"""What is left of a grant expires, and late facts correct what expired (SUPPORT_POLICY B6, B9, B10)."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given as with_any
from hypothesis import settings

from domain.plan import TermsChange
from domain.subscription.commands import RecordDue
from domain.subscription.events import (
    Expiry,
    GrantExpired,
    HourPackPurchased,
    MonthStarted,
    PeriodClosed,
    Recognition,
    SubscriptionEvent,
    WorkRated,
    WorkRerated,
    WorkRevised,
)
from domain.subscription.state import Subscription
from tests.domain.subscription.happenings import NOW
from tests.domain.subscription.histories import History, happened, long_histories
from tests.domain.subscription.sentences import buy, close, correct, denver, since_november, work
from tests.domain.subscription.standing import standing_after

DECEMBER, JANUARY = denver(12, 1, 0), denver(1, 1, 0, year=2027)


def expiries(events: list[SubscriptionEvent] | tuple[SubscriptionEvent, ...]) -> list[Expiry]:
    return [event.expired for event in events if isinstance(event, GrantExpired)]


def test_what_is_left_of_an_allowance_expires_at_the_end_of_its_month_and_before_the_next_begins() -> None:
    given = since_november().having(work(denver(11, 3, 17), "e-1", denver(11, 3), 40))
    expired, began = given.when(RecordDue(now=DECEMBER)).events
    assert expired == GrantExpired(
        occurred_at=DECEMBER,
        subscription_id="s-1",
        customer_id="c-1",
        expired_at=DECEMBER,
        expired=Expiry(source="allowance", grant="2026-11", month="2026-11", seconds=15 * 60),
    )
    assert isinstance(began, MonthStarted)
    given.when(RecordDue(now=DECEMBER - timedelta(microseconds=1))).then_nothing()


def test_what_rolls_over_expires_a_month_later() -> None:
    given = since_november(TermsChange(rollover_cap_seconds=1200)).having(
        work(denver(11, 3, 17), "e-1", denver(11, 3), 15),
        work(denver(12, 3, 17), "e-2", denver(12, 3), 15),
        RecordDue(now=JANUARY),
    )
    assert expiries(given.events) == [
        Expiry(source="allowance", grant="2026-11", month="2026-11", seconds=45 * 60 - 1200),
        Expiry(source="allowance", grant="2026-12", month="2026-12", seconds=3600 - 1200),
        Expiry(source="rollover", grant="2026-11", month="2026-12", seconds=300),
    ]


def test_nothing_is_said_of_an_allowance_that_cannot_expire() -> None:
    given = since_november(TermsChange(allowance_seconds=0, rollover_cap_seconds=600)).having(RecordDue(now=JANUARY))
    assert expiries(given.events) == []
    whole = since_november(TermsChange(rollover_cap_seconds=3600)).having(RecordDue(now=JANUARY))
    assert expiries(whole.events) == [Expiry(source="rollover", grant="2026-11", month="2026-12", seconds=3600)]


def test_a_pack_earns_the_rest_of_its_price_when_it_expires() -> None:
    given = since_november(TermsChange(pack_validity_days=2, allowance_seconds=0)).having(
        buy(denver(11, 10)), work(denver(11, 11, 17), "e-1", denver(11, 11), 120)
    )
    state = given.state
    assert isinstance(state, Subscription)
    assert state.next_due == denver(11, 13, 0)
    given.when(RecordDue(now=denver(11, 13, 0) - timedelta(microseconds=1))).then_nothing()
    given.when(RecordDue(now=denver(11, 14))).then(
        GrantExpired(
            occurred_at=denver(11, 14),
            subscription_id="s-1",
            customer_id="c-1",
            expired_at=denver(11, 13, 0),
            expired=Expiry(source="pack", grant="p-1", month="2026-11", seconds=180 * 60, amount_cents=360_00),
        )
    )


def test_a_pack_that_expires_with_its_month_is_posted_in_it() -> None:
    given = since_november(TermsChange(pack_validity_days=20, allowance_seconds=0)).having(buy(denver(11, 10)))
    assert [(each.grant, each.month) for each in expiries(given.when(RecordDue(now=DECEMBER)).events)] == [
        ("p-1", "2026-11")
    ]


def test_a_pack_used_up_expires_without_anything_left() -> None:
    given = since_november(TermsChange(pack_validity_days=2, allowance_seconds=0)).having(
        buy(denver(11, 10)), work(denver(11, 11, 17), "e-1", denver(11, 11), 300), RecordDue(now=denver(11, 14))
    )
    assert expiries(given.events) == [Expiry(source="pack", grant="p-1", month="2026-11", seconds=0)]


def test_a_pack_for_earlier_work_may_have_expired_when_it_is_bought() -> None:
    given = since_november(TermsChange(pack_validity_days=2, allowance_seconds=0)).having(
        work(denver(11, 3, 17), "e-1", denver(11, 3), 120)
    )
    bought, rerated, expired = given.when(buy(denver(11, 10), effective_from=denver(11, 2))).events
    assert isinstance(bought, HourPackPurchased)
    assert isinstance(rerated, WorkRerated)
    assert isinstance(expired, GrantExpired)
    assert (expired.expired.seconds, expired.expired.amount_cents) == (180 * 60, 360_00)


def test_late_work_draws_on_what_had_expired_and_says_so() -> None:
    given = since_november(TermsChange(pack_validity_days=2)).having(buy(denver(11, 2)), RecordDue(now=DECEMBER))
    late = given.when(work(denver(12, 2), "late", denver(11, 3), 90)).events[-1]
    assert isinstance(late, WorkRated)
    assert late.expired == (
        Expiry(source="allowance", grant="2026-11", month="2026-11", seconds=-3600),
        Expiry(source="pack", grant="p-1", month="2026-11", seconds=-1800, amount_cents=-60_00),
    )
    assert late.recognised == (Recognition(pack_id="p-1", month="2026-11", amount_cents=60_00),)


def test_a_correction_gives_back_to_what_had_expired() -> None:
    given = since_november(TermsChange(rollover_cap_seconds=1200)).having(
        work(denver(11, 3, 17), "e-1", denver(11, 3), 60), RecordDue(now=JANUARY)
    )
    revised = given.when(correct(denver(1, 2, year=2027), "e-1", 15)).events[-1]
    assert isinstance(revised, WorkRevised)
    assert revised.expired == (
        Expiry(source="allowance", grant="2026-11", month="2026-11", seconds=45 * 60 - 1200),
        Expiry(source="rollover", grant="2026-11", month="2026-12", seconds=1200),
    )


def test_time_credited_to_a_pack_that_has_expired_since_is_breakage_of_the_open_month() -> None:
    given = since_november(TermsChange(pack_validity_days=24, allowance_seconds=0)).having(
        buy(denver(11, 10)),  # until 5 December
        work(denver(11, 12, 17), "e-1", denver(11, 12), 120),
        close(denver(12, 2), "2026-11"),
        RecordDue(now=denver(12, 10)),
    )
    revised = given.when(correct(denver(12, 11), "e-1", 60)).events[-1]
    assert isinstance(revised, WorkRevised)
    assert [(each.restored, each.seconds, each.amount_cents) for each in revised.credits] == [(True, 3600, 0)]
    assert revised.recognised == (Recognition(pack_id="p-1", month="2026-12", amount_cents=-120_00),)
    assert revised.expired == (Expiry(source="pack", grant="p-1", month="2026-12", seconds=3600, amount_cents=120_00),)


@pytest.mark.parametrize("cap", [0, 1200, 3600])
def test_every_second_of_a_past_allowance_is_drawn_or_has_expired(cap: int) -> None:
    given = since_november(TermsChange(rollover_cap_seconds=cap)).having(
        work(denver(11, 3, 17), "e-1", denver(11, 3), 30),
        work(denver(12, 3, 17), "e-2", denver(12, 3), 15),
        RecordDue(now=JANUARY),
        work(denver(1, 2, year=2027), "late", denver(11, 5), 15),
    )
    standing = standing_after(given.events)
    drawn = standing.used()["allowance", "2026-11"]
    expired = standing.expired["allowance", "2026-11"] + standing.expired["rollover", "2026-11"]
    assert drawn + expired == 3600


@settings(max_examples=200)
@with_any(long_histories)
def test_of_a_grant_that_has_expired_every_second_and_cent_is_accounted_for(history: History) -> None:
    """Drawn and expired seconds make up the grant; income and breakage make up the price of a pack."""
    events = happened(history)
    standing = standing_after(events)
    used = standing.used()
    expired = {(each.source, each.grant) for each in expiries(tuple(events))}
    earned: Counter[str] = Counter()
    for (pack_id, _), cents in standing.income.items():
        earned[pack_id] += cents
    for event in events:
        if isinstance(event, HourPackPurchased):
            is_over = event.expires_at is not None and event.expires_at <= NOW
            assert is_over == (("pack", event.pack_id) in expired)
            if is_over:
                grant = "pack", event.pack_id
                assert used[grant] + standing.expired[grant] == event.seconds
                assert earned[event.pack_id] + standing.broken[event.pack_id] == event.price_cents
            else:
                assert standing.broken[event.pack_id] == standing.expired["pack", event.pack_id] == 0
    # September's rollover has expired by the end of November's month before.
    granted = standing.granted["allowance", "2026-09"]
    over = standing.expired["allowance", "2026-09"] + standing.expired["rollover", "2026-09"]
    assert used["allowance", "2026-09"] + over == granted


@settings(max_examples=200)
@with_any(long_histories)
def test_what_expired_in_a_closed_month_stands(history: History) -> None:
    closed: set[str] = set()
    for event in happened(history):
        if isinstance(event, PeriodClosed):
            closed.add(event.month)
        elif isinstance(event, WorkRated | WorkRerated | WorkRevised):
            assert closed.isdisjoint(each.month for each in event.expired)
        elif isinstance(event, GrantExpired):
            assert event.expired.month not in closed
