"""Random histories of a subscription, as commands in an order of arrival and as facts for the naive reference."""

import math
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import reduce
from random import Random
from typing import NamedTuple

import msgspec
from hypothesis import strategies as st

from domain.plan import Plan, PlanPublished, Terms
from domain.rating.months import month_bounds
from domain.subscription.commands import BuyHours, RateWork, StartSubscription
from domain.subscription.decider import decide
from domain.subscription.events import HourPackPurchased, SubscriptionEvent, WorkClass, WorkRated, WorkRerated
from domain.subscription.state import Subscription, evolve
from tests.domain.rating.reference import RefDraw, RefEntry, RefMonth, RefPack

ZONE = "America/Denver"
MONTHS = ("2026-09", "2026-10", "2026-11")
START = month_bounds(MONTHS[0], ZONE)[0]
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


class History(NamedTuple):
    """A subscription's terms, and what was bought and worked, in the order in which the desk hears of it."""

    terms: Terms
    arrivals: tuple[BuyHours | RateWork, ...]


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


def happened(history: History) -> list[SubscriptionEvent]:
    """All events of a history: each fact arrives at its own instant, or with the one before if that came later."""
    now = START
    events = decide(start(history.terms, now=now), None)
    state: Subscription | None = reduce(evolve, events, None)
    for arrival in history.arrivals:
        own = arrival.started_at if isinstance(arrival, RateWork) else arrival.effective_from
        now = max(now, own or now)
        decided = decide(msgspec.structs.replace(arrival, now=now), state)
        state = reduce(evolve, decided, state)
        events += decided
    return events


def bill_of(events: list[SubscriptionEvent]) -> set[RefDraw]:
    """The draws that stand at the end."""
    standing: dict[str, set[RefDraw]] = {}
    for event in events:
        if isinstance(event, WorkRated | WorkRerated):
            standing[event.entry_id] = {
                RefDraw(event.entry_id, event.month, d.source, d.pack_id or d.month, d.seconds, d.amount_cents)
                for d in event.draws
            }
    return set().union(*standing.values())


def pack_income_of(events: list[SubscriptionEvent]) -> Counter[tuple[str, str]]:
    """What the events recognised of each pack in each month."""
    income: Counter[tuple[str, str]] = Counter()
    for event in events:
        if isinstance(event, WorkRated | WorkRerated):
            for each in event.recognised:
                income[each.pack_id, each.month] += each.amount_cents
    return income


def facts_of(history: History) -> tuple[list[RefMonth], list[RefPack], list[RefEntry]]:
    """The history as the naive reference takes it. Validity is not its subject: expiry is taken from the event."""
    terms = history.terms
    months = [
        RefMonth(
            month,
            *month_bounds(month, ZONE),
            terms.allowance_seconds,
            terms.rollover_cap_seconds,
            terms.regular_rate_cents,
            terms.emergency_multiplier,
        )
        for month in MONTHS
    ]
    packs = [
        RefPack(e.pack_id, e.seconds, e.price_cents, e.effective_at, e.expires_at)
        for e in happened(history)
        if isinstance(e, HourPackPurchased)
    ]
    entries = [
        RefEntry(
            a.entry_id,
            a.started_at,
            a.work_class,
            max(
                terms.minimum_charge_seconds,
                math.ceil(Fraction(a.duration_seconds, terms.billing_increment_seconds))
                * terms.billing_increment_seconds,
            ),
        )
        for a in history.arrivals
        if isinstance(a, RateWork)
    ]
    return months, packs, entries


_SPAN = int((NOW - START).total_seconds())
_TURNS = [month_bounds(month, ZONE)[0] for month in MONTHS]

instants = st.one_of(
    st.integers(0, _SPAN).map(lambda seconds: START + timedelta(seconds=seconds)),
    st.builds(lambda turn, by: max(START, turn + timedelta(seconds=by)), st.sampled_from(_TURNS), st.integers(-2, 2)),
    st.sampled_from([START + timedelta(days=days) for days in (1, 2, 10, 40)]),
)

terms = st.builds(
    Terms,
    currency=st.just("USD"),
    monthly_fee_cents=st.just(150_00),
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


_packs = st.lists(st.tuples(st.integers(1, 2), instants), max_size=3)
_entries = st.lists(
    st.tuples(
        instants,
        st.one_of(st.integers(1, 2000), st.integers(3000, 9000)),
        st.sampled_from(("included", "included", "billable", "pending", "emergency", "waived")),
    ),
    max_size=12,
)


def _history(
    terms: Terms,
    packs: list[tuple[int, datetime]],
    entries: list[tuple[datetime, int, WorkClass]],
    random: Random,
) -> History:
    bought = [
        BuyHours(now=NOW, pack_id=f"p-{number}", hours=hours, effective_from=effective_from)
        for number, (hours, effective_from) in enumerate(packs)
    ]
    worked = [
        RateWork(
            now=NOW,
            entry_id=f"e-{number}",
            ticket_id="t-1",
            case_number="C-000001",
            agent="Ann",
            started_at=started_at,
            duration_seconds=duration_seconds,
            work_class=work_class,
        )
        for number, (started_at, duration_seconds, work_class) in enumerate(entries)
    ]
    arrivals: list[BuyHours | RateWork] = [*bought, *worked]
    random.shuffle(arrivals)
    return History(terms, tuple(arrivals))


histories = st.builds(_history, terms, _packs, _entries, st.randoms(use_true_random=False))
