"""Random lives of a subscription with everything in them, new starts too: what holds after each command.

The naive reference knows one subscription. Here what stands is held against what rating all of the open months anew
gives, and against the accounts that the events make up.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import reduce
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plan import TermsChange
from domain.rating.months import month_bounds, month_of
from domain.rating.waterfall import redraws
from domain.refusal import Refusal
from domain.subscription.commands import RecordDue, ReviseWork, SubscriptionCommand
from domain.subscription.decider import decide
from domain.subscription.events import HourPackPurchased, SubscriptionEvent, WorkClass
from domain.subscription.state import Subscription, evolve
from tests.domain.subscription.sentences import (
    ZONE,
    buy,
    cancel,
    change,
    close,
    denver,
    facts,
    start,
    work,
)
from tests.domain.subscription.standing import Standing

BEGIN, END = denver(9, 1, 0), denver(3, 1, 0, year=2027)
OVER = ("2026-09", "2026-10", "2026-11", "2026-12", "2027-01")
"""Months whose allowance and rollover have expired at the end."""


class Life:
    """A subscription, the accounts that its events make up, and what its cases say of its work."""

    def __init__(self) -> None:
        self.state: Subscription | None = None
        self.events: list[SubscriptionEvent] = []
        self.standing = Standing()
        self.facts: dict[str, tuple[int, WorkClass, bool]] = {}

    def take(self, command: SubscriptionCommand) -> None:
        """Carry a command out, unless it is refused, and hold what came of it against everything known."""
        try:
            events = decide(command, self.state)
        except Refusal:
            return
        for event in events:
            self.standing.put(event)
            self.state = evolve(self.state, event)
            self.no_grant_is_overdrawn(event)
        self.events += events
        assert +self.standing.net_seconds() == +Counter(self.standing.billed)
        if self.state is not None and self.state.book.months:
            assert redraws(self.state.book, (self.state.book.open_from,)) == []
        self.again_changes_nothing(command)

    def no_grant_is_overdrawn(self, event: SubscriptionEvent) -> None:
        used = self.standing.used()
        assert all(seconds <= self.standing.granted[grant] for grant, seconds in used.items()), event

    def again_changes_nothing(self, command: SubscriptionCommand) -> None:
        try:
            assert decide(command, self.state) == []
        except Refusal as refusal:
            raise AssertionError(f"{command} was taken, and is refused when it is repeated") from refusal

    def revise(self, now: datetime, changed: dict[str, tuple[int, WorkClass, bool]]) -> None:
        """Let the cases say something else of entries; a void is final."""
        self.facts |= {
            entry_id: (minutes, work_class, voided or self.facts[entry_id][2])
            for entry_id, (minutes, work_class, voided) in changed.items()
        }
        revisions = tuple(facts(entry_id, *self.facts[entry_id]) for entry_id in changed)
        self.take(ReviseWork(now=now, revisions=revisions))

    def open_from(self) -> datetime:
        return self.state.book.open_from if self.state is not None and self.state.book.months else BEGIN


def some_terms(random: Random) -> TermsChange:
    return TermsChange(
        allowance_seconds=random.choice([0, 1800, 3600]),
        billing_increment_seconds=random.choice([60, 420, 900]),
        regular_rate_cents=random.choice([99_99, 150_00]),
        rollover_cap_seconds=random.choice([0, 900, 100_000]),
        pack_validity_days=random.choice([None, 3, 40]),
        pack_step_hours=1,
        pack_rate_cents=random.choice([10_001, 120_00]),
    )


def some_class(random: Random) -> WorkClass:
    classes: list[WorkClass] = ["included", "included", "billable", "pending", "emergency", "waived"]
    return random.choice(classes)


def live(random: Random) -> Life:
    """A life: a first subscription, its cancellation, attempts at another one, and all that happens meanwhile."""
    life = Life()
    life.take(start(BEGIN, terms=some_terms(random), starts_on=date(2026, 9, 1)))
    for now, what in sorted(happenings(random)):
        happen(life, what, now, random)
    life.take(RecordDue(now=END))
    return life


def happenings(random: Random) -> Iterator[tuple[datetime, str]]:
    """Instants and what happens then; around the end of the first subscription more than elsewhere."""

    def at(since: datetime, until: datetime) -> datetime:
        return since + (until - since) * random.random()

    kinds = (
        ["work"] * 4 + ["correct"] * 4 + ["decide", "decide", "buy", "buy", "close", "close", "close", "due", "change"]
    )
    for _ in range(random.randrange(5, 25)):
        yield at(BEGIN, END), random.choice(kinds)
    cancelled_at = at(BEGIN, denver(12, 15))
    ends_at = month_bounds(month_of(cancelled_at, ZONE), ZONE)[1]
    yield cancelled_at, "cancel"
    for kind in ["work"] * random.randrange(6) + ["start"] * 3 + ["cancel"] * random.randrange(2):
        yield at(ends_at, ends_at + timedelta(days=40)), kind


def happen(life: Life, what: str, now: datetime, random: Random) -> None:
    number = len(life.events)
    match what:
        case "work":
            recent = max(BEGIN, now - timedelta(days=2))
            since = random.choice([BEGIN, recent])
            started_at = (since + (now - since) * random.random()).replace(microsecond=0)
            rate = work(now, f"e-{number}", started_at, random.randrange(1, 200), some_class(random))
            life.facts[rate.entry_id] = (rate.duration_seconds // 60, rate.work_class, False)
            life.take(rate)
        case "correct" if life.facts:
            entry_id = random.choice(sorted(life.facts))
            life.revise(now, {entry_id: (random.randrange(1, 200), some_class(random), random.random() < 0.15)})
        case "decide":
            decided = some_class(random)
            life.revise(now, {each: (minutes, decided, False) for each, (minutes, _, _) in life.facts.items()})
        case "buy":
            since = min(now, life.open_from())
            effective_from = random.choice([None, since + (now - since) * random.random()])
            life.take(buy(now, random.randrange(1, 4), pack_id=f"p-{number}", effective_from=effective_from))
        case "close":
            life.take(close(now, month_of(life.open_from(), ZONE)))
        case "change":
            month = now.year * 12 + now.month + random.randrange(2)
            life.take(change(now, terms=some_terms(random), effective_on=date(month // 12, month % 12 + 1, 1)))
        case "cancel":
            life.take(cancel(now, effective_on=random.choice([None, (now + timedelta(days=40)).date()])))
        case "start":
            days = random.choice([-10, -3, 0, 0, 20])
            life.take(start(now, terms=some_terms(random), starts_on=(now + timedelta(days=days)).date()))
        case _:
            life.take(RecordDue(now=now))


lives = st.integers(0, 2**32).map(lambda seed: live(Random(seed)))


@settings(max_examples=200)
@given(lives)
def test_at_every_version_nothing_is_overdrawn_and_after_every_command_what_stands_is_what_rating_anew_gives(
    life: Life,
) -> None:
    """The life itself has checked it; its stored events fold to the state that it ended in."""
    stored = [msgspec.json.decode(msgspec.json.encode(event), type=type(event)) for event in life.events]
    state: Subscription | None = reduce(evolve, stored, None)
    assert state == life.state


@settings(max_examples=200)
@given(lives)
def test_every_second_and_cent_of_what_has_expired_is_accounted_for(life: Life) -> None:
    standing, used = life.standing, life.standing.used()
    for month in OVER:
        over = standing.expired["allowance", month] + standing.expired["rollover", month]
        assert used["allowance", month] + over == standing.granted["allowance", month]
    for event in life.events:
        if isinstance(event, HourPackPurchased) and event.expires_at is not None and event.expires_at <= END:
            grant = "pack", event.pack_id
            assert used[grant] + standing.expired[grant] == event.seconds
            earned = sum(cents for (pack_id, _), cents in standing.income.items() if pack_id == event.pack_id)
            assert earned + standing.broken[event.pack_id] == event.price_cents
