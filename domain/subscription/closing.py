"""Months that have ended are closed, oldest first: what stands in them stands for ever (SUPPORT_POLICY B8)."""

from collections.abc import Iterator
from datetime import datetime

from domain.rating.book import Month
from domain.rating.months import month_after, month_bounds, month_of
from domain.rating.settlement import carried_over
from domain.subscription.commands import ClosePeriod
from domain.subscription.due import catch_up
from domain.subscription.events import PendingWorkCarriedOver, PeriodClosed, SubscriptionEvent
from domain.subscription.refusals import PeriodBeforeStart, PeriodNotEnded, PeriodNotOldest
from domain.subscription.state import Subscription, evolve


def close_period(command: ClosePeriod, state: Subscription) -> list[SubscriptionEvent]:
    """Close the oldest open month; its pending work moves to the next one. A closed month stays closed."""
    period = command.period
    if period < state.spans[0].first_month:
        raise PeriodBeforeStart(f"the subscription starts on {state.spans[0].starts_on}")
    closed_until = state.book.closed_until
    if closed_until is not None and period < month_of(closed_until, state.zone):
        return []
    if period >= month_of(command.now, state.zone):
        raise PeriodNotEnded(f"{period} has not ended")
    events, state = catch_up(state, command.now)
    oldest = state.book.month_at(state.book.open_from)
    if oldest.month != period:
        raise PeriodNotOldest(f"{oldest.month} is open and has to be closed first")
    closed = PeriodClosed(
        occurred_at=command.now,
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        month=period,
        ended_at=month_bounds(period, state.zone)[1],
    )
    return [*events, closed, *_carried_over(evolve(state, closed), oldest, command)]


def ended_months(state: Subscription, now: datetime) -> Iterator[str]:
    """Tell the open months that have ended by `now`, oldest first: each can be closed after those before it."""
    month = month_of(state.book.open_from, state.zone) if state.book.months else state.spans[0].first_month
    while month_bounds(month, state.zone)[1] <= now:
        yield month
        month = month_after(month)


def _carried_over(state: Subscription, closed: Month, command: ClosePeriod) -> list[PendingWorkCarriedOver]:
    book = state.book
    following = book.month_at(book.open_from)
    return [
        PendingWorkCarriedOver(
            occurred_at=command.now,
            subscription_id=state.subscription_id,
            customer_id=state.customer_id,
            entry_id=entry.entry_id,
            from_month=closed.month,
            month=following.month,
            started_at=entry.started_at,
            rating_at=book.open_from,
            draws=carried_over(book, entry).draws,
        )
        for entry in book.entries.since((closed.starts_at,))
        if entry.rating_at < book.open_from and entry.work_class == "pending" and entry.draws
    ]
