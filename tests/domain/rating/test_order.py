"""Whatever draws change into what, there is an order in which no grant is overdrawn in between (SUPPORT_POLICY B11)."""

from datetime import datetime, timedelta
from functools import reduce

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.plan import default_terms
from domain.rating.book import Book, Grant, Month, Pack
from domain.rating.entries import Entry
from domain.rating.months import month_bounds
from domain.rating.order import Change, steps
from domain.subscription.events import Credit, Draw

START, END = month_bounds("2026-03", "Europe/Rome")
PACKS = ("p-0", "p-1", "p-2")
NEEDED = 10
EARLIER = 50
"""Seconds of each pack that were drawn in a month that is closed; credits can give them back."""


def book(sizes: list[int]) -> Book:
    month = Month(month="2026-03", starts_at=START, ends_at=END, terms=default_terms("EUR"), allowance_seconds=sizes[0])
    packs = [
        Pack(
            pack_id=pack_id,
            seconds=EARLIER + size,
            rate_cents_per_hour=100,
            price_cents=997,
            effective_at=START,
            drawn={"2026-02": EARLIER},
        )
        for pack_id, size in zip(PACKS, sizes[1:], strict=True)
    ]
    return reduce(Book.with_pack, packs, Book(months=(month,)))


def at(number: int) -> datetime:
    return START + timedelta(hours=number)


def entry(number: int, taken: list[int], restored: int = 0) -> Entry:
    """An entry of ten seconds that takes so many of the allowance and of each pack, and the rest on demand."""
    draws = [Draw(source="allowance", seconds=taken[0], month="2026-03")] if taken[0] else []
    draws += [
        Draw(source="pack", seconds=seconds, pack_id=pack_id)
        for pack_id, seconds in zip(PACKS, taken[1:], strict=True)
        if seconds
    ]
    rest = NEEDED - sum(taken)
    if rest:
        draws.append(Draw(source="on_demand", seconds=rest, rate_cents_per_hour=3600, amount_cents=rest))
    given_back = Credit(
        source="pack", posted_month="2026-02", seconds=restored, pack_id=PACKS[number % 3], restored=True
    )
    return Entry(
        entry_id=f"e-{number}",
        ticket_id="t-1",
        agent="Ann",
        started_at=at(number),
        duration_seconds=NEEDED,
        rating_at=at(number),
        work_class="included",
        billed_seconds=NEEDED,
        rate_cents_per_hour=3600,
        multiplier=2,
        draws=tuple(draws),
        credits=(given_back,) if restored else (),
    )


_takings = (
    st.lists(st.integers(0, NEEDED), min_size=3, max_size=3)
    .map(sorted)
    .map(lambda cuts: [cuts[0], cuts[1] - cuts[0], cuts[2] - cuts[1], 0])
)
_mixed = st.tuples(_takings, st.permutations([0, 1, 2, 3])).map(lambda each: [each[0][place] for place in each[1]])
_entries = st.lists(
    st.tuples(_mixed, _mixed, st.booleans(), st.booleans(), st.integers(0, 5), st.integers(0, 5)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=1000)
@given(_entries, st.booleans())
@example([([10, 0, 0, 0], [0, 10, 0, 0], True, False, 0, 0), ([0, 10, 0, 0], [10, 0, 0, 0], False, False, 0, 0)], True)
@example([([10, 0, 0, 0], [0, 10, 0, 0], True, False, 0, 0), ([0, 10, 0, 0], [10, 0, 0, 0], True, False, 0, 0)], True)
def test_no_grant_is_overdrawn_at_any_step_and_the_last_one_has_what_is_wanted(
    drawn: list[tuple[list[int], list[int], bool, bool, int, int]], latest_first: bool
) -> None:
    """Every grant is just as large as the states before and after need it, so that nothing can be taken too early."""
    changes = []
    for number, (old, new, revised, is_new, restored, restored_after) in enumerate(drawn):
        # credits come with other facts only, and are settled before an entry draws in their month
        before = None if is_new else entry(number, old, restored)
        after = entry(number, new, restored_after if revised and not is_new else restored * (not is_new))
        if before != after:
            changes.append(Change(before, after, revised or is_new))
    empty = book([0, 0, 0, 0])
    former = reduce(lambda known, each: known.with_entry(None, each.before) if each.before else known, changes, empty)
    later = reduce(lambda known, each: known.with_entry(None, each.after), changes, empty)
    sizes = [max(0, *(-each.free(grant) for each in (former, later))) for grant in _grants()]
    former = reduce(
        lambda known, each: known.with_entry(None, each.before) if each.before else known, changes, book(sizes)
    )

    known = former
    revisions: list[str] = []
    for change, _, _ in steps(former, changes, latest_first=latest_first):
        assert change.before == known.entries.get(change.after.entry_id)
        assert sum(draw.seconds for draw in change.after.draws) == NEEDED
        known = known.with_entry(change.before, change.after)
        assert all(known.free(grant) >= 0 for grant in _grants()), change
        if change.revised:
            revisions.append(change.after.entry_id)
        elif change.before:
            assert replace(change.after, draws=()) == replace(change.before, draws=())
    assert {each.entry_id: each for each in known.entries} == {each.after.entry_id: each.after for each in changes}
    assert sorted(revisions) == sorted(each.after.entry_id for each in changes if each.revised)


def _grants() -> list[Grant]:
    return [("allowance", "2026-03"), *(("pack", pack_id) for pack_id in PACKS)]
