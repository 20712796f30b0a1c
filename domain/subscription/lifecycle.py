"""How a subscription begins, changes its plan and ends (SUPPORT_POLICY B2)."""

from datetime import date, datetime

from domain.plan import Plan, TermsChange, check_terms
from domain.rating.months import first_day, local_date, local_midnight, month_after, month_bounds, month_of
from domain.subscription.commands import CancelSubscription, ChangePlan, StartSubscription
from domain.subscription.due import catch_up
from domain.subscription.events import PlanChanged, SubscriptionCancelled, SubscriptionEvent, SubscriptionStarted
from domain.subscription.refusals import (
    EndsBeforeStart,
    MonthHasBegun,
    MonthHasEnded,
    NoSubscription,
    NotFirstOfMonth,
    PlanNotInForce,
    StartsTooEarly,
    SubscriptionExists,
)
from domain.subscription.state import Agreement, Span, Subscription, evolve
from domain.subscription.work import billed_anew

_EARLIEST_START = date(1970, 1, 1)
"""The day from which the settings that come with a desk are in force."""


def start(command: StartSubscription, state: Subscription | None) -> list[SubscriptionEvent]:
    """Start the first subscription of a customer, or another one after a cancelled one has ended."""
    if state is not None:
        return _start_again(command, state)
    started = _started(command, command.subscription_id)
    return [started, *catch_up(evolve(None, started), command.now).events]


def _start_again(command: StartSubscription, state: Subscription) -> list[SubscriptionEvent]:
    last = state.spans[-1]
    if _says_the_same(command, last):
        return []
    if last.ends_at is None:
        raise SubscriptionExists(f"customer {state.customer_id} has subscription {state.subscription_id}")
    started = _started(command, state.subscription_id)
    if started.starts_at < last.ends_at:
        raise SubscriptionExists(f"subscription {state.subscription_id} ends at {last.ends_at.isoformat()}")
    events, state = catch_up(state, command.now, without_subscription=False)
    book = state.book
    if book.months and started.starts_at < max(book.open_from, book.months[-1].starts_at):
        raise StartsTooEarly(
            f"months until {book.months[-1].starts_at.isoformat()} are recorded without a subscription"
        )
    events.append(started)
    begun, state = catch_up(evolve(state, started), command.now)
    events += begun
    return [*events, *billed_anew(state, started.starts_at, command.now)]


def _started(command: StartSubscription, subscription_id: str) -> SubscriptionStarted:
    starts_on = command.starts_on or local_date(command.now, command.zone)
    if starts_on < _EARLIEST_START:
        raise PlanNotInForce(f"no plan was in force on {starts_on}")
    starts_at = local_midnight(starts_on, command.zone)
    # What is agreed today is agreed on today's terms, be it that it starts at last midnight or earlier.
    agreed = _agreement(command, max(starts_at, command.now))
    if agreed is None:
        raise PlanNotInForce(f"the plan is not in force on {starts_on}")
    return SubscriptionStarted(
        occurred_at=command.now,
        subscription_id=subscription_id,
        customer_id=command.customer_id,
        plan=agreed.plan,
        plan_version=agreed.plan_version,
        terms=agreed.terms,
        zone=command.zone,
        starts_on=starts_on,
        starts_at=starts_at,
    )


def _agreement(command: StartSubscription | ChangePlan, at: datetime) -> Agreement | None:
    """Return the plan's version in force at an instant, with the terms agreed in the place of its own."""
    version = command.plan.in_force(at)
    if version is None:
        return None
    terms = command.terms.of(version.terms)
    check_terms(terms, command.currency)
    return Agreement(plan=version.plan, plan_version=version.version, terms=terms)


def _says_the_same(command: StartSubscription, span: Span) -> bool:
    """Whether the command asks for the subscription that was started, whatever the plan has become since."""
    if span.ends_at is not None and command.starts_on is None and span.ends_at <= command.now:
        return False  # it has ended, and a new one is to start today
    return command.starts_on in {None, span.starts_on} and _agrees(command.plan, command.terms, span.agreed)


def _agrees(plan: Plan, terms: TermsChange, agreed: Agreement) -> bool:
    versions = {version.version: version for version in plan.versions if version.plan == agreed.plan}
    version = versions.get(agreed.plan_version)
    return version is not None and terms.of(version.terms) == agreed.terms


def change_plan(command: ChangePlan, state: Subscription) -> list[SubscriptionEvent]:
    """Take other terms from the first day of a month that has not begun; the same change again is none.

    A change for a month after the last of a cancelled subscription is recorded and takes effect only if the
    cancellation is put off beyond it.
    """
    now = command.now
    effective_on = command.effective_on or first_day(month_after(month_of(now, state.zone)))
    if effective_on.day != 1:
        raise NotFirstOfMonth(f"a change of plan takes effect on the first day of a month, not on {effective_on}")
    month = effective_on.isoformat()[:7]
    starts_at, _ = month_bounds(month, state.zone)
    if starts_at <= now:
        raise MonthHasBegun(f"{month} began at {starts_at.isoformat()}")
    span = state.spans[state.span_number(month)]
    if span.ends_at is not None and span.ends_at <= now:
        raise NoSubscription(f"the subscription ended at {span.ends_at.isoformat()}", pointer="/effective_on")
    agreed = _agreement(command, max(starts_at, now))
    if agreed is None:
        raise PlanNotInForce(f"the plan is not in force on {effective_on}", pointer="/effective_on")
    if span.changes.get(month) == agreed:
        return []
    changed = PlanChanged(
        occurred_at=now,
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        month=month,
        effective_on=effective_on,
        plan=agreed.plan,
        plan_version=agreed.plan_version,
        terms=agreed.terms,
    )
    return [*catch_up(state, now).events, changed]


def cancel(command: CancelSubscription, state: Subscription) -> list[SubscriptionEvent]:
    """End the subscription with a month that has not ended; the same month again changes nothing.

    As long as its last month has not ended, a cancellation can be moved to another one.
    """
    now = command.now
    month = month_of(now, state.zone) if command.effective_on is None else command.effective_on.isoformat()[:7]
    span = state.spans[state.span_number(month)]
    if span.last_month == month:
        return []
    _, ends_at = month_bounds(month, state.zone)
    if ends_at <= now:
        raise MonthHasEnded(f"{month} ended at {ends_at.isoformat()}")
    if span.ends_at is not None and span.ends_at <= now:
        raise NoSubscription(f"the subscription ended at {span.ends_at.isoformat()}")
    if month < span.first_month:
        raise EndsBeforeStart(f"the subscription starts on {span.starts_on}")
    cancelled = SubscriptionCancelled(
        occurred_at=now,
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        last_month=month,
        ends_at=ends_at,
        reason=command.reason,
    )
    return [*catch_up(state, now).events, cancelled]
