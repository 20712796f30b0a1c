"""The shapes of subscriptions, statements and the ledger."""

from datetime import date, datetime
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from api.http.shapes.common import Cents, Month, Position, Positions, Seconds, Shape
from domain.plan import Terms
from domain.subscription.events import DrawSource, WorkClass


class DrawShape(Shape, kw_only=True):
    """Seconds of a work entry taken from one source (SUPPORT_POLICY B5)."""

    source: DrawSource
    pack_id: str | UnsetType = UNSET
    month: Month | UnsetType = UNSET
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
    positions: Positions


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
    """What was given back of a draw that a closed period holds, `posted_month` (SUPPORT_POLICY B8).

    `month` is the one that granted an allowance or a rollover; `restored` seconds went back to their pack.
    """

    entry_id: str
    source: DrawSource
    posted_month: Month
    pack_id: str | UnsetType = UNSET
    month: Month | UnsetType = UNSET
    seconds: Seconds
    rate_cents_per_hour: Cents
    multiplier: int
    amount_cents: Cents
    restored: bool
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


class AllowancePositions(Shape, kw_only=True):
    """The events behind each figure of `allowance`."""

    granted_seconds: Positions
    rollover_seconds: Positions
    used_seconds: Positions
    left_seconds: Positions


class TotalPositions(Shape, kw_only=True):
    """The events behind each figure of `totals`."""

    worked_seconds: Positions
    billed_seconds: Positions
    on_demand_seconds: Positions
    on_demand_cents: Positions
    emergency_seconds: Positions
    emergency_cents: Positions
    packs_cents: Positions
    credits_cents: Positions
    hold_cents: Positions
    owed_cents: Positions


class FigurePositions(Shape, kw_only=True):
    """The events that each sum of a statement follows from; none where it is 0 because nothing happened."""

    fee_cents: Positions
    allowance: AllowancePositions
    totals: TotalPositions


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
    positions: Positions
    figure_positions: FigurePositions
    as_of_position: Position


class PackShape(Shape, kw_only=True):
    """A pack of a subscription. `expired_seconds` is what was left of it when it expired."""

    pack_id: str
    seconds: Seconds
    remaining_seconds: Seconds
    expired_seconds: Seconds | UnsetType = UNSET
    effective_at: datetime
    expires_at: datetime | UnsetType = UNSET


class PlannedShape(Shape, kw_only=True):
    """Terms that hold from the start of a month that has not begun."""

    month: Month
    effective_on: date
    plan: str
    plan_version: int
    terms: Terms
    positions: Positions


class RestartShape(Shape, kw_only=True):
    """The subscription that follows a cancelled one."""

    starts_on: date
    starts_at: datetime
    plan: str
    plan_version: int
    terms: Terms


class ForecastShape(Shape, kw_only=True):
    """When nothing will be left of allowance and packs, if work goes on as in the window; empty without any."""

    exhausted_at: datetime | UnsetType = UNSET
    included_seconds: Seconds | UnsetType = UNSET
    billable_seconds: Seconds | UnsetType = UNSET
    window_seconds: Seconds | UnsetType = UNSET


class SubscriptionShape(Shape, kw_only=True):
    """What a customer subscribed to, and what is left of it. `month` and `open_from` are there once it has begun."""

    subscription_id: str
    customer_id: str
    plan: str
    plan_version: int
    terms: Terms
    state: Literal["not_started", "active", "cancelled"]
    starts_on: date
    starts_at: datetime
    ends_at: datetime | UnsetType = UNSET
    month: Month | UnsetType = UNSET
    allowance: AllowanceShape
    packs: list[PackShape]
    open_from: Month | UnsetType = UNSET
    planned: list[PlannedShape]
    restart: RestartShape | UnsetType = UNSET
    forecast: ForecastShape
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
