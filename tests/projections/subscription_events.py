"""The events of a subscription of 2026 in Denver, written by hand: what its views are told, whoever decided it."""

from datetime import date, datetime
from typing import Any

from msgspec.structs import replace

from domain.personal import Personal
from domain.plan import Terms, default_terms
from domain.rating.months import month_bounds
from domain.recorded import RecordedEvent
from domain.subscription.events import (
    Credit,
    Draw,
    DrawSource,
    Expiry,
    GrantExpired,
    HourPackPurchased,
    MonthStarted,
    PendingWorkCarriedOver,
    PeriodClosed,
    PlanChanged,
    SubscriptionCancelled,
    SubscriptionEvent,
    SubscriptionStarted,
    WorkRated,
    WorkRerated,
    WorkRevised,
)
from tests.domain.subscription.sentences import ZONE, denver
from tests.projections.stories import METADATA

OWN: dict[str, Any] = {"subscription_id": "s-1", "customer_id": "c-1"}
TERMS = default_terms("USD")


def terms(**changes: Any) -> Terms:
    return replace(TERMS, **changes)


def recorded(events: list[SubscriptionEvent], metadata: bytes = METADATA) -> list[RecordedEvent]:
    """The events at positions 1, 2, 3 and so on."""
    return [
        RecordedEvent("subscription-s-1", position, event, metadata, position)
        for position, event in enumerate(events, 1)
    ]


def started(at: datetime, on: date, agreed: Terms = TERMS, **changes: Any) -> SubscriptionStarted:
    fields: dict[str, Any] = {
        "occurred_at": at,
        "plan": "standard",
        "plan_version": 1,
        "terms": agreed,
        "zone": ZONE,
        "starts_on": on,
        "starts_at": denver(on.month, on.day, 0),
        **OWN,
    }
    return SubscriptionStarted(**{**fields, **changes})


def month(name: str, agreed: Terms | None = TERMS, **changes: Any) -> MonthStarted:
    """A month that begins; without terms it is one after the last."""
    starts_at, ends_at = month_bounds(name, ZONE)
    fields: dict[str, Any] = {
        "occurred_at": starts_at,
        "month": name,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "fee_cents": agreed.monthly_fee_cents if agreed else 0,
        "allowance_seconds": agreed.allowance_seconds if agreed else 0,
        "rollover_cap_seconds": agreed.rollover_cap_seconds if agreed else 0,
        **OWN,
    }
    return MonthStarted(**{**fields, **changes})


def bought(at: datetime, pack_id: str = "p-1", hours: int = 5, expires_at: datetime | None = None) -> HourPackPurchased:
    return HourPackPurchased(
        occurred_at=at,
        month=f"{at:%Y-%m}",
        pack_id=pack_id,
        hours=hours,
        seconds=hours * 3600,
        rate_cents_per_hour=120_00,
        price_cents=hours * 120_00,
        effective_at=at,
        expires_at=expires_at,
        **OWN,
    )


def rated(at: datetime, entry_id: str, minutes: int, *draws: Draw, **changes: Any) -> WorkRated:
    """Work of an entry that began `at` and is recorded at once."""
    fields: dict[str, Any] = {
        "occurred_at": at,
        "month": f"{at:%Y-%m}",
        "entry_id": entry_id,
        "ticket_id": "t-1",
        "case_number": "C-000001",
        "agent": "Ann",
        "started_at": at,
        "duration_seconds": minutes * 60,
        "work_class": "included",
        "billed_seconds": sum(draw.seconds for draw in draws),
        "rating_at": at,
        "draws": draws,
        **OWN,
    }
    return WorkRated(**{**fields, **changes})


def revised(at: datetime, was: WorkRated, **changes: Any) -> WorkRevised:
    """Other facts of an entry, of which all that is not said stays as it was rated."""
    fields: dict[str, Any] = {
        name: getattr(was, name)
        for name in (
            "subscription_id",
            "customer_id",
            "month",
            "entry_id",
            "ticket_id",
            "case_number",
            "agent",
            "started_at",
            "duration_seconds",
            "work_class",
            "purpose",
            "billed_seconds",
            "rating_at",
            "draws",
        )
    }
    fields |= {"occurred_at": at, "before": was.draws, "worked_before_seconds": was.duration_seconds}
    return WorkRevised(**{**fields, **changes})


def settled(at: datetime, was: WorkRated, in_month: str, **changes: Any) -> WorkRevised:
    """Other facts of an entry whose month is closed, settled in an open one: by credits, draws, or both (B8)."""
    starts_at, _ = month_bounds(in_month, ZONE)
    return revised(at, was, **{"month": in_month, "rating_at": starts_at, "before": (), "draws": (), **changes})


def rerated(at: datetime, was: WorkRated, *draws: Draw, caused_by: str, **changes: Any) -> WorkRerated:
    fields: dict[str, Any] = {
        "occurred_at": at,
        "month": was.month,
        "entry_id": was.entry_id,
        "ticket_id": was.ticket_id,
        "started_at": was.started_at,
        "rating_at": was.rating_at,
        "before": was.draws,
        "draws": draws,
        "caused_by": caused_by,
        **OWN,
    }
    return WorkRerated(**{**fields, **changes})


def closed(at: datetime, name: str) -> PeriodClosed:
    return PeriodClosed(occurred_at=at, month=name, ended_at=month_bounds(name, ZONE)[1], **OWN)


def carried_over(at: datetime, was: WorkRated, to: str) -> PendingWorkCarriedOver:
    return PendingWorkCarriedOver(
        occurred_at=at,
        entry_id=was.entry_id,
        from_month=was.month,
        month=to,
        started_at=was.started_at,
        rating_at=month_bounds(to, ZONE)[0],
        draws=was.draws,
        **OWN,
    )


def plan_changed(at: datetime, name: str, agreed: Terms, plan: str = "bigger") -> PlanChanged:
    return PlanChanged(
        occurred_at=at,
        month=name,
        effective_on=date.fromisoformat(f"{name}-01"),
        plan=plan,
        plan_version=1,
        terms=agreed,
        **OWN,
    )


def cancelled(at: datetime, last_month: str) -> SubscriptionCancelled:
    ends_at = month_bounds(last_month, ZONE)[1]
    return SubscriptionCancelled(
        occurred_at=at, last_month=last_month, ends_at=ends_at, reason=Personal("Moved away"), **OWN
    )


def grant_expired(at: datetime, expired: Expiry) -> GrantExpired:
    return GrantExpired(occurred_at=at, expired_at=at, expired=expired, **OWN)


def hold(minutes: int) -> Draw:
    return Draw(
        source="hold", seconds=minutes * 60, rate_cents_per_hour=150_00, multiplier=2, amount_cents=500 * minutes
    )


def emergency(minutes: int) -> Draw:
    return replace(hold(minutes), source="emergency")


def credit(draw: Draw, minutes: int, posted_month: str, amount_cents: int = 0, *, restored: bool = False) -> Credit:
    """So many minutes of a draw, taken back."""
    source: DrawSource = draw.source
    return Credit(
        source=source,
        posted_month=posted_month,
        seconds=minutes * 60,
        amount_cents=amount_cents,
        rate_cents_per_hour=draw.rate_cents_per_hour,
        multiplier=draw.multiplier,
        pack_id=draw.pack_id,
        month=draw.month,
        restored=restored,
    )


def winter() -> list[SubscriptionEvent]:
    """November to January with a pack that expires, a plan ahead, a hold carried over and settlements; then the end."""
    nov_5 = rated(denver(11, 5), "nov-5", 60, Draw(source="allowance", seconds=3600, month="2026-11"))
    sat = rated(denver(11, 7), "sat", 90, hold(90), work_class="pending")
    drawn = Draw(source="pack", seconds=3600, pack_id="p-1")
    nov_20 = rated(denver(11, 20), "nov-20", 60, drawn)
    back = credit(drawn, 30, "2026-11", restored=True)
    later = credit(nov_5.draws[0], 60, "2026-11")
    left = Expiry(source="pack", grant="p-1", month="2026-12", seconds=16_200, amount_cents=540_00)
    bigger = terms(allowance_seconds=7200)
    return [
        started(denver(11, 1), date(2026, 11, 1)),
        month("2026-11"),
        nov_5,
        sat,
        bought(denver(11, 10), expires_at=denver(12, 20, 0)),
        nov_20,
        plan_changed(denver(11, 25), "2026-12", bigger),
        month("2026-12", bigger, plan="bigger", plan_version=1, terms=bigger),
        closed(denver(12, 2), "2026-11"),
        carried_over(denver(12, 2), sat, "2026-12"),
        settled(denver(12, 3), nov_20, "2026-12", duration_seconds=1800, credits=(back,)),
        settled(denver(12, 4), nov_5, "2026-12", work_class="waived", credits=(later,), draws=(waived(60),)),
        grant_expired(denver(12, 20, 0), left),
        plan_changed(denver(12, 21), "2027-02", terms()),
        cancelled(denver(12, 22), "2027-01"),
        month("2027-01", bigger),
    ]


def waived(minutes: int) -> Draw:
    return Draw(source="waived", seconds=minutes * 60)
