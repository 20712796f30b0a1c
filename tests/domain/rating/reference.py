"""The rules B2-B7 and B9 once more, naively: every balance is summed up anew from all draws made before.

Slow, without any cleverness, and sharing nothing with the code it checks but the input types.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple


class RefMonth(NamedTuple):
    name: str
    starts_at: datetime
    ends_at: datetime
    allowance: int
    cap: int
    rate: int
    multiplier: int


class RefPack(NamedTuple):
    pack_id: str
    seconds: int
    price: int
    effective_at: datetime
    expires_at: datetime | None


class RefEntry(NamedTuple):
    entry_id: str
    started_at: datetime
    work_class: str
    billed: int


class RefDraw(NamedTuple):
    entry_id: str
    posted_in: str
    source: str
    grant: str | None
    seconds: int
    cents: int


def bill(months: list[RefMonth], packs: list[RefPack], entries: Iterable[RefEntry]) -> list[RefDraw]:
    """Rate all entries in B7's order."""
    made: list[RefDraw] = []

    def drawn(source: str, grant: str) -> int:
        return sum(draw.seconds for draw in made if (draw.source, draw.grant) == (source, grant))

    for entry in sorted(entries, key=lambda e: (e.started_at, e.started_at, e.entry_id.encode())):
        number, month = next((n, m) for n, m in enumerate(months) if m.starts_at <= entry.started_at < m.ends_at)
        available: list[tuple[str, str, int]] = []
        if entry.work_class == "included":
            if number > 0:
                before = months[number - 1]
                unused = before.allowance - drawn("allowance", before.name)
                available.append(("rollover", before.name, min(unused, before.cap) - drawn("rollover", before.name)))
            available.append(("allowance", month.name, month.allowance - drawn("allowance", month.name)))
        if entry.work_class in ("included", "billable"):
            covering = [
                pack
                for pack in packs
                if pack.effective_at <= entry.started_at
                and (pack.expires_at is None or entry.started_at < pack.expires_at)
            ]
            without_expiry = [pack for pack in covering if pack.expires_at is None]
            with_expiry = [pack for pack in covering if pack.expires_at is not None]
            in_order = sorted(with_expiry, key=lambda p: (p.expires_at, p.effective_at, p.pack_id.encode())) + sorted(
                without_expiry, key=lambda p: (p.effective_at, p.pack_id.encode())
            )
            available += [("pack", p.pack_id, p.seconds - drawn("pack", p.pack_id)) for p in in_order]
        needed = entry.billed
        for source, grant, left in available:
            taken = min(needed, left)
            if taken:
                made.append(RefDraw(entry.entry_id, month.name, source, grant, taken, 0))
                needed -= taken
        if needed:
            source, multiplier = {
                "included": ("on_demand", 1),
                "billable": ("on_demand", 1),
                "emergency": ("emergency", month.multiplier),
                "pending": ("hold", month.multiplier),
                "waived": ("waived", 0),
            }[entry.work_class]
            cents = rounded(Decimal(needed) * month.rate * multiplier / 3600)
            made.append(RefDraw(entry.entry_id, month.name, source, None, needed, cents))
    return made


def pack_income(packs: list[RefPack], draws: list[RefDraw]) -> Counter[tuple[str, str]]:
    """Income by (pack, month): draw after draw, what the share of all so far is above what it was before."""
    income: Counter[tuple[str, str]] = Counter()
    for pack in packs:
        so_far = 0
        for draw in draws:
            if draw.source == "pack" and draw.grant == pack.pack_id:
                before = rounded(Decimal(so_far) * pack.price / pack.seconds)
                so_far += draw.seconds
                income[pack.pack_id, draw.posted_in] += rounded(Decimal(so_far) * pack.price / pack.seconds) - before
    return income


def rounded(cents: Decimal) -> int:
    return int(cents.quantize(Decimal(1), ROUND_HALF_UP))
