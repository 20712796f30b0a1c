"""The events of a customer's support subscription: what was bought, what was worked, what it drew."""

from datetime import date, datetime
from typing import Literal

from domain.event import Event, Value
from domain.personal import Personal
from domain.plan import Terms

DrawSource = Literal["rollover", "allowance", "pack", "on_demand", "emergency", "hold", "waived"]
WorkClass = Literal["included", "billable", "pending", "emergency", "waived"]
Purpose = Literal["maintenance", "enhancement"]
"""What a customer's budget counts work as (R23), by the category of its case."""


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


class Credit(Value, frozen=True, kw_only=True):
    """Seconds of a frozen draw that a later fact takes back (B8).

    `source`, `pack_id` and `month` (the granting one) are those of the draw, `posted_month` is the month that the draw
    is posted in. `restored` says that the seconds went back to their pack; else `amount_cents` is owed to the customer,
    which is 0 for seconds of an allowance or a rollover (they are not restored).
    """

    source: DrawSource
    posted_month: str
    seconds: int
    amount_cents: int = 0
    rate_cents_per_hour: int = 0
    multiplier: int = 1
    pack_id: str | None = None
    month: str | None = None
    restored: bool = False


class Expiry(Value, frozen=True, kw_only=True):
    """Seconds of a grant that expired unused, or fewer of them (negative) as a late fact drew on it (B6, B10).

    `grant` is the month of an allowance or a rollover, or a pack's id; `month` is the one it is posted in, that of the
    expiry. `amount_cents` is what a pack's breakage earns: its price less all income recognised from it.
    """

    source: Literal["rollover", "allowance", "pack"]
    grant: str
    month: str
    seconds: int
    amount_cents: int = 0


class SubscriptionStarted(Event, frozen=True, kw_only=True):
    """A customer subscribed to a plan, whose terms are kept until the plan is changed (B2).

    After a cancellation it can happen again in the same stream: the packs and the open months go on.
    """

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
    is left of the allowance at `ends_at`, at most `rollover_cap_seconds`, serves the next month. `terms` are there
    where a change of plan takes effect, with `plan` and `plan_version`. After a cancelled subscription's last month
    there is neither fee nor allowance.
    """

    subscription_id: str
    customer_id: str
    month: str
    starts_at: datetime
    ends_at: datetime
    fee_cents: int
    allowance_seconds: int
    rollover_cap_seconds: int = 0
    plan: str | None = None
    plan_version: int | None = None
    terms: Terms | None = None


class PlanChanged(Event, frozen=True, kw_only=True):
    """The customer will be on other terms from the first day of a month that has not begun (B2).

    For the same month the last change holds; a change for a month after a cancellation's last never takes effect.
    """

    subscription_id: str
    customer_id: str
    month: str
    effective_on: date
    plan: str
    plan_version: int
    terms: Terms


class SubscriptionCancelled(Event, frozen=True, kw_only=True):
    """The subscription ends with a month; packs go on, other work is then on demand (B2, B6)."""

    subscription_id: str
    customer_id: str
    last_month: str
    ends_at: datetime
    reason: Personal


class GrantExpired(Event, frozen=True, kw_only=True):
    """What was left of an allowance, a rollover or a pack, if only nothing, can no longer be drawn (B6, B10).

    Facts that arrive later and draw on it after all say the difference in their own `expired`.
    """

    subscription_id: str
    customer_id: str
    expired_at: datetime
    expired: Expiry


class AllowanceExhausted(Event, frozen=True, kw_only=True):
    """Nothing was left of a month's allowance and rollover; the customer may want to buy hours (R21). Once a month."""

    subscription_id: str
    customer_id: str
    month: str


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
    expired: tuple[Expiry, ...] = ()
    purpose: Purpose = "maintenance"


class WorkRerated(Event, frozen=True, kw_only=True):
    """An entry draws otherwise than before, because an earlier fact arrived after it (B7).

    `before` is what stood until now, so that whoever posts it needs no memory; `caused_by` is the entry or pack
    whose arrival changed it, recorded in the same append, or the subscription itself where that has started again.
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
    expired: tuple[Expiry, ...] = ()


class WorkRevised(Event, frozen=True, kw_only=True):
    """The facts of an entry changed: corrected, void, of another class, or on another case (B1, B4, B8).

    All of it is as it stands now. `month` is the one that its open draws and credits are posted in; `before` and
    `credits_before` are those that stood there until now. Those of closed months stand beside them for ever.
    `worked_before_seconds` counted as worked until now: the former duration, 0 of an entry that was void already.
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
    worked_before_seconds: int
    voided: bool = False
    work_class: WorkClass
    purpose: Purpose = "maintenance"
    billed_seconds: int
    rating_at: datetime
    before: tuple[Draw, ...]
    draws: tuple[Draw, ...]
    credits_before: tuple[Credit, ...] = ()
    credits: tuple[Credit, ...] = ()
    recognised: tuple[Recognition, ...] = ()
    expired: tuple[Expiry, ...] = ()


class PeriodClosed(Event, frozen=True, kw_only=True):
    """A month was closed: its draws and credits stand for ever, what is said later is settled in the next (B8)."""

    subscription_id: str
    customer_id: str
    month: str
    ended_at: datetime


class PendingWorkCarriedOver(Event, frozen=True, kw_only=True):
    """Work that waits for a ruling moved from a month that was closed to the next open one, with its hold (B8)."""

    subscription_id: str
    customer_id: str
    entry_id: str
    from_month: str
    month: str
    started_at: datetime
    rating_at: datetime
    draws: tuple[Draw, ...]


SubscriptionEvent = (
    SubscriptionStarted
    | PlanChanged
    | SubscriptionCancelled
    | MonthStarted
    | GrantExpired
    | AllowanceExhausted
    | HourPackPurchased
    | WorkRated
    | WorkRerated
    | WorkRevised
    | PeriodClosed
    | PendingWorkCarriedOver
)
