from collections.abc import Sequence
from datetime import date, timedelta

import msgspec
import pytest

from domain.plan import InvalidTerms, PlanPublished, TermsChange, WrongCurrency, default_terms
from domain.subscription.commands import BuyHours, RateWork, RecordDue, StartSubscription
from domain.subscription.events import GrantExpired, MonthStarted, SubscriptionEvent, SubscriptionStarted
from domain.subscription.refusals import NoSubscription, PlanNotInForce, SubscriptionExists
from domain.subscription.state import Subscription
from tests.domain.subscription.sentences import EPOCH, buy, denver, plan, start, subscription, work

nothing = subscription.given()


def months(events: Sequence[SubscriptionEvent]) -> list[tuple[str, str, str]]:
    return [
        (each.month, each.starts_at.isoformat(), each.ends_at.isoformat())
        for each in events
        if isinstance(each, MonthStarted)
    ]


def test_a_subscription_starts_today_at_the_desk_and_its_first_month_is_granted_whole() -> None:
    now = denver(11, 23, 23, 30)  # already the 24th by UTC
    started = SubscriptionStarted(
        occurred_at=now,
        subscription_id="s-1",
        customer_id="c-1",
        plan="standard",
        plan_version=1,
        terms=default_terms("USD"),
        zone="America/Denver",
        starts_on=date(2026, 11, 23),
        starts_at=denver(11, 23, 0),
    )
    month = MonthStarted(
        occurred_at=now,
        subscription_id="s-1",
        customer_id="c-1",
        month="2026-11",
        starts_at=denver(11, 23, 0),
        ends_at=denver(12, 1, 0),
        fee_cents=150_00,
        allowance_seconds=3600,
    )
    nothing.when(start(now)).then(started, month)


def test_a_subscription_that_started_in_the_past_has_all_months_since() -> None:
    events = nothing.when(start(denver(3, 1, 0), starts_on=date(2026, 1, 15))).events
    assert months(events) == [
        ("2026-01", "2026-01-15T07:00:00+00:00", "2026-02-01T07:00:00+00:00"),
        ("2026-02", "2026-02-01T07:00:00+00:00", "2026-03-01T07:00:00+00:00"),
        ("2026-03", "2026-03-01T07:00:00+00:00", "2026-04-01T06:00:00+00:00"),
    ]


def test_a_month_begins_at_its_first_instant_and_not_before() -> None:
    just_before = denver(3, 1, 0) - timedelta(microseconds=1)
    assert len(months(nothing.when(start(just_before, starts_on=date(2026, 1, 15))).events)) == 2


def test_a_subscription_for_a_future_date_has_no_month_until_it_begins() -> None:
    given = nothing.having(start(denver(11, 23), starts_on=date(2026, 12, 10)))
    assert [type(event) for event in given.events] == [SubscriptionStarted]
    assert isinstance(given.state, Subscription)
    assert given.state.next_due == denver(12, 10, 0)
    given.when(RecordDue(now=denver(12, 10, 0) - timedelta(seconds=1))).then_nothing()
    (began,) = given.when(RecordDue(now=denver(12, 10, 0))).events
    assert months([began]) == [("2026-12", "2026-12-10T07:00:00+00:00", "2027-01-01T07:00:00+00:00")]


def test_what_fell_due_is_recorded_once() -> None:
    given = nothing.having(start(denver(11, 23)))
    assert isinstance(given.state, Subscription)
    assert given.state.next_due == denver(12, 1, 0)
    given = given.having(RecordDue(now=denver(12, 1, 0)))
    given.when(RecordDue(now=denver(12, 2))).then_nothing()
    assert isinstance(given.state, Subscription)
    assert given.state.next_due == denver(1, 1, 0, year=2027)


def test_every_command_records_the_months_that_began_before_its_own_events() -> None:
    given = nothing.having(start(denver(10, 5)))
    for command in (buy(denver(12, 3)), work(denver(12, 3), "e-1", denver(12, 2), 10)):
        began = [type(event) for event in given.when(command).events[:-1]]
        assert began == [GrantExpired, MonthStarted, GrantExpired, MonthStarted]


def test_terms_agreed_with_the_customer_stand_in_the_place_of_the_plans() -> None:
    terms = TermsChange(allowance_seconds=7200, pack_validity_days=30, rollover_cap_seconds=60)
    started, month = nothing.when(start(denver(11, 23), terms=terms)).events
    assert isinstance(started, SubscriptionStarted)
    assert started.terms == msgspec.structs.replace(
        default_terms("USD"), allowance_seconds=7200, pack_validity_days=30, rollover_cap_seconds=60
    )
    assert isinstance(month, MonthStarted)
    assert (month.allowance_seconds, month.rollover_cap_seconds) == (7200, 60)


def test_a_subscription_takes_the_version_of_the_plan_in_force_when_it_starts() -> None:
    dearer = msgspec.structs.replace(default_terms("USD"), monthly_fee_cents=200_00)
    published = PlanPublished(
        occurred_at=EPOCH, plan="standard", version=2, terms=dearer, effective_from=denver(12, 1, 0)
    )
    both = msgspec.structs.replace(plan(), versions=(*plan().versions, published))
    for day, version in ((date(2026, 11, 30), 1), (date(2026, 12, 1), 2)):
        started = nothing.when(start(denver(11, 23), starts_on=day, on=both)).events[0]
        assert isinstance(started, SubscriptionStarted)
        assert started.plan_version == version


def test_a_plan_that_is_not_in_force_when_the_subscription_starts_cannot_be_taken() -> None:
    announced = plan(effective_from=denver(12, 1, 0))
    for day in (date(2026, 11, 22), date(2026, 11, 23), date(2026, 11, 30)):
        nothing.when(start(denver(11, 23), starts_on=day, on=announced)).then_refused(PlanNotInForce)
    assert nothing.when(start(denver(11, 23), starts_on=date(2026, 12, 1), on=announced)).events


def test_a_plan_published_today_can_be_taken_today() -> None:
    published = plan(effective_from=denver(11, 23, 9))
    assert nothing.when(start(denver(11, 23, 9), on=published)).events


@pytest.mark.parametrize("day", [date(1969, 12, 31), date(1, 1, 1)])
def test_nothing_starts_before_1970(day: date) -> None:
    nothing.when(start(denver(11, 23), starts_on=day)).then_refused(PlanNotInForce)


def test_a_repeat_stays_one_when_the_plan_has_a_new_version() -> None:
    dearer = PlanPublished(
        occurred_at=EPOCH,
        plan="standard",
        version=2,
        terms=msgspec.structs.replace(default_terms("USD"), monthly_fee_cents=200_00),
        effective_from=denver(11, 23, 10),
    )
    both = msgspec.structs.replace(plan(), versions=(*plan().versions, dearer))
    started = nothing.having(start(denver(11, 23, 9)))
    started.when(start(denver(11, 23, 11), on=both)).then_nothing()


def test_no_plan_is_in_force_before_1970_not_even_where_midnight_is_before_the_calendar_begins() -> None:
    first = start(denver(11, 23), starts_on=date(1970, 1, 1))
    assert nothing.when(first).events
    for zone in ("America/Denver", "Europe/Rome"):
        ancient = msgspec.structs.replace(first, zone=zone, starts_on=date(1, 1, 1))
        nothing.when(ancient).then_refused(PlanNotInForce)


def test_wrong_terms_are_refused_each_by_its_name() -> None:
    terms = TermsChange(billing_increment_seconds=0, allowance_seconds=-1)
    refusal = nothing.when(start(denver(11, 23), terms=terms)).then_refused(InvalidTerms)
    assert isinstance(refusal, InvalidTerms)
    assert [pointer for pointer, _ in refusal.errors] == [
        "/terms/allowance_seconds",
        "/terms/billing_increment_seconds",
    ]


def test_a_subscription_is_billed_in_the_currency_of_the_desk() -> None:
    nothing.when(start(denver(11, 23), terms=TermsChange(currency="EUR"))).then_refused(WrongCurrency)


def test_the_same_subscription_started_again_changes_nothing() -> None:
    given = nothing.having(start(denver(11, 23)))
    given.when(start(denver(11, 23))).then_nothing()
    given.when(start(denver(12, 5))).then_nothing()
    given.when(start(denver(12, 5), starts_on=date(2026, 11, 23))).then_nothing()


@pytest.mark.parametrize(
    "other",
    [
        start(denver(11, 23), starts_on=date(2026, 11, 24)),
        start(denver(11, 23), terms=TermsChange(allowance_seconds=0)),
        start(denver(11, 23), on=plan(msgspec.structs.replace(default_terms("USD"), pack_step_hours=10))),
        start(denver(11, 23), on=plan(name="premium")),
    ],
)
def test_a_customer_has_one_live_subscription(other: StartSubscription) -> None:
    nothing.having(start(denver(11, 23))).when(other).then_refused(SubscriptionExists)


@pytest.mark.parametrize(
    "command",
    [buy(denver(11, 23)), work(denver(11, 23), "e-1", denver(11, 22), 10), RecordDue(now=denver(11, 23))],
)
def test_without_a_subscription_nothing_is_bought_or_worked(
    command: BuyHours | RateWork | RecordDue,
) -> None:
    nothing.when(command).then_refused(NoSubscription)
