from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.csv_import.errors import MappingInvalid
from infra.csv_import.mapping_file import SHIPPED, load_mapping, parse_mapping

MINIMAL = """
name = "shop"
version = 3
zone = "Europe/Rome"
time_format = "%d.%m.%Y %H:%M"
[columns]
case = "No"
activity = "What"
time = "When"
[customer]
id = "shop"
[case.open]
requester = { name = "The shop", email = "it@shop.example" }
category = "how_to"
subject = "{case}"
description = "{activity}"
[activities]
"Done" = [{ command = "resolve-ticket", data = { resolution = "Done." } }]
"""


def errors_of(text: str) -> tuple[str, ...]:
    with pytest.raises(MappingInvalid) as caught:
        parse_mapping(text)
    return caught.value.errors


def changed(before: str, after: str) -> str:
    assert before in MINIMAL
    return MINIMAL.replace(before, after)


def test_a_small_mapping_is_enough() -> None:
    mapping = parse_mapping(MINIMAL)
    assert mapping.import_name == "shop.v3"
    assert mapping.caller == "import:shop.v3"
    assert mapping.commands_for("Done") is not None
    assert mapping.commands_for("Begun") is None
    assert mapping.command_names() == {"open-ticket", "resolve-ticket"}


def test_every_shipped_mapping_is_valid() -> None:
    names = [path.stem for path in SHIPPED.glob("*.toml")]
    assert "helpdesk" in names
    for name in names:
        assert load_mapping(name).name == name


def test_a_mapping_is_named_by_its_path_too(tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(MINIMAL, encoding="utf-8")
    assert load_mapping(str(path)).name == "shop"


def test_a_mapping_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(MappingInvalid, match=r"no such file.*helpdesk"):
        load_mapping(str(tmp_path / "none.toml"))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"name = ", b"a = 1\na = 2"])
def test_a_file_that_is_no_toml_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(MappingInvalid, match=r"bad\.toml cannot be used"):
        load_mapping(str(path))


@pytest.mark.parametrize(
    ("before", "after", "error"),
    [
        ('name = "shop"', 'name = "The Shop"', "name must be a lower-case word"),
        ("version = 3", "version = 0", "version must be 1"),
        ("version = 3", "", "version is required"),
        ("Europe/Rome", "Europe/Romme", "zone must be an IANA time zone"),
        ("Europe/Rome", "../etc", "zone must be an IANA time zone"),
        ("%d.%m.%Y %H:%M", "%d.%m.%Y", "time_format must be"),
        ("%d.%m.%Y %H:%M", "%Q", "time_format must be"),
        ("version = 3", 'version = 3\nencoding = "utf-16"', "encoding must be"),
        ("version = 3", 'version = 3\nencoding = "klingon"', "encoding must be"),
        ("version = 3", 'version = 3\ndelimiter = ";;"', "delimiter must be one character"),
        ("version = 3", "version = 3\ndelimiter = '\"'", "delimiter must not be a quote"),
        ("version = 3", "version = 3\ncolour = 1", "colour is not a field"),
        ('case = "No"', "", "columns.case is required"),
        ('case = "No"', 'case = "No"\nline = "Line"', "columns.line is a name that the import fills itself"),
        ("[customer]", '[defaults]\nagent = "x"\n[customer]', "defaults.agent is not among the columns"),
        ("[customer]", '[values.agent]\na = "x"\n[customer]', "values.agent is not among the columns"),
        ('id = "shop"', 'id = "{shop}"', "customer.id {shop} is filled by nothing"),
        ('"how_to"', '"howto"', "case.open.category must be one of"),
        ('subject = "{case}"', "", "case.open.subject is required"),
        ('subject = "{case}"', 'subject = "{case}"\ncolour = "red"', "case.open.colour is not a field"),
        (
            'subject = "{case}"',
            'subject = "{case}"\ncustomer_id = "x"',
            "case.open.customer_id is put in by the import",
        ),
        ('"it@shop.example"', '"nobody"', "case.open.requester.email must be an e-mail address"),
        ('"{activity}"', '"{what}"', "case.open.description {what} is filled by nothing"),
        ('"resolve-ticket"', '"solve-ticket"', "activities.Done[0].command must be one of"),
        ('"resolve-ticket"', '"open-ticket"', "activities.Done[0].command must be one of"),
        ('resolution = "Done."', "", "activities.Done[0].data.resolution is required"),
        ('resolution = "Done."', "resolution = 1", "activities.Done[0].data.resolution"),
    ],
)
def test_a_wrong_field_is_named(before: str, after: str, error: str) -> None:
    assert errors_of(changed(before, after))[0].startswith(error)


def test_an_activity_of_several_words_stands_in_quotes_in_an_error() -> None:
    text = changed('"Done" =', '"Done it" =').replace('"resolve-ticket"', '"x"')
    assert errors_of(text)[0].startswith('activities."Done it"[0].command must be one of')


def test_all_wrong_fields_are_named_at_once() -> None:
    text = MINIMAL.replace("Europe/Rome", "Rome").replace("how_to", "howto").replace("resolve-ticket", "solve")
    assert [error.split()[0] for error in errors_of(text)] == [
        "zone",
        "case.open.category",
        "activities.Done[0].command",
    ]


def test_what_a_row_fills_is_not_held_against_the_mapping() -> None:
    parse_mapping(changed('"how_to"', '"{activity}"'))


def test_the_digest_is_of_the_text() -> None:
    assert parse_mapping(MINIMAL).digest == parse_mapping(MINIMAL).digest
    assert parse_mapping(MINIMAL).digest != parse_mapping(MINIMAL + "\n").digest


def test_a_local_time_is_taken_in_the_zone_of_the_mapping() -> None:
    mapping = parse_mapping(MINIMAL)
    assert mapping.instant("09.10.2012 14:50") == datetime(2012, 10, 9, 12, 50, tzinfo=UTC)


def test_a_local_time_that_a_change_of_clocks_skips_moves_later_by_the_gap() -> None:
    assert parse_mapping(MINIMAL).instant("25.03.2012 02:30") == datetime(2012, 3, 25, 1, 30, tzinfo=UTC)  # 03:30 CEST


def test_a_local_time_that_occurs_twice_is_the_first() -> None:
    assert parse_mapping(MINIMAL).instant("28.10.2012 02:30") == datetime(2012, 10, 28, 0, 30, tzinfo=UTC)


def test_times_with_an_offset_need_no_zone() -> None:
    mapping = parse_mapping(changed("%d.%m.%Y %H:%M", "iso"))
    assert mapping.instant("2012-10-09T14:50:17.25-04:00") == datetime(2012, 10, 9, 18, 50, 17, 250000, tzinfo=UTC)
    assert mapping.instant("2012-10-09 14:50") == datetime(2012, 10, 9, 12, 50, tzinfo=UTC)
