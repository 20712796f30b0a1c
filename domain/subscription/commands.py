"""What can be asked of a subscription, with the facts that were looked up for it."""

from datetime import date, datetime

from domain.event import Value
from domain.personal import Personal
from domain.plan import Plan, TermsChange
from domain.subscription.events import Purpose, WorkClass


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


class ChangePlan(Value, frozen=True, kw_only=True):
    """Take other terms from the first day of a month that has not begun (default: the next) (B2).

    `plan`, `terms` and `currency` as in `StartSubscription`.
    """

    now: datetime
    plan: Plan
    terms: TermsChange = TermsChange()
    currency: str
    effective_on: date | None = None


class CancelSubscription(Value, frozen=True, kw_only=True):
    """End the subscription with the month of `effective_on`, which must not have ended (default: this month) (B2)."""

    now: datetime
    reason: Personal
    effective_on: date | None = None


class ClosePeriod(Value, frozen=True, kw_only=True):
    """Freeze a month that has ended, the oldest open one (B8)."""

    now: datetime
    period: str


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
    purpose: Purpose = "maintenance"


class WorkRevision(Value, frozen=True, kw_only=True):
    """The facts of one rated entry as its ticket now has them."""

    entry_id: str
    ticket_id: str
    case_number: str
    duration_seconds: int
    voided: bool
    work_class: WorkClass
    purpose: Purpose


class ReviseWork(Value, frozen=True, kw_only=True):
    """Take changed facts of entries into account: corrections, voids, classes, moves to another case (B1, B4, B8)."""

    now: datetime
    revisions: tuple[WorkRevision, ...]


class NoticeExhaustion(Value, frozen=True, kw_only=True):
    """Record that nothing is left of a month's allowance, if that is so and was not recorded (R21)."""

    now: datetime
    month: str


class RecordDue(Value, frozen=True, kw_only=True):
    """Record what fell due by `now`: months that began, grants that expired."""

    now: datetime


SubscriptionCommand = (
    StartSubscription
    | ChangePlan
    | CancelSubscription
    | ClosePeriod
    | BuyHours
    | RateWork
    | ReviseWork
    | NoticeExhaustion
    | RecordDue
)
