"""`caselog report` as a job uses it: what it says, its exit codes, and what it leaves."""

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from api.cli.report import report
from infra.postgres.pool import connect
from infra.projection.rebuild import rebuild
from infra.reporting.role import install
from projections.catalogue import VIEWS
from tests.api.cli.conftest import Cli
from tests.desk import Desk


@pytest.fixture
def head(database: str, schema: str) -> int:
    """A desk on its first day, its only customer charged a fee; returns the log's head."""
    desk = Desk(database, schema)
    with closing(desk.application):
        desk.ticket(desk.customer(), urgency="high")
    install(database, schema)
    builds = [rebuild(database, schema, view).build for view in VIEWS]
    return max(build.position for build in builds if build is not None)


def test_statements_are_written_once_and_held_against_the_ledger(
    cli: Cli, head: int, database: str, schema: str, tmp_path: Path
) -> None:
    run = ("report", "statements", "--month", "2026-11", "--to", str(tmp_path))
    told = f"150.00 USD owed as of position {head}. {tmp_path}/index.json\n"
    first, second = cli(*run), cli(*run)
    assert (first.returncode, first.stdout) == (
        0,
        f"2026-11: 1 statement, 1 still open: 1 written, 0 as before; {told}",
    ), first.stderr
    assert second.stdout == f"2026-11: 1 statement, 1 still open: 0 written, 1 as before; {told}"
    with closing(connect(database, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT build FROM projections WHERE view = 'ledger' AND live")
        (build,) = cursor.fetchone() or (0,)
        cursor.execute(f"UPDATE ledger_b{build} SET amount = 7 WHERE account = 'receivable'")
    differs = cli(*run)
    assert differs.returncode == 1
    assert "The ledger has 0.07: `caselog rebuild ledger`" in differs.stderr
    assert json.loads((tmp_path / "index.json").read_text())["equals_ledger"] is False
    none = cli("report", "statements", "--month", "2020-01", "--to", str(tmp_path / "none"))
    assert (none.returncode, none.stdout) == (
        0,
        f"2020-01: no customer has a statement, as of position {head}.\n",
    )


def test_a_folder_of_another_month_is_refused_and_stays_as_it_is(cli: Cli, head: int, tmp_path: Path) -> None:
    assert cli("report", "statements", "--month", "2026-11", "--to", str(tmp_path)).returncode == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for interrupted in (False, True):
        if interrupted:
            (tmp_path / "index.json").unlink()
            del before["index.json"]
        refused = cli("report", "statements", "--month", "2026-12", "--to", str(tmp_path))
        assert refused.returncode == 2
        assert f"{tmp_path} has the statements of 2026-11" in refused.stderr
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert cli("report", "statements", "--month", "2026-11", "--to", str(tmp_path)).returncode == 0


def test_the_sla_report_is_a_page_with_its_tables(cli: Cli, head: int, tmp_path: Path) -> None:
    days = ("report", "sla", "--from", "2026-11-01", "--to", "2026-11-03", "--to-folder")
    done = cli(*days, str(tmp_path / "with"))
    assert (done.returncode, done.stdout) == (
        0,
        f"2026-11-01 to 2026-11-03 as of position {head}: {tmp_path}/with/sla.html, and 5 tables beside it.\n",
    ), done.stderr
    assert "2026-11-03,0,0,1" in (tmp_path / "with" / "backlog.csv").read_text().splitlines()
    (tmp_path / "matplotlib.py").write_text("raise ModuleNotFoundError(\"No module named 'matplotlib'\")")
    refused = cli(*days, str(tmp_path / "without"), PYTHONPATH=str(tmp_path))
    assert refused.returncode == 2
    assert "need the extra `plots`, which is not installed: pip install 'caselog[plots]'" in refused.stderr
    assert not (tmp_path / "without").exists()
    assert cli(*days, str(tmp_path / "without"), "--no-plots", PYTHONPATH=str(tmp_path)).returncode == 0
    assert "<img" not in (tmp_path / "without" / "sla.html").read_text()


@pytest.mark.parametrize(
    "arguments",
    [
        ("sla", "--from", "2026-11-02", "--to", "2026-11-01", "--to-folder", "x"),
        ("sla", "--from", "1926-11-02", "--to", "2026-11-01", "--to-folder", "x"),
        ("sla", "--from", "2026-13-01", "--to", "2026-11-01", "--to-folder", "x"),
        ("statements", "--month", "2026-13", "--to", "x"),
    ],
)
def test_days_and_months_that_are_none_are_refused(arguments: tuple[str, ...]) -> None:
    name, *rest = arguments
    # Not through the group: that would let this process log into the runner's stream for good.
    assert CliRunner().invoke(report.commands[name], rest).exit_code == 2
