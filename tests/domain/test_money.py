from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import amount_cents, share_cents


@pytest.mark.parametrize(
    ("seconds", "rate", "multiplier", "cents"),
    [
        (2700, 150_00, 1, 112_50),
        (5400, 150_00, 2, 450_00),
        (1, 1799, 1, 0),
        (1, 1800, 1, 1),  # half a cent
        (3, 1800, 1, 2),  # one and a half
        (0, 150_00, 1, 0),
    ],
)
def test_an_amount_is_rounded_half_up_once(seconds: int, rate: int, multiplier: int, cents: int) -> None:
    assert amount_cents(seconds, rate, multiplier) == cents


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(1, 100))
def test_an_amount_is_within_half_a_cent_of_the_exact_one(seconds: int, rate: int, multiplier: int) -> None:
    exact = Fraction(seconds * rate * multiplier, 3600)
    assert Fraction(-1, 2) < amount_cents(seconds, rate, multiplier) - exact <= Fraction(1, 2)


@given(st.lists(st.integers(1, 10_000), min_size=1), st.integers(0, 10**9))
def test_shares_of_growing_parts_add_up_to_the_price(parts: list[int], price: int) -> None:
    whole = sum(parts)
    reached = [sum(parts[:number]) for number in range(len(parts) + 1)]
    shares = [share_cents(part, whole, price) for part in reached]
    assert sum(after - before for before, after in pairwise(shares)) == price
    assert all(before <= after for before, after in pairwise(shares))
