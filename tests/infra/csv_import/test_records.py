import io

import pytest

from infra.csv_import.records import MOST_BYTES, CsvForm, Record

FORM = CsvForm("utf-8", ",")


def records(text: str | bytes, columns: int = 3, form: CsvForm = FORM) -> list[Record]:
    raw = text.encode() if isinstance(text, str) else text
    return list(form.records(io.BytesIO(raw), 1, columns))


def cells(text: str | bytes, columns: int = 3, form: CsvForm = FORM) -> list[tuple[int, list[str] | None]]:
    return [(record.line, record.cells) for record in records(text, columns, form)]


def test_each_line_is_a_record_without_the_blanks_around_its_cells() -> None:
    assert cells("a, b ,c\r\nd,e,f\n") == [(1, ["a", "b", "c"]), (2, ["d", "e", "f"])]


def test_the_last_line_needs_no_end() -> None:
    assert cells("a,b,c") == [(1, ["a", "b", "c"])]


def test_blank_lines_are_passed_over_but_counted() -> None:
    assert cells("\n\r\na,b,c\n\n") == [(3, ["a", "b", "c"])]


def test_a_cell_in_quotes_holds_delimiters_quotes_and_ends_of_lines() -> None:
    assert cells('a,"b, ""b""\nand more",c\nd,e,f\n') == [(1, ["a", 'b, "b"\nand more', "c"]), (3, ["d", "e", "f"])]


def test_only_ends_of_lines_end_a_line() -> None:
    assert cells("a,b\u2028b\x0bb\x1cb,c\n") == [(1, ["a", "b\u2028b\x0bb\x1cb", "c"])]


def test_a_record_tells_where_its_bytes_are() -> None:
    raw = 'è,b,c\n"d\nd",e,f\n'.encode()
    found = records(raw)
    assert [raw[each.offset : each.offset + each.length] for each in found] == ["è,b,c\n".encode(), b'"d\nd",e,f\n']


@pytest.mark.parametrize("line", ["a,b", "a,b,c,d", 'a,b,"c'])
def test_a_broken_line_costs_no_other_line(line: str) -> None:
    found = cells(f"1,2,3\n{line}\n4,5,6\n7,8,9\n")
    assert found == [(1, ["1", "2", "3"]), (2, None), (3, ["4", "5", "6"]), (4, ["7", "8", "9"])]


def test_a_stray_quote_within_a_cell_is_text() -> None:
    assert cells('a,5" disk,c\nd,e,f\n') == [(1, ["a", '5" disk', "c"]), (2, ["d", "e", "f"])]


def test_two_stray_quotes_do_not_swallow_the_lines_between_them() -> None:
    assert [line for line, found in cells('a,b,"c\nd,e,f\ng,h,"i\nj,k,l\n') if found] == [2, 4]


def test_the_number_of_columns_is_named_where_it_is_wrong() -> None:
    assert records("a,b\n")[0].reason == "has 2 columns, not the 3 of the header"


def test_bytes_of_another_encoding_break_their_line_only() -> None:
    found = records(b"a,b,c\nd,\xe8,f\ng,h,i\n")
    assert [each.cells is None for each in found] == [False, True, False]
    assert found[1].reason == "is not in utf-8: invalid continuation byte at its byte 3"


def test_another_encoding_and_delimiter_can_be_named() -> None:
    assert cells(b"a;\xe8;c\n", form=CsvForm("cp1252", ";")) == [(1, ["a", "è", "c"])]


def test_a_nul_character_breaks_its_line_only() -> None:
    found = records("a,b\0,c\nd,e,f\n")
    assert [each.reason for each in found] == ["holds a NUL character", ""]


def test_a_bare_carriage_return_is_no_end_of_a_line() -> None:
    assert "end of line" in records("a,b,c\rd,e,f\n")[0].reason or "new-line" in records("a,b,c\rd,e,f\n")[0].reason


def test_a_line_without_end_is_not_read_into_memory() -> None:
    found = records(b"a" * (3 * MOST_BYTES) + b"\nd,e,f\n")
    assert [(each.line, each.cells) for each in found] == [(1, None), (2, ["d", "e", "f"])]
    assert "longer than" in found[0].reason


def test_a_tab_between_empty_cells_is_a_record() -> None:
    assert cells("\t\t\n", form=CsvForm("utf-8", "\t")) == [(1, ["", "", ""])]
