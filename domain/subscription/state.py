"""What a subscription's events come to: what was agreed, what falls due, and the book that rating works on."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import assert_never

from msgspec.structs import replace

from domain.event import Value
from domain.plan import Terms
from domain.rating.book import Book, Month, Pack
from domain.rating.entries import Entry
from domain.rating.settlement import carried_over, settling
from domain.subscription import agenda as agendas
from domain.subscription.agenda import Agenda
from domain.subscription.events import (
    AllowanceExhausted,
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


class Agreement(Value, frozen=True, kw_only=True):
    """The plan, its version and the terms that a customer is on."""

    plan: str
    plan_version: int
    terms: Terms


class Span(Value, frozen=True, kw_only=True):
    """A subscription from its start to its cancellation, with the changes of plan by month (B2)."""

    starts_on: date
    starts_at: datetime
    agreed: Agreement
    changes: dict[str, Agreement]
    last_month: str | None = None
    ends_at: datetime | None = None

    @property
    def first_month(self) -> str:
        """The month it starts in."""
        return self.starts_on.isoformat()[:7]

    def agreement_in(self, month: str) -> Agreement:
        """Return what is agreed for a month: the latest change for it or for a month before (B2)."""
        changed = max((each for each in self.changes if each <= month), default=None)
        return self.agreed if changed is None else self.changes[changed]


class Subscription(Value, frozen=True, kw_only=True):
    """A customer's subscription, with all that were before it: a cancelled one can be started again in the same stream.

    Its first month need not have begun yet; then the book has no month. `agreed` is what the month begun last is on.
    `exhausted` has the months of which it is recorded that nothing is left.
    """

    subscription_id: str
    customer_id: str
    zone: str
    spans: tuple[Span, ...]
    agreed: Agreement
    agenda: Agenda
    book: Book
    exhausted: frozenset[str] = frozenset()

    @property
    def starts_at(self) -> datetime:
        """Where the first subscription starts: work before is refused (B2)."""
        return self.spans[0].starts_at

    @property
    def next_due(self) -> datetime | None:
        """The instant at which a month begins or a grant expires: then the timekeeper has `RecordDue` to do."""
        return self.agenda.next_due

    def span_number(self, month: str) -> int:
        """Return the index of the subscription that a change for a month is about: the last one begun by its end."""
        return max((n for n, span in enumerate(self.spans) if span.first_month <= month), default=0)


def evolve(state: Subscription | None, event: SubscriptionEvent) -> Subscription:
    """Fold one event; never refuses. The first one is `SubscriptionStarted`."""
    if state is None:
        if not isinstance(event, SubscriptionStarted):
            raise LookupError(f"{type(event).__name__} precedes SubscriptionStarted")
        return _first(event)
    match event:
        case WorkRated() | WorkRerated() | WorkRevised() | PendingWorkCarriedOver():
            return replace(state, book=_worked(state.book, event))
        case SubscriptionStarted():
            state = replace(state, spans=(*state.spans, _span(event)), book=state.book.cut(event.starts_at))
        case PlanChanged():
            agreed = Agreement(plan=event.plan, plan_version=event.plan_version, terms=event.terms)
            number = state.span_number(event.month)
            span = state.spans[number]
            state = _with_span(state, number, replace(span, changes={**span.changes, event.month: agreed}))
        case SubscriptionCancelled():
            number = state.span_number(event.last_month)
            span = state.spans[number]
            state = _with_span(state, number, replace(span, last_month=event.last_month, ends_at=event.ends_at))
        case MonthStarted():
            state = _month_started(state, event)
        case HourPackPurchased():
            state = replace(state, book=state.book.with_pack(_pack(event)))
        case GrantExpired():
            state = replace(state, book=_expired(state.book, event))
        case AllowanceExhausted():
            state = replace(state, exhausted=state.exhausted | {event.month})
        case PeriodClosed():
            state = replace(state, book=state.book.closed(event.ended_at))
        case _:
            assert_never(event)
    return replace(state, agenda=agendas.follow(state.agenda, event))


def fold(state: Subscription, events: Iterable[SubscriptionEvent]) -> Subscription:
    """Fold several events."""
    for event in events:
        state = evolve(state, event)
    return state


def _first(event: SubscriptionStarted) -> Subscription:
    span = _span(event)
    return Subscription(
        subscription_id=event.subscription_id,
        customer_id=event.customer_id,
        zone=event.zone,
        spans=(span,),
        agreed=span.agreed,
        agenda=agendas.begun(event),
        book=Book(),
    )


def _span(event: SubscriptionStarted) -> Span:
    return Span(
        starts_on=event.starts_on,
        starts_at=event.starts_at,
        agreed=Agreement(plan=event.plan, plan_version=event.plan_version, terms=event.terms),
        changes={},
    )


def _with_span(state: Subscription, number: int, span: Span) -> Subscription:
    return replace(state, spans=(*state.spans[:number], span, *state.spans[number + 1 :]))


def _month_started(state: Subscription, event: MonthStarted) -> Subscription:
    agreed = next((span.agreed for span in state.spans if span.starts_at == event.starts_at), state.agreed)
    if event.plan is not None and event.plan_version is not None and event.terms is not None:
        agreed = Agreement(plan=event.plan, plan_version=event.plan_version, terms=event.terms)
    month = Month(
        month=event.month,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        terms=agreed.terms,
        allowance_seconds=event.allowance_seconds,
    )
    return replace(state, agreed=agreed, book=state.book.with_month(month))


def _pack(event: HourPackPurchased) -> Pack:
    return Pack(
        pack_id=event.pack_id,
        seconds=event.seconds,
        rate_cents_per_hour=event.rate_cents_per_hour,
        price_cents=event.price_cents,
        effective_at=event.effective_at,
        expires_at=event.expires_at,
    )


def _expired(book: Book, event: GrantExpired) -> Book:
    expired = event.expired
    if expired.source == "pack":
        return book.with_pack(replace(book.packs[expired.grant], expired_in=expired.month))
    month = book.month_named(expired.grant)
    if expired.source == "allowance":
        return book.with_granting(replace(month, allowance_expired=True))
    return book.with_granting(replace(month, rollover_expired=True))


def _worked(book: Book, event: WorkRated | WorkRerated | WorkRevised | PendingWorkCarriedOver) -> Book:
    if isinstance(event, WorkRated):
        return book.with_entry(None, _entry(event, book))
    known = book.entries.get(event.entry_id)
    if known is None:
        raise LookupError(f"{type(event).__name__} of entry {event.entry_id}, which was never rated")
    match event:
        case WorkRerated():
            return book.with_entry(known, known.drawing(event.draws))
        case PendingWorkCarriedOver():
            return book.with_entry(known, replace(carried_over(book, known), draws=event.draws))
        case WorkRevised():
            return book.with_entry(known, _revised(settling(book, known), event))
        case _:
            assert_never(event)


def _entry(event: WorkRated, book: Book) -> Entry:
    terms = book.month_at(event.started_at).terms
    return Entry(
        entry_id=event.entry_id,
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        agent=event.agent,
        started_at=event.started_at,
        duration_seconds=event.duration_seconds,
        rating_at=event.rating_at,
        work_class=event.work_class,
        purpose=event.purpose,
        billed_seconds=event.billed_seconds,
        rate_cents_per_hour=terms.regular_rate_cents,
        multiplier=terms.emergency_multiplier,
        draws=event.draws,
    )


def _revised(entry: Entry, event: WorkRevised) -> Entry:
    return replace(
        entry,
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        duration_seconds=event.duration_seconds,
        voided=event.voided,
        revised=True,
        work_class=event.work_class,
        purpose=event.purpose,
        billed_seconds=event.billed_seconds,
        draws=event.draws,
        credits=event.credits,
    )
