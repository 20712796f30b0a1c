"""What does a customer have, and what was drawn from it? Subscriptions with their months, packs and work entries."""

from collections.abc import Iterable
from datetime import date, datetime

from msgspec.structs import replace

from domain.event import Value
from domain.plan import Terms
from domain.recorded import RecordedEvent
from domain.subscription.events import (
    Draw,
    DrawSource,
    HourPackPurchased,
    MonthStarted,
    SubscriptionStarted,
    WorkClass,
    WorkRated,
    WorkRerated,
)
from projections.view import Index, Key, Row, Table, View


class SubscriptionRow(Row, frozen=True, kw_only=True):
    """A subscription. `open_from` is its earliest open month, `month` the one begun last; neither before the first."""

    subscription_id: str
    customer_id: str
    plan: str
    plan_version: int
    terms: Terms
    zone: str
    starts_on: date
    starts_at: datetime
    open_from: str | None = None
    month: str | None = None
    version: int
    position: int


class MonthRow(Row, frozen=True, kw_only=True):
    """A month that began. `allowance_drawn` seconds were drawn in it, `rollover_drawn` in the next from the rest."""

    subscription_id: str
    month: str
    customer_id: str
    starts_at: datetime
    ends_at: datetime
    fee_cents: int
    allowance_seconds: int
    rollover_cap_seconds: int
    allowance_drawn: int = 0
    rollover_drawn: int = 0
    position: int

    @property
    def rollover_seconds(self) -> int:
        """What serves the next month: the rest of the allowance, at most the cap (B6)."""
        return min(self.rollover_cap_seconds, self.allowance_seconds - self.allowance_drawn)


class PackRow(Row, frozen=True, kw_only=True):
    """Hours bought in advance; `month` is the one that the price is posted in."""

    subscription_id: str
    pack_id: str
    customer_id: str
    month: str
    hours: int
    seconds: int
    price_cents: int
    purchased_at: datetime
    effective_at: datetime
    expires_at: datetime | None
    drawn_seconds: int = 0
    position: int


class DrawnFrom(Value, frozen=True, kw_only=True):
    """A draw with the positions of the events that made it so."""

    source: DrawSource
    pack_id: str | None = None
    month: str | None = None
    seconds: int
    rate_cents_per_hour: int = 0
    multiplier: int = 1
    amount_cents: int = 0
    positions: tuple[int, ...]


class WorkRow(Row, frozen=True, kw_only=True):
    """A work entry with its draws posted in one month; `position` is that of its rating."""

    entry_id: str
    month: str
    subscription_id: str
    customer_id: str
    ticket_id: str
    case_number: str
    agent: str
    started_at: datetime
    rating_at: datetime
    duration_seconds: int
    billed_seconds: int
    work_class: WorkClass
    draws: tuple[DrawnFrom, ...]
    position: int


subscriptions = Table(
    "subscription",
    SubscriptionRow,
    key=("subscription_id",),
    indexes=(Index(("customer_id", "starts_at")),),
)
months = Table(
    "subscription_month",
    MonthRow,
    key=("subscription_id", "month"),
    indexes=(Index(("customer_id", "month")),),
)
packs = Table("hour_pack", PackRow, key=("subscription_id", "pack_id"), indexes=(Index(("customer_id", "month")),))
work = Table(
    "work_entry",
    WorkRow,
    key=("entry_id", "month"),
    indexes=(Index(("customer_id", "month", "rating_at")),),
)
VIEW = View("subscription", version=1, tables=(subscriptions, months, packs, work))


@subscriptions.begin(SubscriptionStarted)
def started(event: SubscriptionStarted, at: RecordedEvent) -> SubscriptionRow:
    """Terms are those of its start, until the plan is changed (B2)."""
    return SubscriptionRow(
        subscription_id=event.subscription_id,
        customer_id=event.customer_id,
        plan=event.plan,
        plan_version=event.plan_version,
        terms=event.terms,
        zone=event.zone,
        starts_on=event.starts_on,
        starts_at=event.starts_at,
        version=at.originator_version,
        position=at.position or 0,
    )


@subscriptions.on(MonthStarted)
def month_begun(row: SubscriptionRow, event: MonthStarted, at: RecordedEvent) -> SubscriptionRow:
    """The month is the present one."""
    position = at.position or 0
    open_from = row.open_from or event.month
    return replace(row, month=event.month, open_from=open_from, version=at.originator_version, position=position)


@subscriptions.on(HourPackPurchased, WorkRated, WorkRerated)
def went_on(row: SubscriptionRow, _: HourPackPurchased | WorkRated | WorkRerated, at: RecordedEvent) -> SubscriptionRow:
    """Only where its stream stands."""
    return replace(row, version=at.originator_version, position=at.position or 0)


@months.begin(MonthStarted)
def month_started(event: MonthStarted, at: RecordedEvent) -> MonthRow:
    """Its fee is owed and its allowance granted."""
    return MonthRow(
        subscription_id=event.subscription_id,
        month=event.month,
        customer_id=event.customer_id,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        fee_cents=event.fee_cents,
        allowance_seconds=event.allowance_seconds,
        rollover_cap_seconds=event.rollover_cap_seconds,
        position=at.position or 0,
    )


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
        price_cents=event.price_cents,
        purchased_at=event.occurred_at,
        effective_at=event.effective_at,
        expires_at=event.expires_at,
        position=at.position or 0,
    )


@work.begin(WorkRated)
def work_rated(event: WorkRated, at: RecordedEvent) -> WorkRow:
    """The entry with its first draws."""
    position = at.position or 0
    return WorkRow(
        entry_id=event.entry_id,
        month=event.month,
        subscription_id=event.subscription_id,
        customer_id=event.customer_id,
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        agent=event.agent,
        started_at=event.started_at,
        rating_at=event.rating_at,
        duration_seconds=event.duration_seconds,
        billed_seconds=event.billed_seconds,
        work_class=event.work_class,
        draws=tuple(_drawn(draw, (position,)) for draw in event.draws),
        position=position,
    )


@work.on(WorkRerated)
def work_rerated(row: WorkRow, event: WorkRerated, at: RecordedEvent) -> WorkRow:
    """A draw that stays as it was keeps its positions; another follows from the rating and from what changed it."""
    stood = {_taken(draw): draw for draw in row.draws}
    positions = (row.position, at.position or 0)
    drawn = (_drawn(draw, positions) for draw in event.draws)
    return replace(row, draws=tuple(stood.get(_taken(draw), draw) for draw in drawn))


def _drawn_months(event: WorkRated | WorkRerated) -> Iterable[Key]:
    return {(event.subscription_id, draw.month): None for draw in _all_draws(event) if draw.month is not None}


def _drawn_packs(event: WorkRated | WorkRerated) -> Iterable[Key]:
    return {(event.subscription_id, draw.pack_id): None for draw in _all_draws(event) if draw.pack_id is not None}


@months.on_each(WorkRated, WorkRerated, keys=_drawn_months)
def allowance_drawn(
    row: MonthRow | None, event: WorkRated | WorkRerated, _: RecordedEvent, key: Key
) -> MonthRow | None:
    """The difference that an entry's draws make to a month that granted some of them."""
    if row is None:
        raise LookupError(f"month {key!r} has not begun")
    drawn = {"allowance": 0, "rollover": 0}
    for sign, draw in _signed_draws(event):
        if draw.month == row.month:
            drawn[draw.source] += sign * draw.seconds
    return replace(
        row,
        allowance_drawn=row.allowance_drawn + drawn["allowance"],
        rollover_drawn=row.rollover_drawn + drawn["rollover"],
    )


@packs.on_each(WorkRated, WorkRerated, keys=_drawn_packs)
def pack_drawn(row: PackRow | None, event: WorkRated | WorkRerated, _: RecordedEvent, key: Key) -> PackRow | None:
    """The difference that an entry's draws make to a pack."""
    if row is None:
        raise LookupError(f"pack {key!r} was never bought")
    drawn = sum(sign * draw.seconds for sign, draw in _signed_draws(event) if draw.pack_id == row.pack_id)
    return replace(row, drawn_seconds=row.drawn_seconds + drawn)


def _signed_draws(event: WorkRated | WorkRerated) -> Iterable[tuple[int, Draw]]:
    before = event.before if isinstance(event, WorkRerated) else ()
    return [*((-1, draw) for draw in before), *((1, draw) for draw in event.draws)]


def _all_draws(event: WorkRated | WorkRerated) -> Iterable[Draw]:
    return (draw for _, draw in _signed_draws(event))


def _drawn(draw: Draw, positions: tuple[int, ...]) -> DrawnFrom:
    return DrawnFrom(
        source=draw.source,
        pack_id=draw.pack_id,
        month=draw.month,
        seconds=draw.seconds,
        rate_cents_per_hour=draw.rate_cents_per_hour,
        multiplier=draw.multiplier,
        amount_cents=draw.amount_cents,
        positions=positions,
    )


def _taken(draw: DrawnFrom) -> DrawnFrom:
    return replace(draw, positions=())
