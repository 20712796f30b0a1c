from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.csv_import.errors import Unmappable
from infra.csv_import.template import Facts, TemplateError, compile_data, compile_text, identifier, render_data

NAMES = frozenset({"case", "agent", "minutes", "time"})


def facts(cells: dict[str, str], at: datetime = datetime(2012, 10, 31, 23, 30, tzinfo=UTC)) -> Facts:
    return Facts(cells=cells, at=at, zone=ZoneInfo("Europe/Rome"), line=7, import_name="shop.v3")


def rendered(text: str, **cells: str) -> str | int:
    return compile_text(text, NAMES).render(facts(cells))


def test_a_place_is_filled_from_the_rows_cell() -> None:
    assert rendered("{case} by {agent}", case="Case 1", agent="Ann") == "Case 1 by Ann"


def test_a_brace_written_twice_is_a_brace() -> None:
    assert compile_data("{{case}}", NAMES) == "{case}"
    assert rendered("{{{case}}}", case="1") == "{1}"


def test_the_rows_instant_can_be_moved_by_seconds() -> None:
    assert rendered("{time}") == "2012-10-31T23:30:00+00:00"
    assert rendered("{time-900}") == "2012-10-31T23:15:00+00:00"
    assert rendered("{time+60}") == "2012-10-31T23:31:00+00:00"


def test_days_and_months_are_those_of_the_desks_zone() -> None:
    assert rendered("{date}") == "2012-11-01"
    assert rendered("{month_start}") == "2012-11-01"
    before_midnight_in_rome = datetime(2012, 10, 31, 22, 59, 59, tzinfo=UTC)
    assert compile_text("{month_start}", NAMES).render(facts({}, before_midnight_in_rome)) == "2012-10-01"


def test_the_line_and_the_import_can_be_named() -> None:
    assert rendered("{import}.{line}") == "shop.v3.7"


def test_a_number_alone_becomes_a_number() -> None:
    assert rendered("{minutes:int}", minutes="-15") == -15
    assert rendered("{minutes}", minutes="15") == "15"


@pytest.mark.parametrize("text", ["1.5", "", "ten", "1" * 19, "٣"])
def test_a_cell_that_is_no_whole_number_cannot_be_mapped(text: str) -> None:
    with pytest.raises(Unmappable, match="minutes"):
        rendered("{minutes:int}", minutes=text)


def test_an_empty_cell_that_is_needed_cannot_be_mapped() -> None:
    with pytest.raises(Unmappable, match="agent is empty"):
        rendered("by {agent}", agent="")


def test_a_cell_becomes_an_id_without_blanks_and_capitals() -> None:
    assert rendered("c-{agent:id}", agent="  Value 22/b ") == "c-value-22-b"


def test_a_cell_without_a_letter_or_digit_cannot_become_an_id() -> None:
    with pytest.raises(Unmappable, match="id"):
        rendered("{agent:id}", agent="***")


@given(st.text())
def test_whatever_becomes_an_id_is_one(text: str) -> None:
    made = identifier(text)
    assert not made or compile_text("{agent:id}", NAMES).render(facts({"agent": text})) == made
    assert len(made) <= 100
    assert all(character.isascii() and (character.isalnum() or character in "._-") for character in made)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{colour}", "filled by nothing"),
        ("{case", "brace"),
        ("case}", "brace"),
        ("{}", "filled by nothing"),
        ("{case!r}", "form"),
        ("{case:>5}", "form"),
        ("{time:id}", "form"),
        ("{line:int}", "form"),
        ("{minutes:int} minutes", "alone"),
        ("{time-x}", "filled by nothing"),
    ],
)
def test_a_text_that_is_no_template_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(TemplateError, match=why):
        compile_text(text, NAMES)


def test_data_is_filled_at_every_depth_and_other_values_stay() -> None:
    data = {"a": "{case}", "b": [{"c": "{agent}", "d": 900}], "e": True, "f": None}
    compiled = compile_data(data, NAMES)
    assert render_data(compiled, facts({"case": "1", "agent": "Ann"})) == {
        "a": "1",
        "b": [{"c": "Ann", "d": 900}],
        "e": True,
        "f": None,
    }


def test_a_date_of_the_mapping_file_becomes_text_as_in_json() -> None:
    assert compile_data({"starts_on": datetime(2012, 1, 1, tzinfo=UTC).date()}, NAMES) == {"starts_on": "2012-01-01"}
