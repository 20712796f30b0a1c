"""The bill is a function of the facts (SUPPORT_POLICY B7, B8), whatever order they arrive in."""

from collections import Counter
from functools import reduce
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.subscription.commands import RecordDue
from domain.subscription.decider import decide
from domain.subscription.state import evolve
from tests.domain.rating.reference import breakage, owed, pack_income, settled
from tests.domain.rating.reference_facts import pack_of
from tests.domain.subscription.happenings import NOW
from tests.domain.subscription.histories import History, facts_of, happened, in_another_order, long_histories, steps
from tests.domain.subscription.standing import BottomLine, Standing, standing_after


def read_naively(history: History) -> BottomLine:
    """What the rules say of a history."""
    facts, closes = facts_of(history)
    stands = settled(facts, closes)
    packs = [pack_of(facts, each) for each in facts.purchases]
    income = pack_income(packs, stands.draws, stands.credits)
    return BottomLine.of(stands.draws, stands.credits, income, owed(facts, stands, NOW))


@settings(max_examples=500)
@given(long_histories)
def test_the_bill_is_what_the_rules_say_read_naively(history: History) -> None:
    assert standing_after(happened(history)).bottom_line() == read_naively(history)


@pytest.mark.soak
@settings(max_examples=6_000)
@given(long_histories)
def test_the_bill_is_what_the_rules_say_thousands_of_times(history: History) -> None:
    assert standing_after(happened(history)).bottom_line() == read_naively(history)


@settings(max_examples=200)
@given(long_histories)
def test_what_a_pack_never_gave_is_earned_when_it_has_expired(history: History) -> None:
    facts, closes = facts_of(history)
    standing = standing_after(happened(history))
    expired = breakage([pack_of(facts, each) for each in facts.purchases], settled(facts, closes), NOW)
    assert {pack_id: cents for pack_id, cents in standing.broken.items() if cents} == +expired
    for pack_id in expired:
        used = standing.used()["pack", pack_id]
        assert used + standing.expired["pack", pack_id] == standing.granted["pack", pack_id]


@settings(max_examples=200)
@given(long_histories, st.randoms(use_true_random=False))
def test_any_other_order_of_arrival_gives_the_same_bill(history: History, random: Random) -> None:
    other = in_another_order(history, random)
    assert standing_after(happened(history)).bottom_line() == standing_after(happened(other)).bottom_line()


@settings(max_examples=200)
@given(long_histories)
def test_no_grant_is_overdrawn_and_no_income_is_beyond_the_price_at_any_version_of_the_stream(history: History) -> None:
    standing = Standing()
    for event in happened(history):
        standing.put(event)
        used = standing.used()
        assert all(seconds <= standing.granted[grant] for grant, seconds in used.items()), event
        assert all(used[grant] + seconds <= standing.granted[grant] for grant, seconds in standing.expired.items())
        for pack_id, price in standing.prices.items():
            earned = sum(cents for (pack, _), cents in standing.income.items() if pack == pack_id)
            assert 0 <= earned <= price
            if used["pack", pack_id] == standing.granted["pack", pack_id]:
                assert earned == price


@settings(max_examples=200)
@given(long_histories)
def test_after_every_command_each_entry_has_drawn_its_billed_time_less_its_credits(history: History) -> None:
    standing = Standing()
    for events in steps(history):
        for event in events:
            standing.put(event)
        assert +standing.net_seconds() == +Counter(standing.billed)


@settings(max_examples=100)
@given(long_histories)
def test_a_replay_of_what_is_stored_is_the_state_that_was_decided_on(history: History) -> None:
    events = happened(history)
    stored = [msgspec.json.decode(msgspec.json.encode(event), type=type(event)) for event in events]
    assert stored == events
    assert reduce(evolve, stored, None) == reduce(evolve, events, None)
    assert decide(RecordDue(now=NOW), reduce(evolve, stored, None)) == []
