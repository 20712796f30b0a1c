"""`caselog calendar`: vectors checked, due instants and elapsed time told, bad files named."""

import json
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from api.cli import main
from tests.api.cli.conftest import Cli
from tests.desk import Desk, body_of

VECTORS = Path(__file__).parents[2] / "vectors" / "business_time.json"


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


# In this process, where no desk is asked: a command that asks one sets up the log for the life of its process.
@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["caselog", "calendar", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, captured.out, captured.err)

    return run


GOOD: dict[str, Any] = {
    "schedules": {
        "office": {"tz": "America/Denver", "hours": {"mon-fri": "08:30-17:30"}, "holidays": ["2026-11-26"]},
        "closed": {"tz": "UTC", "hours": {}},
    },
    "vectors": [
        {
            "id": "one",
            "kind": "due",
            "schedule": "office",
            "start": "2026-11-25T15:00:00-07:00",
            "add_s": 10800,
            "expect": "2026-11-27T16:00:00Z",
            "source": "by hand",
        },
        {
            "id": "two",
            "kind": "elapsed",
            "schedule": "office",
            "start": "2026-11-25T15:00:00-07:00",
            "end": "2026-11-27T09:00:00-07:00",
            "expect_s": 7200,
            "pauses": [
                ["2026-11-25T17:00:00-07:00", "2026-11-27T08:45:00-07:00"],
                ["2026-11-25T16:00:00-07:00", "2026-11-25T16:15:00-07:00"],
            ],
        },
    ],
}


def file_of(content: object, folder: Path) -> Path:
    path = folder / "hours.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_every_vector_of_the_other_products_holds(calendar: Run) -> None:
    assert calendar("check", VECTORS) == Ended(0, "71 vectors hold\n", "")


def test_vectors_with_and_without_pauses_hold(calendar: Run, tmp_path: Path) -> None:
    assert calendar("check", file_of(GOOD, tmp_path)) == Ended(0, "2 vectors hold\n", "")


def test_each_vector_that_comes_out_otherwise_is_shown(calendar: Run, tmp_path: Path) -> None:
    content = deepcopy(GOOD)
    content["vectors"][0]["expect"] = "2026-11-27T16:00:01Z"
    content["vectors"][1]["expect_s"] = 7199
    content["vectors"].append({**content["vectors"][0], "id": "three", "schedule": "closed"})
    content["vectors"].append({**GOOD["vectors"][1], "id": "four", "end": "2300-01-01T00:00:00Z"})
    content["vectors"].append({**GOOD["vectors"][0], "id": "five"})
    ended = calendar("check", file_of(content, tmp_path))
    assert ended.code == 1
    assert ended.out.splitlines() == [
        "one: by office expected 2026-11-27T16:00:01Z, counted 2026-11-27T16:00:00Z",
        "two: by office expected 7199, counted 7200",
        "three: by closed expected 2026-11-27T16:00:01Z, counted no instant of the calendar's years",
        "four: by office expected 7200, counted nothing: a calendar covers the years 1900 to 2199",
        "4 of 5 vectors differ",
    ]


def bad(*path: str | int, value: object = None, left_out: bool = False) -> dict[str, Any]:
    """The good content with one place changed or left out."""
    content = deepcopy(GOOD)
    *way, last = path
    place: Any = content
    for step in way:
        place = place[step]
    if left_out:
        del place[last]
    else:
        place[last] = value
    return content


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", ["no JSON"]),
        ('{"schedules": {},\n "vectors": [}', ["line 2", "no JSON"]),
        ("[" * 100_000, ["too deeply"]),
        ("[]", ["object"]),
        (bad("schedules", left_out=True), ["schedules"]),
        (bad("vectors", left_out=True), ["vectors"]),
        (bad("schedules", value=[]), ["schedules"]),
        (bad("vectors", value={}), ["vectors"]),
        (bad("schedules", "office", value="always"), ["schedules/office"]),
        (bad("schedules", "office", "tz", left_out=True), ["schedules/office", "tz"]),
        (bad("schedules", "office", "tz", value="Mars/Olympus"), ["schedules/office/tz", "Mars/Olympus"]),
        (bad("schedules", "office", "tz", value="../../etc/passwd"), ["schedules/office/tz"]),
        (bad("schedules", "office", "hours", "mon-fri", value="17:30-08:30"), ["office/hours/mon-fri", "17:30-08:30"]),
        (bad("schedules", "office", "hours", "someday", value="09:00-10:00"), ["office/hours/someday"]),
        (bad("schedules", "office", "breaks", value={"2026-11-25": "12-13"}), ["office/breaks/2026-11-25", "12-13"]),
        (bad("schedules", "office", "overrides", value={"2026-13-25": ""}), ["schedules/office", "overrides"]),
        (bad("schedules", "office", "holidays", value=["Christmas"]), ["schedules/office", "holidays"]),
        (bad("schedules", "office", "holiday", value=["2026-11-26"]), ["schedules/office", "holiday"]),
        (bad("vectors", 1, value=7), ["vectors/1"]),
        (bad("vectors", 1, "id", left_out=True), ["vectors/1", "id"]),
        (bad("vectors", 1, "kind", value="soon"), ["vectors/1 (two)", "kind", "soon"]),
        (bad("vectors", 1, "schedule", value="night"), ["vectors/1 (two)", "night"]),
        (bad("vectors", 1, "end", left_out=True), ["vectors/1 (two)", "end"]),
        (bad("vectors", 1, "end", value="2026-11-27T09:00:00"), ["vectors/1 (two)", "end", "timezone"]),
        (bad("vectors", 1, "end", value="Friday"), ["vectors/1 (two)", "end"]),
        (bad("vectors", 1, "expect_s", value="7200"), ["vectors/1 (two)", "expect_s"]),
        (bad("vectors", 0, "add_s", value=-1), ["vectors/0 (one)", "add_s"]),
        (bad("vectors", 1, "pauses", 0, value=["2026-11-25T17:00:00Z"]), ["vectors/1 (two)", "pauses"]),
        (
            bad("vectors", 1, "pauses", 0, value=["2026-11-25T17:00:00Z", "2026-11-25T16:00:00Z"]),
            ["vectors/1 (two)", "pause", "ends before"],
        ),
    ],
)
def test_a_bad_file_gets_one_sentence_that_names_the_place(
    calendar: Run, tmp_path: Path, content: object, named: list[str]
) -> None:
    path = file_of(content, tmp_path)
    ended = calendar("check", path)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"caselog: {path}")
    assert ended.err.count("\n") == 1
    assert [each for each in named if each not in ended.err] == []


def test_a_file_that_cannot_be_read_is_named(calendar: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.json", tmp_path):
        ended = calendar("check", path)
        assert ended.code == 2
        assert str(path) in ended.err
    (tmp_path / "latin.json").write_bytes(b'{"schedules": "\xe9"}')
    assert calendar("check", tmp_path / "latin.json").code == 2


def test_a_file_that_begins_with_a_byte_order_mark_is_read(calendar: Run, tmp_path: Path) -> None:
    path = tmp_path / "windows.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert calendar("check", path).code == 0


def test_due_by_a_schedule_of_a_file_with_why(calendar: Run, tmp_path: Path) -> None:
    chosen = ("--file", file_of(GOOD, tmp_path), "--schedule", "office")
    asked = ("due", *chosen, "--from", "2026-11-25T15:00:00-07:00", "--seconds", "10800")
    assert calendar(*asked) == Ended(0, "Fri 2026-11-27 09:00:00 MST\n2026-11-27T16:00:00Z\n", "")
    why = calendar(*asked, "--why").out.splitlines()[2:]
    assert [(line.split()[-3], line.split()[-2]) for line in why] == [
        ("counted", "9000"),
        ("closed", "23400"),
        ("holiday", "86400"),
        ("closed", "30600"),
        ("counted", "1800"),
    ]


def test_elapsed_by_a_schedule_of_a_file(calendar: Run, tmp_path: Path) -> None:
    asked = ("elapsed", "--file", file_of(GOOD, tmp_path), "--schedule", "office")
    instants = ("--from", "2026-11-25T15:00:00-07:00", "--to", "2026-11-27T16:00:00Z")
    assert calendar(*asked, *instants) == Ended(0, "10800 s\n", "")
    assert "holiday" in calendar(*asked, *instants, "--why").out


def test_what_lies_beyond_a_calendar_is_told(calendar: Run, tmp_path: Path) -> None:
    asked = ("due", "--file", file_of(GOOD, tmp_path), "--schedule", "closed", "--from", "2026-11-25T15:00:00Z")
    ended = calendar(*asked, "--seconds", "60")
    assert ended.code == 2
    assert "open" in ended.err


@pytest.mark.parametrize(
    "choice",
    [("--file", str(VECTORS)), ("--schedule", "FR"), ("--file", str(VECTORS), "--schedule", "FR", "--calendar", "x")],
)
def test_a_calendar_is_chosen_in_one_way(calendar: Run, choice: tuple[str, ...]) -> None:
    ended = calendar("due", *choice, "--from", "2026-11-25T15:00:00Z", "--seconds", "60")
    assert ended.code == 2
    assert "--file" in ended.err or "not both" in ended.err


def test_a_schedule_that_the_file_does_not_have_is_named_with_those_it_has(calendar: Run) -> None:
    asked = ("due", "--file", VECTORS, "--schedule", "night", "--from", "2026-11-25T15:00:00Z", "--seconds", "60")
    ended = calendar(*asked)
    assert ended.code == 2
    assert "'night'" in ended.err
    assert "PARSUN821" in ended.err


def test_the_published_calendar_in_force_is_counted_by(cli: Cli, database: str, schema: str) -> None:
    desk = Desk(database, schema)
    setting: dict[str, Any] = {
        "tz": "Europe/Rome",
        "hours": {"mon-fri": "10:00-11:00"},
        "holidays": [],
        "overrides": {},
        "breaks": {},
    }
    body_of(desk.send("publish-calendar", calendar="short", **setting))
    desk.application.close()
    asked = ("calendar", "due", "--from", "2026-12-07T12:00:00+01:00", "--seconds", "1800")
    assert cli(*asked, "--calendar", "short").stdout == "Tue 2026-12-08 10:30:00 CET\n2026-12-08T09:30:00Z\n"
    assert cli(*asked).stdout == "Mon 2026-12-07 09:00:00 MST\n2026-12-07T16:00:00Z\n"
    assert cli(*asked, "--calendar", "24x7").stdout == "Mon 2026-12-07 11:30:00 UTC\n2026-12-07T11:30:00Z\n"
    unknown = cli(*asked, "--calendar", "long")
    assert unknown.returncode == 2
    assert "'long'" in unknown.stderr
