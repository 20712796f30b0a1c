from pathlib import Path

import pytest

from infra.csv_import.errors import UnreadableFile
from infra.csv_import.mapping_file import parse_mapping
from tests.infra.csv_import.event_logs import HEADER, SHOP, opened, written


def lines_in_order(path: Path) -> list[int]:
    with opened(path) as file:
        return [row.line for row in file.rows()]


def failures(path: Path) -> list[tuple[int, str]]:
    with opened(path) as file:
        return [(failure.line, failure.reason) for failure in file.failures]


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableFile) as caught:
        opened(path)
    return str(caught.value).replace(str(path), "FILE")


def test_rows_come_in_time_order_over_the_whole_file(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        [
            "A,Work,2012-10-09 12:00:00,Ann,Acme",
            "A,Done,2012-10-09 13:00:00,Ann,Acme",
            "B,Work,2012-10-09 11:00:00,Ann,Acme",
        ],
    )
    assert lines_in_order(path) == [4, 2, 3]


def test_rows_of_one_instant_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, [f"{case},Work,2012-10-09 12:00:00,Ann,Acme" for case in "CABED"])
    assert lines_in_order(path) == [2, 3, 4, 5, 6]


def test_the_order_is_that_of_instants_not_of_local_times(tmp_path: Path) -> None:
    # 02:30 was skipped and means 03:30 of summer time, so 03:15 comes before it.
    path = written(tmp_path, ["A,Work,2012-03-25 02:30:00,Ann,Acme", "A,Work,2012-03-25 03:15:00,Ann,Acme"])
    assert lines_in_order(path) == [3, 2]


def test_each_row_that_is_none_is_told_with_its_line_and_the_others_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        [
            "A,Work,2012-10-09 12:00:00,Ann,Acme",
            "A,Work,yesterday,Ann,Acme",
            "A,Work,2012-02-30 12:00:00,Ann,Acme",
            "A,Work,1969-12-31 12:00:00,Ann,Acme",
            "A,Work,2030-01-01 12:00:00,Ann,Acme",
            ",Work,2012-10-09 12:00:00,Ann,Acme",
            "A,,2012-10-09 12:00:00,Ann,Acme",
            "A,Work,,Ann,Acme",
            "A,Work,2012-10-09 12:00:00,Ann",
            "A,Work,2012-10-09 12:00:00,Ann,Acme,more",
            "A" * 201 + ",Work,2012-10-09 12:00:00,Ann,Acme",
            "B,Work,2012-10-09 12:00:01,Ann,Acme",
        ],
    )
    told = failures(path)
    assert [line for line, _ in told] == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
    expected = ["'yesterday'", "'2012-02-30", "before 1970", "future", "case is empty", "activity is empty"]
    expected += ["time is empty", "4 columns", "6 columns", "longer than 200"]
    assert [part in reason for part, (_, reason) in zip(expected, told, strict=True)] == [True] * 10
    assert lines_in_order(path) == [2, 13]


def test_a_file_has_its_rows_counted_blank_lines_aside(tmp_path: Path) -> None:
    with opened(written(tmp_path, ["A,Work,2012-10-09 12:00:00,Ann,Acme", "", "broken"])) as file:
        assert file.total == 2


def test_a_file_of_a_header_alone_has_no_rows(tmp_path: Path) -> None:
    assert lines_in_order(written(tmp_path, [])) == []


def test_a_mark_of_byte_order_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f"{HEADER}\nA,Work,2012-10-09 12:00:00,Ann,Acme\n".encode())
    assert lines_in_order(path) == [2]


def test_a_header_can_go_over_several_lines(tmp_path: Path) -> None:
    path = written(tmp_path, ["x,A,Work,2012-10-09 12:00:00,Ann,Acme"], header='"two\nlines",' + HEADER)
    assert lines_in_order(path) == [3]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "FILE is empty"),
        (b"\n\n", "FILE has no header"),
        (
            b"Case,Activity\nA,Work\n",
            "FILE has no column 'Time', 'Agent', 'Customer'; its first line names 'Case', 'Activity'",
        ),
        (
            b"A,Work,2012-10-09 12:00:00,Ann,Acme\n",
            "FILE has no column 'Case', 'Activity', 'Time', 'Agent', 'Customer'",
        ),
        (b"Case;Activity;Time;Agent;Customer\n", "between its columns the mapping expects ','"),
        (b"Case,Activity,Time,Agent,Customer,Time\n", "FILE has the column 'Time' more than once"),
        (b"PK\x03\x04\x00\x00\xff", "FILE is no CSV event log"),
        ("Case,Activity".encode("utf-16"), "FILE is no CSV event log"),
        (b'"Case,Activity,Time\nA,Work\n', "FILE is no CSV event log"),
    ],
)
def test_a_file_that_is_no_event_log_is_told_in_one_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    assert why in refusal(path)


def test_a_file_that_is_not_there_or_a_folder_is_told(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv") == "FILE is not there"
    assert "is no file" in refusal(tmp_path)


def test_a_column_that_no_template_names_may_stand_twice(tmp_path: Path) -> None:
    path = written(tmp_path, ["A,Work,2012-10-09 12:00:00,Ann,Acme,1,1"], header=f"{HEADER},Variant,Variant")
    assert lines_in_order(path) == [2]


def test_a_file_that_changes_under_the_import_is_told(tmp_path: Path) -> None:
    path = written(tmp_path, ["A,Work,2012-10-09 12:00:00,Ann,Acme"])
    with opened(path) as file:
        path.write_bytes(path.read_bytes().replace(b"12:00:00", b"13:00:00"))
        with pytest.raises(UnreadableFile, match="line 2 is not what it was"):
            list(file.rows())


def test_an_empty_cell_takes_the_default_and_a_cell_its_value(tmp_path: Path) -> None:
    text = SHOP.replace("[customer]\n", '[defaults]\nagent = "Nobody"\n[values.customer]\n"1" = "Acme"\n[customer]\n')
    path = written(tmp_path, ["A,Work,2012-10-09 12:00:00,,1", "A,Work,2012-10-09 12:00:00,Ann,2"])
    with opened(path, parse_mapping(text)) as file:
        assert [(row.cells["agent"], row.cells["customer"]) for row in file.rows()] == [("Nobody", "Acme")]
        assert [(failure.line, failure.reason) for failure in file.failures] == [
            (3, "customer '2' is not among the values of the mapping")
        ]


def test_progress_is_told_up_to_the_end_of_the_file(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = written(tmp_path, ["A,Work,2012-10-09 12:00:00,Ann,Acme"])
    from infra.csv_import.reader import EventLogFile
    from tests.infra.csv_import.event_logs import NOW, shop

    with EventLogFile(path, shop(), not_after=NOW, progress=lambda done, total: told.append((done, total))):
        assert told == [(path.stat().st_size, path.stat().st_size)]
