"""What fell due on a subscription and is not recorded yet: months that began, grants that expired (B2, B6)."""

from datetime import datetime
from typing import NamedTuple

from domain.rating.income import expiring
from domain.rating.months import month_of
from domain.subscription.agenda import PendingExpiry, posted_in
from domain.subscription.events import GrantExpired, MonthStarted, SubscriptionEvent
from domain.subscription.state import Subscription, evolve


class CaughtUp(NamedTuple):
    """The events of what fell due, and the state with them."""

    events: list[SubscriptionEvent]
    state: Subscription


def catch_up(state: Subscription, now: datetime, *, without_subscription: bool = True) -> CaughtUp:
    """Tell what fell due by `now` and is not recorded yet, in the order in which it happened.

    Every command records it before its own events. `without_subscription` has the months told as well that began after
    a cancelled subscription's last; unless a new one has started since, nobody but such a command needs them.
    What expires at a month's end comes before the month that begins then.
    """
    events: list[SubscriptionEvent] = []
    while True:
        month_at = _next_month_at(state, now, without_subscription=without_subscription)
        expiry = next(iter(state.agenda.expiries), None)
        event: SubscriptionEvent
        if expiry is not None and expiry.at <= (now if month_at is None else month_at):
            event = _expired(state, expiry, now)
        elif month_at is not None:
            event = _month_started(state, month_at, now)
        else:
            return CaughtUp(events, state)
        events.append(event)
        state = evolve(state, event)


def _next_month_at(state: Subscription, now: datetime, *, without_subscription: bool) -> datetime | None:
    """Return the start of the next month to record."""
    until, subscribed_at = state.agenda.months_until, state.agenda.next_month_at
    if until > now:
        return None
    return until if without_subscription or (subscribed_at is not None and subscribed_at <= now) else None


def _expired(state: Subscription, expiry: PendingExpiry, now: datetime) -> GrantExpired:
    month = posted_in(expiry, state.zone)
    return GrantExpired(
        occurred_at=now,
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        expired_at=expiry.at,
        expired=expiring(state.book, expiry.source, expiry.grant, month),
    )


def _month_started(state: Subscription, starts_at: datetime, now: datetime) -> MonthStarted:
    month = month_of(starts_at, state.zone)
    subscribed = state.agenda.is_subscribed(starts_at)
    span = next(span for span in reversed(state.spans) if span.starts_at <= starts_at)
    agreed = span.agreement_in(month) if subscribed else state.agreed
    takes_effect = agreed != (span.agreed if span.starts_at == starts_at else state.agreed)
    return MonthStarted(
        occurred_at=now,
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        month=month,
        starts_at=starts_at,
        ends_at=state.agenda.month_end(starts_at),
        fee_cents=agreed.terms.monthly_fee_cents if subscribed else 0,
        allowance_seconds=agreed.terms.allowance_seconds if subscribed else 0,
        rollover_cap_seconds=agreed.terms.rollover_cap_seconds if subscribed else 0,
        plan=agreed.plan if takes_effect else None,
        plan_version=agreed.plan_version if takes_effect else None,
        terms=agreed.terms if takes_effect else None,
    )
