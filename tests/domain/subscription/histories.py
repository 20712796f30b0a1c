"""Random histories of a subscription: as events in an order of arrival, and as facts for the naive reference."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import reduce
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import strategies as st

from domain.plan import Terms
from domain.subscription.commands import SubscriptionCommand
from domain.subscription.decider import decide
from domain.subscription.events import SubscriptionEvent, WorkClass
from domain.subscription.state import Subscription, evolve
from tests.domain.rating.reference import Close
from tests.domain.rating.reference_facts import Facts
from tests.domain.subscription.happenings import (
    MONTHS,
    NOW,
    START,
    TICKETS,
    TURNS,
    ZONE,
    Bought,
    Cancelled,
    Changed,
    Closed,
    Corrected,
    Decided,
    Desk,
    Happening,
    Logged,
    Looked,
    Moved,
    Restarted,
    start,
)
from tests.domain.subscription.standing import standing_after


class History(NamedTuple):
    """First terms, the class of each case at first, and what happened, in the order in which the desk heard of it."""

    terms: Terms
    classes: tuple[WorkClass, ...]
    happenings: tuple[Happening, ...]


def steps(history: History) -> Iterator[list[SubscriptionEvent]]:
    """The events of each command of a history, and at last of a look at what is due `NOW`."""
    desk = Desk(dict(zip(TICKETS, history.classes, strict=True)))
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
    desk = Desk(dict(zip(TICKETS, history.classes, strict=True)))
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
    st.builds(lambda turn, by: max(START, turn + timedelta(seconds=by)), st.sampled_from(TURNS), st.integers(-2, 2)),
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
        for month, ends_at, closed_at in zip(MONTHS, TURNS[1:], draw(_closes), strict=False):
            earliest = max([ends_at, *(each.at for each in closes)])
            closes.append(Closed(max(earliest, closed_at or earliest), month))
        happenings += [Decided(*each) for each in draw(_decisions)]
        happenings += _terms_changed(draw)
    for number, (bought_at, hours, effective_from) in enumerate(draw(_packs)):
        at = bought_at or START
        open_from = START
        for close, starts_at in zip(closes, TURNS[1:], strict=False):
            open_from = starts_at if close.at <= at else open_from
        covers_from = None if effective_from is None else min(at, max(open_from, effective_from))
        happenings.append(Bought(at, f"p-{number}", hours, covers_from))
    # At one instant a month is closed first: what follows may not be for it.
    return History(draw(terms), draw(_first_classes), tuple(sorted([*closes, *happenings], key=lambda each: each.at)))


def _terms_changed(draw: st.DrawFn) -> Iterable[Happening]:
    changes = [
        Changed(min(at, TURNS[index] - timedelta(seconds=1)) if index else at, MONTHS[index], changed)
        for at, index, changed in draw(_changes)
        if index
    ]
    cancelled = draw(st.none() | st.tuples(instants, _months))
    if cancelled is None:
        return changes
    at, index = cancelled
    last_month = max(MONTHS[index], _month_of(at))
    again = list(_started_again(draw, at, MONTHS.index(last_month) + 1))
    if again:
        before = [each for each in changes if each.at < at or each.month <= last_month]
        return [*before, Cancelled(at, last_month), *again]
    cancellations = [Cancelled(at, last_month)]
    for moved_at, to in draw(st.lists(st.tuples(instants, _months), max_size=1)):
        if at <= moved_at and _month_of(moved_at) <= last_month:
            last_month = max(MONTHS[to], _month_of(moved_at))
            cancellations.append(Cancelled(moved_at, last_month))
    return [*(each for each in changes if _month_of(each.at) <= last_month), *cancellations]


def _started_again(draw: st.DrawFn, cancelled_at: datetime, index: int) -> Iterable[Happening]:
    again = draw(st.none() | st.tuples(_late, st.integers(0, 20), terms, _changes))
    if again is None or index == len(MONTHS):
        return []
    heard_at, days, agreed, changes = again
    at = max(heard_at, cancelled_at)
    earliest = max(at, TURNS[index]).astimezone(ZoneInfo(ZONE)).date()
    starts_on = earliest + timedelta(days=days)
    return [
        Restarted(at, starts_on, agreed),
        *(
            Changed(max(at, min(changed_at, TURNS[each] - timedelta(seconds=1))), MONTHS[each], changed)
            for changed_at, each, changed in changes
            if MONTHS[each] > starts_on.isoformat()[:7] and at < TURNS[each]
        ),
    ]


def _month_of(at: datetime) -> str:
    return at.astimezone(ZoneInfo(ZONE)).isoformat()[:7]


@st.composite
def _lives_of_a_pack(draw: st.DrawFn) -> History:
    """A pack that expires about when its month is closed, and what is said of the work that it covered."""
    turn = TURNS[1]
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
        happenings.append(Closed(TURNS[2], MONTHS[1]))
    agreed = msgspec.structs.replace(draw(terms), pack_validity_days=days)
    return History(agreed, draw(_first_classes), tuple(sorted(happenings, key=lambda each: each.at)))


@st.composite
def _second_lives(draw: st.DrawFn) -> History:
    """A subscription that ends with its first month, another that starts within the next, and work all the time."""
    turn = TURNS[1]
    heard_at = turn + timedelta(days=draw(st.sampled_from((20, 12, -2, 3))), hours=1)
    starts_on = date(
        2026, 10, draw(st.sampled_from((10, 1, 2, 25)))
    )  # which may be past when it is heard of, with work since
    happenings: list[Happening] = [
        Cancelled(START + timedelta(days=20), MONTHS[0]),
        Restarted(heard_at, starts_on, draw(terms)),
    ]
    for number, (hours, heard, ticket_id, seconds) in enumerate(
        draw(
            st.lists(
                st.tuples(st.integers(29 * 24, 50 * 24) | st.integers(0, 62 * 24), _heard, _tickets, _durations),
                min_size=2,
                max_size=8,
            )
        )
    ):
        started_at = START + timedelta(hours=hours)
        happenings.append(Logged(max(started_at, heard or started_at), f"e-{number}", ticket_id, started_at, seconds))
    if draw(st.booleans()):
        happenings.append(Bought(START + timedelta(days=draw(st.integers(0, 29))), "p-0", 1, None))
    closed_at = turn
    for index in range(draw(st.integers(0, 2))):
        closed_at = max(closed_at, TURNS[index + 1] + timedelta(days=draw(st.integers(0, 9))))
        happenings.append(Closed(closed_at, MONTHS[index]))
    happenings += [Decided(*each) for each in draw(_decisions)]
    return History(draw(terms), draw(_first_classes), tuple(sorted(happenings, key=lambda each: each.at)))


histories = _histories(whole=False)
"""Packs, and work on cases whose class never changes, in any order of arrival."""

long_histories = _histories(whole=True) | _lives_of_a_pack() | _second_lives()
"""All that can happen: corrections, decisions, moves, closes, changes of plan and a cancellation as well."""
