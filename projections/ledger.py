"""Where did every cent and every second go? A double-entry journal in money and in seconds (SUPPORT_POLICY B10).

Amounts are signed: a debit is positive, a credit negative. An entry is what one event posts in one month; its lines add
up to zero in each commodity. An entry is never changed: what an event makes of earlier postings is an entry of its own.

account              commodity  what its balance says
receivable           money      what customers owe before payments
deferred_packs       money      (credit) packs sold and not worked off yet
income:subscription, income:packs, income:on_demand, income:emergency
                     money      (credit) what was earned by fees, by working packs off, on demand, by emergencies
memo:holds, memo:holds_offset
                     money      what pending emergencies would cost; owed by nobody yet
granted              seconds    (credit) allowances and packs given
allowance:<month>, pack:<id>
                     seconds    what is left of one of them
worked               seconds    time worked, as logged
rounding             seconds    what billing increment and minimum charge add to it (B3)
on_demand, emergency, hold, waived
                     seconds    (credit) billed time that no grant covered
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

import msgspec

from domain.recorded import RecordedEvent
from domain.subscription.events import Draw, HourPackPurchased, MonthStarted, Recognition, WorkRated, WorkRerated
from domain.ticket.events import WorkLogged
from projections.view import Index, Journal, Key, Row, Table, Total, View

Commodity = Literal["money", "seconds"]
EntryKind = Literal["month", "purchase", "work", "rerating", "recognition"]


class LedgerLine(Row, frozen=True, kw_only=True):
    """A line of a journal entry; `position` and `part` name the entry, `position` also the event that posted it.

    `subject` is what it is about: the month of a fee, the pack, the work entry. `caused_by` is the entry or pack whose
    arrival made it draw otherwise (B7). `worked_at` is its work date, `posted_at` its posting date, `period` the month
    that it belongs to in the desk's zone. `amount` is in cents of the desk's currency, or in seconds.
    """

    position: int
    part: int
    line: int
    kind: EntryKind
    customer_id: str
    subject: str
    caused_by: str | None
    occurred_at: datetime
    worked_at: datetime | None
    posted_at: datetime
    period: str
    account: str
    commodity: Commodity
    amount: int


class CauseRow(Row, frozen=True, kw_only=True):
    """The event that brought a work entry or a pack into being, which later entries are caused by."""

    cause_id: str
    kind: Literal["work", "pack"]
    position: int


def _cause(event: WorkLogged | HourPackPurchased) -> Iterable[Key]:
    return ((event.entry_id, "work") if isinstance(event, WorkLogged) else (event.pack_id, "pack"),)


causes = Table("ledger_cause", CauseRow, key=("cause_id", "kind"), keys=_cause)


class Posting(msgspec.Struct, frozen=True, gc=False):
    """An amount to be posted to an account."""

    account: str
    commodity: Commodity
    amount: int


journal = Journal(
    "ledger",
    LedgerLine,
    key=("position", "part", "line"),
    indexes=(
        Index(("customer_id", "position", "part", "line")),
        Index(("account", "position", "part", "line")),
        Index(("subject", "position", "part", "line")),
    ),
    totals=(Total("ledger_balance", by=("customer_id", "account", "commodity"), amount="amount"),),
)
VIEW = View("ledger", version=1, tables=(causes,), journals=(journal,))


@causes.begin(WorkLogged)
def work_logged(event: WorkLogged, at: RecordedEvent) -> CauseRow:
    """Work is rated because an agent logged it on a case."""
    return CauseRow(cause_id=event.entry_id, kind="work", position=at.position or 0)


@causes.begin(HourPackPurchased)
def pack_bought(event: HourPackPurchased, at: RecordedEvent) -> CauseRow:
    """Earlier work can be rated anew because a pack covers it."""
    return CauseRow(cause_id=event.pack_id, kind="pack", position=at.position or 0)


@journal.on(MonthStarted)
def month_started(event: MonthStarted, at: RecordedEvent) -> Iterable[LedgerLine]:
    """The fee is owed and earned; the allowance can be drawn (B2, B6)."""
    postings = (
        Posting("receivable", "money", event.fee_cents),
        Posting("income:subscription", "money", -event.fee_cents),
        Posting(f"allowance:{event.month}", "seconds", event.allowance_seconds),
        Posting("granted", "seconds", -event.allowance_seconds),
    )
    return _entry(event, at, postings, kind="month", subject=event.month, posted_at=event.starts_at)


@journal.on(HourPackPurchased)
def hours_purchased(event: HourPackPurchased, at: RecordedEvent) -> Iterable[LedgerLine]:
    """The price is owed now and earned as the hours are used (B6, B9)."""
    postings = (
        Posting("receivable", "money", event.price_cents),
        Posting("deferred_packs", "money", -event.price_cents),
        Posting(f"pack:{event.pack_id}", "seconds", event.seconds),
        Posting("granted", "seconds", -event.seconds),
    )
    return _entry(event, at, postings, kind="purchase", subject=event.pack_id, posted_at=event.occurred_at)


@journal.on(WorkRated)
def work_rated(event: WorkRated, at: RecordedEvent) -> Iterator[LedgerLine]:
    """Time worked is taken from its sources; what is not covered is owed (B5, B9)."""
    drawn = sum(draw.seconds for draw in event.draws)
    postings = [
        Posting("worked", "seconds", event.duration_seconds),
        Posting("rounding", "seconds", drawn - event.duration_seconds),
        *_draws(event.draws),
        *_recognised(event.recognised, event.month),
    ]
    yield from _entry(
        event, at, postings, kind="work", subject=event.entry_id, posted_at=event.rating_at, worked_at=event.started_at
    )
    yield from _in_other_months(event, at)


@journal.on(WorkRerated)
def work_rerated(event: WorkRerated, at: RecordedEvent) -> Iterator[LedgerLine]:
    """The difference between the former draws and the present ones (B7)."""
    drawn = sum(draw.seconds for draw in event.draws) - sum(draw.seconds for draw in event.before)
    postings = [
        Posting("rounding", "seconds", drawn),
        *(Posting(each.account, each.commodity, -each.amount) for each in _draws(event.before)),
        *_draws(event.draws),
        *_recognised(event.recognised, event.month),
    ]
    yield from _entry(
        event,
        at,
        postings,
        kind="rerating",
        subject=event.entry_id,
        posted_at=event.rating_at,
        worked_at=event.started_at,
        caused_by=event.caused_by,
    )
    yield from _in_other_months(event, at)


def _in_other_months(event: WorkRated | WorkRerated, at: RecordedEvent) -> Iterator[LedgerLine]:
    """Rounded cents of a pack's income can move in later months than the entry's: each has a journal entry."""
    months = sorted({each.month for each in event.recognised} - {event.month})
    for part, month in enumerate(months, 1):
        yield from _entry(
            event,
            at,
            _recognised(event.recognised, month),
            part=part,
            kind="recognition",
            subject=event.entry_id,
            posted_at=event.occurred_at,
            period=month,
            worked_at=event.started_at,
            caused_by=event.caused_by if isinstance(event, WorkRerated) else None,
        )


def _draws(draws: Iterable[Draw]) -> Iterator[Posting]:
    for draw in draws:
        yield Posting(_time_account(draw), "seconds", -draw.seconds)
        if draw.source == "hold":
            yield Posting("memo:holds", "money", draw.amount_cents)
            yield Posting("memo:holds_offset", "money", -draw.amount_cents)
        elif draw.amount_cents:
            yield Posting("receivable", "money", draw.amount_cents)
            yield Posting(f"income:{draw.source}", "money", -draw.amount_cents)


def _time_account(draw: Draw) -> str:
    if draw.source in {"allowance", "rollover"}:
        return f"allowance:{draw.month}"
    return f"pack:{draw.pack_id}" if draw.source == "pack" else draw.source


def _recognised(recognised: Iterable[Recognition], month: str) -> Iterator[Posting]:
    for each in recognised:
        if each.month == month:
            yield Posting("deferred_packs", "money", each.amount_cents)
            yield Posting("income:packs", "money", -each.amount_cents)


def _entry(
    event: MonthStarted | HourPackPurchased | WorkRated | WorkRerated,
    at: RecordedEvent,
    postings: Iterable[Posting],
    *,
    kind: EntryKind,
    subject: str,
    posted_at: datetime,
    period: str | None = None,
    worked_at: datetime | None = None,
    caused_by: str | None = None,
    part: int = 0,
) -> Iterator[LedgerLine]:
    """Yield a line for each account whose balance an entry changes, debits and credits of one account netted."""
    amounts: dict[tuple[str, Commodity], int] = {}
    for posting in postings:
        place = posting.account, posting.commodity
        amounts[place] = amounts.get(place, 0) + posting.amount
    lines = ((account, commodity, amount) for (account, commodity), amount in amounts.items() if amount)
    for line, (account, commodity, amount) in enumerate(lines, 1):
        yield LedgerLine(
            position=at.position or 0,
            part=part,
            line=line,
            kind=kind,
            customer_id=event.customer_id,
            subject=subject,
            caused_by=caused_by,
            occurred_at=event.occurred_at,
            worked_at=worked_at,
            posted_at=posted_at,
            period=period or event.month,
            account=account,
            commodity=commodity,
            amount=amount,
        )
