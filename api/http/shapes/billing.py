"""The shapes of subscriptions, statements and the ledger."""

from datetime import datetime
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.http.shapes.common import Cents, Month, Position, Positions, Seconds, Shape
from domain.plan import Terms
from domain.subscription.events import DrawSource, WorkClass


class DrawShape(Shape, kw_only=True):
    """Seconds of a work entry taken from one source (SUPPORT_POLICY B5)."""

    source: DrawSource
    pack_id: str | UnsetType = UNSET
    seconds: Seconds
    rate_cents_per_hour: Cents
    multiplier: int
    amount_cents: Cents
    positions: Positions


class EntryShape(Shape, kw_only=True):
    """A work entry on a statement."""

    entry_id: str
    ticket_id: str
    case_number: str
    agent: str
    started_at: datetime
    duration_seconds: Seconds
    billed_seconds: Seconds
    work_class: WorkClass = msgspec.field(name="class")
    draws: list[DrawShape]


class PurchaseShape(Shape, kw_only=True):
    """A pack bought in the period."""

    pack_id: str
    hours: int
    seconds: Seconds
    price_cents: Cents
    effective_at: datetime
    expires_at: datetime | UnsetType = UNSET
    positions: Positions


class CreditShape(Shape, kw_only=True):
    """What was given back of a draw."""

    entry_id: str
    source: DrawSource
    pack_id: str | UnsetType = UNSET
    seconds: Seconds
    amount_cents: Cents
    positions: Positions


class AllowanceShape(Shape, kw_only=True):
    """A month's allowance with what it got from the month before."""

    granted_seconds: Seconds
    rollover_seconds: Seconds
    used_seconds: Seconds
    left_seconds: Seconds


class TotalsShape(Shape, kw_only=True):
    """The sums of a statement."""

    worked_seconds: Seconds
    billed_seconds: Seconds
    on_demand_seconds: Seconds
    on_demand_cents: Cents
    emergency_seconds: Seconds
    emergency_cents: Cents
    packs_cents: Cents
    credits_cents: Cents
    hold_cents: Cents
    owed_cents: Cents


class StatementShape(Shape, kw_only=True):
    """A customer's month."""

    customer_id: str
    period: Month
    state: Literal["open", "closed"]
    currency: str
    entries: list[EntryShape]
    purchases: list[PurchaseShape]
    credits: list[CreditShape]
    fee_cents: Cents
    allowance: AllowanceShape
    totals: TotalsShape
    as_of_position: Position


class PackShape(Shape, kw_only=True):
    """A pack of a subscription."""

    pack_id: str
    seconds: Seconds
    remaining_seconds: Seconds
    effective_at: datetime
    expires_at: datetime | UnsetType = UNSET


class SubscriptionShape(Shape, kw_only=True):
    """What a customer subscribed to, and what is left of it."""

    subscription_id: str
    customer_id: str
    plan: str
    terms: Terms
    state: str
    month: Month
    allowance: AllowanceShape
    packs: list[PackShape]
    open_from: Month
    forecast: dict[str, Any]
    version: int
    position: Position


class LedgerLineShape(Shape, kw_only=True):
    """A line of a journal entry; the lines of an entry sum up to 0 in each commodity."""

    account: str
    commodity: str
    amount: int


class JournalEntry(Shape, kw_only=True):
    """A journal entry; it is never changed."""

    entry: str
    kind: str
    customer_id: str
    subject: str
    caused_by: str | UnsetType = UNSET
    positions: Positions
    occurred_at: datetime
    worked_at: datetime | UnsetType = UNSET
    posted_at: datetime
    period: Month
    lines: list[LedgerLineShape]


class Balance(Shape, kw_only=True):
    """What stands on an account of a customer."""

    customer_id: str
    account: str
    commodity: str
    amount: int
