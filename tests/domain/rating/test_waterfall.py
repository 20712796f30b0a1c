"""The waterfall on facts that one subscription would seldom have together: terms and expiries of any kind."""

import math
from datetime import datetime, timedelta
from fractions import Fraction
from functools import reduce

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from domain.plan import default_terms
from domain.rating.book import Book, Month, Pack
from domain.rating.entries import Entry
from domain.rating.months import month_bounds
from domain.rating.waterfall import billed_seconds, redraws
from domain.subscription.events import Draw, DrawSource, WorkClass
from tests.domain.rating.reference import RefDraw, RefEntry, bill
from tests.domain.rating.reference_facts import RefMonth, RefPack

ZONE = "Europe/Rome"
NAMES = ("2026-03", "2026-04", "2026-05")
START = month_bounds("2026-03", ZONE)[0]


def at(hours: float) -> datetime:
    return START + timedelta(hours=hours)


def month(name: str, *, allowance: int = 0, cap: int = 0, rate: int = 150_00) -> Month:
    starts_at, ends_at = month_bounds(name, ZONE)
    terms = msgspec.structs.replace(
        default_terms("EUR"), allowance_seconds=allowance, rollover_cap_seconds=cap, regular_rate_cents=rate
    )
    return Month(month=name, starts_at=starts_at, ends_at=ends_at, terms=terms, allowance_seconds=allowance)


def pack(pack_id: str, seconds: int, effective_at: datetime, expires_at: datetime | None = None) -> Pack:
    return Pack(
        pack_id=pack_id,
        seconds=seconds,
        rate_cents_per_hour=100,
        price_cents=100,
        effective_at=effective_at,
        expires_at=expires_at,
    )


def entry(entry_id: str, started_at: datetime, seconds: int, work_class: WorkClass = "billable") -> Entry:
    return Entry(
        entry_id=entry_id,
        ticket_id="t-1",
        agent="Ann",
        started_at=started_at,
        duration_seconds=seconds,
        rating_at=started_at,
        work_class=work_class,
        billed_seconds=seconds,
        rate_cents_per_hour=150_00,
        multiplier=2,
    )


def book(months: list[Month], packs: list[Pack], entries: list[Entry]) -> Book:
    granted = reduce(Book.with_pack, packs, reduce(Book.with_month, months, Book()))
    return reduce(Book.with_unrated, entries, granted)


def rated(facts: Book) -> Book:
    for each, draws in redraws(facts, (START,)):
        facts = facts.with_entry(each, each.drawing(draws))
    return facts


def drawn(facts: Book, entry_id: str) -> list[tuple[str, str | None, int]]:
    (found,) = (each for each in rated(facts).entries if each.entry_id == entry_id)
    return [(draw.source, draw.pack_id or draw.month, draw.seconds) for draw in found.draws]


def test_packs_are_drawn_by_soonest_expiry_then_effective_instant_then_id_by_bytes() -> None:
    packs = [
        pack("none-late", 10, at(1)),
        pack("none-b", 10, at(0)),
        pack("none-B", 10, at(0)),
        pack("late", 10, at(0), at(200)),
        pack("soon-ä", 10, at(1), at(100)),
        pack("soon-z", 10, at(1), at(100)),
        pack("soon-first", 10, at(0), at(100)),
    ]
    facts = book([month("2026-03")], packs, [entry("e", at(2), 75)])
    assert drawn(facts, "e") == [
        ("pack", "soon-first", 10),
        ("pack", "soon-z", 10),
        ("pack", "soon-ä", 10),
        ("pack", "late", 10),
        ("pack", "none-B", 10),
        ("pack", "none-b", 10),
        ("pack", "none-late", 10),
        ("on_demand", None, 5),
    ]


@pytest.mark.parametrize(
    ("started_at", "source"),
    [
        (at(10) - timedelta(microseconds=1), "on_demand"),
        (at(10), "pack"),
        (at(20) - timedelta(microseconds=1), "pack"),
        (at(20), "on_demand"),
    ],
)
def test_a_pack_covers_work_from_its_effective_instant_until_just_before_it_expires(
    started_at: datetime, source: str
) -> None:
    facts = book([month("2026-03")], [pack("p", 60, at(10), at(20))], [entry("e", started_at, 60)])
    assert [name for name, _, _ in drawn(facts, "e")] == [source]


def test_included_work_draws_rollover_then_allowance_then_packs_then_on_demand() -> None:
    facts = book(
        [month("2026-03", allowance=50, cap=20), month("2026-04", allowance=30)],
        [pack("p", 10, START)],
        [entry("march", at(0), 40, "included"), entry("april", month_bounds("2026-04", ZONE)[0], 60, "included")],
    )
    assert drawn(facts, "april") == [
        ("rollover", "2026-03", 10),
        ("allowance", "2026-04", 30),
        ("pack", "p", 10),
        ("on_demand", None, 10),
    ]


def test_rollover_is_capped_by_the_month_that_granted_it_and_is_gone_after_the_next() -> None:
    facts = book(
        [month("2026-03", allowance=50, cap=20), month("2026-04", cap=99), month("2026-05")],
        [],
        [entry("april", month_bounds("2026-04", ZONE)[0], 5, "included"),
         entry("may", month_bounds("2026-05", ZONE)[0], 60, "included")],
    )  # fmt: skip
    assert drawn(facts, "april") == [("rollover", "2026-03", 5)]
    assert drawn(facts, "may") == [("on_demand", None, 60)]


def doubled(source: DrawSource) -> Draw:
    return Draw(source=source, seconds=5400, rate_cents_per_hour=150_00, multiplier=2, amount_cents=450_00)


@pytest.mark.parametrize(
    ("work_class", "draw"),
    [
        ("emergency", doubled("emergency")),
        ("pending", doubled("hold")),
        ("waived", Draw(source="waived", seconds=5400)),
    ],
)
def test_an_emergency_a_hold_and_waived_time_never_draw_a_grant(work_class: WorkClass, draw: Draw) -> None:
    facts = book([month("2026-03", allowance=9999)], [pack("p", 9999, START)], [entry("e", at(1), 5400, work_class)])
    assert [each.draws for each in rated(facts).entries] == [(draw,)]


def test_billable_work_leaves_the_allowance_alone() -> None:
    facts = book([month("2026-03", allowance=9999)], [pack("p", 100, START)], [entry("e", at(1), 150)])
    assert drawn(facts, "e") == [("pack", "p", 100), ("on_demand", None, 50)]


@pytest.mark.parametrize(
    ("duration", "increment", "minimum", "billed"),
    [
        (1, 900, 0, 900),
        (900, 900, 0, 900),
        (901, 900, 0, 1800),
        (61, 1, 0, 61),
        (60, 60, 1800, 1800),
        (1801, 60, 1800, 1860),
    ],
)
def test_billed_time_is_rounded_up_to_the_increment_and_at_least_the_minimum(
    duration: int, increment: int, minimum: int, billed: int
) -> None:
    terms = msgspec.structs.replace(
        default_terms("EUR"), billing_increment_seconds=increment, minimum_charge_seconds=minimum
    )
    assert billed_seconds(duration, terms) == billed


@given(st.integers(1, 86_400), st.integers(1, 86_400), st.integers(0, 86_400))
def test_billed_time_is_the_least_multiple_that_covers_the_duration_or_the_minimum(
    duration: int, increment: int, minimum: int
) -> None:
    terms = msgspec.structs.replace(
        default_terms("EUR"), billing_increment_seconds=increment, minimum_charge_seconds=minimum
    )
    assert billed_seconds(duration, terms) == max(minimum, math.ceil(Fraction(duration, increment)) * increment)


_hours = st.integers(0, 24 * 92 - 2)
_instants = st.one_of(_hours, st.sampled_from([0, 100, 31 * 24 - 1, 31 * 24, 61 * 24 - 1])).map(at)
_months = st.tuples(
    *(
        st.builds(
            month,
            st.just(name),
            allowance=st.sampled_from([0, 100, 1000]),
            cap=st.sampled_from([0, 70, 5000]),
            rate=st.just(150_00),
        )
        for name in NAMES
    )
)
_packs = st.lists(
    st.tuples(st.integers(1, 600), _instants, st.one_of(st.none(), st.integers(1, 24 * 40))), max_size=5
).map(
    lambda drawn: [
        pack(f"p{number}", seconds, start, None if hours is None else start + timedelta(hours=hours))
        for number, (seconds, start, hours) in enumerate(drawn)
    ]
)
_classes: st.SearchStrategy[WorkClass] = st.sampled_from(("included", "billable", "pending", "emergency", "waived"))
_entries = st.lists(st.tuples(_instants, st.integers(1, 500), _classes), max_size=12).map(
    lambda drawn: [entry(f"e{number}", *each) for number, each in enumerate(drawn)]
)


@settings(max_examples=1000)
@given(_months, _packs, _entries)
def test_all_draws_are_what_the_rules_say_read_naively(
    months: tuple[Month, ...], packs: list[Pack], entries: list[Entry]
) -> None:
    expected = bill(
        [
            RefMonth(m.month, m.starts_at, m.ends_at, m.allowance_seconds, m.terms.rollover_cap_seconds, 150_00, 2)
            for m in months
        ],
        [RefPack(p.pack_id, p.seconds, p.price_cents, p.effective_at, p.expires_at) for p in packs],
        [RefEntry(e.entry_id, e.started_at, e.work_class, e.billed_seconds) for e in entries],
    )
    result = rated(book(list(months), packs, entries))
    assert [
        RefDraw(each.entry_id, posted_in, d.source, d.pack_id or d.month, d.seconds, d.amount_cents)
        for each in result.entries
        for posted_in in [result.month_at(each.rating_at).month]
        for d in each.draws
    ] == expected


@settings(max_examples=300)
@given(_months, _packs, _entries, st.integers(0, 11))
@example((month("2026-03"), month("2026-04"), month("2026-05")), [pack("p", 10, START)], [entry("e0", at(1), 20)], 0)
def test_rating_from_the_place_of_a_late_entry_is_rating_all_of_them(
    months: tuple[Month, ...], packs: list[Pack], entries: list[Entry], late: int
) -> None:
    arrived = entries[late : late + 1]
    others = rated(book(list(months), packs, [each for each in entries if each not in arrived]))
    for each in arrived:
        grown = others.with_unrated(each)
        for redrawn, draws in redraws(grown, each.key):
            grown = grown.with_entry(redrawn, redrawn.drawing(draws))
        assert grown == rated(book(list(months), packs, entries))
        assert redraws(grown, (START,)) == []
