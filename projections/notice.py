"""What were customers told, or are to be told, by the desk itself? Notices in the order they arose.

kind                 what for
allowance_exhausted  nothing is left of a month's allowance and rollover; hours can be bought (SUPPORT_POLICY R21)
budget_threshold     50, 80 or 100 % of a budget's span are used (R23)
customer_reminded    a case still waits for the customer (R16)
incident_resolved    the incident behind a case is over (R15)
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.budget import BudgetScope, BudgetThresholdReached, Threshold
from domain.recorded import RecordedEvent
from domain.subscription.events import AllowanceExhausted
from domain.ticket.events import CustomerReminded, IncidentResolutionAnnounced
from projections.reading import Json, Page, cut, decode_cursor, filtered, position_of, select, without_nulls
from projections.view import Index, Journal, Row, View

NoticeKind = Literal["allowance_exhausted", "budget_threshold", "customer_reminded", "incident_resolved"]


class NoticeRow(Row, frozen=True, kw_only=True):
    """A notice, with what it is about: the fields after `occurred_at` that its kind has."""

    position: int
    kind: NoticeKind
    customer_id: str
    occurred_at: datetime
    month: str | None = None
    scope: BudgetScope | None = None
    span_starts: str | None = None
    span_ends: str | None = None
    threshold_percent: Threshold | None = None
    amount_cents: int | None = None
    actual_cents: int | None = None
    ticket_id: str | None = None
    reminder: int | None = None
    incident_id: str | None = None


notices = Journal(
    "notice",
    NoticeRow,
    key=("position",),
    indexes=(Index(("customer_id", "position")), Index(("kind", "position"))),
)
VIEW = View("notice", version=1, journals=(notices,))


@notices.on(AllowanceExhausted)
def allowance_exhausted(event: AllowanceExhausted, at: RecordedEvent) -> Iterable[NoticeRow]:
    """Once a month."""
    yield NoticeRow(
        position=at.position or 0,
        kind="allowance_exhausted",
        customer_id=event.customer_id,
        occurred_at=event.occurred_at,
        month=event.month,
    )


@notices.on(BudgetThresholdReached)
def threshold_reached(event: BudgetThresholdReached, at: RecordedEvent) -> Iterable[NoticeRow]:
    """Once a span and threshold."""
    yield NoticeRow(
        position=at.position or 0,
        kind="budget_threshold",
        customer_id=event.customer_id,
        occurred_at=event.occurred_at,
        scope=event.scope,
        span_starts=event.span_starts,
        span_ends=event.span_ends,
        threshold_percent=event.threshold_percent,
        amount_cents=event.amount_cents,
        actual_cents=event.actual_cents,
    )


@notices.on(CustomerReminded)
def customer_reminded(event: CustomerReminded, at: RecordedEvent) -> Iterable[NoticeRow]:
    """At most as often as the SLA policy says."""
    yield NoticeRow(
        position=at.position or 0,
        kind="customer_reminded",
        customer_id=event.customer_id,
        occurred_at=event.occurred_at,
        ticket_id=event.ticket_id,
        reminder=event.number,
    )


@notices.on(IncidentResolutionAnnounced)
def incident_resolved(event: IncidentResolutionAnnounced, at: RecordedEvent) -> Iterable[NoticeRow]:
    """Once a case and incident."""
    yield NoticeRow(
        position=at.position or 0,
        kind="incident_resolved",
        customer_id=event.customer_id,
        occurred_at=event.occurred_at,
        ticket_id=event.ticket_id,
        incident_id=event.incident_id,
    )


class NoticeFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which notices; a field left out asks for all."""

    customer: str | None = None
    kind: NoticeKind | None = None


_CONDITIONS: dict[str, str] = {"customer": "customer_id = %(customer)s", "kind": "kind = %(kind)s"}


def shape(row: NoticeRow) -> Json:
    """A notice as JSON, with the fields of its kind."""
    return without_nulls(msgspec.structs.asdict(row))


def page(connection: Connection, filters: NoticeFilters, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return notices, the newest first. Raises `InvalidCursor`."""
    position = position_of(connection, VIEW.name)
    values, conditions = filtered(filters, _CONDITIONS)
    values["limit"] = limit + 1
    if cursor is not None:
        (values["before"],) = decode_cursor(cursor, tuple[int])
        conditions.append("position < %(before)s")
    rows = select(
        connection,
        NoticeRow,
        f"FROM notice t WHERE {' AND '.join(conditions) or 'true'} ORDER BY position DESC LIMIT %(limit)s",
        values,
    )
    return cut(rows, limit, lambda row: (row.position,), shape, position)
