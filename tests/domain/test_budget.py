"""Budgets: what their spans are, what is used of them, and what is told once (SUPPORT_POLICY R23)."""

import itertools
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.budget import (
    MONTHS_OF,
    BudgetCommand,
    BudgetEvent,
    Budgets,
    BudgetSet,
    BudgetThresholdReached,
    Cadence,
    NoteBudgetUse,
    SetBudget,
    Span,
    decide,
    evolve,
    span_of,
    uses,
)
from domain.owed import MonthOwed
from domain.rating.months import months_between
from tests.spec import Decider

budgets: Decider[BudgetCommand, Budgets, BudgetEvent] = Decider(decide, evolve)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SET = SetBudget(
    now=NOW,
    customer_id="c-1",
    cadence="monthly",
    scope="all",
    amount_cents=100_00,
    currency="USD",
    starts_on=date(2026, 11, 15),
)


def agreed(**changes: Any) -> BudgetSet:
    (event,) = budgets.given().when(replace(SET, **changes)).events
    assert isinstance(event, BudgetSet)
    return event


def note(**cents: int) -> NoteBudgetUse:
    """What is owed by month, "nov_2026" of maintenance."""
    months = {"nov": "2026-11", "dec": "2026-12", "jan": "2027-01", "feb": "2027-02", "mar": "2027-03"}
    return NoteBudgetUse(now=NOW, owed={months[name]: MonthOwed(fee_cents=value) for name, value in cents.items()})


def told(events: list[BudgetEvent]) -> list[tuple[str, int]]:
    assert all(isinstance(event, BudgetThresholdReached) for event in events)
    return [
        (event.span_starts, event.threshold_percent) for event in events if isinstance(event, BudgetThresholdReached)
    ]


def test_a_budget_is_agreed_on_once() -> None:
    event = agreed()
    assert (event.amount_cents, event.starts_on, event.currency) == (100_00, date(2026, 11, 15), "USD")
    budgets.given(event).when(SET).then_nothing()


@pytest.mark.parametrize(
    "change",
    [{"cadence": "annual"}, {"scope": "maintenance"}, {"amount_cents": 1}, {"starts_on": date(2026, 11, 14)}],
)
def test_another_budget_is_another_agreement(change: dict[str, Any]) -> None:
    budgets.given(agreed()).when(replace(SET, **change)).then(agreed(**change))


def test_an_earlier_budget_can_be_agreed_on_again_after_a_later_one() -> None:
    budgets.given(agreed(), agreed(amount_cents=1)).when(SET).then(agreed())


@pytest.mark.parametrize(
    ("cadence", "month", "span"),
    [
        ("monthly", "2026-11", ("2026-11", "2026-11")),
        ("monthly", "2027-02", ("2027-02", "2027-02")),
        ("quarterly", "2027-01", ("2026-11", "2027-01")),
        ("quarterly", "2027-02", ("2027-02", "2027-04")),
        ("annual", "2027-10", ("2026-11", "2027-10")),
        ("annual", "2027-11", ("2027-11", "2028-10")),
        ("annual", "2026-10", ("2026-11", "2027-10")),
    ],
)
def test_spans_are_whole_months_that_begin_with_the_month_of_the_start(
    cadence: Cadence, month: str, span: tuple[str, str]
) -> None:
    assert span_of(agreed(cadence=cadence), month) == Span(starts=span[0], ends=span[1])


@given(st.sampled_from([*MONTHS_OF]), st.dates(date(1970, 1, 1), date(2100, 1, 1)), st.integers(0, 600))
def test_spans_tile_time_from_the_start_on(cadence: Cadence, starts_on: date, later: int) -> None:
    budget = agreed(cadence=cadence, starts_on=starts_on)
    year, number = divmod(starts_on.year * 12 + starts_on.month - 1 + later, 12)
    month = f"{year:04}-{number + 1:02}"
    span = span_of(budget, month)
    assert span.starts <= month <= span.ends
    assert months_between(span.starts, span.ends) == MONTHS_OF[cadence] - 1
    assert span_of(budget, span.starts) == span_of(budget, span.ends) == span


@pytest.mark.parametrize(
    ("cents", "thresholds"),
    [(49_99, []), (50_00, [50]), (79_99, [50]), (80_00, [50, 80]), (99_99, [50, 80]), (100_00, [50, 80, 100])],
)
def test_a_threshold_is_reached_with_its_last_cent_and_not_before(cents: int, thresholds: list[int]) -> None:
    events = budgets.given(agreed()).when(note(nov=cents)).events
    assert told(events) == [("2026-11", threshold) for threshold in thresholds]


def test_what_is_told_of_a_threshold() -> None:
    budgets.given(agreed(cadence="quarterly")).when(note(nov=30_00, jan=25_00)).then(
        BudgetThresholdReached(
            occurred_at=NOW,
            customer_id="c-1",
            scope="all",
            span_starts="2026-11",
            span_ends="2027-01",
            threshold_percent=50,
            amount_cents=100_00,
            actual_cents=55_00,
            reached_at=NOW,
        )
    )


def test_a_threshold_is_told_once_a_span_whatever_credits_follow() -> None:
    given_ = budgets.given(agreed()).having(note(nov=60_00))
    given_.when(note(nov=60_00)).then_nothing()
    after_a_credit = given_.having(note(nov=10_00))
    after_a_credit.when(note(nov=70_00)).then_nothing()
    assert told(after_a_credit.when(note(nov=70_00, dec=50_00)).events) == [("2026-12", 50)]


def test_a_larger_amount_for_the_same_span_tells_no_threshold_again() -> None:
    given_ = budgets.given(agreed()).having(note(nov=60_00), replace(SET, amount_cents=200_00))
    given_.when(note(nov=110_00)).then_nothing()
    assert told(given_.when(note(nov=160_00)).events) == [("2026-11", 80)]


def test_without_a_budget_for_it_nothing_is_told() -> None:
    budgets.given().when(note(nov=500_00)).then_nothing()
    budgets.given(agreed(starts_on=date(2026, 12, 1))).when(note(nov=500_00)).then_nothing()


@pytest.mark.parametrize(
    ("scope", "actual"), [("maintenance", 1 + 10 + 100), ("enhancement", 1000), ("all", 1 + 10 + 100 + 1000)]
)
def test_a_scope_counts_what_it_is_for(scope: Any, actual: int) -> None:
    state = budgets.given(agreed(scope=scope)).state
    assert state is not None
    month = MonthOwed(fee_cents=1, packs_cents=10, maintenance_work_cents=100, enhancement_work_cents=1000)
    (use,) = uses(state, scope, {"2026-11": month}).values()
    assert use.actual_cents == actual


def test_each_scope_has_its_own_budgets_and_thresholds() -> None:
    given_ = budgets.given(agreed(scope="maintenance", amount_cents=60_00), agreed(scope="enhancement"), agreed())
    events = given_.when(note(nov=60_00)).events
    assert [(each.scope, each.threshold_percent) for each in events if isinstance(each, BudgetThresholdReached)] == [
        ("maintenance", 50),
        ("maintenance", 80),
        ("maintenance", 100),
        ("all", 50),
    ]


def test_a_budget_takes_its_scope_over_with_its_month_and_the_former_counts_no_further() -> None:
    state = budgets.given(
        agreed(cadence="annual", amount_cents=1_000_00),
        agreed(cadence="quarterly", starts_on=date(2027, 2, 20)),
    ).state
    assert state is not None
    found = uses(state, "all", note(nov=1, dec=10, jan=100, feb=1_000, mar=10_000).owed)
    assert {(span.starts, span.ends): use.actual_cents for span, use in found.items()} == {
        ("2026-11", "2027-10"): 111,
        ("2027-02", "2027-04"): 11_000,
    }


def test_a_budget_agreed_on_later_for_an_earlier_month_holds_from_there() -> None:
    state = budgets.given(
        agreed(starts_on=date(2027, 1, 1), amount_cents=1), agreed(starts_on=date(2026, 12, 1), amount_cents=2)
    ).state
    assert state is not None
    in_force = [state.in_force("all", month) for month in ("2026-11", "2026-12", "2027-02")]
    assert [budget and budget.amount_cents for budget in in_force] == [None, 2, 2]


amounts = st.lists(st.integers(-40_00, 80_00), min_size=1, max_size=6)


@given(amounts, st.permutations([0, 1, 2]))
def test_the_thresholds_told_do_not_depend_on_when_the_budget_was_agreed_on(
    posted: list[int], order: list[int]
) -> None:
    """The same amounts, posted one after the other into two months, and two budgets that come at any time between."""
    totals = list(itertools.accumulate(abs(cents) for cents in posted))
    looks = [note(nov=cents, dec=cents // 2) for cents in totals]
    steps: list[BudgetCommand] = [*looks, SET, replace(SET, scope="maintenance"), replace(SET, scope="enhancement")]
    tail = [steps[len(looks) + number] for number in order]
    early = budgets.given().having(*tail, *looks, looks[-1])
    late = budgets.given().having(*looks, *tail, looks[-1])

    def reached(events: tuple[BudgetEvent, ...]) -> set[tuple[str, str, int]]:
        return {
            (event.scope, event.span_starts, event.threshold_percent)
            for event in events
            if isinstance(event, BudgetThresholdReached)
        }

    assert reached(early.events) == reached(late.events)
    assert len(reached(early.events)) == sum(isinstance(event, BudgetThresholdReached) for event in early.events)
