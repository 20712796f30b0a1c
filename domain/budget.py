"""Budgets that a customer agreed on for maintenance and enhancements, and how far each is used (SUPPORT_POLICY R23)."""

from datetime import date, datetime
from typing import Literal

from domain.event import Event

Cadence = Literal["monthly", "quarterly", "annual"]
BudgetScope = Literal["maintenance", "enhancement", "all"]
Threshold = Literal[50, 80, 100]
"""Percent of a budget whose first use is told."""


class BudgetSet(Event, frozen=True, kw_only=True):
    """A budget was agreed for each span of months from the one of `starts_on` on, in place of the one of that scope."""

    customer_id: str
    cadence: Cadence
    scope: BudgetScope
    amount_cents: int
    currency: str
    starts_on: date


class BudgetThresholdReached(Event, frozen=True, kw_only=True):
    """That share of a span's budget is used; told once a span, whatever credits follow."""

    customer_id: str
    scope: BudgetScope
    span_starts: str
    span_ends: str
    threshold_percent: Threshold
    amount_cents: int
    actual_cents: int
    reached_at: datetime
