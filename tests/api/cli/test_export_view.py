"""`caselog export-view` as a job uses it: what it says, its exit codes, and what an interrupt leaves."""

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from contextlib import closing
from pathlib import Path

import pytest

from infra.postgres.pool import connect
from infra.projection.rebuild import rebuild
from infra.reporting.role import install
from projections import queue, ticket
from tests.api.cli.conftest import ROOT, Cli
from tests.desk import Desk


@pytest.fixture
def head(database: str, schema: str) -> int:
    """A desk with three cases and reporting views of two of its views; returns the log's head."""
    desk = Desk(database, schema)
    with closing(desk.application):
        customer_id = desk.customer()
        for _ in range(3):
            desk.ticket(customer_id)
    install(database, schema)
    rebuild(database, schema, queue.VIEW)
    built = rebuild(database, schema, ticket.VIEW).build
    assert built is not None
    return built.position


def test_it_writes_a_view_and_says_where_it_stands(cli: Cli, head: int, tmp_path: Path) -> None:
    for name, magic in (("cases.csv", b"ticket_id,"), ("cases.ndjson", b'{"ticket_id"'), ("cases", b"PAR1")):
        done = cli("export-view", "cases", "--to", str(tmp_path / name))
        assert (done.returncode, done.stdout) == (0, f"cases: 3 rows at position {head} in {tmp_path / name}.\n")
        assert (tmp_path / name).read_bytes().startswith(magic)
    done = cli("export-view", "cases", "--to", str(tmp_path / "cases"), "--format", "csv")
    assert (tmp_path / "cases").read_bytes() == (tmp_path / "cases.csv").read_bytes()


def test_an_ending_that_tells_no_format_is_refused(cli: Cli, head: int, tmp_path: Path) -> None:
    refused = cli("export-view", "cases", "--to", str(tmp_path / "cases.xls"))
    assert refused.returncode == 2
    assert "cases.xls does not tell a format: end it with one of .parquet, .csv" in refused.stderr
    assert list(tmp_path.iterdir()) == []
    assert cli("export-view", "cases", "--to", str(tmp_path / "cases.xls"), "--format", "csv").returncode == 0


def test_on_a_terminal_it_shows_how_far_it_is(cli: Cli, head: int, tmp_path: Path) -> None:
    ours, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 100))
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "export-view", "cases", "--to", str(tmp_path / "cases.csv")],
        cwd=ROOT,
        env=cli.environment,
        stderr=its,
        timeout=120,
        check=False,
    )
    shown = os.read(ours, 1 << 16)
    os.close(its)
    os.close(ours)
    assert done.returncode == 0
    assert b"/3 [" in shown, "of three rows"


def test_what_cannot_be_is_said(cli: Cli, head: int, tmp_path: Path) -> None:
    assert cli("export-view", "events", "--to", str(tmp_path / "x")).returncode == 2
    unbuilt = cli("export-view", "ledger_lines", "--to", str(tmp_path / "x"))
    assert (unbuilt.returncode, unbuilt.stderr) == (
        3,
        "caselog: not built yet: ledger_lines; the projector (`caselog project`) builds them\n",
    )
    nowhere = cli("export-view", "cases", "--to", str(tmp_path / "not there" / "x.csv"))
    assert nowhere.returncode == 2
    assert nowhere.stderr.endswith("x.csv cannot be written: No such file or directory\n")
    assert list(tmp_path.iterdir()) == []


def test_without_pyarrow_parquet_is_refused_and_the_others_go_on(cli: Cli, head: int, tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError(\"No module named 'pyarrow'\", name='pyarrow')")
    to = str(tmp_path / "cases.parquet")
    refused = cli("export-view", "cases", "--to", to, PYTHONPATH=str(tmp_path))
    assert refused.returncode == 2
    assert "needs the extra `export`, which is not installed: pip install 'caselog[export]'" in refused.stderr
    assert cli("export-view", "cases", "--to", to, "--format", "csv", PYTHONPATH=str(tmp_path)).returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(
    cli: Cli, head: int, database: str, schema: str, tmp_path: Path, number: signal.Signals
) -> None:
    with closing(connect(database, schema)) as connection, connection, connection.cursor() as cursor:
        views = f"{schema}_reporting"
        cursor.execute(f"ALTER VIEW {views}.queue RENAME TO real_queue")
        cursor.execute(
            f"CREATE VIEW {views}.queue AS SELECT q.* FROM {views}.real_queue q, generate_series(1, 1000000)"
        )
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "export-view", "queue", "--to", str(tmp_path / "queue.csv")],
        cwd=ROOT,
        env=cli.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(tmp_path.iterdir()):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert said.strip() == "interrupted"
    assert list(tmp_path.iterdir()) == []
