"""A subscription ends with a month; its packs and its rollover go on (SUPPORT_POLICY B2, B6)."""

from datetime import date, timedelta

import pytest

from domain.personal import Personal
from domain.plan import TermsChange
from domain.subscription.commands import RecordDue
from domain.subscription.events import GrantExpired, MonthStarted, SubscriptionCancelled, WorkRated
from domain.subscription.refusals import EndsBeforeStart, MonthHasEnded, NoSubscription
from domain.subscription.state import Subscription
from tests.domain.subscription.sentences import (
    buy,
    cancel,
    denver,
    draws,
    on_demand,
    pack,
    rollover,
    since_november,
    start,
    subscription,
    work,
)

RUNNING = since_november()
DECEMBER = denver(12, 1, 0)


def months(events: tuple[object, ...]) -> list[tuple[str, int, int]]:
    return [(each.month, each.fee_cents, each.allowance_seconds) for each in events if isinstance(each, MonthStarted)]


@pytest.mark.parametrize("day", [None, date(2026, 11, 1), date(2026, 11, 30)])
def test_a_subscription_ends_with_the_month_of_the_day_named_or_of_today(day: date | None) -> None:
    RUNNING.when(cancel(denver(11, 10), effective_on=day)).then(
        SubscriptionCancelled(
            occurred_at=denver(11, 10),
            subscription_id="s-1",
            customer_id="c-1",
            last_month="2026-11",
            ends_at=DECEMBER,
            reason=Personal("moved away"),
        )
    )


def test_no_month_begins_after_the_last_and_what_expires_is_still_recorded() -> None:
    given = since_november(TermsChange(rollover_cap_seconds=600)).having(cancel(denver(11, 10)))
    state = given.state
    assert isinstance(state, Subscription)
    assert state.next_due == DECEMBER
    given = given.having(RecordDue(now=denver(12, 5)))
    state = given.state
    assert isinstance(state, Subscription)
    assert state.next_due == denver(1, 1, 0, year=2027)
    given = given.having(RecordDue(now=denver(2, 5, year=2027)))
    state = given.state
    assert isinstance(state, Subscription)
    assert state.next_due is None
    assert months(given.events) == [("2026-11", 150_00, 3600)]
    expired = [each.expired.seconds for each in given.events if isinstance(each, GrantExpired)]
    assert expired == [3000, 600]


def test_work_after_the_last_month_draws_what_rolled_over_then_packs_then_on_demand() -> None:
    given = since_november(TermsChange(rollover_cap_seconds=900)).having(
        buy(denver(11, 2)),
        cancel(denver(11, 10)),
        work(denver(12, 3), "december", denver(12, 2), 60),
        work(denver(1, 3, year=2027), "january", denver(1, 2, year=2027), 315),
    )
    assert draws(given.events) == {"december": (rollover(15), pack(45)), "january": (pack(255), on_demand(60, 150_00))}
    assert months(given.events) == [("2026-11", 150_00, 3600), ("2026-12", 0, 0), ("2027-01", 0, 0)]


def test_hours_are_sold_after_the_last_month_at_its_terms() -> None:
    given = RUNNING.having(cancel(denver(11, 10)))
    assert getattr(given.when(buy(denver(3, 1, year=2027))).events[-1], "price_cents", None) == 600_00


def test_the_same_cancellation_again_changes_nothing_even_when_the_month_has_ended() -> None:
    given = RUNNING.having(cancel(denver(11, 10)))
    given.when(cancel(denver(11, 30))).then_nothing()
    given.when(cancel(denver(12, 5), effective_on=date(2026, 11, 2))).then_nothing()


def test_a_month_that_has_ended_is_not_the_last() -> None:
    assert RUNNING.when(cancel(DECEMBER - timedelta(microseconds=1), effective_on=date(2026, 11, 1))).events
    RUNNING.when(cancel(DECEMBER, effective_on=date(2026, 11, 30))).then_refused(MonthHasEnded)


def test_until_its_last_month_has_ended_a_cancellation_can_be_moved() -> None:
    given = RUNNING.having(cancel(denver(11, 10)), cancel(denver(11, 11), effective_on=date(2026, 12, 31)))
    assert months(given.having(RecordDue(now=denver(2, 1, year=2027))).events)[-1] == ("2026-12", 150_00, 3600)
    sooner = given.having(cancel(denver(11, 12)))
    assert months(sooner.having(RecordDue(now=denver(2, 1, year=2027))).events)[-1] == ("2026-11", 150_00, 3600)
    sooner.when(cancel(DECEMBER)).then_refused(NoSubscription)


def test_a_subscription_does_not_end_before_its_first_month() -> None:
    given = subscription.given().having(start(denver(11, 10), starts_on=date(2026, 12, 10)))
    given.when(cancel(denver(11, 11))).then_refused(EndsBeforeStart)
    given = given.having(cancel(denver(11, 11), effective_on=date(2026, 12, 1)), RecordDue(now=denver(3, 1, year=2027)))
    assert months(given.events) == [("2026-12", 150_00, 3600)]


def test_without_a_subscription_nothing_is_cancelled() -> None:
    subscription.given().when(cancel(denver(11, 10))).then_refused(NoSubscription)


def test_the_work_before_the_end_is_rated_as_if_nothing_had_been_cancelled() -> None:
    logged = work(denver(12, 3), "november", denver(11, 30), 90)
    rated = RUNNING.having(cancel(denver(11, 10))).when(logged).events[-1]
    assert isinstance(rated, WorkRated)
    assert rated.draws == RUNNING.when(logged).events[-1].draws  # type: ignore[union-attr]
