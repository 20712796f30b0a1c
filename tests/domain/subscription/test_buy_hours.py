from datetime import date, datetime, timedelta

import pytest

from domain.plan import TermsChange
from domain.subscription.events import HourPackPurchased, Recognition, WorkRated, WorkRerated
from domain.subscription.refusals import EffectiveInFuture, EffectiveTooEarly, HoursNotInSteps, PackExists
from tests.domain.subscription.sentences import (
    allowance,
    buy,
    denver,
    draws,
    on_demand,
    pack,
    since_november,
    start,
    subscription,
    work,
)


def test_hours_cost_the_pack_rate_and_cover_work_from_their_purchase() -> None:
    now = denver(11, 10)
    since_november().when(buy(now, 10)).then(
        HourPackPurchased(
            occurred_at=now,
            subscription_id="s-1",
            customer_id="c-1",
            month="2026-11",
            pack_id="p-1",
            hours=10,
            seconds=36_000,
            rate_cents_per_hour=120_00,
            price_cents=1_200_00,
            effective_at=now,
        )
    )


def test_a_pack_for_earlier_work_is_posted_in_the_month_of_its_purchase() -> None:
    bought = since_november().when(buy(denver(12, 10), effective_from=denver(11, 10))).events[-1]
    assert isinstance(bought, HourPackPurchased)
    assert (bought.month, bought.effective_at) == ("2026-12", denver(11, 10))


@pytest.mark.parametrize("hours", [-5, 0, 1, 4, 6])
def test_hours_are_sold_in_whole_steps(hours: int) -> None:
    since_november().when(buy(denver(11, 10), hours)).then_refused(HoursNotInSteps)


@pytest.mark.parametrize(
    ("effective_from", "expires_at"),
    [(None, denver(11, 13, 0)), (denver(11, 2, 23, 59), denver(11, 5, 0)), (denver(11, 3, 0), denver(11, 6, 0))],
)
def test_a_pack_expires_at_the_midnight_that_ends_the_last_day_of_its_validity(
    effective_from: datetime | None, expires_at: datetime
) -> None:
    purchase = buy(denver(11, 10), effective_from=effective_from)
    bought = since_november(TermsChange(pack_validity_days=2)).when(purchase).events[0]
    assert isinstance(bought, HourPackPurchased)
    assert bought.expires_at == expires_at


def test_a_pack_may_not_be_effective_later_than_now() -> None:
    now = denver(11, 10)
    assert since_november().when(buy(now, effective_from=now)).events
    since_november().when(buy(now, effective_from=now + timedelta(microseconds=1))).then_refused(EffectiveInFuture)


def test_a_pack_may_not_be_effective_before_the_subscription_starts() -> None:
    starts_at = denver(11, 1, 0)
    assert since_november().when(buy(denver(11, 10), effective_from=starts_at)).events
    too_early = buy(denver(11, 10), effective_from=starts_at - timedelta(microseconds=1))
    since_november().when(too_early).then_refused(EffectiveTooEarly)


def test_the_same_purchase_again_changes_nothing() -> None:
    given = since_november().having(buy(denver(11, 10)))
    given.when(buy(denver(12, 10))).then_nothing()
    given.when(buy(denver(11, 10), effective_from=denver(11, 10))).then_nothing()
    given.when(buy(denver(11, 10), 10)).then_refused(PackExists)
    given.when(buy(denver(11, 10), effective_from=denver(11, 9))).then_refused(PackExists)


def test_hours_may_be_bought_before_the_first_month_begins() -> None:
    given = subscription.given().having(start(denver(11, 23), starts_on=date(2026, 12, 10)), buy(denver(11, 24)))
    bought = given.events[-1]
    assert isinstance(bought, HourPackPurchased)
    assert (bought.month, bought.effective_at) == ("2026-11", denver(11, 24))


def test_a_pack_that_covers_earlier_work_re_rates_it() -> None:
    given = since_november().having(
        work(denver(11, 3), "before", denver(11, 2), 120),
        work(denver(11, 6), "after", denver(11, 5), 240),
        work(denver(11, 6), "last", denver(11, 6, 9), 60),
    )
    bought, after, last = given.when(buy(denver(11, 10), effective_from=denver(11, 4))).events
    assert isinstance(bought, HourPackPurchased)
    assert (bought.effective_at, bought.month) == (denver(11, 4), "2026-11")
    assert isinstance(after, WorkRerated)
    assert (after.before, after.draws) == ((on_demand(240, 600_00),), (pack(240),))
    assert after.caused_by == "p-1"
    assert after.recognised == (Recognition(pack_id="p-1", month="2026-11", amount_cents=480_00),)
    assert isinstance(last, WorkRerated)
    assert (last.entry_id, last.draws) == ("last", (pack(60),))
    used_up = given.having(buy(denver(11, 10), effective_from=denver(11, 4)))
    assert draws(used_up.when(work(denver(11, 10), "more", denver(11, 10, 9), 15)).events) == {
        "more": (on_demand(15, 37_50),)
    }


def test_a_late_pack_frees_another_before_a_later_entry_draws_from_that() -> None:
    given = since_november(TermsChange(pack_validity_days=20, allowance_seconds=0)).having(
        buy(denver(11, 5), pack_id="p-2"),
        work(denver(11, 7), "first", denver(11, 6), 300),
        work(denver(11, 8), "second", denver(11, 7), 300),
    )
    assert draws(given.events) == {"first": (pack(300, "p-2"),), "second": (on_demand(300, 750_00),)}
    _, first, second = given.when(buy(denver(11, 10), effective_from=denver(11, 2))).events
    assert isinstance(first, WorkRerated)
    assert isinstance(second, WorkRerated)
    assert (first.entry_id, first.draws) == ("first", (pack(300, "p-1"),))
    assert first.recognised == (
        Recognition(pack_id="p-1", month="2026-11", amount_cents=600_00),
        Recognition(pack_id="p-2", month="2026-11", amount_cents=-600_00),
    )
    assert (second.entry_id, second.draws) == ("second", (pack(300, "p-2"),))


def test_an_entry_may_be_split_over_the_allowance_two_packs_and_on_demand() -> None:
    given = since_november(TermsChange(pack_step_hours=1)).having(
        buy(denver(11, 2), 1, pack_id="p-1"),
        buy(denver(11, 3), 1, pack_id="p-2"),
        work(denver(11, 5), "long", denver(11, 4), 240),
    )
    assert draws(given.events) == {"long": (allowance(60), pack(60, "p-1"), pack(60, "p-2"), on_demand(60, 150_00))}


def test_a_pack_used_up_has_recognised_exactly_its_price_however_the_cents_fall() -> None:
    given = subscription.given().having(
        start(
            denver(11, 1, 0),
            terms=TermsChange(
                allowance_seconds=0, pack_step_hours=1, pack_rate_cents=100_01, billing_increment_seconds=420
            ),
        ),
        buy(denver(11, 2), 1),
        *(work(denver(11, 9), f"e-{day}", denver(11, day), 7) for day in (5, 3, 8, 4, 7, 3 + 3, 2 + 7)),
        work(denver(12, 2), "e-last", denver(12, 1, 9), 14),
    )
    earned = [each for event in given.events if isinstance(event, WorkRated | WorkRerated) for each in event.recognised]
    assert sum(each.amount_cents for each in earned) == 100_01
    # 49 of 60 minutes by the end of November: 81.6748 rounded, and what is left of the price in December.
    assert sum(each.amount_cents for each in earned if each.month == "2026-11") == 81_67
    assert sum(each.amount_cents for each in earned if each.month == "2026-12") == 18_34


def test_late_work_moves_a_rounded_cent_of_a_later_month_too() -> None:
    given = subscription.given().having(
        start(
            denver(11, 1, 0),
            terms=TermsChange(allowance_seconds=0, pack_step_hours=1, pack_rate_cents=1, billing_increment_seconds=60),
        ),
        buy(denver(11, 2), 1),
        work(denver(12, 2), "december", denver(12, 1, 9), 30),
    )
    (late,) = given.when(work(denver(12, 3), "november", denver(11, 30), 30)).events
    assert isinstance(late, WorkRated)
    assert late.recognised == (
        Recognition(pack_id="p-1", month="2026-11", amount_cents=1),
        Recognition(pack_id="p-1", month="2026-12", amount_cents=-1),
    )
