"""The walk over an answer finds a figure that names no event, wherever it stands."""

from typing import Any

import pytest

from tests.projections.linked import figures_of, without_events

ANSWER: dict[str, Any] = {
    "fee_cents": 5,
    "totals": {"owed_cents": 7, "none_cents": 0},
    "entries": [{"entry_id": "e", "seconds": 9, "draws": [{"amount_cents": 3, "positions": [4]}], "positions": [2]}],
    "positions": [1],
    "figure_positions": {"fee_cents": [1], "totals": {"owed_cents": [1, 2], "none_cents": []}},
    "as_of_position": 8,
}


def test_each_figure_has_the_positions_that_are_nearest_to_it() -> None:
    assert {path: positions for path, _, positions in figures_of(ANSWER)} == {
        "fee_cents": [1],
        "totals/owed_cents": [1, 2],
        "totals/none_cents": [],
        "entries/0/seconds": [2],
        "entries/0/draws/0/amount_cents": [4],
    }
    assert without_events(ANSWER) == []


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({"new_cents": 1}, ["new_cents"]),
        ({"ended_at": "2026-11-02T17:00:00Z"}, ["ended_at"]),
        ({"totals": {"owed_cents": 7, "other_cents": 1}}, ["totals/other_cents"]),
        ({"figure_positions": {"fee_cents": [], "totals": {"owed_cents": [1]}}}, ["fee_cents"]),
        ({"entries": [{"seconds": 9, "positions": []}]}, ["entries/0/seconds"]),
        ({"allowance": {"granted_seconds": 3}}, ["allowance/granted_seconds"]),
    ],
)
def test_one_that_names_no_event_is_found(changed: dict[str, Any], found: list[str]) -> None:
    assert without_events(ANSWER | changed) == found
