"""What can happen to a subscription, at instants; and a desk in small, that makes commands and facts of it.

Which class an entry has by its case (B4) is played here, as the subscription is told no more than what comes of that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import NamedTuple, assert_never

from domain.personal import Personal
from domain.plan import Plan, PlanPublished, Terms
from domain.subscription.commands import (
    BuyHours,
    CancelSubscription,
    ChangePlan,
    ClosePeriod,
    RateWork,
    RecordDue,
    ReviseWork,
    StartSubscription,
    SubscriptionCommand,
    WorkRevision,
)
from domain.subscription.events import WorkClass
from tests.domain.rating.reference_facts import Again, Facts, PlanFrom, Purchase, Worked

ZONE = "America/Denver"
MONTHS = ("2026-09", "2026-10", "2026-11")
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
TURNS = [datetime(2026, month, 1, 6, tzinfo=UTC) for month in (9, 10, 11)]
START = TURNS[0]

TICKETS = ("t-1", "t-2", "t-3")


class Logged(NamedTuple):
    at: datetime
    entry_id: str
    ticket_id: str
    started_at: datetime
    duration_seconds: int


class Corrected(NamedTuple):
    """None voids the entry."""

    at: datetime
    entry_id: str
    duration_seconds: int | None


class Decided(NamedTuple):
    """All work of a case is of another class from now on, before and after."""

    at: datetime
    ticket_id: str
    work_class: WorkClass


class Moved(NamedTuple):
    """A split or a merge: the entry keeps its class until the case that it then stands on gets a decision."""

    at: datetime
    entry_id: str
    ticket_id: str


class Bought(NamedTuple):
    at: datetime
    pack_id: str
    hours: int
    effective_from: datetime | None


class Changed(NamedTuple):
    at: datetime
    month: str
    terms: Terms


class Cancelled(NamedTuple):
    at: datetime
    last_month: str


class Restarted(NamedTuple):
    """Another subscription follows the cancelled one, whose packs go on."""

    at: datetime
    starts_on: date
    terms: Terms


class Closed(NamedTuple):
    at: datetime
    month: str


class Looked(NamedTuple):
    """The timekeeper records what fell due."""

    at: datetime


Happening = Logged | Corrected | Decided | Moved | Bought | Changed | Cancelled | Restarted | Closed | Looked


@dataclass(frozen=True)
class _Entry:
    started_at: datetime
    duration_seconds: int
    ticket_id: str
    work_class: WorkClass
    voided: bool = False


@dataclass
class Desk:
    """What the desk knows so far."""

    classes: dict[str, WorkClass]
    entries: dict[str, _Entry] = field(default_factory=dict)
    purchases: list[Purchase] = field(default_factory=list)
    changes: list[PlanFrom] = field(default_factory=list)
    last_month: str | None = None
    again: Again | None = None

    def facts(self, terms: Terms) -> Facts:
        entries = tuple(
            Worked(entry_id, each.started_at, each.duration_seconds, each.work_class, each.voided)
            for entry_id, each in self.entries.items()
        )
        changes, purchases = tuple(self.changes), tuple(self.purchases)
        return Facts(ZONE, date(2026, 9, 1), terms, changes, self.last_month, purchases, entries, self.again)

    def revised(self, now: datetime, entries: dict[str, _Entry]) -> Iterator[ReviseWork]:
        """Take the changed facts in, and tell them."""
        changed = {entry_id: each for entry_id, each in entries.items() if self.entries[entry_id] != each}
        self.entries.update(changed)
        if changed:
            yield ReviseWork(
                now=now,
                revisions=tuple(
                    WorkRevision(
                        entry_id=entry_id,
                        ticket_id=each.ticket_id,
                        case_number=_case_number(each.ticket_id),
                        duration_seconds=each.duration_seconds,
                        voided=each.voided,
                        work_class=each.work_class,
                        purpose="maintenance",
                    )
                    for entry_id, each in changed.items()
                ),
            )

    def hear(self, heard: Happening) -> Iterator[SubscriptionCommand]:  # noqa: PLR0912 - a branch a happening
        """The command that a happening leads to, if any."""
        now = heard.at
        match heard:
            case Logged():
                work_class = self.classes[heard.ticket_id]
                self.entries[heard.entry_id] = _Entry(
                    heard.started_at, heard.duration_seconds, heard.ticket_id, work_class
                )
                yield RateWork(
                    now=now,
                    entry_id=heard.entry_id,
                    ticket_id=heard.ticket_id,
                    case_number=_case_number(heard.ticket_id),
                    agent="Ann",
                    started_at=heard.started_at,
                    duration_seconds=heard.duration_seconds,
                    work_class=work_class,
                )
            case Corrected():
                entry = self.entries[heard.entry_id]
                if heard.duration_seconds is None:
                    entry = replace(entry, voided=True)
                elif not entry.voided:
                    entry = replace(entry, duration_seconds=heard.duration_seconds)
                yield from self.revised(now, {heard.entry_id: entry})
            case Decided():
                self.classes[heard.ticket_id] = heard.work_class
                yield from self.revised(
                    now,
                    {
                        entry_id: replace(each, work_class=heard.work_class)
                        for entry_id, each in self.entries.items()
                        if each.ticket_id == heard.ticket_id
                    },
                )
            case Moved():
                entry = self.entries[heard.entry_id]
                yield from self.revised(now, {heard.entry_id: replace(entry, ticket_id=heard.ticket_id)})
            case Bought():
                self.purchases.append(Purchase(heard.pack_id, heard.hours, now, heard.effective_from))
                yield BuyHours(now=now, pack_id=heard.pack_id, hours=heard.hours, effective_from=heard.effective_from)
            case Changed():
                change = PlanFrom(heard.month, heard.terms)
                if self.again is None or heard.month <= str(self.last_month):
                    self.changes.append(change)
                else:
                    self.again = self.again._replace(changes=(*self.again.changes, change))
                yield ChangePlan(
                    now=now,
                    plan=plan_of(heard.terms),
                    currency="USD",
                    effective_on=date.fromisoformat(f"{heard.month}-01"),
                )
            case Cancelled():
                self.last_month = heard.last_month
                yield CancelSubscription(
                    now=now, reason=Personal("Moved away"), effective_on=date.fromisoformat(f"{heard.last_month}-15")
                )
            case Restarted():
                self.again = Again(heard.starts_on, heard.terms)
                yield start(heard.terms, now=now, starts_on=heard.starts_on)
            case Closed():
                yield ClosePeriod(now=now, period=heard.month)
            case Looked():
                yield RecordDue(now=now)
            case _:
                assert_never(heard)


def _case_number(ticket_id: str) -> str:
    return f"C-{int(ticket_id.removeprefix('t-')):06}"


def plan_of(terms: Terms) -> Plan:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    version = PlanPublished(occurred_at=epoch, plan="standard", version=1, terms=terms, effective_from=epoch)
    return Plan(versions=(version,))


def start(terms: Terms, *, now: datetime = NOW, starts_on: date | None = date(2026, 9, 1)) -> StartSubscription:
    return StartSubscription(
        now=now,
        subscription_id="s-1",
        customer_id="c-1",
        plan=plan_of(terms),
        zone=ZONE,
        currency="USD",
        starts_on=starts_on,
    )
