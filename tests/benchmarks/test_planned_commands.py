"""Planned commands come by chance, each no sooner than it is due, and what went wrong is not passed over."""

from itertools import pairwise
from random import Random
from statistics import mean
from time import perf_counter

import pytest

from benchmarks.planned_commands import Planned, carried_out, planned, requests_on
from commands.dispatch import Request


def commands(per_second: float, seconds: float) -> list[Planned]:
    return planned(requests_on(["customer-1"], ["case-1"], Random(1)), per_second, seconds, Random(2))


def test_they_come_by_chance_so_many_a_second_and_in_the_mix_that_is_said() -> None:
    found = commands(500, 4)
    instants = [each.at for each in found]
    assert instants == sorted(instants)
    assert 0 < instants[0] < instants[-1] < 4
    gaps = [later - earlier for earlier, later in pairwise(instants)]
    assert mean(gaps) == pytest.approx(1 / 500, rel=0.1)
    assert [each.request.command for each in found[:8]] == ["open-ticket", "add-reply", "log-work", "add-reply"] * 2
    assert [each.at for each in commands(500, 4)] == instants, "two runs send the same"


def test_each_is_carried_out_when_it_is_due_and_answers_come_in_order() -> None:
    found = commands(200, 0.2)
    begun = perf_counter()

    def carry_out(request: Request, due: float) -> tuple[str, float, float]:
        return request.command, due - begun, perf_counter() - begun

    answers = carried_out(found, carry_out)
    assert [command for command, _, _ in answers] == [each.request.command for each in found]
    assert all(each.at <= due <= at for each, (_, due, at) in zip(found, answers, strict=True))


def test_what_one_raises_is_raised() -> None:
    def fail(_request: Request, _due: float) -> None:
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        carried_out(commands(200, 0.1), fail)
