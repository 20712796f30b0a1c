"""What does a customer have, and what was drawn from it? Subscriptions with their months, packs and work entries."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from msgspec.structs import replace

from domain.event import Event, Value
from domain.plan import Terms
from domain.rating.months import month_after
from domain.recorded import RecordedEvent
from domain.subscription.events import (
    AllowanceExhausted,
    Credit,
    Draw,
    Expiry,
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
from projections.view import Index, Key, Row, Table, View
from projections.work_entry import work


class PlanAhead(Value, frozen=True, kw_only=True):
    """Terms that hold from the start of a month (B2)."""

    month: str
    effective_on: date
    plan: str
    plan_version: int
    terms: Terms
    position: int


class Span(Value, frozen=True, kw_only=True):
    """A subscription from its start to its cancellation, with the changes of plan, oldest month first (B2).

    `last_month` is the last that is paid for, and `ends_at` its end.
    """

    starts_on: date
    starts_at: datetime
    plan: str
    plan_version: int
    terms: Terms
    changes: tuple[PlanAhead, ...] = ()
    last_month: str | None = None
    ends_at: datetime | None = None

    def terms_in(self, month: str) -> Terms:
        """Return the terms of a month: those of the latest change for it or for a month before."""
        return next((each.terms for each in reversed(self.changes) if each.month <= month), self.terms)

    def is_live(self, at: datetime) -> bool:
        """Whether an instant is within it."""
        return self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


class SubscriptionRow(Row, frozen=True, kw_only=True):
    """A customer's subscription. `open_from` is the earliest open month, `month` the one begun last; at first neither.

    `plan` and `terms` are those of `month`, before it those that it starts on. `spans` are the subscriptions that
    follow one another in its stream, oldest first.
    """

    subscription_id: str
    customer_id: str
    plan: str
    plan_version: int
    terms: Terms
    zone: str
    spans: tuple[Span, ...]
    open_from: str | None = None
    month: str | None = None
    version: int
    position: int

    def span_at(self, at: datetime) -> Span:
        """Return the subscription that began last by an instant; before any, the first."""
        return next((span for span in reversed(self.spans) if span.starts_at <= at), self.spans[0])


class MonthRow(Row, frozen=True, kw_only=True):
    """A month that began. `allowance_drawn` seconds were drawn in it, `rollover_drawn` in the next from the rest.

    `expired_seconds` of its allowance can no longer be drawn. `positions` are the events that began it, and closed it.
    A month in which a subscription starts again has begun twice: fee and allowance are those of both, and the allowance
    covers work from `granted_at` on.
    """

    subscription_id: str
    month: str
    customer_id: str
    starts_at: datetime
    granted_at: datetime
    ends_at: datetime
    fee_cents: int
    allowance_seconds: int
    rollover_cap_seconds: int
    allowance_drawn: int = 0
    rollover_drawn: int = 0
    expired_seconds: int = 0
    closed_at: datetime | None = None
    positions: tuple[int, ...]

    @property
    def rollover_seconds(self) -> int:
        """What serves the next month: the rest of the allowance, at most the cap (B6)."""
        return min(self.rollover_cap_seconds, self.allowance_seconds - self.allowance_drawn)


class PackRow(Row, frozen=True, kw_only=True):
    """Hours bought in advance; `month` is the one that the price is posted in.

    `drawn_seconds` are those drawn and not given back, `expired_seconds` what was left when it expired.
    """

    subscription_id: str
    pack_id: str
    customer_id: str
    month: str
    hours: int
    seconds: int
    rate_cents_per_hour: int
    price_cents: int
    purchased_at: datetime
    effective_at: datetime
    expires_at: datetime | None
    drawn_seconds: int = 0
    expired_seconds: int = 0
    position: int


subscriptions = Table(
    "subscription",
    SubscriptionRow,
    key=("subscription_id",),
    indexes=(Index(("customer_id",)),),
)
months = Table(
    "subscription_month",
    MonthRow,
    key=("subscription_id", "month"),
    indexes=(Index(("customer_id", "month")),),
)
packs = Table("hour_pack", PackRow, key=("subscription_id", "pack_id"), indexes=(Index(("customer_id", "month")),))
VIEW = View("subscription", version=3, tables=(subscriptions, months, packs, work))


def _own(event: SubscriptionStarted) -> Iterable[Key]:
    return ((event.subscription_id,),)


@subscriptions.on_each(SubscriptionStarted, keys=_own)
def started(row: SubscriptionRow | None, event: SubscriptionStarted, at: RecordedEvent, _: Key) -> SubscriptionRow:
    """Terms are those of its start, until the plan is changed (B2). One that follows a cancelled one goes on."""
    span = Span(
        starts_on=event.starts_on,
        starts_at=event.starts_at,
        plan=event.plan,
        plan_version=event.plan_version,
        terms=event.terms,
    )
    if row is not None:
        return _moved(row, at, spans=(*row.spans, span))
    return SubscriptionRow(
        subscription_id=event.subscription_id,
        customer_id=event.customer_id,
        plan=event.plan,
        plan_version=event.plan_version,
        terms=event.terms,
        zone=event.zone,
        spans=(span,),
        version=at.originator_version,
        position=at.position or 0,
    )


def _moved(row: SubscriptionRow, at: RecordedEvent, **changes: Any) -> SubscriptionRow:
    return replace(row, version=at.originator_version, position=at.position or 0, **changes)


@subscriptions.on(MonthStarted)
def month_begun(row: SubscriptionRow, event: MonthStarted, at: RecordedEvent) -> SubscriptionRow:
    """The month is the present one; a change of plan for it, or a new start in it, takes effect."""
    on: Span | SubscriptionRow = next((span for span in row.spans if span.starts_at == event.starts_at), row)
    return _moved(
        row,
        at,
        plan=event.plan or on.plan,
        plan_version=event.plan_version or on.plan_version,
        terms=event.terms or on.terms,
        month=event.month,
        open_from=row.open_from or event.month,
    )


@subscriptions.on(PlanChanged)
def plan_changed(row: SubscriptionRow, event: PlanChanged, at: RecordedEvent) -> SubscriptionRow:
    """For the same month the last change holds (B2)."""
    number = _span_number(row, event.month)
    change = PlanAhead(
        month=event.month,
        effective_on=event.effective_on,
        plan=event.plan,
        plan_version=event.plan_version,
        terms=event.terms,
        position=at.position or 0,
    )
    others = (each for each in row.spans[number].changes if each.month != event.month)
    changes = tuple(sorted((*others, change), key=lambda each: each.month))
    return _moved(row, at, spans=_with_span(row, number, changes=changes))


@subscriptions.on(SubscriptionCancelled)
def cancelled(row: SubscriptionRow, event: SubscriptionCancelled, at: RecordedEvent) -> SubscriptionRow:
    """It ends with its last month."""
    number = _span_number(row, event.last_month)
    return _moved(row, at, spans=_with_span(row, number, last_month=event.last_month, ends_at=event.ends_at))


def _span_number(row: SubscriptionRow, month: str) -> int:
    """The subscription that a change for a month is about: the last one begun by its end."""
    begun = [number for number, span in enumerate(row.spans) if f"{span.starts_on:%Y-%m}" <= month]
    return begun[-1] if begun else 0


def _with_span(row: SubscriptionRow, number: int, **changes: Any) -> tuple[Span, ...]:
    return (*row.spans[:number], replace(row.spans[number], **changes), *row.spans[number + 1 :])


@subscriptions.on(PeriodClosed)
def closed(row: SubscriptionRow, event: PeriodClosed, at: RecordedEvent) -> SubscriptionRow:
    """The next month is the earliest open one (B8)."""
    return _moved(row, at, open_from=month_after(event.month))


@subscriptions.on(
    HourPackPurchased, WorkRated, WorkRerated, WorkRevised, PendingWorkCarriedOver, GrantExpired, AllowanceExhausted
)
def went_on(row: SubscriptionRow, _: Event, at: RecordedEvent) -> SubscriptionRow:
    """Only where its stream stands."""
    return _moved(row, at)


def _own_month(event: MonthStarted) -> Iterable[Key]:
    return ((event.subscription_id, event.month),)


@months.on_each(MonthStarted, keys=_own_month)
def month_started(row: MonthRow | None, event: MonthStarted, at: RecordedEvent, _: Key) -> MonthRow:
    """Its fee is owed and its allowance granted; a new start in it adds to what its beginning was without."""
    position = at.position or 0
    if row is not None:
        return replace(
            row,
            granted_at=event.starts_at,
            ends_at=event.ends_at,
            fee_cents=row.fee_cents + event.fee_cents,
            allowance_seconds=row.allowance_seconds + event.allowance_seconds,
            rollover_cap_seconds=event.rollover_cap_seconds,
            positions=(*row.positions, position),
        )
    return MonthRow(
        subscription_id=event.subscription_id,
        month=event.month,
        customer_id=event.customer_id,
        starts_at=event.starts_at,
        granted_at=event.starts_at,
        ends_at=event.ends_at,
        fee_cents=event.fee_cents,
        allowance_seconds=event.allowance_seconds,
        rollover_cap_seconds=event.rollover_cap_seconds,
        positions=(position,),
    )


@months.on(PeriodClosed)
def month_closed(row: MonthRow, event: PeriodClosed, at: RecordedEvent) -> MonthRow:
    """What is posted in it stands for ever (B8)."""
    return replace(row, closed_at=event.occurred_at, positions=(*row.positions, at.position or 0))


@packs.begin(HourPackPurchased)
def hours_purchased(event: HourPackPurchased, at: RecordedEvent) -> PackRow:
    """Bought and not drawn from yet."""
    return PackRow(
        subscription_id=event.subscription_id,
        pack_id=event.pack_id,
        customer_id=event.customer_id,
        month=event.month,
        hours=event.hours,
        seconds=event.seconds,
        rate_cents_per_hour=event.rate_cents_per_hour,
        price_cents=event.price_cents,
        purchased_at=event.occurred_at,
        effective_at=event.effective_at,
        expires_at=event.expires_at,
        position=at.position or 0,
    )


_Changing = WorkRated | WorkRerated | WorkRevised | GrantExpired


def _changed_months(event: _Changing) -> Iterable[Key]:
    granting = [draw.month for _, draw in _signed_draws(event)]
    expired = [each.grant for each in _expired(event) if each.source != "pack"]
    return {(event.subscription_id, month): None for month in (*granting, *expired) if month is not None}


def _changed_packs(event: _Changing) -> Iterable[Key]:
    drawn = [draw.pack_id for _, draw in _signed_draws(event)]
    restored = [credit.pack_id for _, credit in _signed_restored(event)]
    expired = [each.grant for each in _expired(event) if each.source == "pack"]
    return {(event.subscription_id, pack): None for pack in (*drawn, *restored, *expired) if pack is not None}


@months.on_each(WorkRated, WorkRerated, WorkRevised, GrantExpired, keys=_changed_months)
def allowance_changed(row: MonthRow | None, event: _Changing, _: RecordedEvent, key: Key) -> MonthRow | None:
    """The difference that an event makes to a month whose allowance is drawn or expires. Credits restore none."""
    if row is None:
        raise LookupError(f"month {key!r} has not begun")
    drawn = {"allowance": 0, "rollover": 0}
    for sign, draw in _signed_draws(event):
        if draw.month == row.month:
            drawn[draw.source] += sign * draw.seconds
    expired = sum(each.seconds for each in _expired(event) if each.source != "pack" and each.grant == row.month)
    return replace(
        row,
        allowance_drawn=row.allowance_drawn + drawn["allowance"],
        rollover_drawn=row.rollover_drawn + drawn["rollover"],
        expired_seconds=row.expired_seconds + expired,
    )


@packs.on_each(WorkRated, WorkRerated, WorkRevised, GrantExpired, keys=_changed_packs)
def pack_changed(row: PackRow | None, event: _Changing, _: RecordedEvent, key: Key) -> PackRow | None:
    """The difference that an event makes to a pack that is drawn from, gets seconds back or expires."""
    if row is None:
        raise LookupError(f"pack {key!r} was never bought")
    drawn = sum(sign * draw.seconds for sign, draw in _signed_draws(event) if draw.pack_id == row.pack_id)
    restored = sum(sign * credit.seconds for sign, credit in _signed_restored(event) if credit.pack_id == row.pack_id)
    expired = sum(each.seconds for each in _expired(event) if each.source == "pack" and each.grant == row.pack_id)
    return replace(
        row, drawn_seconds=row.drawn_seconds + drawn - restored, expired_seconds=row.expired_seconds + expired
    )


def _signed_draws(event: _Changing) -> list[tuple[int, Draw]]:
    if isinstance(event, GrantExpired):
        return []
    before = () if isinstance(event, WorkRated) else event.before
    return [*((-1, draw) for draw in before), *((1, draw) for draw in event.draws)]


def _signed_restored(event: _Changing) -> list[tuple[int, Credit]]:
    """Credits that give seconds back to their pack; what is paid out stays drawn."""
    if not isinstance(event, WorkRevised):
        return []
    signed = [*((-1, each) for each in event.credits_before), *((1, each) for each in event.credits)]
    return [(sign, each) for sign, each in signed if each.restored]


def _expired(event: _Changing) -> tuple[Expiry, ...]:
    return (event.expired,) if isinstance(event, GrantExpired) else event.expired
