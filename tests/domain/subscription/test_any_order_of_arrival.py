"""The bill is a function of the facts (SUPPORT_POLICY B7), whatever order they arrive in."""

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.subscription.events import Draw, HourPackPurchased, MonthStarted, WorkRated, WorkRerated
from tests.domain.rating.reference import bill, pack_income
from tests.domain.subscription.histories import (
    History,
    bill_of,
    facts_of,
    happened,
    histories,
    pack_income_of,
)


@settings(max_examples=1000, deadline=None)
@given(histories)
def test_the_bill_is_what_the_rules_say_read_naively(history: History) -> None:
    months, packs, entries = facts_of(history)
    expected = bill(months, packs, entries)
    events = happened(history)
    assert bill_of(events) == set(expected)
    assert +pack_income_of(events) == +pack_income(packs, expected)
    assert all(cents >= 0 for cents in pack_income_of(events).values())


@settings(max_examples=200, deadline=None)
@given(histories, st.randoms(use_true_random=False))
def test_any_other_order_of_arrival_gives_the_same_bill(history: History, random: Random) -> None:
    arrivals = list(history.arrivals)
    random.shuffle(arrivals)
    events, others = happened(history), happened(History(history.terms, tuple(arrivals)))
    assert bill_of(events) == bill_of(others)
    assert +pack_income_of(events) == +pack_income_of(others)


@settings(max_examples=200, deadline=None)
@given(histories)
def test_no_grant_is_overdrawn_and_no_income_is_beyond_the_price_at_any_version_of_the_stream(history: History) -> None:
    left: Counter[tuple[str, str]] = Counter()
    owned: Counter[str] = Counter()
    recognised: Counter[str] = Counter()
    for event in happened(history):
        match event:
            case MonthStarted():
                left["own", event.month] = event.allowance_seconds
                left["rollover", event.month] = event.rollover_cap_seconds
            case HourPackPurchased():
                left["pack", event.pack_id] = event.seconds
                owned[event.pack_id] = event.price_cents
            case WorkRated() | WorkRerated():
                before = event.before if isinstance(event, WorkRerated) else ()
                for sign, draws in ((1, before), (-1, event.draws)):
                    for draw in draws:
                        for grant in _grants(draw):
                            left[grant] += sign * draw.seconds
                for each in event.recognised:
                    recognised[each.pack_id] += each.amount_cents
            case _:
                pass
        assert min(left.values(), default=0) >= 0, event
        assert all(0 <= cents <= owned[pack_id] for pack_id, cents in recognised.items())
        assert all(recognised[pack_id] == price for pack_id, price in owned.items() if not left["pack", pack_id])


@settings(max_examples=200, deadline=None)
@given(histories)
def test_each_entry_draws_its_billed_time_and_what_stood_before_is_told_rightly(history: History) -> None:
    standing: dict[str, tuple[Draw, ...]] = {}
    billed: dict[str, int] = {}
    for event in happened(history):
        if isinstance(event, WorkRated):
            assert event.entry_id not in standing
            billed[event.entry_id] = event.billed_seconds
        elif isinstance(event, WorkRerated):
            assert event.before == standing[event.entry_id] != event.draws
        if isinstance(event, WorkRated | WorkRerated):
            standing[event.entry_id] = event.draws
            assert sum(draw.seconds for draw in event.draws) == billed[event.entry_id]


def _grants(draw: Draw) -> list[tuple[str, str]]:
    """The grants that a draw takes from: rolled over time is a part of the allowance that its month granted."""
    match draw.source:
        case "allowance":
            return [("own", str(draw.month))]
        case "rollover":
            return [("own", str(draw.month)), ("rollover", str(draw.month))]
        case "pack":
            return [("pack", str(draw.pack_id))]
        case _:
            return []
