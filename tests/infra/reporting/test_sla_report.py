"""The SLA report counts what happened, tells it in tables that equal its pictures, and says where there is nothing."""

import csv
import re
from base64 import b64decode
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pytest

from infra.reporting import sla_plots
from infra.reporting.login import reporting_url
from infra.reporting.sla_figures import Age, Attained, Day, SlaFigures, Work, sla_figures
from infra.reporting.sla_report import write_sla_report
from tests.infra.reporting.conftest import SECRET, ReportingDesk

DENVER = ZoneInfo("America/Denver")
FIRST, LAST = date(2037, 11, 1), date(2037, 11, 30)
CASES = [f"C-{number:06}" for number in range(1, 7)]


@pytest.fixture(scope="module")
def november(desk: ReportingDesk) -> SlaFigures:
    return sla_figures(desk.dsn, desk.schema, FIRST, LAST)


def local_day(instant: str) -> date:
    return datetime.fromisoformat(instant).astimezone(DENVER).date()


def test_attainment_is_what_the_clocks_of_the_api_say(desk: ReportingDesk, november: SlaFigures) -> None:
    counted: Counter[tuple[str, str, str]] = Counter()
    for case in CASES:
        urgency = desk.users.ticket(case)["urgency"]
        for clock in desk.users.asks(f"/v1/tickets/{case}/sla")["clocks"]:
            judged = {"met": clock.get("ended_at"), "breached": clock.get("breached_at")}.get(clock.get("verdict", ""))
            if judged is not None and FIRST <= local_day(judged) <= LAST:
                counted[clock["clock"], urgency, clock["verdict"]] += 1
    assert {(e.clock, e.urgency, e.met, e.breached) for e in november.attained} == {
        (clock, urgency, counted[clock, urgency, "met"], counted[clock, urgency, "breached"])
        for clock, urgency, _ in counted
    }
    assert november.attained[0] == Attained("first_response", "high", 1, 1)
    assert november.attained[0].percent == 50
    assert sum(counted.values()) == 8, "and one of December is not counted"


def test_the_backlog_of_each_day_follows_from_the_histories(desk: ReportingDesk, november: SlaFigures) -> None:
    moves: list[tuple[date, int]] = []
    for case in CASES:
        is_open = False
        for event in desk.users.history(case):
            opens = event["type"] in {"TicketOpened", "TicketReopened"}
            ends = event["type"] in {"TicketResolved", "TicketClosed", "TicketMerged"}
            if (opens and not is_open) or (ends and is_open):
                is_open = opens
                moves.append((local_day(event.get("received_at", event["occurred_at"])), 1 if opens else -1))
    days = [FIRST + timedelta(days=number) for number in range(30)]
    assert november.days == [
        Day(
            day,
            sum(change == 1 for at, change in moves if at == day),
            sum(change == -1 for at, change in moves if at == day),
            sum(change for at, change in moves if at <= day),
        )
        for day in days
    ]
    backlogs = [each.backlog for each in november.days]
    assert (backlogs[0], backlogs[1], backlogs[2], backlogs[3], backlogs[29]) == (0, 1, 2, 2, 3)


def test_a_later_beginning_takes_what_was_open_before_along(desk: ReportingDesk, november: SlaFigures) -> None:
    later = sla_figures(desk.dsn, desk.schema, date(2037, 11, 5), LAST)
    assert later.days == november.days[4:]
    assert later.ages == november.ages


def test_ages_are_those_at_the_end_of_the_last_day(desk: ReportingDesk, november: SlaFigures) -> None:
    assert november.ages == [
        Age("14 to 30 days", "high", 1),
        Age("14 to 30 days", "normal", 1),
        Age("14 to 30 days", "low", 1),
    ]
    young = sla_figures(desk.dsn, desk.schema, FIRST, date(2037, 11, 4))
    assert young.ages == [Age("under 1 day", "normal", 1), Age("1 to 3 days", "low", 1)]
    assert sum(each.cases for each in young.ages) == young.days[-1].backlog


def test_workload_is_the_work_that_stands(november: SlaFigures) -> None:
    assert november.agents == [Work("kim", 28_800 + 1200 + 1800, 3, 3)], (
        "corrected to half an hour; the void one is out"
    )
    assert november.teams == [Work("design", 28_800, 1, 1), Work("(no team)", 3000, 2, 2)]


def test_the_role_of_reporting_jobs_can_count(desk: ReportingDesk, november: SlaFigures, tmp_path: Path) -> None:
    assert sla_figures(reporting_url(desk.dsn, desk.schema, tmp_path / "pgpass"), desk.schema, FIRST, LAST) == november


def test_the_page_needs_nothing_else_and_its_tables_are_files_too(november: SlaFigures, tmp_path: Path) -> None:
    written = write_sla_report(november, tmp_path / "report")
    assert sorted(path.name for path in written) == sorted(path.name for path in (tmp_path / "report").iterdir())
    page = (tmp_path / "report" / "sla.html").read_text()
    assert f"As of position {november.position} of the log" in page
    assert "2037-11-01 to 2037-11-30, days in America/Denver" in page
    assert re.findall(r'(?:src|href)="(?!data:image/svg)', page) == []
    assert "<script" not in page
    assert SECRET not in page
    pictures = [b64decode(each).decode() for each in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)]
    assert len(pictures) == 5
    assert all(picture.startswith("<svg") and "http" not in _without_namespaces(picture) for picture in pictures)
    tables: dict[str, list[tuple[str, ...]]] = {
        "attainment.csv": [("first_response", "high", "1", "1", "50.0")],
        "backlog.csv": [("2037-11-01", "0", "0", "0"), ("2037-11-02", "2", "1", "1")],
        "age.csv": [("14 to 30 days", "high", "1")],
        "agents.csv": [("kim", "8.83", "3", "3")],
        "teams.csv": [("design", "8.00", "1", "1"), ("(no team)", "0.83", "2", "2")],
    }
    for name, first in tables.items():
        with (tmp_path / "report" / name).open(newline="") as file:
            _, *rows = [tuple(row) for row in csv.reader(file)]
        assert rows[: len(first)] == first
        for row in rows:
            assert "".join(_cell(cell, is_text=at < _texts(name)) for at, cell in enumerate(row)) in page


def _cell(value: str, *, is_text: bool) -> str:
    return f"<td>{value}</td>" if is_text else f'<td class="n">{value}</td>'


def _without_namespaces(svg: str) -> str:
    return re.sub(r'xmlns(:\w+)?="[^"]*"', "", svg)


def _texts(name: str) -> int:
    return 2 if name in {"attainment.csv", "age.csv"} else 1


def test_the_same_figures_make_the_same_page(november: SlaFigures, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_sla_report(november, tmp_path / name)
    assert (tmp_path / "one" / "sla.html").read_bytes() == (tmp_path / "two" / "sla.html").read_bytes()


def test_where_there_is_nothing_the_page_says_so_in_words(desk: ReportingDesk, tmp_path: Path) -> None:
    nothing = sla_figures(desk.dsn, desk.schema, date(2030, 1, 1), date(2030, 1, 2))
    assert [day.backlog for day in nothing.days] == [0, 0]
    write_sla_report(nothing, tmp_path)
    page = (tmp_path / "sla.html").read_text()
    assert "<img" not in page
    for words in (
        "No target was judged from 2030-01-01 to 2030-01-02.",
        "No case was open from 2030-01-01 to 2030-01-02.",
        "No case was open at the end of 2030-01-02.",
        "No work was logged from 2030-01-01 to 2030-01-02.",
        "none judged",
    ):
        assert words in page


def test_names_are_text_and_many_agents_share_a_bar(
    november: SlaFigures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agents = [Work(f"<b>{number}</b> $x_{number}$" + "n" * 40, 3600 * (60 - number), 1, 1) for number in range(50)]
    shown: list[str] = []

    def short(name: str) -> str:
        shown.append(name)
        return name[:4]

    figures = msgspec.structs.replace(november, agents=agents)
    with monkeypatch.context() as patched:
        patched.setattr(sla_plots, "_short", short)
        write_sla_report(figures, tmp_path)
    page = (tmp_path / "sla.html").read_text()
    assert "<b>" not in page
    assert page.count("&lt;b&gt;") == 50, "the table has all of them"
    assert shown[20] == "30 others"


def test_without_plots_the_tables_are_shown(november: SlaFigures, tmp_path: Path) -> None:
    write_sla_report(november, tmp_path, plots=False)
    page = (tmp_path / "sla.html").read_text()
    assert "<img" not in page
    assert page.count("<details open>") == 5
