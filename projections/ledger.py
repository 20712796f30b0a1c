"""Where did every cent and every second go? A double-entry journal in money and in seconds (SUPPORT_POLICY B10).

Amounts are signed: a debit is positive, a credit negative. An entry is what one event posts in one month; its lines add
up to zero in each commodity. An entry is never changed: what an event makes of earlier postings is an entry of its own.

account              commodity  what its balance says
receivable           money      what customers owe before payments
deferred_packs       money      (credit) packs sold and neither worked off nor expired
income:subscription, income:packs, income:on_demand, income:emergency, income:breakage
                     money      (credit) what was earned by fees, by working packs off, on demand, by emergencies and
                                by packs that expired, less what was given back
memo:holds, memo:holds_offset
                     money      what pending emergencies would cost; owed by nobody yet
granted              seconds    (credit) allowances and packs given
allowance:<month>, pack:<id>
                     seconds    what is left of one of them
expired              seconds    what of them served nobody: left at their expiry, or given back after it
worked               seconds    time worked, by the facts known now
rounding             seconds    what billing increment and minimum charge add to it (B3)
on_demand, emergency, hold, waived
                     seconds    (credit) billed time that no grant covered
carried_over         seconds    holds on their way from a closed month to the next; 0 over all months
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Literal

from domain.event import Event
from domain.recorded import RecordedEvent
from domain.subscription.events import (
    GrantExpired,
    HourPackPurchased,
    MonthStarted,
    PendingWorkCarriedOver,
    PeriodClosed,
    WorkRated,
    WorkRerated,
    WorkRevised,
)
from domain.ticket.events import (
    CategoryChanged,
    CauseRuled,
    EmergencyAccepted,
    EmergencyDeclined,
    ScopeDecided,
    WorkCorrected,
    WorkLogged,
    WorkVoided,
)
from domain.ticket.split_merge_events import TicketAbsorbed, TicketMerged, TicketSplit, TicketSplitOff
from projections.postings import Commodity, Posting, credited, drawn, expired, recognised, seconds_of
from projections.view import Index, Journal, Row, Total, View

EntryKind = Literal["month", "purchase", "work", "rerating", "revision", "carry_over", "expiry", "breakage", "knock_on"]
"""`expiry` is that of an allowance, `breakage` that of a pack; `knock_on` is what an event about work moves in other
months than that of the work: income from a pack, and what a grant had left when it expired."""


class LedgerLine(Row, frozen=True, kw_only=True):
    """A line of a journal entry; `position` and `part` name the entry, `position` also the event that posted it.

    `subject` is what it is about: the month of a fee, the pack, the work entry. `caused_by` is the entry or pack whose
    arrival made it draw otherwise (B7), `command_id` the command that it came from. `worked_at` is its work date,
    `posted_at` its posting date, `period` the month that it belongs to in the desk's zone. `amount` is in cents of the
    desk's currency, or in seconds.
    """

    position: int
    part: int
    line: int
    kind: EntryKind
    customer_id: str
    subject: str
    caused_by: str | None
    command_id: str
    occurred_at: datetime
    worked_at: datetime | None
    posted_at: datetime
    period: str
    account: str
    commodity: Commodity
    amount: int


class CauseRow(Row, frozen=True, kw_only=True):
    """An event that entries are caused by: of a work entry or a pack, by its id, or of a command, by the command's.

    What is said on a case (a correction, a decision, a split) reaches the subscription by one command.
    """

    cause_id: str
    kind: Literal["work", "pack", "command"]
    position: int


causes = Journal("ledger_cause", CauseRow, key=("cause_id", "kind", "position"), indexes=(Index(("position", "kind")),))
journal = Journal(
    "ledger",
    LedgerLine,
    key=("position", "part", "line"),
    indexes=(
        Index(("customer_id", "position", "part", "line")),
        Index(("account", "position", "part", "line")),
        Index(("subject", "position", "part", "line")),
        Index(("command_id",)),
        Index(("caused_by",), where="caused_by IS NOT NULL"),
    ),
    totals=(Total("ledger_balance", by=("customer_id", "account", "commodity"), amount="amount"),),
)
VIEW = View("ledger", version=2, journals=(causes, journal))


@causes.on(WorkLogged)
def work_logged(event: WorkLogged, at: RecordedEvent) -> Iterable[CauseRow]:
    """Work is rated because an agent logged it on a case."""
    return (CauseRow(cause_id=event.entry_id, kind="work", position=at.position or 0),)


@causes.on(HourPackPurchased)
def pack_bought(event: HourPackPurchased, at: RecordedEvent) -> Iterable[CauseRow]:
    """Earlier work can be rated anew because a pack covers it."""
    return (CauseRow(cause_id=event.pack_id, kind="pack", position=at.position or 0),)


def decided(_: Event, at: RecordedEvent) -> Iterable[CauseRow]:
    """Work is rated anew because of what was said of it or of its case, or because its month was closed."""
    return (CauseRow(cause_id=at.metadata.command_id, kind="command", position=at.position or 0),)


_DECISIONS: tuple[type[Event], ...] = (
    WorkCorrected,
    WorkVoided,
    ScopeDecided,
    CauseRuled,
    EmergencyAccepted,
    EmergencyDeclined,
    CategoryChanged,
    TicketSplit,
    TicketSplitOff,
    TicketMerged,
    TicketAbsorbed,
    PeriodClosed,
)
for _decision in _DECISIONS:
    causes.on(_decision)(decided)


@journal.on(MonthStarted)
def month_started(event: MonthStarted, at: RecordedEvent) -> Iterable[LedgerLine]:
    """The fee is owed and earned; the allowance can be drawn (B2, B6)."""
    postings = (
        Posting("receivable", "money", event.fee_cents),
        Posting("income:subscription", "money", -event.fee_cents),
        Posting(f"allowance:{event.month}", "seconds", event.allowance_seconds),
        Posting("granted", "seconds", -event.allowance_seconds),
    )
    return _entry(event, at, postings, kind="month", subject=event.month, posted_at=event.starts_at, period=event.month)


@journal.on(HourPackPurchased)
def hours_purchased(event: HourPackPurchased, at: RecordedEvent) -> Iterable[LedgerLine]:
    """The price is owed now and earned as the hours are used (B6, B9)."""
    postings = (
        Posting("receivable", "money", event.price_cents),
        Posting("deferred_packs", "money", -event.price_cents),
        Posting(f"pack:{event.pack_id}", "seconds", event.seconds),
        Posting("granted", "seconds", -event.seconds),
    )
    return _entry(
        event, at, postings, kind="purchase", subject=event.pack_id, posted_at=event.occurred_at, period=event.month
    )


@journal.on(WorkRated)
def work_rated(event: WorkRated, at: RecordedEvent) -> Iterator[LedgerLine]:
    """Time worked is taken from its sources; what is not covered is owed (B5, B9)."""
    postings = [
        Posting("worked", "seconds", event.duration_seconds),
        Posting("rounding", "seconds", seconds_of(event.draws) - event.duration_seconds),
        *drawn(event.draws),
    ]
    return _of_work(event, at, postings, "work")


@journal.on(WorkRerated)
def work_rerated(event: WorkRerated, at: RecordedEvent) -> Iterator[LedgerLine]:
    """The difference between the former draws and the present ones (B7)."""
    postings = [
        Posting("rounding", "seconds", seconds_of(event.draws) - seconds_of(event.before)),
        *drawn(event.before, -1),
        *drawn(event.draws),
    ]
    return _of_work(event, at, postings, "rerating")


@journal.on(WorkRevised)
def work_revised(event: WorkRevised, at: RecordedEvent) -> Iterator[LedgerLine]:
    """The difference that other facts make: to draws of an open month, and in credits of those of closed ones (B8)."""
    worked = (0 if event.voided else event.duration_seconds) - event.worked_before_seconds
    billed = seconds_of(event.draws, event.credits) - seconds_of(event.before, event.credits_before)
    postings = [
        Posting("worked", "seconds", worked),
        Posting("rounding", "seconds", billed - worked),
        *drawn(event.before, -1),
        *drawn(event.draws),
        *credited(event.credits_before, -1),
        *credited(event.credits),
    ]
    return _of_work(event, at, postings, "revision")


@journal.on(PendingWorkCarriedOver)
def pending_work_carried_over(event: PendingWorkCarriedOver, at: RecordedEvent) -> Iterator[LedgerLine]:
    """A hold leaves the closed month at its end and stands in the next: an entry in each (B8)."""
    seconds = seconds_of(event.draws)
    for part, (period, sign) in enumerate(((event.from_month, -1), (event.month, 1))):
        yield from _entry(
            event,
            at,
            [Posting("carried_over", "seconds", sign * seconds), *drawn(event.draws, sign)],
            part=part,
            kind="carry_over",
            subject=event.entry_id,
            posted_at=event.rating_at,
            period=period,
            worked_at=event.started_at,
        )


@journal.on(GrantExpired)
def grant_expired(event: GrantExpired, at: RecordedEvent) -> Iterable[LedgerLine]:
    """What a grant has left serves nobody any more; of a pack it is earned (B6)."""
    grant = event.expired
    return _entry(
        event,
        at,
        expired((grant,), grant.month),
        kind="breakage" if grant.source == "pack" else "expiry",
        subject=grant.grant,
        posted_at=event.expired_at,
        period=grant.month,
    )


def _of_work(
    event: WorkRated | WorkRerated | WorkRevised, at: RecordedEvent, postings: list[Posting], kind: EntryKind
) -> Iterator[LedgerLine]:
    """An entry in the month of the work, and one in each other month that it moves something in."""
    caused_by = event.caused_by if isinstance(event, WorkRerated) else None
    others = {each.month for each in event.recognised} | {each.month for each in event.expired}
    for part, month in enumerate((event.month, *sorted(others - {event.month}))):
        own = part == 0
        moved = [*recognised(event.recognised, month), *expired(event.expired, month)]
        yield from _entry(
            event,
            at,
            [*postings, *moved] if own else moved,
            part=part,
            kind=kind if own else "knock_on",
            subject=event.entry_id,
            posted_at=event.rating_at if own else event.occurred_at,
            period=month,
            worked_at=event.started_at,
            caused_by=caused_by,
        )


def _entry(
    event: MonthStarted
    | HourPackPurchased
    | WorkRated
    | WorkRerated
    | WorkRevised
    | PendingWorkCarriedOver
    | GrantExpired,
    at: RecordedEvent,
    postings: Iterable[Posting],
    *,
    kind: EntryKind,
    subject: str,
    posted_at: datetime,
    period: str,
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
            command_id=at.metadata.command_id,
            occurred_at=event.occurred_at,
            worked_at=worked_at,
            posted_at=posted_at,
            period=period,
            account=account,
            commodity=commodity,
            amount=amount,
        )
