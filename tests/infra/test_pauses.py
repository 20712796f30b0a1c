"""Pauses between attempts double up to their bound, and begin anew after one that went well."""

from infra.pauses import Pauses


def test_pauses_double_up_to_the_longest_until_something_went_well() -> None:
    pauses = Pauses(0.1, 0.5)
    assert [pauses.next() for _ in range(5)] == [0.1, 0.2, 0.4, 0.5, 0.5]
    pauses.succeeded()
    assert [pauses.next() for _ in range(2)] == [0.1, 0.2]
