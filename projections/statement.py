"""What does a customer owe for a month, and what is left to draw? Composed from the rows of the view `subscription`.

The same composition answers as of an earlier instant: from the rows that the events until then make in memory.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.rating.months import month_before
from domain.recorded import RecordedEvent
from projections.folding import fold
from projections.reading import Json, position_of, select, without_nulls
from projections.subscription import (
    VIEW,
    DrawnFrom,
    MonthRow,
    PackRow,
    SubscriptionRow,
    WorkRow,
    months,
    packs,
    subscriptions,
    work,
)


class Account(msgspec.Struct, frozen=True):
    """A customer's subscriptions, oldest first, with the months, packs and work that a question needs."""

    subscriptions: Sequence[SubscriptionRow]
    months: Sequence[MonthRow]
    packs: Sequence[PackRow]
    work: Sequence[WorkRow]
    position: int


def account(connection: Connection, customer_id: str, period: str) -> Account | None:
    """Return what a statement of a month ("2026-11") needs; `None` for a customer without a subscription."""
    position = position_of(connection, VIEW.name)
    values = {"customer": customer_id, "period": period, "before": month_before(period)}
    found = select(
        connection,
        SubscriptionRow,
        "FROM subscription t WHERE customer_id = %(customer)s ORDER BY starts_at, subscription_id",
        values,
    )
    if not found:
        return None
    return Account(
        found,
        select(
            connection,
            MonthRow,
            "FROM subscription_month t WHERE customer_id = %(customer)s AND month IN (%(before)s, %(period)s)",
            values,
        ),
        select(connection, PackRow, "FROM hour_pack t WHERE customer_id = %(customer)s", values),
        select(
            connection,
            WorkRow,
            "FROM work_entry t WHERE customer_id = %(customer)s AND month = %(period)s",
            values,
        ),
        position,
    )


def account_of(records: Iterable[RecordedEvent]) -> Account | None:
    """Return the same from the events of a customer's subscriptions, as far as they are given.

    `None` where they start no subscription.
    """
    events = list(records)
    folded = fold(VIEW, events)
    found: list[SubscriptionRow] = folded.rows(subscriptions)
    if not found:
        return None
    return Account(
        sorted(found, key=lambda row: (row.starts_at, row.subscription_id)),
        folded.rows(months),
        folded.rows(packs),
        folded.rows(work),
        max(record.position or 0 for record in events),
    )


def subscription_streams(connection: Connection, customer_id: str) -> list[str]:
    """Return the streams of a customer's subscriptions, for `account_of`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT subscription_id FROM subscription WHERE customer_id = %s ORDER BY 1", (customer_id,))
        return [f"subscription-{subscription_id}" for (subscription_id,) in cursor]


def statement(account: Account, period: str) -> Json:
    """The `statement` of the HTTP contract for a month ("2026-11")."""
    entries = sorted(
        (row for row in account.work if row.month == period),
        key=lambda row: (row.rating_at, row.started_at, row.entry_id),
    )
    purchases = sorted(
        (row for row in account.packs if row.month == period), key=lambda row: (row.purchased_at, row.pack_id)
    )
    draws = [draw for entry in entries for draw in entry.draws]
    fee_cents = sum(row.fee_cents for row in account.months if row.month == period)
    packs_cents = sum(row.price_cents for row in purchases)
    on_demand_cents, emergency_cents = (_cents(draws, source) for source in ("on_demand", "emergency"))
    return {
        "customer_id": account.subscriptions[-1].customer_id,
        "period": period,
        "state": "open",
        "currency": account.subscriptions[-1].terms.currency,
        "entries": [_entry(row) for row in entries],
        "purchases": [_purchase(row) for row in purchases],
        "credits": [],
        "fee_cents": fee_cents,
        "allowance": allowance(account, period),
        "totals": {
            "worked_seconds": sum(row.duration_seconds for row in entries),
            "billed_seconds": sum(draw.seconds for draw in draws),
            "on_demand_seconds": _seconds(draws, "on_demand"),
            "on_demand_cents": on_demand_cents,
            "emergency_seconds": _seconds(draws, "emergency"),
            "emergency_cents": emergency_cents,
            "packs_cents": packs_cents,
            "credits_cents": 0,
            "hold_cents": _cents(draws, "hold"),
            "owed_cents": fee_cents + packs_cents + on_demand_cents + emergency_cents,
        },
        "as_of_position": account.position,
    }


def allowance(account: Account, month: str) -> Json:
    """What a month granted, what came over from the one before (B6), and what of both is drawn.

    Before it has begun nothing has come over: what the month before leaves is known at its end.
    """
    own = [row for row in account.months if row.month == month]
    before = [row for row in account.months if row.month == month_before(month)] if own else []
    granted = sum(row.allowance_seconds for row in own)
    rollover = sum(row.rollover_seconds for row in before)
    used = sum(row.allowance_drawn for row in own) + sum(row.rollover_drawn for row in before)
    return {
        "granted_seconds": granted,
        "rollover_seconds": rollover,
        "used_seconds": used,
        "left_seconds": granted + rollover - used,
    }


def latest_subscription(connection: Connection, customer_id: str) -> Json | None:
    """Return the customer's latest subscription as the HTTP contract shows it; `None` without one."""
    month = _present_month(connection, customer_id)
    found = account(connection, customer_id, month or "0001-02")
    return None if found is None else subscription(found)


def subscription(account: Account) -> Json:
    """The `subscription` of the HTTP contract: the latest one. `month` is left out before the first has begun."""
    row = account.subscriptions[-1]
    month = row.month
    return without_nulls(
        {
            "subscription_id": row.subscription_id,
            "customer_id": row.customer_id,
            "plan": row.plan,
            "plan_version": row.plan_version,
            "terms": row.terms,
            "state": "active" if month else "not_started",
            "starts_on": row.starts_on,
            "starts_at": row.starts_at,
            "month": month,
            "allowance": allowance(account, month or "0001-02"),
            "packs": [
                _pack(pack) for pack in sorted(account.packs, key=lambda each: (each.effective_at, each.pack_id))
            ],
            "open_from": row.open_from,
            "forecast": {},
            "version": row.version,
            "position": row.position,
        }
    )


def until(records: Iterable[RecordedEvent], instant: datetime) -> list[RecordedEvent]:
    """Return the events that had happened by an instant."""
    return [record for record in records if record.event.occurred_at <= instant]


def _present_month(connection: Connection, customer_id: str) -> str | None:
    rows = select(
        connection,
        SubscriptionRow,
        "FROM subscription t WHERE customer_id = %s ORDER BY starts_at DESC, subscription_id DESC LIMIT 1",
        (customer_id,),
    )
    return rows[0].month if rows else None


def _entry(row: WorkRow) -> Json:
    return {
        "entry_id": row.entry_id,
        "ticket_id": row.ticket_id,
        "case_number": row.case_number,
        "agent": row.agent,
        "started_at": row.started_at,
        "duration_seconds": row.duration_seconds,
        "billed_seconds": row.billed_seconds,
        "class": row.work_class,
        "draws": [without_nulls(msgspec.structs.asdict(draw)) for draw in row.draws],
    }


def _purchase(row: PackRow) -> Json:
    return without_nulls(
        {
            "pack_id": row.pack_id,
            "hours": row.hours,
            "seconds": row.seconds,
            "price_cents": row.price_cents,
            "effective_at": row.effective_at,
            "expires_at": row.expires_at,
            "positions": [row.position],
        }
    )


def _pack(row: PackRow) -> Json:
    return without_nulls(
        {
            "pack_id": row.pack_id,
            "seconds": row.seconds,
            "remaining_seconds": row.seconds - row.drawn_seconds,
            "effective_at": row.effective_at,
            "expires_at": row.expires_at,
        }
    )


def _cents(draws: Iterable[DrawnFrom], source: str) -> int:
    return sum(draw.amount_cents for draw in draws if draw.source == source)


def _seconds(draws: Iterable[DrawnFrom], source: str) -> int:
    return sum(draw.seconds for draw in draws if draw.source == source)
