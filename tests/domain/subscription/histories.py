"""Random histories of a subscription: as commands in an order of arrival, and as facts for the naive reference.

A history is a list of happenings at their instants. The cases of a desk are played in small beside it (which class an
entry has by its case, B4), as the subscription is told no more than what comes of that.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from random import Random
from typing import NamedTuple, assert_never
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st

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
from domain.subscription.decider import decide
from domain.subscription.events import SubscriptionEvent, WorkClass
from domain.subscription.state import Subscription, evolve
from tests.domain.rating.reference import Close, Facts, PlanFrom, Purchase, Worked
from tests.domain.subscription.standing import standing_after

ZONE = "America/Denver"
MONTHS = ("2026-09", "2026-10", "2026-11")
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
_TURNS = [datetime(2026, month, 1, 6, tzinfo=UTC) for month in (9, 10, 11)]
START = _TURNS[0]

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


class Closed(NamedTuple):
    at: datetime
    month: str


class Looked(NamedTuple):
    """The timekeeper records what fell due."""

    at: datetime


Happening = Logged | Corrected | Decided | Moved | Bought | Changed | Cancelled | Closed | Looked


class History(NamedTuple):
    """First terms, the class of each case at first, and what happened, in the order in which the desk heard of it."""

    terms: Terms
    classes: tuple[WorkClass, ...]
    happenings: tuple[Happening, ...]


@dataclass(frozen=True)
class _Entry:
    started_at: datetime
    duration_seconds: int
    ticket_id: str
    work_class: WorkClass
    voided: bool = False


@dataclass
class _Desk:
    """What the desk knows so far."""

    classes: dict[str, WorkClass]
    entries: dict[str, _Entry] = field(default_factory=dict)
    purchases: list[Purchase] = field(default_factory=list)
    changes: list[PlanFrom] = field(default_factory=list)
    last_month: str | None = None

    def facts(self, terms: Terms) -> Facts:
        entries = tuple(
            Worked(entry_id, each.started_at, each.duration_seconds, each.work_class, each.voided)
            for entry_id, each in self.entries.items()
        )
        changes, purchases = tuple(self.changes), tuple(self.purchases)
        return Facts(ZONE, date(2026, 9, 1), terms, changes, self.last_month, purchases, entries)

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

    def hear(self, heard: Happening) -> Iterator[SubscriptionCommand]:
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
                self.changes.append(PlanFrom(heard.month, heard.terms))
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


def steps(history: History) -> Iterator[list[SubscriptionEvent]]:
    """The events of each command of a history, and at last of a look at what is due `NOW`."""
    desk = _Desk(dict(zip(TICKETS, history.classes, strict=True)))
    state: Subscription | None = None

    def commands() -> Iterator[SubscriptionCommand]:
        yield start(history.terms, now=START)
        for each in (*history.happenings, Looked(NOW)):
            yield from desk.hear(each)

    for command in commands():
        decided = decide(command, state)
        state = reduce(evolve, decided, state)
        yield decided


def happened(history: History) -> list[SubscriptionEvent]:
    """All events of a history."""
    return [event for events in steps(history) for event in events]


def pack_income_of(events: Sequence[SubscriptionEvent]) -> Counter[tuple[str, str]]:
    """What the events recognised of each pack in each month."""
    return standing_after(events).income


def facts_of(history: History) -> tuple[Facts, list[Close]]:
    """What is known at the end, and what was known at each close."""
    desk = _Desk(dict(zip(TICKETS, history.classes, strict=True)))
    closes: list[Close] = []
    for each in history.happenings:
        if isinstance(each, Closed):
            closes.append(Close(each.month, desk.facts(history.terms)))
        for _ in desk.hear(each):
            pass
    return desk.facts(history.terms), closes


def in_another_order(history: History, random: Random) -> History:
    """The same facts, as they might have been heard of otherwise between one close and the next.

    Purchases, changes of plan, a cancellation and the closes keep their instants: those are facts. The corrections of
    one entry, and all that is decided on cases, keep their order.
    """
    closes = [each.at for each in history.happenings if isinstance(each, Closed)]
    since = [START, *closes]
    until = [*closes, NOW]
    epoch = 0
    earliest: dict[str, datetime] = {}
    retimed: list[Happening] = []
    for each in history.happenings:
        match each:
            case Logged():
                own = [each.started_at]
            case Corrected():
                own = [earliest[each.entry_id]]
            case Decided():
                own = [earliest.get("decided", START)]
            case Moved():
                own = [earliest.get("decided", START), earliest[each.entry_id]]
            case Looked():
                own = []
            case _:
                epoch += isinstance(each, Closed)
                retimed.append(each)
                continue
        low, high = max([since[epoch], *own]), until[epoch]
        at = low + (high - low) * random.random()
        if isinstance(each, Logged | Corrected | Moved):
            earliest[each.entry_id] = at
        if isinstance(each, Decided | Moved):
            earliest["decided"] = at
        retimed.append(each._replace(at=at))
    return history._replace(happenings=tuple(sorted(retimed, key=lambda each: each.at)))


_SPAN = int((NOW - START).total_seconds())

instants = st.one_of(
    st.integers(0, _SPAN).map(lambda seconds: START + timedelta(seconds=seconds)),
    st.builds(lambda turn, by: max(START, turn + timedelta(seconds=by)), st.sampled_from(_TURNS), st.integers(-2, 2)),
    st.sampled_from([START + timedelta(days=days) for days in (1, 2, 10, 40)]),
)

terms = st.builds(
    Terms,
    currency=st.just("USD"),
    monthly_fee_cents=st.sampled_from([0, 150_00]),
    allowance_seconds=st.sampled_from([0, 1000, 3600, 7200]),
    regular_rate_cents=st.sampled_from([0, 9_999, 150_00]),
    pack_rate_cents=st.sampled_from([10_001, 120_00]),
    pack_step_hours=st.just(1),
    pack_validity_days=st.sampled_from([None, 1, 8, 40]),
    emergency_multiplier=st.sampled_from([1, 2, 3]),
    billing_increment_seconds=st.sampled_from([1, 7, 900]),
    minimum_charge_seconds=st.sampled_from([0, 1000]),
    rollover_cap_seconds=st.sampled_from([0, 900, 100_000]),
)

_durations = st.one_of(st.integers(1, 2000), st.integers(3000, 9000))
_classes: st.SearchStrategy[WorkClass] = st.sampled_from(
    ("included", "billable", "included", "billable", "pending", "emergency", "waived")
)
_included: st.SearchStrategy[WorkClass] = st.just("included")
_first_classes = st.tuples(_included, *[_classes for _ in TICKETS[1:]])
_tickets = st.sampled_from(TICKETS)
_months = st.integers(0, len(MONTHS) - 1)

# None: at once, which leaves more for what comes later than chance would.
_heard = st.none() | instants
_packs = st.lists(st.tuples(_heard, st.integers(1, 2), st.none() | instants), max_size=3)
_entries = st.lists(st.tuples(instants, _heard, _tickets, _durations), min_size=1, max_size=10)
_late = instants | st.integers(_SPAN // 3, _SPAN).map(lambda seconds: START + timedelta(seconds=seconds))
_corrections = st.lists(st.tuples(_late, st.integers(0, 9), st.none() | _durations), max_size=6)
_decisions = st.lists(st.tuples(_late, _tickets, _classes), max_size=4)
_rulings = st.lists(st.tuples(st.integers(0, 55), _tickets, _classes), max_size=2)
_moves = st.lists(st.tuples(_late, st.integers(0, 9), _tickets), max_size=2)
_changes = st.lists(st.tuples(instants, _months, terms), max_size=3)
_closes = st.sampled_from((2, 0, 1, 2)).flatmap(lambda size: st.lists(_heard, min_size=size, max_size=size))


@st.composite
def _histories(draw: st.DrawFn, *, whole: bool) -> History:
    known: dict[str, datetime] = {}
    happenings: list[Happening] = []
    for number, (started_at, heard_at, ticket_id, seconds) in enumerate(draw(_entries)):
        at = max(started_at, heard_at or started_at)
        known[f"e-{number}"] = at
        happenings.append(Logged(at, f"e-{number}", ticket_id, started_at, seconds))
    closes: list[Closed] = []
    if whole:
        names = sorted(known)
        for at, index, duration_seconds in draw(_corrections) if known else ():
            entry_id = names[index % len(names)]
            happenings.append(Corrected(max(at, known[entry_id]), entry_id, duration_seconds))
        for at, index, ticket_id in draw(_moves) if known else ():
            entry_id = names[index % len(names)]
            happenings.append(Moved(max(at, known[entry_id]), entry_id, ticket_id))
        happenings += [Looked(at) for at in draw(st.lists(instants, max_size=2))]
        for month, ends_at, closed_at in zip(MONTHS, _TURNS[1:], draw(_closes), strict=False):
            earliest = max([ends_at, *(each.at for each in closes)])
            closes.append(Closed(max(earliest, closed_at or earliest), month))
        happenings += [Decided(*each) for each in draw(_decisions)]
        happenings += _terms_changed(draw)
    for number, (bought_at, hours, effective_from) in enumerate(draw(_packs)):
        at = bought_at or START
        open_from = START
        for close, starts_at in zip(closes, _TURNS[1:], strict=False):
            open_from = starts_at if close.at <= at else open_from
        covers_from = None if effective_from is None else min(at, max(open_from, effective_from))
        happenings.append(Bought(at, f"p-{number}", hours, covers_from))
    # At one instant a month is closed first: what follows may not be for it.
    return History(draw(terms), draw(_first_classes), tuple(sorted([*closes, *happenings], key=lambda each: each.at)))


def _terms_changed(draw: st.DrawFn) -> Iterable[Happening]:
    changes = [
        Changed(min(at, _TURNS[index] - timedelta(seconds=1)) if index else at, MONTHS[index], changed)
        for at, index, changed in draw(_changes)
        if index
    ]
    cancelled = draw(st.none() | st.tuples(instants, _months))
    if cancelled is None:
        return changes
    at, index = cancelled
    last_month = max(MONTHS[index], _month_of(at))
    return [*[each for each in changes if each.at < at or each.month <= last_month], Cancelled(at, last_month)]


def _month_of(at: datetime) -> str:
    return at.astimezone(ZoneInfo(ZONE)).isoformat()[:7]


@st.composite
def _lives_of_a_pack(draw: st.DrawFn) -> History:
    """A pack that expires about when its month is closed, and what is said of the work that it covered."""
    turn = _TURNS[1]
    days = draw(st.sampled_from((1, 8, 20, None)))
    bought_at = turn - timedelta(days=(days or 3) + draw(st.sampled_from((1, 1, 0, 2))), hours=draw(st.integers(0, 23)))
    happenings: list[Happening] = [Bought(bought_at, "p-0", draw(st.integers(1, 2)), None), Closed(turn, MONTHS[0])]
    work = draw(st.lists(st.tuples(st.floats(0, 1.04), _tickets, _durations), min_size=1, max_size=5))
    for number, (part, ticket_id, seconds) in enumerate(work):
        at = bought_at + (turn - bought_at) * part
        happenings.append(Logged(at, f"e-{number}", ticket_id, at, seconds))
    said = draw(st.lists(st.tuples(st.integers(0, 55), st.integers(0, 4), st.none() | _durations), max_size=5))
    happenings += [
        Corrected(turn + timedelta(days=2 + day), f"e-{index % len(work)}", corrected) for day, index, corrected in said
    ]
    rulings = draw(_rulings)
    happenings += [Decided(turn + timedelta(days=day), ticket_id, ruled) for day, ticket_id, ruled in rulings]
    if draw(st.booleans()):
        happenings.append(Closed(_TURNS[2], MONTHS[1]))
    agreed = msgspec.structs.replace(draw(terms), pack_validity_days=days)
    return History(agreed, draw(_first_classes), tuple(sorted(happenings, key=lambda each: each.at)))


histories = _histories(whole=False)
"""Packs, and work on cases whose class never changes, in any order of arrival."""

long_histories = _histories(whole=True) | _lives_of_a_pack()
"""All that can happen: corrections, decisions, moves, closes, changes of plan and a cancellation as well."""
