"""What did a work entry draw, month by month? One row an entry: its facts, and what is posted of it in each month.

A posting keeps the facts that it was made by, so that a closed month shows them as frozen (SUPPORT_POLICY B8).
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from domain.event import Value
from domain.recorded import RecordedEvent
from domain.subscription.events import (
    Credit,
    Draw,
    DrawSource,
    PendingWorkCarriedOver,
    Purpose,
    WorkClass,
    WorkRated,
    WorkRerated,
    WorkRevised,
)
from projections.view import Index, Row, Table


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


class GivenBack(Value, frozen=True, kw_only=True):
    """A credit with the positions of the events behind it: those of the draw that it takes back, and its own."""

    source: DrawSource
    posted_month: str
    pack_id: str | None = None
    month: str | None = None
    seconds: int
    rate_cents_per_hour: int = 0
    multiplier: int = 1
    amount_cents: int = 0
    restored: bool = False
    positions: tuple[int, ...]


class Posting(Value, frozen=True, kw_only=True):
    """What is posted of an entry in one month, with the facts that it was rated by.

    `positions` are the events that these facts come from.
    """

    month: str
    ticket_id: str
    case_number: str
    duration_seconds: int
    billed_seconds: int
    work_class: WorkClass
    purpose: Purpose
    rating_at: datetime
    draws: tuple[DrawnFrom, ...] = ()
    credits: tuple[GivenBack, ...] = ()
    positions: tuple[int, ...]


class WorkRow(Row, frozen=True, kw_only=True):
    """A work entry by the facts known now, and its postings, oldest month first.

    `positions` are the events that its facts come from: its rating and its last revision. Nothing is posted outside
    the months from `first_month`, that of its first draw, in which it counts as worked, to `last_month`.
    """

    entry_id: str
    subscription_id: str
    customer_id: str
    ticket_id: str
    case_number: str
    agent: str
    started_at: datetime
    duration_seconds: int
    voided: bool = False
    billed_seconds: int
    work_class: WorkClass
    purpose: Purpose
    first_month: str
    last_month: str
    postings: tuple[Posting, ...]
    positions: tuple[int, ...]

    def posting(self, month: str) -> Posting | None:
        """Return what is posted in a month."""
        return next((each for each in self.postings if each.month == month), None)


work = Table(
    "work_entry",
    WorkRow,
    key=("entry_id",),
    indexes=(Index(("customer_id", "last_month", "first_month")), Index(("customer_id", "started_at"))),
)


@work.begin(WorkRated)
def rated(event: WorkRated, at: RecordedEvent) -> WorkRow:
    """The entry with its first draws."""
    positions = (at.position or 0,)
    posting = Posting(
        month=event.month,
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        duration_seconds=event.duration_seconds,
        billed_seconds=event.billed_seconds,
        work_class=event.work_class,
        purpose=event.purpose,
        rating_at=event.rating_at,
        draws=tuple(_drawn(draw, positions) for draw in event.draws),
        positions=positions,
    )
    return WorkRow(
        entry_id=event.entry_id,
        subscription_id=event.subscription_id,
        customer_id=event.customer_id,
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        agent=event.agent,
        started_at=event.started_at,
        duration_seconds=event.duration_seconds,
        billed_seconds=event.billed_seconds,
        work_class=event.work_class,
        purpose=event.purpose,
        first_month=event.month,
        last_month=event.month,
        postings=(posting,),
        positions=positions,
    )


@work.on(WorkRerated)
def rerated(row: WorkRow, event: WorkRerated, at: RecordedEvent) -> WorkRow:
    """A draw that stays as it was keeps its positions; another follows from the facts and from what changed it."""
    posting = row.posting(event.month)
    if posting is None:
        raise LookupError(f"entry {event.entry_id} has no draw in {event.month}")
    draws = _draws(event.draws, posting, (*row.positions, at.position or 0))
    return _posted(row, replace(posting, draws=draws))


@work.on(WorkRevised)
def revised(row: WorkRow, event: WorkRevised, at: RecordedEvent) -> WorkRow:
    """Its facts are others; what is posted in closed months stands."""
    position = at.position or 0
    positions = (row.positions[0], position)
    stood = row.posting(event.month)
    posting = Posting(
        month=event.month,
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        duration_seconds=event.duration_seconds,
        billed_seconds=event.billed_seconds,
        work_class=event.work_class,
        purpose=event.purpose,
        rating_at=event.rating_at,
        draws=_draws(event.draws, stood, positions),
        credits=_credits(event.credits, row, stood, position),
        positions=positions,
    )
    changed = replace(
        row,
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        duration_seconds=event.duration_seconds,
        voided=event.voided,
        billed_seconds=event.billed_seconds,
        work_class=event.work_class,
        purpose=event.purpose,
        positions=positions,
    )
    return _posted(changed, posting)


@work.on(PendingWorkCarriedOver)
def carried_over(row: WorkRow, event: PendingWorkCarriedOver, at: RecordedEvent) -> WorkRow:
    """Its hold moves on from a month that was closed; credits of that month stay (B8)."""
    held = row.posting(event.from_month)
    if held is None:
        raise LookupError(f"entry {event.entry_id} has no hold in {event.from_month}")
    draws = _draws(event.draws, None, (*row.positions, at.position or 0))
    moved = replace(held, month=event.month, rating_at=event.rating_at, draws=draws, credits=())
    return _posted(_posted(row, replace(held, draws=())), moved)


def _posted(row: WorkRow, posting: Posting) -> WorkRow:
    """Return the row with a posting in its month, or none there if nothing is left of it."""
    others = [each for each in row.postings if each.month != posting.month]
    if posting.draws or posting.credits:
        others.append(posting)
    postings = tuple(sorted(others, key=lambda each: each.month))
    if not postings:
        return replace(row, postings=())
    return replace(row, postings=postings, first_month=postings[0].month, last_month=postings[-1].month)


def _draws(draws: Iterable[Draw], stood: Posting | None, positions: tuple[int, ...]) -> tuple[DrawnFrom, ...]:
    return _kept(stood.draws if stood else (), [_drawn(draw, positions) for draw in draws], _without_positions)


def _credits(credits_: Iterable[Credit], row: WorkRow, stood: Posting | None, position: int) -> tuple[GivenBack, ...]:
    given = [_given_back(each, row, position) for each in credits_]
    return _kept(stood.credits if stood else (), given, _without_positions)


P = TypeVar("P", DrawnFrom, GivenBack)


def _kept(stood: Sequence[P], now: Sequence[P], bare: Callable[[P], P]) -> tuple[P, ...]:
    """Return those of now, each as it stood if it stood already."""
    known = {bare(each): each for each in stood}
    return tuple(known.get(bare(each), each) for each in now)


def _without_positions(each: P) -> P:
    return replace(each, positions=())


def _drawn(draw: Draw, positions: tuple[int, ...]) -> DrawnFrom:
    return DrawnFrom(**msgspec.structs.asdict(draw), positions=positions)


def _given_back(credit: Credit, row: WorkRow, position: int) -> GivenBack:
    frozen = row.posting(credit.posted_month)
    taken_back = {
        position
        for draw in (frozen.draws if frozen else ())
        if (draw.source, draw.pack_id, draw.month) == (credit.source, credit.pack_id, credit.month)
        for position in draw.positions
    }
    return GivenBack(**msgspec.structs.asdict(credit), positions=tuple(sorted(taken_back | {position})))
