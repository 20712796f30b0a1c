"""What an event of a subscription says, in one line for people."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from api.cli.words.instants import clock_time
from domain.event import Event
from domain.subscription.events import (
    AllowanceExhausted,
    Credit,
    Draw,
    GrantExpired,
    HourPackPurchased,
    MonthStarted,
    PendingWorkCarriedOver,
    PeriodClosed,
    PlanChanged,
    SubscriptionCancelled,
    SubscriptionStarted,
    WorkRated,
    WorkRerated,
    WorkRevised,
)
from projections.wording import spoken


def billing_sentence(event: Event, zone: ZoneInfo) -> str:
    """Return the event in words; local times are the desk's, amounts in its currency. Empty for one of no bill."""
    match event:
        case WorkRated() | WorkRerated() | WorkRevised() | PendingWorkCarriedOver():
            return _of_work(event)
        case SubscriptionStarted():
            return f"to {event.plan} {event.plan_version} from {event.starts_on}"
        case PlanChanged():
            return f"to {event.plan} {event.plan_version} from {event.effective_on}"
        case SubscriptionCancelled():
            return f"with the end of {event.last_month}"
        case MonthStarted():
            return f"{event.month}: fee {_decimal(event.fee_cents)}, allowance {spoken(event.allowance_seconds)}"
        case GrantExpired():
            expired = event.expired
            unused = f"{spoken(expired.seconds)} of the {expired.source} of {expired.grant} unused"
            return f"{unused} on {clock_time(event.expired_at, zone)}"
        case AllowanceExhausted() | PeriodClosed():
            return f"of {event.month}"
        case HourPackPurchased():
            until = "" if event.expires_at is None else f", until {clock_time(event.expires_at, zone)}"
            return f"{event.hours} h as pack {event.pack_id} for {_decimal(event.price_cents)}{until}"
        case _:
            return ""


def _of_work(event: WorkRated | WorkRerated | WorkRevised | PendingWorkCarriedOver) -> str:
    match event:
        case WorkRated():
            return f"{_billed(event)}: {_drawn(event.draws)}"
        case WorkRevised():
            void = ", void" if event.voided else ""
            changed = f"{_billed(event)}{void}: {_drawn(event.draws)} instead of {_drawn(event.before)}"
            return f"{changed}; given back: {_drawn(event.credits)}" if event.credits else changed
        case WorkRerated():
            since = f"since {event.caused_by} arrived or changed"
            return (
                f"{event.entry_id} in {event.month}: {_drawn(event.draws)} instead of {_drawn(event.before)}, {since}"
            )
        case PendingWorkCarriedOver():
            return f"{event.entry_id} from {event.from_month} to {event.month}: {_drawn(event.draws)}"


def _billed(event: WorkRated | WorkRevised) -> str:
    billed = f"{spoken(event.billed_seconds)} {event.work_class} in {event.month}"
    return f"{event.entry_id} of {event.agent} on {event.case_number}, {billed}"


def _drawn(parts: Iterable[Draw | Credit]) -> str:
    return ", ".join(_part(each) for each in parts) or "nothing"


def _part(part: Draw | Credit) -> str:
    owed = f" ({_decimal(part.amount_cents)})" if part.amount_cents else ""
    return f"{spoken(part.seconds)} {part.source.replace('_', ' ')}{owed}"


def _decimal(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"
