"""Budgets that a customer agreed on for maintenance and enhancements, and how far each is used (SUPPORT_POLICY R23)."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Literal, assert_never, get_args

from msgspec.structs import replace

from domain.event import Event, Value
from domain.owed import MonthOwed, Owed
from domain.rating.months import months_between, months_later

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


class SetBudget(Value, frozen=True, kw_only=True):
    """Agree on a budget (R23); `currency` is the desk's."""

    now: datetime
    customer_id: str
    cadence: Cadence
    scope: BudgetScope
    amount_cents: int
    currency: str
    starts_on: date


class NoteBudgetUse(Value, frozen=True, kw_only=True):
    """Record which thresholds are reached and were not told, if any; a policy asks for it when what is owed changes."""

    now: datetime
    owed: Owed


BudgetCommand = SetBudget | NoteBudgetUse
BudgetEvent = BudgetSet | BudgetThresholdReached


class Span(Value, frozen=True, kw_only=True):
    """Whole calendar months, both included, that one amount of a budget is for."""

    starts: str
    ends: str


class Use(Value, frozen=True, kw_only=True):
    """What of a budget is used in a span: `actual_cents` were posted in those of its months that it is in force for."""

    budget: BudgetSet
    actual_cents: int


class Budgets(Value, frozen=True, kw_only=True):
    """The budgets of a customer in the order they were agreed on, and the thresholds that were told."""

    customer_id: str
    agreed: tuple[BudgetSet, ...] = ()
    reached: tuple[BudgetThresholdReached, ...] = ()

    def in_force(self, scope: BudgetScope, month: str) -> BudgetSet | None:
        """Return the budget of a scope for a month: of those begun by then, the one agreed on last."""
        begun = (each for each in reversed(self.agreed) if each.scope == scope and first_month(each) <= month)
        return next(begun, None)

    def told(self, scope: BudgetScope, span: Span) -> tuple[BudgetThresholdReached, ...]:
        """Return the thresholds told of a span."""
        return tuple(each for each in self.reached if each.scope == scope and _span_of(each) == span)


SCOPES: tuple[BudgetScope, ...] = get_args(BudgetScope)
THRESHOLDS: tuple[Threshold, ...] = get_args(Threshold)
MONTHS_OF: dict[Cadence, int] = {"monthly": 1, "quarterly": 3, "annual": 12}


def first_month(budget: BudgetSet) -> str:
    """Return the month that a budget's first span begins with."""
    return budget.starts_on.isoformat()[:7]


def span_of(budget: BudgetSet, month: str) -> Span:
    """Return the span of a budget that a month is in; months before its first are in the first."""
    length = MONTHS_OF[budget.cadence]
    before = max(0, months_between(first_month(budget), month)) // length * length
    starts = months_later(first_month(budget), before)
    return Span(starts=starts, ends=months_later(starts, length - 1))


def uses(budgets: Budgets, scope: BudgetScope, owed: Owed) -> dict[Span, Use]:
    """Return the spans that something was posted in, in order, each with what of its budget is used.

    A span that another budget of the scope took over in counts only the months before that.
    """
    found: dict[Span, Use] = {}
    for month in sorted(owed):
        budget = budgets.in_force(scope, month)
        if budget is not None:
            span = span_of(budget, month)
            before = found[span].actual_cents if span in found else 0
            found[span] = Use(budget=budget, actual_cents=before + counted_cents(scope, owed[month]))
    return found


def counted_cents(scope: BudgetScope, owed: MonthOwed) -> int:
    """Return what a budget's scope counts of a month."""
    match scope:
        case "maintenance":
            return owed.maintenance_cents
        case "enhancement":
            return owed.enhancement_cents
        case "all":
            return owed.total_cents


def decide(command: BudgetCommand, state: Budgets | None) -> list[BudgetEvent]:
    """Decide a command; a repeat of a request leads to nothing. Refuses nothing."""
    match command:
        case SetBudget():
            return _set_budget(command, state)
        case NoteBudgetUse():
            return [] if state is None else [*_note_use(command, state)]
        case _ as never:
            assert_never(never)


def _set_budget(command: SetBudget, state: Budgets | None) -> list[BudgetEvent]:
    """What was agreed on last for the scope may be asked for again; an earlier one would be a new agreement."""
    event = BudgetSet(
        occurred_at=command.now,
        customer_id=command.customer_id,
        cadence=command.cadence,
        scope=command.scope,
        amount_cents=command.amount_cents,
        currency=command.currency,
        starts_on=command.starts_on,
    )
    agreed = () if state is None else state.agreed
    last = next((each for each in reversed(agreed) if each.scope == command.scope), None)
    return [] if last is not None and replace(last, occurred_at=command.now) == event else [event]


def _note_use(command: NoteBudgetUse, state: Budgets) -> Iterator[BudgetThresholdReached]:
    """Tell each threshold of each span once, whatever the order in which budgets and amounts became known."""
    for scope in SCOPES:
        for span, use in uses(state, scope, command.owed).items():
            told = {each.threshold_percent for each in state.told(scope, span)}
            for threshold in THRESHOLDS:
                if threshold not in told and use.actual_cents * 100 >= threshold * use.budget.amount_cents:
                    yield BudgetThresholdReached(
                        occurred_at=command.now,
                        customer_id=state.customer_id,
                        scope=scope,
                        span_starts=span.starts,
                        span_ends=span.ends,
                        threshold_percent=threshold,
                        amount_cents=use.budget.amount_cents,
                        actual_cents=use.actual_cents,
                        reached_at=command.now,
                    )


def evolve(state: Budgets | None, event: BudgetEvent) -> Budgets:
    """Fold one event; never refuses."""
    budgets = Budgets(customer_id=event.customer_id) if state is None else state
    match event:
        case BudgetSet():
            return replace(budgets, agreed=(*budgets.agreed, event))
        case BudgetThresholdReached():
            return replace(budgets, reached=(*budgets.reached, event))
        case _ as never:
            assert_never(never)


def _span_of(reached: BudgetThresholdReached) -> Span:
    return Span(starts=reached.span_starts, ends=reached.span_ends)
