"""What later facts take back of an entry whose draws are frozen (SUPPORT_POLICY B8)."""

from msgspec.structs import replace

from domain.money import amount_cents
from domain.rating.book import Book, Pack
from domain.rating.entries import Entry, Standing
from domain.rating.waterfall import billed_seconds
from domain.subscription.commands import WorkRevision
from domain.subscription.events import Credit, Draw


def revised(book: Book, entry: Entry, facts: WorkRevision) -> Entry:
    """Return an entry with other facts, its credits settled and not rated yet: without draws.

    An entry of a closed month moves to the start of the earliest open one; what stands of it there is frozen.
    """
    entry = settling(book, entry)
    terms = book.month_at(entry.started_at).terms
    entry = replace(
        entry,
        ticket_id=facts.ticket_id,
        case_number=facts.case_number,
        duration_seconds=facts.duration_seconds,
        voided=facts.voided,
        work_class=facts.work_class,
        purpose=facts.purpose,
        revised=True,
        billed_seconds=0 if facts.voided else billed_seconds(facts.duration_seconds, terms),
        draws=(),
        credits=(),
    )
    return replace(entry, credits=_credits(entry, book)) if entry.frozen else entry


def settling(book: Book, entry: Entry) -> Entry:
    """Return an entry as facts that arrive now are settled with it: frozen first, if its month was closed."""
    if book.is_open(entry):
        return entry
    return replace(
        entry,
        rating_at=book.open_from,
        frozen=standing(entry, book.month_at(entry.rating_at).month),
        frozen_class=entry.work_class,
        draws=(),
        credits=(),
    )


def carried_over(book: Book, entry: Entry) -> Entry:
    """Return pending work of a month that was closed with its hold in the next one (B8); a hold is never frozen."""
    moved = settling(book, entry)
    frozen = tuple(each for each in moved.frozen if each.draw.source != "hold")
    return replace(moved, frozen=frozen, draws=entry.draws)


def standing(entry: Entry, month: str) -> tuple[Standing, ...]:
    """Return all draws of an entry less its credits, as they were made; `month` is that of its rating time."""
    credited = {_identity(each.posted_month, each): each.seconds for each in entry.credits}
    rests = (
        (each, each.draw.seconds - credited.get(_identity(each.posted_month, each.draw), 0)) for each in entry.frozen
    )
    frozen = (replace(each, draw=_part(each.draw, rest)) for each, rest in rests if rest)
    return (*frozen, *(Standing(posted_month=month, draw=draw) for draw in entry.draws))


def _credits(entry: Entry, book: Book) -> tuple[Credit, ...]:
    """Return what is taken back of the frozen draws, last draw first; they are in the order they were made."""
    excess = sum(each.draw.seconds for each in entry.frozen)
    if entry.work_class == entry.frozen_class:
        excess -= entry.billed_seconds
    found = []
    for each in reversed(entry.frozen):
        if excess <= 0:
            break
        seconds = min(excess, each.draw.seconds)
        excess -= seconds
        found.append(_credit(each, seconds, book))
    return tuple(found)


def _credit(stands: Standing, seconds: int, book: Book) -> Credit:
    draw = stands.draw
    credit = Credit(
        source=draw.source,
        posted_month=stands.posted_month,
        seconds=seconds,
        amount_cents=draw.amount_cents - _part(draw, draw.seconds - seconds).amount_cents,
        rate_cents_per_hour=draw.rate_cents_per_hour,
        multiplier=draw.multiplier,
        pack_id=draw.pack_id,
        month=draw.month,
    )
    if draw.pack_id is None:
        return credit
    pack = book.packs[draw.pack_id]
    if _covers_after(pack, book):
        return replace(credit, restored=True)
    rate = pack.rate_cents_per_hour
    value_cents = amount_cents(draw.seconds, rate) - amount_cents(draw.seconds - seconds, rate)
    return replace(credit, amount_cents=value_cents, rate_cents_per_hour=rate)


def _covers_after(pack: Pack, book: Book) -> bool:
    return pack.expires_at is None or pack.expires_at > book.open_from


def _part(draw: Draw, seconds: int) -> Draw:
    """Return what is left of a draw; the amounts of both parts add up to that of the whole (B9)."""
    cents = amount_cents(seconds, draw.rate_cents_per_hour, draw.multiplier)
    return replace(draw, seconds=seconds, amount_cents=cents)


def _identity(posted_month: str, part: Draw | Credit) -> tuple[str | None, ...]:
    """Name a draw among those of one entry: in one month it draws at most once from each source and grant."""
    return posted_month, part.source, part.pack_id, part.month
