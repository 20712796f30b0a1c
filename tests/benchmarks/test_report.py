"""What a benchmark says of a run: the middle round, the spread, and whether each promise was kept."""

import msgspec
import pytest

from benchmarks.catalogue import BENCHMARKS
from benchmarks.machine import Calibration, Machine
from benchmarks.page import page_of
from benchmarks.report import Figure, Report, Target, as_json, as_text, number

MACHINE = Machine(
    cores=2, processor="a processor", memory_gib=24.0, system="Linux 6", python="3.11.7", packages={}, commit="0123abc"
)


def report(*targets: Target) -> Report:
    return Report(
        benchmark="append",
        question="How many?",
        settings={"seed": "7"},
        figures=[Figure(name="ours", unit="events/s", rounds=[300.0, 100.0, 170.0])],
        targets=targets,
        calibration=Calibration([1.0, 3.0, 2.0]),
    )


def ratio(value: float, bound: str = "at least") -> Target:
    return msgspec.convert(
        {"name": "times the peer", "value": value, "unit": "x", "bound": bound, "wanted": 10.0}, Target
    )


def test_a_figure_is_its_middle_round_with_the_lowest_and_the_highest() -> None:
    [line] = [line for line in as_text(report()).splitlines() if line.startswith("ours")]
    assert line.split() == ["ours", "170", "100", "300", "events/s"]


@pytest.mark.parametrize(
    ("target", "kept"),
    [
        (ratio(10.0), True),
        (ratio(9.99), False),
        (ratio(10.0, "at most"), True),
        (ratio(10.01, "at most"), False),
    ],
)
def test_a_missed_promise_is_called_missed_in_every_form(target: Target, kept: bool) -> None:
    said = report(target)
    assert ("MISSED" in as_text(said)) is not kept
    assert ("**missed**" in page_of([said], MACHINE, "", ["append"])) is not kept
    [one] = msgspec.json.decode(as_json([said], MACHINE))["reports"]
    assert one["targets"][0]["met"] is kept


def test_the_object_for_machines_has_the_raw_rounds_and_the_machine_beside_them() -> None:
    document = msgspec.json.decode(as_json([report()], MACHINE))
    assert document["machine"]["commit"] == "0123abc"
    [figure] = document["reports"][0]["figures"]
    assert (figure["rounds"], figure["median"]) == ([300.0, 100.0, 170.0], 170.0)
    assert document["reports"][0]["calibration"]["additions_per_second"] == [1.0, 3.0, 2.0]


def test_the_page_names_machine_commit_and_every_figure() -> None:
    page = page_of([report(ratio(12.0))], MACHINE, "", ["append"])
    assert "commit 0123abc" in page
    assert "| ours | 170 | 100 | 300 | events/s |" in page
    assert "| append: times the peer | 12.0 x | at least 10.0 x | met |" in page


def test_a_section_is_renewed_alone_and_the_others_stay_as_they_were_measured() -> None:
    order = ["load", "append", "views"]
    others = [msgspec.structs.replace(report(ratio(11.0)), benchmark=name) for name in ("views", "load", "gone")]
    before = page_of([report(ratio(12.0)), *others], MACHINE, "", [*order, "gone"])
    later = msgspec.structs.replace(MACHINE, commit="fedc")
    after = page_of([report(ratio(9.0))], later, before, order)
    assert [line for line in after.splitlines() if line.startswith("## ")] == ["## load", "## append", "## views"]
    assert (after.count("0123abc"), after.count("fedc")) == (2, 1)
    assert (
        "| append: times the peer | 9.00 x | at least 10.0 x | **missed** |\n| views: times the peer | 11.0 x" in after
    )
    assert "gone" not in after
    assert page_of([], later, after, order) == after


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0.00"), (0.0321, "0.0321"), (0.5, "0.50"), (12.34, "12.3"), (12_345.6, "12,346")]
)
def test_a_number_has_as_many_digits_as_say_something(value: float, text: str) -> None:
    assert number(value) == text


def test_every_benchmark_has_a_name_of_its_own() -> None:
    assert len({each.name for each in BENCHMARKS}) == len(BENCHMARKS)
