"""The events of a customer's support subscription: what was bought, what was worked, what it drew."""

from datetime import date, datetime
from typing import Literal

from domain.event import Event, Value
from domain.plan import Terms

DrawSource = Literal["rollover", "allowance", "pack", "on_demand", "emergency", "hold", "waived"]
WorkClass = Literal["included", "billable", "pending", "emergency", "waived"]


class Draw(Value, frozen=True, kw_only=True):
    """Seconds of one work entry taken from one source (SUPPORT_POLICY B5).

    `month` ("2026-11") is the month that granted a rollover or an allowance. `amount_cents` is what is owed for
    it (B9): 0 from a rollover, an allowance or a pack, what would be owed from a hold.
    """

    source: DrawSource
    seconds: int
    rate_cents_per_hour: int = 0
    multiplier: int = 1
    amount_cents: int = 0
    pack_id: str | None = None
    month: str | None = None


class Recognition(Value, frozen=True, kw_only=True):
    """Income recognised from a pack by an event, or taken back (negative), by cumulative share (B9).

    `month` is the month it is posted in: work that arrives late can move a rounded cent in a later month.
    """

    pack_id: str
    month: str
    amount_cents: int


class SubscriptionStarted(Event, frozen=True, kw_only=True):
    """A customer subscribed to a plan, whose terms are kept until the plan is changed (B2)."""

    subscription_id: str
    customer_id: str
    plan: str
    plan_version: int
    terms: Terms
    zone: str
    starts_on: date
    starts_at: datetime


class MonthStarted(Event, frozen=True, kw_only=True):
    """A month of the subscription began: its fee is owed and its allowance granted (B2, B6).

    `starts_at` is the local midnight that begins the month, or the subscription's start in its first month. What
    is left of the allowance at `ends_at`, at most `rollover_cap_seconds`, serves the next month.
    """

    subscription_id: str
    customer_id: str
    month: str
    starts_at: datetime
    ends_at: datetime
    fee_cents: int
    allowance_seconds: int
    rollover_cap_seconds: int = 0


class HourPackPurchased(Event, frozen=True, kw_only=True):
    """Hours were bought in advance at the pack rate (R21, B6); `month` is the one the price is posted in."""

    subscription_id: str
    customer_id: str
    month: str
    pack_id: str
    hours: int
    seconds: int
    rate_cents_per_hour: int
    price_cents: int
    effective_at: datetime
    expires_at: datetime | None = None


class WorkRated(Event, frozen=True, kw_only=True):
    """A work entry was taken into account: its class, its billed time and what it drew (B3-B5).

    `month` is the one its draws are posted in, that of its rating time.
    """

    subscription_id: str
    customer_id: str
    month: str
    entry_id: str
    ticket_id: str
    case_number: str
    agent: str
    started_at: datetime
    duration_seconds: int
    work_class: WorkClass
    billed_seconds: int
    rating_at: datetime
    draws: tuple[Draw, ...]
    recognised: tuple[Recognition, ...] = ()


class WorkRerated(Event, frozen=True, kw_only=True):
    """An entry draws otherwise than before, because an earlier fact arrived after it (B7).

    `before` is what stood until now, so that whoever posts it needs no memory; `caused_by` is the entry or pack
    whose arrival changed it, recorded in the same append.
    """

    subscription_id: str
    customer_id: str
    month: str
    entry_id: str
    ticket_id: str
    started_at: datetime
    rating_at: datetime
    before: tuple[Draw, ...]
    draws: tuple[Draw, ...]
    recognised: tuple[Recognition, ...] = ()
    caused_by: str


SubscriptionEvent = SubscriptionStarted | MonthStarted | HourPackPurchased | WorkRated | WorkRerated
