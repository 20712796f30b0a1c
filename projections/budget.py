"""How much of its budgets has a customer used, and how much will it use? (SUPPORT_POLICY R23).

What is owed is kept by month, that of work by entry and month, with each entry's purpose beside it: an entry counts by
what its case is about now, whenever it was posted (`domain.owed`). So an event writes a row or two, however much work
there is, and a question adds up the months that it is about.
"""

from collections.abc import Iterable, Iterator
from datetime import date

from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.budget import (
    SCOPES,
    Budgets,
    BudgetSet,
    BudgetThresholdReached,
    Span,
    evolve,
    first_month,
    span_of,
    uses,
)
from domain.budget_forecast import forecast_cents
from domain.owed import FeeEvent, Fees, MonthOwed, Owed, agreed_fees, owed_for_entry, with_work
from domain.recorded import RecordedEvent
from domain.subscription.events import (
    HourPackPurchased,
    MonthStarted,
    PlanChanged,
    Purpose,
    SubscriptionCancelled,
    SubscriptionStarted,
    WorkRated,
    WorkRerated,
    WorkRevised,
)
from projections.reading import Json, position_of, select
from projections.view import Index, Key, Row, Table, View


class BudgetsRow(Row, frozen=True, kw_only=True):
    """The budgets of a customer, as their decider knows them."""

    customer_id: str
    budgets: Budgets


class MonthRow(Row, frozen=True, kw_only=True):
    """What a month's fee and packs come to."""

    customer_id: str
    month: str
    fee_cents: int = 0
    packs_cents: int = 0


class EntryRow(Row, frozen=True, kw_only=True):
    """What is owed in a month for a work entry: its draws there less its credits."""

    entry_id: str
    month: str
    customer_id: str
    cents: int


class PurposeRow(Row, frozen=True, kw_only=True):
    """What a work entry counts as."""

    entry_id: str
    purpose: Purpose


class FeesRow(Row, frozen=True, kw_only=True):
    """The fees that are agreed with a customer."""

    customer_id: str
    fees: Fees


budgets_table = Table("budget", BudgetsRow, key=("customer_id",))
months = Table("budget_month", MonthRow, key=("customer_id", "month"))
entries = Table("budget_entry", EntryRow, key=("entry_id", "month"), indexes=(Index(("customer_id", "month")),))
purposes = Table("budget_purpose", PurposeRow, key=("entry_id",))
fees_table = Table("budget_fees", FeesRow, key=("customer_id",))
VIEW = View("budget", version=1, tables=(budgets_table, months, entries, purposes, fees_table))


def _customer(event: BudgetSet | BudgetThresholdReached | FeeEvent) -> Iterable[Key]:
    return ((event.customer_id,),)


@budgets_table.on_each(BudgetSet, BudgetThresholdReached, keys=_customer)
def budgets_followed(
    row: BudgetsRow | None, event: BudgetSet | BudgetThresholdReached, _: RecordedEvent, __: Key
) -> BudgetsRow:
    """What was agreed and told."""
    return BudgetsRow(customer_id=event.customer_id, budgets=evolve(row.budgets if row else None, event))


@months.on_each(MonthStarted, HourPackPurchased, keys=lambda event: [(event.customer_id, event.month)])
def posted(row: MonthRow | None, event: MonthStarted | HourPackPurchased, _: RecordedEvent, __: Key) -> MonthRow:
    """A fee or a price more."""
    month = row or MonthRow(customer_id=event.customer_id, month=event.month)
    if isinstance(event, MonthStarted):
        return replace(month, fee_cents=month.fee_cents + event.fee_cents)
    return replace(month, packs_cents=month.packs_cents + event.price_cents)


@entries.begin(WorkRated)
def rated(event: WorkRated, _: RecordedEvent) -> EntryRow:
    """What the entry draws that is owed."""
    return _entry(event, owed_for_entry(event))


@entries.begin(WorkRevised)
def revised(event: WorkRevised, _: RecordedEvent) -> EntryRow:
    """All that is posted for it in the month, as it stands now."""
    return _entry(event, owed_for_entry(event))


@entries.on_each(WorkRerated, keys=lambda event: [(event.entry_id, event.month)])
def rerated(row: EntryRow | None, event: WorkRerated, _: RecordedEvent, __: Key) -> EntryRow:
    """The difference that other draws make."""
    return _entry(event, owed_for_entry(event) + (row.cents if row else 0))


def _entry(event: WorkRated | WorkRerated | WorkRevised, cents: int) -> EntryRow:
    return EntryRow(entry_id=event.entry_id, month=event.month, customer_id=event.customer_id, cents=cents)


@purposes.begin(WorkRated)
def purpose_known(event: WorkRated, _: RecordedEvent) -> PurposeRow:
    """By the category of the case."""
    return PurposeRow(entry_id=event.entry_id, purpose=event.purpose)


@purposes.begin(WorkRevised)
def purpose_changed(event: WorkRevised, _: RecordedEvent) -> PurposeRow:
    """By its category now, or that of another case."""
    return PurposeRow(entry_id=event.entry_id, purpose=event.purpose)


@fees_table.on_each(SubscriptionStarted, keys=_customer)
def subscribed(row: FeesRow | None, event: SubscriptionStarted, _: RecordedEvent, __: Key) -> FeesRow:
    """The fee of the plan."""
    return _fees(row, event)


@fees_table.on_each(PlanChanged, SubscriptionCancelled, keys=_customer)
def fees_changed(row: FeesRow | None, event: PlanChanged | SubscriptionCancelled, _: RecordedEvent, __: Key) -> FeesRow:
    """Another fee, or none any more."""
    return _fees(row, event)


def _fees(row: FeesRow | None, event: FeeEvent) -> FeesRow:
    return FeesRow(customer_id=event.customer_id, fees=agreed_fees(row.fees if row else Fees(), event))


def of_customer(connection: Connection, customer_id: str, month: str, today: date) -> Json:
    """Return the budgets of a customer: those in force in a month with the span it is in, and those that come later.

    `today` is the date in the desk's zone, which the forecasts count from.
    """
    position = position_of(connection, VIEW.name)
    found = select(connection, BudgetsRow, "FROM budget t WHERE customer_id = %s", (customer_id,))
    budgets = found[0].budgets if found else Budgets(customer_id=customer_id)
    agreed = select(connection, FeesRow, "FROM budget_fees t WHERE customer_id = %s", (customer_id,))
    fees = agreed[0].fees if agreed else Fees()
    shown = [*_shown(budgets, month)]
    starts = min((span.starts for _, _, span in shown), default=month)
    ends = max((span.ends for _, _, span in shown), default=month)
    owed = owed_between(connection, customer_id, starts, ends)
    return {
        "customer_id": customer_id,
        "month": month,
        "budgets": [
            {"state": state, **_budget(budgets, budget, span, owed)}
            | {"forecast_cents": forecast_cents(budgets, budget.scope, span, owed, fees, today)}
            for state, budget, span in shown
        ],
        "as_of_position": position,
    }


def owed_between(connection: Connection, customer_id: str, first: str, last: str) -> Owed:
    """Return what a customer owes for each month of some, both included."""
    values = {"customer": customer_id, "first": first, "last": last}
    condition = "customer_id = %(customer)s AND month BETWEEN %(first)s AND %(last)s"
    owed = {
        row.month: MonthOwed(fee_cents=row.fee_cents, packs_cents=row.packs_cents)
        for row in select(connection, MonthRow, f"FROM budget_month t WHERE {condition}", values)
    }
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT month, purpose, sum(cents)::bigint FROM budget_entry JOIN budget_purpose USING (entry_id)"
            f" WHERE {condition} GROUP BY month, purpose",
            values,
        )
        for month, purpose, cents in cursor:
            owed[month] = with_work(owed.get(month, MonthOwed()), purpose, cents)
    return owed


def _shown(budgets: Budgets, month: str) -> Iterator[tuple[str, BudgetSet, Span]]:
    """The budgets to show by scope: the one in force in the month, then those that take the scope over later."""
    for scope in SCOPES:
        budget = budgets.in_force(scope, month)
        if budget is not None:
            yield "in_force", budget, span_of(budget, month)
        for later in sorted({first_month(each) for each in budgets.agreed if each.scope == scope}):
            follower = budgets.in_force(scope, later)
            if later > month and follower is not None and first_month(follower) == later:
                yield "upcoming", follower, span_of(follower, later)


def _budget(budgets: Budgets, budget: BudgetSet, span: Span, owed: Owed) -> Json:
    use = uses(budgets, budget.scope, owed).get(span)
    actual = 0 if use is None else use.actual_cents
    return {
        "scope": budget.scope,
        "cadence": budget.cadence,
        "starts_on": budget.starts_on,
        "amount_cents": budget.amount_cents,
        "currency": budget.currency,
        "span": {"starts": span.starts, "ends": span.ends},
        "actual_cents": actual,
        "remaining_cents": budget.amount_cents - actual,
        "notices": [_notice(each) for each in budgets.told(budget.scope, span)],
    }


def _notice(reached: BudgetThresholdReached) -> Json:
    return {
        "threshold_percent": reached.threshold_percent,
        "actual_cents": reached.actual_cents,
        "amount_cents": reached.amount_cents,
        "reached_at": reached.reached_at,
    }
