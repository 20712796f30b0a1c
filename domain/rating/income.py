"""What a change of draws recognises of packs, and leaves to expire otherwise than recorded (SUPPORT_POLICY B6, B9)."""

from collections.abc import Iterable, Iterator

from domain.rating.book import Book, Grant, GrantSource, Month, Pack
from domain.rating.months import month_after
from domain.subscription.events import Expiry, Recognition


def recognitions(before: Book, after: Book, touched: Iterable[Grant]) -> tuple[Recognition, ...]:
    """Return the pack income that the step from one book to the other recognises, or takes back, by month (B9).

    `touched` has the grants that differ, at least.
    """
    found = []
    for _, pack_id in sorted(grant for grant in touched if grant[0] == "pack"):
        was, now = before.packs[pack_id].recognised(), after.packs[pack_id].recognised()
        changes = ((month, now.get(month, 0) - was.get(month, 0)) for month in sorted(was.keys() | now.keys()))
        found += [Recognition(pack_id=pack_id, month=month, amount_cents=cents) for month, cents in changes if cents]
    return tuple(found)


def expired(before: Book, after: Book, touched: Iterable[Grant]) -> tuple[Expiry, ...]:
    """Return how much more or less the step from one book to the other leaves of grants whose expiry is recorded."""
    found = []
    for source, grant in sorted({(source, grant) for each in touched for source, grant in _shared(each)}):
        was, now = _recorded(before, source, grant), _recorded(after, source, grant)
        if was is not None and now is not None and was != now:
            seconds, cents = now.seconds - was.seconds, now.amount_cents - was.amount_cents
            found.append(Expiry(source=source, grant=grant, month=now.month, seconds=seconds, amount_cents=cents))
    return tuple(found)


def expiring(book: Book, source: GrantSource, grant: str, month: str) -> Expiry:
    """Return what is left of a grant that expires; `month` is the one that the expiry is posted in (B6, B10).

    Of an allowance that is what does not roll over, of a pack the amount is its price less all income recognised.
    """
    if source == "pack":
        return _of_pack(book.packs[grant], month)
    granted = book.month_named(grant)
    seconds = granted.rollover_left if source == "rollover" else granted.allowance_left - granted.rollover_seconds
    return Expiry(source=source, grant=grant, month=month, seconds=seconds)


def _of_pack(pack: Pack, month: str) -> Expiry:
    cents = pack.price_cents - pack.recognised_cents
    return Expiry(source="pack", grant=pack.pack_id, month=month, seconds=pack.remaining_seconds, amount_cents=cents)


def _shared(grant: Grant) -> Iterator[Grant]:
    """Tell the grants whose rest depends on draws of one: what a month's allowance leaves can roll over."""
    source, name = grant
    if source == "pack":
        yield grant
    else:
        yield ("allowance", name)
        yield ("rollover", name)


def _recorded(book: Book, source: GrantSource, grant: str) -> Expiry | None:
    if source == "pack":
        pack = book.packs[grant]
        return None if pack.expired_in is None else _of_pack(pack, pack.expired_in)
    month: Month = book.month_named(grant)
    if source == "allowance":
        return expiring(book, source, grant, grant) if month.allowance_expired else None
    return expiring(book, source, grant, month_after(grant)) if month.rollover_expired else None
