"""The shapes of budgets."""

from datetime import date, datetime
from typing import Literal

from api.http.shapes.common import Cents, Month, Position, Shape
from domain.budget import BudgetScope, Cadence, Threshold


class SpanShape(Shape, kw_only=True):
    """Whole calendar months, both included."""

    starts: Month
    ends: Month


class ThresholdShape(Shape, kw_only=True):
    """A share of the budget that was told to be used."""

    threshold_percent: Threshold
    actual_cents: Cents
    amount_cents: Cents
    reached_at: datetime


class BudgetShape(Shape, kw_only=True):
    """A budget with a span of it: what is used, what is left, and what will be used if things go on as they do.

    `forecast_cents`: fees posted and fees agreed for the months to come (not for enhancements), and everything else in
    proportion to the days of the span that have begun.
    """

    scope: BudgetScope
    cadence: Cadence
    starts_on: date
    state: Literal["in_force", "upcoming"]
    amount_cents: Cents
    currency: str
    span: SpanShape
    actual_cents: Cents
    remaining_cents: Cents
    forecast_cents: Cents
    notices: list[ThresholdShape]


class BudgetsShape(Shape, kw_only=True):
    """The budgets of a customer in a month, and those that come later (SUPPORT_POLICY R23)."""

    customer_id: str
    month: Month
    budgets: list[BudgetShape]
    as_of_position: Position
