"""How long does a month with many work entries take? Its events are folded, and a late entry is rated (B7).

Times are the processor's, as nothing waits here: other programs on the machine do not lengthen them.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from random import Random
from time import thread_time

import msgspec

from benchmarks.machine import Calibrator
from benchmarks.options import at_least
from benchmarks.report import Figure, Report, Target
from domain.plan import Plan, PlanPublished, TermsChange, default_terms
from domain.rating.months import month_bounds
from domain.subscription.commands import BuyHours, ClosePeriod, RateWork, ReviseWork, StartSubscription, WorkRevision
from domain.subscription.decider import decide
from domain.subscription.events import SubscriptionEvent
from domain.subscription.state import Subscription, evolve

SIZES = (1_000, 2_000, 5_000, 10_000, 20_000)
WANTED_MS = 50.0
"""For a late entry before `WANTED_ENTRIES` others."""
WANTED_ENTRIES = 10_000

LATE_FIRST = "an entry before all"
_ZONE = "America/Denver"
_MONTH = "2026-10"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _Story(msgspec.Struct, frozen=True):
    """A month with its entries, as events and folded; and the same after the month before was closed, with an entry."""

    entries: int
    events: list[SubscriptionEvent]
    state: Subscription
    settles: Subscription


def add_options(parser: ArgumentParser) -> None:
    """Add what can be chosen on the command line."""
    parser.add_argument("--rounds", type=at_least(1), default=7, help="rounds; in each every size has its turn (7)")


def measure(options: Namespace) -> Report:
    """Run the rounds; in each, every size has its turn, after a loop that tells how fast the machine is just now."""
    stories = [_story(size) for size in SIZES]
    times: dict[tuple[int, str], list[float]] = {}
    calibrator = Calibrator(clock=thread_time)
    for number in range(options.rounds + 1):
        calibrator.measure()
        for story in stories:
            for name, action in _actions(story).items():
                started = thread_time()
                action()
                if number:  # the first round warms up
                    times.setdefault((story.entries, name), []).append((thread_time() - started) * 1000)
    figures = {
        key: Figure(name=f"{entries:,} entries: {name}", unit="ms", rounds=rounds)
        for key, rounds in times.items()
        for entries, name in (key,)
    }
    late = [figures[size, LATE_FIRST].median for size in SIZES]
    return Report(
        benchmark="rating",
        question="How long does a month with so many work entries take, with an allowance and ten packs?",
        settings={"seed": "the number of entries", "rounds": str(options.rounds), "clock": "of the processor"},
        figures=list(figures.values()),
        targets=[
            Target(
                name=f"an entry before {WANTED_ENTRIES:,} others",
                value=late[SIZES.index(WANTED_ENTRIES)],
                unit="ms",
                bound="at most",
                wanted=WANTED_MS,
            )
        ],
        notes=[
            "A late entry's growth from size to size over that of n log n: "
            + ", ".join(f"{each:.2f}" for each in _growth(late))
            + ".",
            "Events that it makes: "
            + ", ".join(f"{story.entries:,}: {_events_of_late(story):,}" for story in stories)
            + ".",
            "Settled: a correction of an entry of a month that was closed, before as many in the open one.",
        ],
        calibration=calibrator.calibration,
    )


def _actions(story: _Story) -> dict[str, Callable[[], object]]:
    starts_at, ends_at = month_bounds(_MONTH, _ZONE)
    middle = starts_at + (ends_at - starts_at) / 2

    def late(started_at: datetime) -> Callable[[], object]:
        return lambda: decide(_work("late", started_at, 2400, now=ends_at), story.state)

    return {
        "fold": lambda: reduce(evolve, story.events, None),
        LATE_FIRST: late(starts_at),
        "an entry in their middle": late(middle),
        "an entry after all": late(ends_at - timedelta(hours=1)),
        "settled": lambda: decide(_correction(ends_at), story.settles),
    }


def _events_of_late(story: _Story) -> int:
    starts_at, ends_at = month_bounds(_MONTH, _ZONE)
    return len(decide(_work("late", starts_at, 2400, now=ends_at), story.state))


def _growth(late_ms: list[float]) -> list[float]:
    """Return the time of a late entry, from each size to the next, over that of n log n."""
    n_log_n = [size * size.bit_length() for size in SIZES]
    return [
        (after / before) / (n_after / n_before)
        for (before, after), (n_before, n_after) in zip(pairwise(late_ms), pairwise(n_log_n), strict=True)
    ]


def _story(entries: int) -> _Story:
    """A month of entries in an order of arrival of its own, with an allowance and packs that some of them draw."""
    random = Random(entries)
    starts_at, ends_at = month_bounds(_MONTH, _ZONE)
    span = int((ends_at - starts_at).total_seconds()) - 7200
    events: list[SubscriptionEvent] = []
    state: Subscription | None = None

    def take(command: StartSubscription | BuyHours | RateWork | ClosePeriod) -> None:
        nonlocal state
        decided = decide(command, state)
        state = reduce(evolve, decided, state)
        events.extend(decided)

    take(_start(starts_at))
    take(_work("september", starts_at - timedelta(days=10), 60_000, now=starts_at))
    for number in range(10):
        hours = max(1, entries // 50)
        take(BuyHours(now=starts_at, pack_id=f"p-{number}", hours=hours, effective_from=starts_at))
    works = [
        _work(
            f"e-{number:06}",
            starts_at + timedelta(seconds=random.randrange(span)),
            random.randrange(60, 5400),
            now=ends_at,
        )
        for number in range(entries)
    ]
    for command in sorted(works, key=lambda each: each.started_at):  # most work is logged as it is done
        take(command)
    if state is None:
        raise RuntimeError("a subscription that was started has a state")
    settles: Subscription = reduce(evolve, decide(ClosePeriod(now=ends_at, period="2026-09"), state), state)
    return _Story(entries, events, state, settles)


def _start(starts_at: datetime) -> StartSubscription:
    version = PlanPublished(
        occurred_at=_EPOCH, plan="standard", version=1, terms=default_terms("USD"), effective_from=_EPOCH
    )
    return StartSubscription(
        now=starts_at,
        subscription_id="s-1",
        customer_id="c-1",
        plan=Plan(versions=(version,)),
        terms=TermsChange(allowance_seconds=36_000, pack_step_hours=1),
        zone=_ZONE,
        currency="USD",
        starts_on=(starts_at - timedelta(days=20)).date().replace(day=1),
    )


def _work(entry_id: str, started_at: datetime, duration_seconds: int, *, now: datetime) -> RateWork:
    return RateWork(
        now=now,
        entry_id=entry_id,
        ticket_id="t-1",
        case_number="C-000001",
        agent="Ann",
        started_at=started_at,
        duration_seconds=duration_seconds,
        work_class="included",
    )


def _correction(now: datetime) -> ReviseWork:
    """The entry of the closed month took more time: the difference is rated before all others of the open one."""
    facts = WorkRevision(
        entry_id="september",
        ticket_id="t-1",
        case_number="C-000001",
        duration_seconds=70_000,
        voided=False,
        work_class="included",
        purpose="maintenance",
    )
    return ReviseWork(now=now, revisions=(facts,))
