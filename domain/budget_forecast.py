"""How much of a budget will be used by the end of its span, if things go on as they do? (SUPPORT_POLICY R23).

    forecast = fees posted in the span
             + fees of its months that have not begun, as agreed now
             + everything else posted in it x its days / its days so far, today included

Fees count where the scope counts them (not for enhancements). What was posted besides fees is taken at its rate so far
only while it is positive: credits are no rate. A span that is over is forecast as what was posted in it, one that has
not begun by its fees.
"""

from collections.abc import Iterator
from datetime import date

from domain.budget import Budgets, BudgetScope, Span, counted_cents
from domain.owed import Fees, Owed
from domain.rating.months import first_day, month_after


def forecast_cents(budgets: Budgets, scope: BudgetScope, span: Span, owed: Owed, fees: Fees, today: date) -> int:
    """Return the forecast for a span of one of the budgets; `today` is the date in the desk's zone."""
    months = [*_months_in_force(budgets, scope, span)]
    posted = [owed[month] for month in months if month in owed]
    actual = sum(counted_cents(scope, month) for month in posted)
    first, after = first_day(months[0]), first_day(month_after(months[-1]))
    if today >= after:
        return actual
    counts_fees = scope != "enhancement"
    to_come = sum(fees.of(month) for month in months if first_day(month) > today) if counts_fees else 0
    posted_fees = sum(month.fee_cents for month in posted) if counts_fees else 0
    variable = actual - posted_fees
    if variable > 0 and today >= first:
        variable = _proportion(variable, (after - first).days, (today - first).days + 1)
    return posted_fees + to_come + variable


def _months_in_force(budgets: Budgets, scope: BudgetScope, span: Span) -> Iterator[str]:
    """The months of a span up to the one that another budget of the scope takes over in."""
    budget = budgets.in_force(scope, span.starts)
    month = span.starts
    while month <= span.ends and budgets.in_force(scope, month) is budget:
        yield month
        month = month_after(month)


def _proportion(cents: int, days: int, so_far: int) -> int:
    """Cents of so many days at the rate of the days so far, rounded half up."""
    return (2 * cents * days + so_far) // (2 * so_far)
