"""What can be asked of a subscription, with the facts that were looked up for it."""

from datetime import date, datetime

from domain.event import Value
from domain.plan import Plan, TermsChange
from domain.subscription.events import WorkClass


class StartSubscription(Value, frozen=True, kw_only=True):
    """Subscribe a customer to a plan from local midnight of `starts_on` (default: today in `zone`).

    `plan` is the plan's state, `zone` and `currency` the desk's; `terms` were agreed in the place of the plan's.
    """

    now: datetime
    subscription_id: str
    customer_id: str
    plan: Plan
    terms: TermsChange = TermsChange()
    zone: str
    currency: str
    starts_on: date | None = None


class BuyHours(Value, frozen=True, kw_only=True):
    """Buy a pack of hours at the terms of today; `effective_from` lets it cover earlier work (B6)."""

    now: datetime
    pack_id: str
    hours: int
    effective_from: datetime | None = None


class RateWork(Value, frozen=True, kw_only=True):
    """Take a work entry into account: the facts that the ticket accepted, and the class it has by the ticket (B4)."""

    now: datetime
    entry_id: str
    ticket_id: str
    case_number: str
    agent: str
    started_at: datetime
    duration_seconds: int
    work_class: WorkClass


class RecordDue(Value, frozen=True, kw_only=True):
    """Record what fell due by `now`: the months that began."""

    now: datetime


SubscriptionCommand = StartSubscription | BuyHours | RateWork | RecordDue
