"""A subscription by the terms of the examples in SUPPORT_POLICY B, in the words that its tests are written in."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from domain.personal import Personal
from domain.plan import Plan, PlanPublished, Terms, TermsChange, default_terms
from domain.subscription.commands import (
    BuyHours,
    CancelSubscription,
    ChangePlan,
    ClosePeriod,
    RateWork,
    ReviseWork,
    StartSubscription,
    SubscriptionCommand,
    WorkRevision,
)
from domain.subscription.decider import decide
from domain.subscription.events import Draw, Purpose, SubscriptionEvent, WorkClass, WorkRated, WorkRerated, WorkRevised
from domain.subscription.state import Subscription, evolve
from tests.spec import Decider, Given

ZONE = "America/Denver"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

subscription: Decider[SubscriptionCommand, Subscription, SubscriptionEvent] = Decider(decide, evolve)


def denver(month: int, day: int, hour: int = 12, minute: int = 0, *, year: int = 2026) -> datetime:
    """An instant by the wall clock of the desk."""
    return datetime(year, month, day, hour, minute, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def plan(terms: Terms | None = None, *, name: str = "standard", effective_from: datetime = EPOCH) -> Plan:
    published = PlanPublished(
        occurred_at=effective_from,
        plan=name,
        version=1,
        terms=terms or default_terms("USD"),
        effective_from=effective_from,
    )
    return Plan(versions=(published,))


def start(
    now: datetime, *, starts_on: date | None = None, terms: TermsChange | None = None, on: Plan | None = None
) -> StartSubscription:
    return StartSubscription(
        now=now,
        subscription_id="s-1",
        customer_id="c-1",
        plan=on or plan(),
        terms=terms or TermsChange(),
        zone=ZONE,
        currency="USD",
        starts_on=starts_on,
    )


def buy(now: datetime, hours: int = 5, *, pack_id: str = "p-1", effective_from: datetime | None = None) -> BuyHours:
    return BuyHours(now=now, pack_id=pack_id, hours=hours, effective_from=effective_from)


def work(
    now: datetime,
    entry_id: str,
    started_at: datetime,
    minutes: int,
    work_class: WorkClass = "included",
    *,
    agent: str = "Ann",
    ticket_id: str = "t-1",
) -> RateWork:
    return RateWork(
        now=now,
        entry_id=entry_id,
        ticket_id=ticket_id,
        case_number="C-000001",
        agent=agent,
        started_at=started_at,
        duration_seconds=minutes * 60,
        work_class=work_class,
    )


def correct(
    now: datetime,
    entry_id: str,
    minutes: int,
    work_class: WorkClass = "included",
    *,
    voided: bool = False,
    ticket_id: str = "t-1",
    purpose: Purpose = "maintenance",
) -> ReviseWork:
    """The facts of one entry as its case has them now."""
    return ReviseWork(now=now, revisions=(facts(entry_id, minutes, work_class, voided, ticket_id, purpose),))


def facts(
    entry_id: str,
    minutes: int,
    work_class: WorkClass = "included",
    voided: bool = False,
    ticket_id: str = "t-1",
    purpose: Purpose = "maintenance",
) -> WorkRevision:
    return WorkRevision(
        entry_id=entry_id,
        ticket_id=ticket_id,
        case_number="C-000001" if ticket_id == "t-1" else "C-000002",
        duration_seconds=minutes * 60,
        voided=voided,
        work_class=work_class,
        purpose=purpose,
    )


def change(
    now: datetime, *, to: Plan | None = None, terms: TermsChange | None = None, effective_on: date | None = None
) -> ChangePlan:
    return ChangePlan(
        now=now, plan=to or plan(), terms=terms or TermsChange(), currency="USD", effective_on=effective_on
    )


def cancel(now: datetime, *, effective_on: date | None = None) -> CancelSubscription:
    return CancelSubscription(now=now, reason=Personal("moved away"), effective_on=effective_on)


def close(now: datetime, period: str) -> ClosePeriod:
    return ClosePeriod(now=now, period=period)


def since_november(
    terms: TermsChange | None = None,
) -> Given[SubscriptionCommand, Subscription, SubscriptionEvent]:
    """A subscription that starts on 1 November at the default terms, but for the changes."""
    return subscription.given().having(start(denver(11, 1, 0), terms=terms))


def emergency(minutes: int, amount_cents: int) -> Draw:
    return Draw(
        source="emergency", seconds=minutes * 60, rate_cents_per_hour=150_00, multiplier=2, amount_cents=amount_cents
    )


def hold(minutes: int, amount_cents: int) -> Draw:
    return Draw(
        source="hold", seconds=minutes * 60, rate_cents_per_hour=150_00, multiplier=2, amount_cents=amount_cents
    )


def allowance(minutes: int, month: str = "2026-11") -> Draw:
    return Draw(source="allowance", seconds=minutes * 60, month=month)


def rollover(minutes: int, month: str = "2026-11") -> Draw:
    return Draw(source="rollover", seconds=minutes * 60, month=month)


def pack(minutes: int, pack_id: str = "p-1") -> Draw:
    return Draw(source="pack", seconds=minutes * 60, pack_id=pack_id)


def on_demand(minutes: int, amount_cents: int) -> Draw:
    return Draw(
        source="on_demand", seconds=minutes * 60, rate_cents_per_hour=150_00, multiplier=1, amount_cents=amount_cents
    )


def draws(events: list[SubscriptionEvent] | tuple[SubscriptionEvent, ...]) -> dict[str, tuple[Draw, ...]]:
    """The draws that stand after the events in the month they were posted in last, by entry."""
    return {event.entry_id: event.draws for event in events if isinstance(event, WorkRated | WorkRerated | WorkRevised)}
