"""What is known of a customer's subscription? Rows of the view `subscription`, from its tables or made in memory.

In memory the same rows are made from the events until an instant: so every answer can be given as of then.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.rating.forecast import WINDOW
from domain.rating.months import month_before
from domain.recorded import RecordedEvent
from projections.folding import fold
from projections.reading import position_of, select
from projections.subscription import (
    VIEW,
    MonthRow,
    PackRow,
    SubscriptionRow,
    months,
    packs,
    subscriptions,
)
from projections.work_entry import WorkRow, work


class Account(msgspec.Struct, frozen=True):
    """A customer's subscription with the months, packs and work that a question needs, as of a position of the log."""

    subscription: SubscriptionRow
    months: Sequence[MonthRow]
    packs: Sequence[PackRow]
    work: Sequence[WorkRow]
    position: int

    def month(self, month: str) -> MonthRow | None:
        """Return a month ("2026-11") that has begun."""
        return next((row for row in self.months if row.month == month), None)


def account_for_statement(connection: Connection, customer_id: str, period: str) -> Account | None:
    """Return what a statement of a month ("2026-11") needs; `None` for a customer without a subscription."""
    position = position_of(connection, VIEW.name)
    found = _subscription(connection, customer_id)
    if found is None:
        return None
    posted = "FROM work_entry t WHERE customer_id = %s AND last_month >= %s AND first_month <= %s"
    return Account(
        found,
        _months(connection, customer_id, period),
        _packs(connection, customer_id),
        # with what the month before drew, which leaves the rest of its allowance to this one
        select(connection, WorkRow, posted, (customer_id, month_before(period), period)),
        position,
    )


def account_at(connection: Connection, customer_id: str, now: datetime) -> Account | None:
    """Return what the subscription has, and the work of the recent past; `None` for a customer without one."""
    position = position_of(connection, VIEW.name)
    found = _subscription(connection, customer_id)
    if found is None:
        return None
    recent = "FROM work_entry t WHERE customer_id = %s AND started_at > %s"
    return Account(
        found,
        [] if found.month is None else _months(connection, customer_id, found.month),
        _packs(connection, customer_id),
        select(connection, WorkRow, recent, (customer_id, now - WINDOW)),
        position,
    )


def account_of(records: Iterable[RecordedEvent]) -> Account | None:
    """Return all there is from the events of a subscription, as far as they are given; `None` where there are none."""
    events = list(records)
    folded = fold(VIEW, events)
    found: list[SubscriptionRow] = folded.rows(subscriptions)
    if not found:
        return None
    return Account(
        found[0],
        folded.rows(months),
        folded.rows(packs),
        folded.rows(work),
        max(record.position or 0 for record in events),
    )


def subscription_streams(connection: Connection, customer_id: str) -> list[str]:
    """Return the stream of a customer's subscription, if there is one, for `account_of`."""
    found = _subscription(connection, customer_id)
    return [] if found is None else [f"subscription-{found.subscription_id}"]


def until(records: Iterable[RecordedEvent], instant: datetime) -> list[RecordedEvent]:
    """Return the events that had happened by an instant."""
    return [record for record in records if record.event.occurred_at <= instant]


def _subscription(connection: Connection, customer_id: str) -> SubscriptionRow | None:
    rows = select(connection, SubscriptionRow, "FROM subscription t WHERE customer_id = %s", (customer_id,))
    return rows[0] if rows else None


def _months(connection: Connection, customer_id: str, month: str) -> list[MonthRow]:
    """A month, and the one before, which may leave something to it."""
    query = "FROM subscription_month t WHERE customer_id = %s AND month IN (%s, %s)"
    return select(connection, MonthRow, query, (customer_id, month_before(month), month))


def _packs(connection: Connection, customer_id: str) -> list[PackRow]:
    return select(connection, PackRow, "FROM hour_pack t WHERE customer_id = %s", (customer_id,))
