"""What a subscription does with a command: months begin, hours are bought, work is rated (SUPPORT_POLICY B2-B9)."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple, assert_never

from domain.plan import check_terms
from domain.rating.book import Book, recognitions
from domain.rating.entries import Entry
from domain.rating.months import local_date, local_midnight, month_bounds, month_of
from domain.rating.waterfall import Redraw, billed_seconds, redraws
from domain.subscription.commands import BuyHours, RateWork, RecordDue, StartSubscription, SubscriptionCommand
from domain.subscription.events import (
    Draw,
    HourPackPurchased,
    MonthStarted,
    Recognition,
    SubscriptionEvent,
    SubscriptionStarted,
    WorkRated,
    WorkRerated,
)
from domain.subscription.refusals import (
    EffectiveInFuture,
    EffectiveTooEarly,
    EntryRatedOtherwise,
    HoursNotInSteps,
    NoSubscription,
    PackExists,
    PlanNotInForce,
    SubscriptionExists,
)
from domain.subscription.state import Subscription, evolve, fold

_EARLIEST_START = date(1970, 1, 1)
"""The day from which the settings that come with a desk are in force."""


def decide(command: SubscriptionCommand, state: Subscription | None) -> list[SubscriptionEvent]:
    """Decide a command; `state` is `None` until the subscription was started.

    Raises a `Refusal` of `domain.subscription.refusals` or `domain.plan`.
    """
    if isinstance(command, StartSubscription):
        return _start(command, state)
    if state is None:
        raise NoSubscription("the customer has no subscription")
    match command:
        case BuyHours():
            return _buy_hours(command, state)
        case RateWork():
            return _rate_work(command, state)
        case RecordDue():
            return [*catch_up(state, command.now)]
        case _:
            assert_never(command)


def catch_up(state: Subscription, now: datetime) -> Iterator[MonthStarted]:
    """Tell the months that began by `now` and are not recorded yet; every command records them before its own."""
    starts_at = state.next_due
    while starts_at <= now:
        month = month_of(starts_at, state.zone)
        _, ends_at = month_bounds(month, state.zone)
        yield MonthStarted(
            occurred_at=now,
            subscription_id=state.subscription_id,
            customer_id=state.customer_id,
            month=month,
            starts_at=starts_at,
            ends_at=ends_at,
            fee_cents=state.terms.monthly_fee_cents,
            allowance_seconds=state.terms.allowance_seconds,
            rollover_cap_seconds=state.terms.rollover_cap_seconds,
        )
        starts_at = ends_at


def _start(command: StartSubscription, state: Subscription | None) -> list[SubscriptionEvent]:
    if state is not None:
        if _says_the_same(command, state):
            return []
        raise SubscriptionExists(f"customer {state.customer_id} has subscription {state.subscription_id}")
    starts_on = command.starts_on or local_date(command.now, command.zone)
    if starts_on < _EARLIEST_START:
        raise PlanNotInForce(f"no plan was in force on {starts_on}")
    starts_at = local_midnight(starts_on, command.zone)
    # What is agreed today is agreed on today's terms, be it that it starts at last midnight or earlier.
    version = command.plan.in_force(max(starts_at, command.now))
    if version is None:
        raise PlanNotInForce(f"the plan is not in force on {starts_on}")
    terms = command.terms.of(version.terms)
    check_terms(terms, command.currency)
    started = SubscriptionStarted(
        occurred_at=command.now,
        subscription_id=command.subscription_id,
        customer_id=command.customer_id,
        plan=version.plan,
        plan_version=version.version,
        terms=terms,
        zone=command.zone,
        starts_on=starts_on,
        starts_at=starts_at,
    )
    return [started, *catch_up(evolve(None, started), command.now)]


def _says_the_same(command: StartSubscription, state: Subscription) -> bool:
    """Whether the command asks for the subscription that was started, whatever the plan has become since."""
    versions = {version.version: version for version in command.plan.versions if version.plan == state.plan}
    version = versions.get(state.plan_version)
    return (
        version is not None
        and command.terms.of(version.terms) == state.terms
        and command.starts_on in {None, state.starts_on}
    )


def _buy_hours(command: BuyHours, state: Subscription) -> list[SubscriptionEvent]:
    known = state.book.packs.get(command.pack_id)
    if known is not None:
        if known.seconds == command.hours * 3600 and command.effective_from in {None, known.effective_at}:
            return []
        raise PackExists(f"pack {command.pack_id} was bought otherwise")
    months = [*catch_up(state, command.now)]
    state = fold(state, months)
    terms = state.book.months[-1].terms if state.book.months else state.terms
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
    book = evolve(state, purchased).book
    # Each entry gives back what the new pack takes over before a later one draws that: oldest first.
    steps = _steps(book, redraws(book, (effective_at,)))
    return [*months, purchased, *_rerated(state, steps, command.now, caused_by=command.pack_id)]


def _effective_at(command: BuyHours, state: Subscription) -> datetime:
    if command.effective_from is None:
        return command.now
    if command.effective_from > command.now:
        raise EffectiveInFuture("hours are bought from now on or for earlier work")
    if command.effective_from < state.starts_at:
        raise EffectiveTooEarly(f"the subscription starts at {state.starts_at.isoformat()}")
    return command.effective_from


def _expires_at(effective_at: datetime, validity_days: int | None, zone: str) -> datetime | None:
    """Return the local midnight that ends the n-th day after the effective day (B6)."""
    if validity_days is None:
        return None
    return local_midnight(local_date(effective_at, zone) + timedelta(days=validity_days + 1), zone)


def _rate_work(command: RateWork, state: Subscription) -> list[SubscriptionEvent]:
    if command.started_at < state.starts_at:
        raise NoSubscription(f"the subscription starts at {state.starts_at.isoformat()}", pointer="/started_at")
    months = [*catch_up(state, command.now)]
    state = fold(state, months)
    entry = _unrated(command, state.book)
    known = state.book.entries.find(entry.key)
    if known is not None:
        if (known.ticket_id, known.agent, known.duration_seconds) == (
            command.ticket_id,
            command.agent,
            command.duration_seconds,
        ):
            return []
        raise EntryRatedOtherwise(f"entry {command.entry_id} was rated with other facts")
    book = state.book.with_unrated(entry)
    # Each later entry gives back what an earlier one draws anew before that one draws it: latest first, the new entry
    # last. So no grant is overdrawn at any version of the stream.
    steps = [*_steps(book, reversed(redraws(book, entry.key)))]
    rerated, (_, draws, recognised) = steps[:-1], steps[-1]
    rated = WorkRated(
        occurred_at=command.now,
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        month=state.book.month_at(entry.rating_at).month,
        entry_id=entry.entry_id,
        ticket_id=entry.ticket_id,
        case_number=command.case_number,
        agent=entry.agent,
        started_at=entry.started_at,
        duration_seconds=entry.duration_seconds,
        work_class=entry.work_class,
        billed_seconds=entry.billed_seconds,
        rating_at=entry.rating_at,
        draws=draws,
        recognised=recognised,
    )
    return [*months, *_rerated(state, rerated, command.now, caused_by=entry.entry_id), rated]


def _unrated(command: RateWork, book: Book) -> Entry:
    terms = book.month_at(command.started_at).terms
    return Entry(
        entry_id=command.entry_id,
        ticket_id=command.ticket_id,
        agent=command.agent,
        started_at=command.started_at,
        duration_seconds=command.duration_seconds,
        rating_at=book.rating_at(command.started_at),
        work_class=command.work_class,
        billed_seconds=billed_seconds(command.duration_seconds, terms),
        rate_cents_per_hour=terms.regular_rate_cents,
        multiplier=terms.emergency_multiplier,
    )


class _Step(NamedTuple):
    entry: Entry
    draws: tuple[Draw, ...]
    recognised: tuple[Recognition, ...]


def _steps(book: Book, changed: Iterable[Redraw]) -> Iterator[_Step]:
    """Take the redraws one after the other, each with the pack income that it changes."""
    for entry, draws in changed:
        after = book.with_draws(entry, draws)
        yield _Step(entry, draws, recognitions(book, after))
        book = after


def _rerated(state: Subscription, steps: Iterable[_Step], now: datetime, *, caused_by: str) -> Iterator[WorkRerated]:
    for entry, draws, recognised in steps:
        yield WorkRerated(
            occurred_at=now,
            subscription_id=state.subscription_id,
            customer_id=state.customer_id,
            month=state.book.month_at(entry.rating_at).month,
            entry_id=entry.entry_id,
            ticket_id=entry.ticket_id,
            started_at=entry.started_at,
            rating_at=entry.rating_at,
            before=entry.draws,
            draws=draws,
            recognised=recognised,
            caused_by=caused_by,
        )
