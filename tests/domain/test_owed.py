"""What is owed by month and purpose, from a subscription's events alone (SUPPORT_POLICY R23)."""

from datetime import date
from typing import Any

import pytest
from msgspec.structs import replace

from domain.event import Event
from domain.owed import Fees, MonthOwed, agreed_fees, owed_by_month
from domain.personal import Personal
from domain.subscription.events import (
    Credit,
    Draw,
    PeriodClosed,
    PlanChanged,
    Purpose,
    SubscriptionCancelled,
    SubscriptionStarted,
    WorkRerated,
    WorkRevised,
)
from projections.account import account_of
from projections.statement import statement
from tests.domain.subscription.sentences import buy, denver, since_november, work
from tests.projections.stories import recorded

NOVEMBER = since_november().having(
    work(denver(11, 3, 17), "nov-3", denver(11, 3), 40),
    work(denver(11, 5, 17), "nov-5", denver(11, 5), 50),
    buy(denver(11, 10)),
    work(denver(11, 12, 17), "nov-12", denver(11, 12), 120),
)
LATE = NOVEMBER.having(work(denver(11, 15), "nov-2", denver(11, 2), 30))
ON_DEMAND = Draw(source="on_demand", seconds=3600, rate_cents_per_hour=150_00, amount_cents=150_00)
HOLD = Draw(source="hold", seconds=3600, rate_cents_per_hour=150_00, multiplier=2, amount_cents=300_00)
EMERGENCY = replace(HOLD, source="emergency")


def revised(month: str, draws: tuple[Draw, ...], purpose: Purpose, *credited: Credit) -> WorkRevised:
    """Entry "x" as it stands after a change of its facts."""
    return WorkRevised(
        occurred_at=denver(11, 20),
        subscription_id="s-1",
        customer_id="c-1",
        month=month,
        entry_id="x",
        ticket_id="t-1",
        case_number="C-000001",
        agent="kim",
        started_at=denver(11, 12),
        duration_seconds=3600,
        worked_before_seconds=3600,
        work_class="billable",
        purpose=purpose,
        billed_seconds=3600,
        rating_at=denver(11, 12),
        before=(),
        draws=draws,
        credits=credited,
    )


def rerated(before: tuple[Draw, ...], draws: tuple[Draw, ...]) -> WorkRerated:
    return WorkRerated(
        occurred_at=denver(11, 21),
        subscription_id="s-1",
        customer_id="c-1",
        month="2026-11",
        entry_id="x",
        ticket_id="t-1",
        started_at=denver(11, 12),
        rating_at=denver(11, 12),
        before=before,
        draws=draws,
        caused_by="y",
    )


def owed(*events: Event) -> dict[str, tuple[int, int]]:
    """Maintenance and enhancement by month."""
    return {month: (each.maintenance_cents, each.enhancement_cents) for month, each in owed_by_month(events).items()}


@pytest.mark.parametrize("given", [NOVEMBER, LATE])
def test_it_is_in_total_what_the_statement_says(given: Any) -> None:
    account = account_of(recorded([("subscription-s-1", each) for each in given.events]))
    assert account is not None
    shown = statement(account, "2026-11")["totals"]["owed_cents"]
    assert owed_by_month(given.events)["2026-11"].total_cents == shown


def test_fees_and_packs_are_maintenance() -> None:
    month = owed_by_month(NOVEMBER.events)["2026-11"]
    assert month == MonthOwed(fee_cents=150_00, packs_cents=600_00, maintenance_work_cents=112_50)
    assert month.maintenance_cents == month.total_cents


def test_work_counts_by_its_purpose_and_an_emergency_is_owed_in_full() -> None:
    assert owed(revised("2026-11", (ON_DEMAND,), "enhancement")) == {"2026-11": (0, 150_00)}
    assert owed(revised("2026-11", (EMERGENCY,), "maintenance")) == {"2026-11": (300_00, 0)}


def test_a_hold_is_not_owed() -> None:
    assert owed(revised("2026-11", (HOLD,), "maintenance")) == {"2026-11": (0, 0)}


def test_the_last_revision_of_an_entry_in_a_month_holds() -> None:
    events = (revised("2026-11", (ON_DEMAND,), "enhancement"), revised("2026-11", (), "enhancement"))
    assert owed(*events) == {"2026-11": (0, 0)}


def test_a_rerating_moves_what_is_owed_by_its_difference() -> None:
    first = revised("2026-11", (ON_DEMAND,), "enhancement")
    less = replace(ON_DEMAND, amount_cents=50_00)
    assert owed(first, rerated((ON_DEMAND,), (less,))) == {"2026-11": (0, 50_00)}


def test_a_credit_counts_in_its_own_month_and_the_frozen_draw_stays_in_its() -> None:
    credit = Credit(source="on_demand", posted_month="2026-11", seconds=1800, amount_cents=75_00)
    frozen = revised("2026-11", (ON_DEMAND,), "enhancement")
    assert owed(frozen, revised("2026-12", (), "enhancement", credit)) == {
        "2026-11": (0, 150_00),
        "2026-12": (0, -75_00),
    }


def test_a_credit_stands_when_the_entry_is_rated_anew_beside_it() -> None:
    credit = Credit(source="on_demand", posted_month="2026-10", seconds=1800, amount_cents=75_00)
    less = replace(ON_DEMAND, amount_cents=50_00)
    events = (revised("2026-11", (ON_DEMAND,), "enhancement", credit), rerated((ON_DEMAND,), (less,)))
    assert owed(*events) == {"2026-11": (0, -25_00)}


def test_all_of_an_entry_counts_by_what_its_case_is_about_now() -> None:
    credit = Credit(source="on_demand", posted_month="2026-11", seconds=3600, amount_cents=150_00)
    frozen = revised("2026-11", (ON_DEMAND,), "enhancement")
    taken_back = revised("2026-12", (), "maintenance", credit)
    assert owed(frozen, taken_back) == {"2026-11": (150_00, 0), "2026-12": (-150_00, 0)}


def test_other_events_are_passed_over() -> None:
    closed = PeriodClosed(
        occurred_at=denver(12, 2), subscription_id="s-1", customer_id="c-1", month="2026-11", ended_at=denver(12, 1)
    )
    assert owed_by_month([*NOVEMBER.events, closed]) == owed_by_month(NOVEMBER.events)


def started(month: int, fee_cents: int) -> SubscriptionStarted:
    (event, *_) = since_november().events
    assert isinstance(event, SubscriptionStarted)
    terms = replace(event.terms, monthly_fee_cents=fee_cents)
    return replace(event, starts_on=date(2026, month, 10), terms=terms)


def changed(month: str, fee_cents: int) -> PlanChanged:
    return PlanChanged(
        occurred_at=denver(11, 2),
        subscription_id="s-1",
        customer_id="c-1",
        month=month,
        effective_on=date.fromisoformat(f"{month}-01"),
        plan="standard",
        plan_version=1,
        terms=started(11, fee_cents).terms,
    )


def cancelled(last_month: str) -> SubscriptionCancelled:
    return SubscriptionCancelled(
        occurred_at=denver(11, 2),
        subscription_id="s-1",
        customer_id="c-1",
        last_month=last_month,
        ends_at=denver(12, 1),
        reason=Personal("sold"),
    )


CHANGED = changed("2026-12", 100_00)
CANCELLED = cancelled("2027-01")


def fees_of(*events: Any) -> list[int]:
    fees = Fees()
    for event in events:
        fees = agreed_fees(fees, event)
    return [fees.of(month) for month in ("2026-07", "2026-08", "2026-09", "2026-10", "2026-11", "2026-12")]


def test_the_fee_is_that_of_the_plan_from_the_first_month_on() -> None:
    assert fees_of(started(9, 5)) == [0, 0, 5, 5, 5, 5]


def test_a_change_of_plan_holds_from_its_month_and_the_last_for_a_month_counts() -> None:
    assert fees_of(started(8, 5), changed("2026-11", 9), changed("2026-09", 7)) == [0, 5, 7, 7, 9, 9]
    assert fees_of(started(8, 5), changed("2026-11", 9), changed("2026-11", 8)) == [0, 5, 5, 5, 8, 8]


def test_after_the_last_month_of_a_cancelled_subscription_there_is_no_fee() -> None:
    assert fees_of(started(8, 5), changed("2026-11", 9), cancelled("2026-09")) == [0, 5, 5, 0, 0, 0]


def test_a_later_subscription_has_its_own_fee_and_the_gap_none() -> None:
    events = (started(8, 5), changed("2026-12", 9), cancelled("2026-09"), started(11, 6))
    assert fees_of(*events) == [0, 5, 5, 0, 6, 6]
