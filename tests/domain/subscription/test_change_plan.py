"""Other terms from the first day of a month that has not begun (SUPPORT_POLICY B2)."""

from datetime import date, timedelta

import msgspec
import pytest

from domain.plan import InvalidTerms, TermsChange, WrongCurrency, default_terms
from domain.subscription.commands import RecordDue
from domain.subscription.events import MonthStarted, PlanChanged, WorkRated
from domain.subscription.refusals import MonthHasBegun, NoSubscription, NotFirstOfMonth, PlanNotInForce
from domain.subscription.state import Subscription
from tests.domain.subscription.sentences import (
    buy,
    cancel,
    change,
    denver,
    plan,
    since_november,
    start,
    subscription,
    work,
)

DEARER = msgspec.structs.replace(
    default_terms("USD"), monthly_fee_cents=300_00, allowance_seconds=7200, regular_rate_cents=200_00
)
PREMIUM = plan(DEARER, name="premium")
RUNNING = since_november()


def months(events: tuple[object, ...]) -> dict[str, tuple[int, int, str | None]]:
    return {
        each.month: (each.fee_cents, each.allowance_seconds, each.plan)
        for each in events
        if isinstance(each, MonthStarted)
    }


def test_a_change_of_plan_is_recorded_with_the_month_it_takes_effect_in() -> None:
    RUNNING.when(change(denver(11, 10), to=PREMIUM)).then(
        PlanChanged(
            occurred_at=denver(11, 10),
            subscription_id="s-1",
            customer_id="c-1",
            month="2026-12",
            effective_on=date(2026, 12, 1),
            plan="premium",
            plan_version=1,
            terms=DEARER,
        )
    )


def test_the_month_it_takes_effect_in_says_so_and_those_after_it_go_on() -> None:
    given = RUNNING.having(change(denver(11, 10), to=PREMIUM), RecordDue(now=denver(1, 5, year=2027)))
    assert months(given.events) == {
        "2026-11": (150_00, 3600, None),
        "2026-12": (300_00, 7200, "premium"),
        "2027-01": (300_00, 7200, None),
    }
    state = given.state
    assert isinstance(state, Subscription)
    assert (state.agreed.plan, state.agreed.terms) == ("premium", DEARER)


def test_work_is_rated_by_the_terms_of_its_own_month() -> None:
    given = RUNNING.having(change(denver(11, 10), to=PREMIUM))
    given = given.having(
        work(denver(12, 5), "november", denver(11, 30), 60, "billable"),
        work(denver(12, 5), "december", denver(12, 2), 60, "billable"),
    )
    amounts = {each.entry_id: each.draws[0].amount_cents for each in given.events if isinstance(each, WorkRated)}
    assert amounts == {"november": 150_00, "december": 200_00}


def test_the_last_change_for_a_month_holds_and_those_for_others_stand() -> None:
    given = RUNNING.having(
        change(denver(11, 10), to=PREMIUM, effective_on=date(2027, 1, 1)),
        change(denver(11, 11), terms=TermsChange(allowance_seconds=0)),
        change(denver(11, 12), terms=TermsChange(allowance_seconds=60)),
        RecordDue(now=denver(2, 5, year=2027)),
    )
    assert months(given.events) == {
        "2026-11": (150_00, 3600, None),
        "2026-12": (150_00, 60, "standard"),
        "2027-01": (300_00, 7200, "premium"),
        "2027-02": (300_00, 7200, None),
    }


def test_the_same_change_again_changes_nothing() -> None:
    given = RUNNING.having(change(denver(11, 10), to=PREMIUM))
    given.when(change(denver(11, 10), to=PREMIUM)).then_nothing()
    given.when(change(denver(11, 30), to=PREMIUM, effective_on=date(2026, 12, 1))).then_nothing()
    assert given.when(change(denver(11, 10), to=PREMIUM, effective_on=date(2027, 1, 1))).events


def test_a_month_that_has_begun_keeps_its_plan() -> None:
    at = denver(12, 1, 0)
    RUNNING.when(change(at, to=PREMIUM, effective_on=date(2026, 12, 1))).then_refused(MonthHasBegun)
    assert RUNNING.when(change(at - timedelta(microseconds=1), to=PREMIUM, effective_on=date(2026, 12, 1))).events


@pytest.mark.parametrize("day", [2, 15, 31])
def test_a_change_takes_effect_on_the_first_day_of_a_month(day: int) -> None:
    refusal = RUNNING.when(change(denver(11, 10), effective_on=date(2026, 12, day))).then_refused(NotFirstOfMonth)
    assert refusal.pointer == "/effective_on"


def test_the_version_is_the_one_in_force_when_the_month_begins() -> None:
    second = msgspec.structs.replace(
        PREMIUM.versions[0], version=2, terms=default_terms("USD"), effective_from=denver(12, 1, 0)
    )
    both = msgspec.structs.replace(PREMIUM, versions=(*PREMIUM.versions, second))
    for month, version in ((date(2026, 12, 1), 2), (date(2027, 1, 1), 2)):
        (changed,) = RUNNING.when(change(denver(11, 10), to=both, effective_on=month)).events
        assert isinstance(changed, PlanChanged)
        assert changed.plan_version == version
    later = plan(DEARER, name="premium", effective_from=denver(12, 1, 1))
    refusal = RUNNING.when(change(denver(11, 10), to=later)).then_refused(PlanNotInForce)
    assert refusal.pointer == "/effective_on"


def test_wrong_terms_and_another_currency_are_refused() -> None:
    RUNNING.when(change(denver(11, 10), terms=TermsChange(billing_increment_seconds=0))).then_refused(InvalidTerms)
    RUNNING.when(change(denver(11, 10), terms=TermsChange(currency="EUR"))).then_refused(WrongCurrency)


def test_hours_are_bought_at_the_terms_of_the_day() -> None:
    given = RUNNING.having(change(denver(11, 10), terms=TermsChange(pack_rate_cents=100_00)))
    prices = [
        getattr(given.when(buy(now)).events[-1], "price_cents", None) for now in (denver(11, 30, 23), denver(12, 1, 0))
    ]
    assert prices == [600_00, 500_00]


def test_a_change_for_a_month_after_the_last_never_takes_effect() -> None:
    given = RUNNING.having(
        change(denver(11, 10), to=PREMIUM, effective_on=date(2027, 1, 1)),
        cancel(denver(11, 11), effective_on=date(2026, 12, 15)),
        work(denver(1, 5, year=2027), "after", denver(1, 4, year=2027), 60, "billable"),
    )
    rated = given.events[-1]
    assert isinstance(rated, WorkRated)
    assert rated.draws[0].amount_cents == 150_00


def test_a_subscription_that_has_ended_has_no_plan_to_change() -> None:
    given = RUNNING.having(cancel(denver(11, 11)))
    assert given.when(change(denver(11, 30), to=PREMIUM)).events
    given.when(change(denver(12, 1, 0), to=PREMIUM)).then_refused(NoSubscription)
    subscription.given().when(change(denver(11, 10))).then_refused(NoSubscription)


def test_a_subscription_can_change_its_plan_before_it_begins() -> None:
    given = subscription.given().having(
        start(denver(11, 10), starts_on=date(2026, 12, 10)),
        change(denver(11, 11), to=PREMIUM),
        RecordDue(now=denver(12, 10)),
    )
    assert months(given.events) == {"2026-12": (300_00, 7200, "premium")}
