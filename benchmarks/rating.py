"""How long does a month with many work entries take? Its events are folded, and a late entry is rated (B7).

Times are the processor's, as nothing waits here: other programs on the machine do not lengthen them.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import pairwise
from random import Random
from statistics import median
from time import thread_time

import msgspec

from benchmarks.machine import additions_per_second
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

_HEAD = "  entries      fold  late, first  events  late, middle    last   settled  events"
_ZONE = "America/Denver"
_MONTH = "2026-10"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Figures(msgspec.Struct, frozen=True):
    """Of a month with so many entries: medians of the rounds in milliseconds, and the events that a late entry makes.

    `late_first_ms` is an entry before all others, `late_middle_ms` one in their middle, `last_ms` one after them,
    `settled_ms` a correction of an entry of a month that was closed, before as many in the open one.
    """

    entries: int
    fold_ms: float
    late_first_ms: float
    late_first_events: int
    late_middle_ms: float
    last_ms: float
    settled_ms: float
    settled_events: int


class Result(msgspec.Struct, frozen=True):
    """All of a run. `growth` is the time of a late entry, from each size to the next, over that of n log n."""

    rounds: int
    sizes: list[Figures]
    growth: list[float]
    additions_per_second: list[float]
    wanted_ms: float = WANTED_MS
    wanted_entries: int = WANTED_ENTRIES


class _Story(msgspec.Struct, frozen=True):
    """A month with its entries, as events and folded; and the same after the month before was closed, with an entry."""

    entries: int
    events: list[SubscriptionEvent]
    state: Subscription
    settles: Subscription


def measure(*, rounds: int) -> Result:
    """Run the rounds; in each, every size has its turn, after a loop that tells how fast the machine is just now."""
    stories = [_story(size) for size in SIZES]
    times: dict[tuple[int, str], list[float]] = {}
    additions = []
    for _ in range(rounds):
        additions.append(additions_per_second(thread_time))
        for story in stories:
            for name, action in _actions(story).items():
                started = thread_time()
                action()
                times.setdefault((story.entries, name), []).append((thread_time() - started) * 1000)
    figures = [_figures(story, times) for story in stories]
    return Result(rounds, figures, _growth(figures), additions)


def table(result: Result) -> str:
    """Return a run as text for people."""
    lines = [
        f"A month with so many work entries, an allowance and ten packs; medians of {result.rounds} rounds, in ms",
        "",
        _HEAD,
    ]
    lines += [
        f"{each.entries:>9,}{each.fold_ms:>10.1f}{each.late_first_ms:>13.2f}{each.late_first_events:>8,}"
        f"{each.late_middle_ms:>14.2f}{each.last_ms:>8.2f}{each.settled_ms:>10.2f}{each.settled_events:>8,}"
        for each in result.sizes
    ]
    late = next(each.late_first_ms for each in result.sizes if each.entries == result.wanted_entries)
    additions = result.additions_per_second
    lines += [
        "",
        f"An entry before {result.wanted_entries:,} others: {late:.1f} ms, wanted: under {result.wanted_ms:g} ms.",
        f"Its growth from size to size over that of n log n: {', '.join(f'{each:.2f}' for each in result.growth)}.",
        f"The machine: {median(additions):,.0f} additions/s in Python ({min(additions):,.0f} to {max(additions):,.0f})",
    ]
    return "\n".join(lines)


def _actions(story: _Story) -> dict[str, Callable[[], object]]:
    starts_at, ends_at = month_bounds(_MONTH, _ZONE)
    middle = starts_at + (ends_at - starts_at) / 2

    def late(started_at: datetime) -> Callable[[], object]:
        return lambda: decide(_work("late", started_at, 2400, now=ends_at), story.state)

    return {
        "fold": lambda: reduce(evolve, story.events, None),
        "late_first": late(starts_at),
        "late_middle": late(middle),
        "last": late(ends_at - timedelta(hours=1)),
        "settled": lambda: decide(_correction(ends_at), story.settles),
    }


def _figures(story: _Story, times: dict[tuple[int, str], list[float]]) -> Figures:
    def middle(name: str) -> float:
        return median(times[story.entries, name])

    starts_at, ends_at = month_bounds(_MONTH, _ZONE)
    return Figures(
        entries=story.entries,
        fold_ms=middle("fold"),
        late_first_ms=middle("late_first"),
        late_first_events=len(decide(_work("late", starts_at, 2400, now=ends_at), story.state)),
        late_middle_ms=middle("late_middle"),
        last_ms=middle("last"),
        settled_ms=middle("settled"),
        settled_events=len(decide(_correction(ends_at), story.settles)),
    )


def _growth(figures: list[Figures]) -> list[float]:
    def n_log_n(figure: Figures) -> float:
        return figure.entries * figure.entries.bit_length()

    return [
        (after.late_first_ms / before.late_first_ms) / (n_log_n(after) / n_log_n(before))
        for before, after in pairwise(figures)
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
