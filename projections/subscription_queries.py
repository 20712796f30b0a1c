"""What does a customer have now, and how long will it last? The `subscription` of the HTTP contract."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Literal

from domain.rating.forecast import Left, MonthAhead, PackLeft, Use, exhausted_at, window_of
from domain.rating.months import month_after, month_before, month_bounds, month_of
from projections.account import Account
from projections.reading import Json, without_nulls
from projections.statement import allowance
from projections.subscription import MonthRow, PackRow, PlanAhead, Span, SubscriptionRow

State = Literal["not_started", "active", "cancelled"]

MONTHS_AHEAD = 60
"""How far a forecast looks: what lasts for five years is not used up."""


def subscription(account: Account, now: datetime) -> Json:
    """The subscription as it stands at an instant.

    `month` is the one begun last and left out before the first, as is `open_from`, the earliest open one. `ends_at` is
    there once it was cancelled. `planned` are the changes of plan ahead, `restart` the subscription that will follow. A
    pack that has expired has nothing remaining and says how much expired.
    """
    row = account.subscription
    span = row.span_at(now)
    following = next((each for each in row.spans if each.starts_at > max(now, span.starts_at)), None)
    return without_nulls(
        {
            "subscription_id": row.subscription_id,
            "customer_id": row.customer_id,
            "plan": row.plan,
            "plan_version": row.plan_version,
            "terms": row.terms,
            "state": _state(row, span, now),
            "starts_on": span.starts_on,
            "starts_at": span.starts_at,
            "ends_at": span.ends_at,
            "month": row.month,
            "allowance": _allowance(account, now),
            "packs": [
                _pack(pack, now) for pack in sorted(account.packs, key=lambda each: (each.effective_at, each.pack_id))
            ],
            "open_from": row.open_from,
            "planned": [_planned(change) for each in row.spans for change in _changes_ahead(row, each)],
            "restart": following and _restart(following),
            "forecast": forecast(account, now),
            "version": row.version,
            "position": row.position,
        }
    )


def _changes_ahead(row: SubscriptionRow, span: Span) -> list[PlanAhead]:
    """The changes for months that have not begun; one for a month after the last never takes effect (B6)."""
    return [
        change
        for change in span.changes
        if (row.month is None or row.month < change.month)
        and (span.last_month is None or change.month <= span.last_month)
    ]


def _planned(change: PlanAhead) -> Json:
    return {
        "month": change.month,
        "effective_on": change.effective_on,
        "plan": change.plan,
        "plan_version": change.plan_version,
        "terms": change.terms,
        "positions": (change.position,),
    }


def _restart(span: Span) -> Json:
    return {
        "starts_on": span.starts_on,
        "starts_at": span.starts_at,
        "plan": span.plan,
        "plan_version": span.plan_version,
        "terms": span.terms,
    }


def forecast(account: Account, now: datetime) -> Json:
    """When allowance and packs will be used up, and by what use of which window that is said; nothing without use."""
    row = account.subscription
    own = account.month(row.month) if row.month else None
    if own is None:
        return {}
    window = window_of(now, row.spans[0].starts_at)
    recent = [each for each in account.work if now - window < each.started_at <= now]
    use = Use(
        included_seconds=sum(each.billed_seconds for each in recent if each.work_class == "included"),
        billable_seconds=sum(each.billed_seconds for each in recent if each.work_class == "billable"),
        window=window,
    )
    if not use.included_seconds and not use.billable_seconds:
        return {}
    before = account.month(month_before(own.month))
    left = Left(
        rollover_seconds=before.rollover_seconds - before.rollover_drawn if before else 0,
        allowance_seconds=own.allowance_seconds - own.allowance_drawn,
        rollover_cap_seconds=own.rollover_cap_seconds,
        packs=tuple(
            PackLeft(seconds=remaining, expires_at=pack.expires_at)
            for pack in account.packs
            if (remaining := _remaining(pack, now))
        ),
    )
    return without_nulls(
        {
            "exhausted_at": exhausted_at(now, use, left, _ahead(row, own)),
            "included_seconds": use.included_seconds,
            "billable_seconds": use.billable_seconds,
            "window_seconds": window // timedelta(seconds=1),
        }
    )


def _ahead(row: SubscriptionRow, own: MonthRow) -> Iterator[MonthAhead]:
    """The months after the one begun last, by what is known of plans, of the end and of what follows it.

    A month in which a subscription starts has two parts, of which the first may have begun.
    """
    month = own.month
    for _ in range(MONTHS_AHEAD):
        starts_at, ends_at = month_bounds(month, row.zone)
        starts = [starts_at, *(span.starts_at for span in row.spans if starts_at < span.starts_at < ends_at)]
        for start in starts:
            if start > own.granted_at:
                span = row.span_at(start)
                terms = span.terms_in(month) if span.is_live(start) else None
                yield MonthAhead(
                    starts_at=start,
                    allowance_seconds=terms.allowance_seconds if terms else 0,
                    rollover_cap_seconds=terms.rollover_cap_seconds if terms else 0,
                )
        month = month_after(month)


def _state(row: SubscriptionRow, span: Span, now: datetime) -> State:
    if row.month is None:
        return "not_started"
    return "cancelled" if span.ends_at is not None and span.ends_at <= now else "active"


def _allowance(account: Account, now: datetime) -> Json:
    """The allowance of the month begun last; once that has ended nothing is left but what rolls over (B6)."""
    row = account.subscription
    if row.month is None:
        return allowance(account, month_of(row.spans[0].starts_at, row.zone))
    shown = allowance(account, row.month)
    own = account.month(row.month)
    if own is not None and own.ends_at <= now:
        _, gone_at = month_bounds(month_after(own.month), row.zone)
        shown["left_seconds"] = own.rollover_seconds if now < gone_at else 0
    return shown


def _remaining(pack: PackRow, now: datetime) -> int:
    if pack.expires_at is not None and pack.expires_at <= now:
        return 0
    return pack.seconds - pack.drawn_seconds - pack.expired_seconds


def _pack(pack: PackRow, now: datetime) -> Json:
    remaining = _remaining(pack, now)
    return without_nulls(
        {
            "pack_id": pack.pack_id,
            "seconds": pack.seconds,
            "remaining_seconds": remaining,
            "expired_seconds": (pack.seconds - pack.drawn_seconds - remaining) or None,
            "effective_at": pack.effective_at,
            "expires_at": pack.expires_at,
        }
    )
