"""The bill is a function of the facts (SUPPORT_POLICY B7, B8), whatever order they arrive in."""

from collections import Counter
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.rating.reference import owed, pack_income, pack_of, settled
from tests.domain.subscription.histories import NOW, History, facts_of, happened, histories, in_another_order, steps
from tests.domain.subscription.standing import BottomLine, Standing, standing_after


def read_naively(history: History) -> BottomLine:
    """What the rules say of a history."""
    facts, closes = facts_of(history)
    stands = settled(facts, closes)
    packs = [pack_of(facts, each) for each in facts.purchases]
    income = pack_income(packs, stands.draws, stands.credits)
    return BottomLine.of(stands.draws, stands.credits, income, owed(facts, stands, NOW))


@settings(max_examples=500, deadline=None)
@given(histories)
def test_the_bill_is_what_the_rules_say_read_naively(history: History) -> None:
    assert standing_after(happened(history)).bottom_line() == read_naively(history)


@settings(max_examples=200, deadline=None)
@given(histories, st.randoms(use_true_random=False))
def test_any_other_order_of_arrival_gives_the_same_bill(history: History, random: Random) -> None:
    other = in_another_order(history, random)
    assert standing_after(happened(history)).bottom_line() == standing_after(happened(other)).bottom_line()


@settings(max_examples=200, deadline=None)
@given(histories)
def test_no_grant_is_overdrawn_and_no_income_is_beyond_the_price_at_any_version_of_the_stream(history: History) -> None:
    standing = Standing()
    for event in happened(history):
        standing.put(event)
        used = standing.used()
        assert all(seconds <= standing.granted[grant] for grant, seconds in used.items()), event
        for pack_id, price in standing.prices.items():
            earned = sum(cents for (pack, _), cents in standing.income.items() if pack == pack_id)
            assert 0 <= earned <= price
            if used["pack", pack_id] == standing.granted["pack", pack_id]:
                assert earned == price


@settings(max_examples=200, deadline=None)
@given(histories)
def test_after_every_command_each_entry_has_drawn_its_billed_time_less_its_credits(history: History) -> None:
    standing = Standing()
    for events in steps(history):
        for event in events:
            standing.put(event)
        assert +standing.net_seconds() == +Counter(standing.billed)
