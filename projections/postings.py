"""Which accounts does a draw, a credit or an expiry move? Signed amounts: a debit is positive, a credit negative.

The postings of a whole event balance in each commodity; time that is drawn is balanced by time worked and its rounding
(`projections.ledger` has the table of accounts).
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from domain.subscription.events import Credit, Draw, Expiry, Recognition

Commodity = Literal["money", "seconds"]


class Posting(msgspec.Struct, frozen=True, gc=False):
    """An amount to be posted to an account, in cents of the desk's currency or in seconds."""

    account: str
    commodity: Commodity
    amount: int


def drawn(draws: Iterable[Draw], sign: int = 1) -> Iterator[Posting]:
    """Time leaves its source; what no grant covers is owed and earned (B5). `sign` -1 takes former draws back."""
    for draw in draws:
        seconds, cents = sign * draw.seconds, sign * draw.amount_cents
        yield Posting(_time_account(draw), "seconds", -seconds)
        if draw.source == "hold":
            yield Posting("memo:holds", "money", cents)
            yield Posting("memo:holds_offset", "money", -cents)
        elif cents:
            yield Posting("receivable", "money", cents)
            yield Posting(f"income:{draw.source}", "money", -cents)


def credited(credits_: Iterable[Credit], sign: int = 1) -> Iterator[Posting]:
    """Time of a closed month is given back: to its pack, or in money; an allowance's has expired by then (B8)."""
    for credit in credits_:
        seconds, cents = sign * credit.seconds, sign * credit.amount_cents
        expired = credit.source in {"allowance", "rollover", "pack"} and not credit.restored
        yield Posting("expired" if expired else _time_account(credit), "seconds", seconds)
        if cents:
            yield Posting("receivable", "money", -cents)
            yield Posting("income:packs" if credit.source == "pack" else f"income:{credit.source}", "money", cents)


def seconds_of(draws: Iterable[Draw], credits_: Iterable[Credit] = ()) -> int:
    """The billed time that draws take, less what credits give back."""
    return sum(draw.seconds for draw in draws) - sum(credit.seconds for credit in credits_)


def recognised(recognitions: Iterable[Recognition], month: str) -> Iterator[Posting]:
    """Income from packs that a month earns as they are used (B9)."""
    for each in recognitions:
        if each.month == month:
            yield Posting("deferred_packs", "money", each.amount_cents)
            yield Posting("income:packs", "money", -each.amount_cents)


def expired(expiries: Iterable[Expiry], month: str) -> Iterator[Posting]:
    """What a grant has left when it expires in a month, and what that earns of a pack (B6, B10)."""
    for each in expiries:
        if each.month == month:
            account = f"pack:{each.grant}" if each.source == "pack" else f"allowance:{each.grant}"
            yield Posting(account, "seconds", -each.seconds)
            yield Posting("expired", "seconds", each.seconds)
            yield Posting("deferred_packs", "money", each.amount_cents)
            yield Posting("income:breakage", "money", -each.amount_cents)


def _time_account(taken: Draw | Credit) -> str:
    if taken.source in {"allowance", "rollover"}:
        return f"allowance:{taken.month}"
    return f"pack:{taken.pack_id}" if taken.source == "pack" else taken.source
