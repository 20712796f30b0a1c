"""What a subscription's events come to: its terms, and the book that rating works on."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import assert_never

from domain.event import Value
from domain.plan import Terms
from domain.rating.book import Book, Month, Pack
from domain.rating.entries import Entry
from domain.subscription.events import (
    HourPackPurchased,
    MonthStarted,
    SubscriptionEvent,
    SubscriptionStarted,
    WorkRated,
    WorkRerated,
)


class Subscription(Value, frozen=True, kw_only=True):
    """A subscription that was started, be it that its first month has not begun yet (then the book has no month)."""

    subscription_id: str
    customer_id: str
    plan: str
    plan_version: int
    terms: Terms
    zone: str
    starts_on: date
    starts_at: datetime
    book: Book

    @property
    def next_due(self) -> datetime:
        """The instant at which the next month begins: then the timekeeper has `RecordDue` to do."""
        return self.book.months[-1].ends_at if self.book.months else self.starts_at


def evolve(state: Subscription | None, event: SubscriptionEvent) -> Subscription:
    """Fold one event; never refuses. The first one is `SubscriptionStarted`."""
    if isinstance(event, SubscriptionStarted):
        return Subscription(
            subscription_id=event.subscription_id,
            customer_id=event.customer_id,
            plan=event.plan,
            plan_version=event.plan_version,
            terms=event.terms,
            zone=event.zone,
            starts_on=event.starts_on,
            starts_at=event.starts_at,
            book=Book(),
        )
    if state is None:
        raise LookupError(f"{type(event).__name__} precedes SubscriptionStarted")
    return Subscription(
        subscription_id=state.subscription_id,
        customer_id=state.customer_id,
        plan=state.plan,
        plan_version=state.plan_version,
        terms=state.terms,
        zone=state.zone,
        starts_on=state.starts_on,
        starts_at=state.starts_at,
        book=_booked(state.book, event, state.terms),
    )


def fold(state: Subscription, events: Iterable[SubscriptionEvent]) -> Subscription:
    """Fold several events."""
    for event in events:
        state = evolve(state, event)
    return state


def _booked(book: Book, event: MonthStarted | HourPackPurchased | WorkRated | WorkRerated, terms: Terms) -> Book:
    match event:
        case WorkRated():
            return book.with_draws(_entry(event, book), event.draws)
        case WorkRerated():
            entry = book.entries.find((event.rating_at, event.started_at, event.entry_id))
            if entry is None:
                raise LookupError(f"entry {event.entry_id} was rated anew, but never rated")
            return book.with_draws(entry, event.draws)
        case HourPackPurchased():
            return book.with_pack(
                Pack(
                    pack_id=event.pack_id,
                    seconds=event.seconds,
                    price_cents=event.price_cents,
                    effective_at=event.effective_at,
                    expires_at=event.expires_at,
                )
            )
        case MonthStarted():
            return book.with_month(
                Month(
                    month=event.month,
                    starts_at=event.starts_at,
                    ends_at=event.ends_at,
                    terms=terms,
                    allowance_seconds=event.allowance_seconds,
                )
            )
        case _:
            assert_never(event)


def _entry(event: WorkRated, book: Book) -> Entry:
    terms = book.month_at(event.started_at).terms
    return Entry(
        entry_id=event.entry_id,
        ticket_id=event.ticket_id,
        agent=event.agent,
        started_at=event.started_at,
        duration_seconds=event.duration_seconds,
        rating_at=event.rating_at,
        work_class=event.work_class,
        billed_seconds=event.billed_seconds,
        rate_cents_per_hour=terms.regular_rate_cents,
        multiplier=terms.emergency_multiplier,
    )
