"""The forecast of a budget's span: fees as agreed, everything else at its rate so far (SUPPORT_POLICY R23)."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from domain.budget import Budgets, BudgetSet, span_of
from domain.budget_forecast import forecast_cents
from domain.owed import Fees, MonthOwed

FEES = Fees(steps=(("2026-11", 150_00),))
NOV = MonthOwed(fee_cents=150_00, maintenance_work_cents=30_00, enhancement_work_cents=60_00)


def budget(**changes: Any) -> BudgetSet:
    values: dict[str, Any] = {
        "occurred_at": datetime(2026, 11, 1, tzinfo=UTC),
        "customer_id": "c-1",
        "cadence": "monthly",
        "scope": "all",
        "amount_cents": 500_00,
        "currency": "USD",
        "starts_on": date(2026, 11, 1),
    }
    return BudgetSet(**{**values, **changes})


def forecast(today: date, owed: dict[str, MonthOwed], *agreed: BudgetSet, fees: Fees = FEES) -> int:
    budgets = Budgets(customer_id="c-1", agreed=agreed)
    first = agreed[0]
    return forecast_cents(budgets, first.scope, span_of(first, first.starts_on.isoformat()[:7]), owed, fees, today)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("all", 150_00 + 90_00 * 2), ("maintenance", 150_00 + 30_00 * 2), ("enhancement", 60_00 * 2)],
)
def test_halfway_through_its_days_what_is_not_a_fee_is_expected_once_more(scope: Any, expected: int) -> None:
    assert forecast(date(2026, 11, 15), {"2026-11": NOV}, budget(scope=scope)) == expected


def test_the_first_day_counts_as_a_whole_one_and_the_last_day_adds_nothing() -> None:
    assert forecast(date(2026, 11, 1), {"2026-11": NOV}, budget()) == 150_00 + 90_00 * 30
    assert forecast(date(2026, 11, 30), {"2026-11": NOV}, budget()) == 150_00 + 90_00


def test_a_span_that_is_over_is_what_was_posted_in_it() -> None:
    assert forecast(date(2026, 12, 1), {"2026-11": NOV}, budget()) == 240_00


def test_the_fees_of_months_to_come_are_known() -> None:
    quarter = budget(cadence="quarterly")
    owed = {"2026-11": MonthOwed(fee_cents=150_00)}
    assert forecast(date(2026, 11, 20), owed, quarter) == 3 * 150_00
    dearer = Fees(steps=(("2026-11", 150_00), ("2027-01", 200_00)))
    assert forecast(date(2026, 11, 20), owed, quarter, fees=dearer) == 2 * 150_00 + 200_00
    ending = Fees(steps=dearer.steps, last_month="2026-12")
    assert forecast(date(2026, 11, 20), owed, quarter, fees=ending) == 2 * 150_00
    assert forecast(date(2026, 11, 20), owed, budget(cadence="quarterly", scope="enhancement")) == 0


def test_credits_are_no_rate() -> None:
    owed = {"2026-11": MonthOwed(fee_cents=150_00, maintenance_work_cents=-50_00)}
    assert forecast(date(2026, 11, 3), owed, budget()) == 100_00


def test_a_span_that_has_not_begun_is_forecast_by_its_fees() -> None:
    ahead = budget(starts_on=date(2027, 1, 1), cadence="quarterly")
    assert forecast(date(2026, 11, 20), {"2026-11": NOV}, ahead) == 3 * 150_00


def test_another_budget_ends_the_span_with_the_month_before_its_own() -> None:
    year = budget(cadence="annual")
    follower = budget(starts_on=date(2026, 12, 1), amount_cents=1)
    owed = {"2026-11": NOV, "2026-12": NOV}
    assert forecast(date(2026, 11, 15), owed, year, follower) == 150_00 + 2 * 90_00
    assert forecast(date(2026, 12, 15), owed, year, follower) == 240_00


def test_half_a_cent_is_rounded_up() -> None:
    owed = {"2026-11": MonthOwed(maintenance_work_cents=1)}
    assert forecast(date(2026, 11, 20), owed, budget(), fees=Fees()) == 2
    assert forecast(date(2026, 11, 21), owed, budget(), fees=Fees()) == 1
