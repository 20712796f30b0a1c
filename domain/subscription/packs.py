"""Hours bought in advance (SUPPORT_POLICY R21, B6)."""

from datetime import datetime, timedelta

from domain.rating.months import local_date, local_midnight, month_of
from domain.rating.order import Change, steps
from domain.rating.waterfall import redraws
from domain.subscription.commands import BuyHours
from domain.subscription.due import catch_up
from domain.subscription.events import HourPackPurchased, SubscriptionEvent
from domain.subscription.recording import told
from domain.subscription.refusals import EffectiveInFuture, EffectiveTooEarly, HoursNotInSteps, PackExists
from domain.subscription.state import Subscription, evolve, fold


def buy_hours(command: BuyHours, state: Subscription) -> list[SubscriptionEvent]:
    """Buy a pack at the terms of the month begun last; work that it covers is rated anew."""
    known = state.book.packs.get(command.pack_id)
    if known is not None:
        if known.seconds == command.hours * 3600 and command.effective_from in {None, known.effective_at}:
            return []
        raise PackExists(f"pack {command.pack_id} was bought otherwise")
    events, state = catch_up(state, command.now)
    terms = state.agreed.terms
    if command.hours < 1 or command.hours % terms.pack_step_hours:
        raise HoursNotInSteps(f"hours are sold in steps of {terms.pack_step_hours}, not {command.hours}")
    effective_at = _effective_at(command, state)
    purchased = HourPackPurchased(
        occurred_at=command.now,
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        month=month_of(command.now, state.zone),
        pack_id=command.pack_id,
        hours=command.hours,
        seconds=command.hours * 3600,
        rate_cents_per_hour=terms.pack_rate_cents,
        price_cents=command.hours * terms.pack_rate_cents,
        effective_at=effective_at,
        expires_at=_expires_at(effective_at, terms.pack_validity_days, state.zone),
    )
    state = evolve(state, purchased)
    changes = [Change(each, each.drawing(draws)) for each, draws in redraws(state.book, (effective_at,))]
    ordered = steps(state.book, changes, latest_first=False)
    rerated = [told(state, step, command.now, caused_by=command.pack_id) for step in ordered]
    events += [purchased, *rerated]
    if purchased.expires_at is not None and purchased.expires_at <= command.now:
        events += catch_up(fold(state, rerated), command.now).events
    return events


def _effective_at(command: BuyHours, state: Subscription) -> datetime:
    if command.effective_from is None:
        return command.now
    if command.effective_from > command.now:
        raise EffectiveInFuture("hours are bought from now on or for earlier work")
    earliest = state.book.open_from if state.book.months else state.starts_at
    if command.effective_from < earliest:
        raise EffectiveTooEarly(f"no work before {earliest.isoformat()} can be covered any more")
    return command.effective_from


def _expires_at(effective_at: datetime, validity_days: int | None, zone: str) -> datetime | None:
    """Return the local midnight that ends the n-th day after the effective day (B6)."""
    if validity_days is None:
        return None
    return local_midnight(local_date(effective_at, zone) + timedelta(days=validity_days + 1), zone)
