"""`caselog import` as its user calls it."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from infra.postgres.pool import connect
from tests.e2e.imported_desk import ROOT, SAMPLE
from tests.waiting import eventually


class Command:
    """Calls the command for one desk."""

    def __init__(self, dsn: str, schema: str) -> None:
        self.dsn = dsn
        self.schema = schema
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CASELOG_")},
            "CASELOG_DATABASE_URL": dsn,
            "CASELOG_SCHEMA": schema,
            "CASELOG_ZONE": "Europe/Rome",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "api.cli", "import", *arguments],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, errors = process.communicate()
        return process.returncode, out, errors

    def state(self) -> str:
        with closing(connect(self.dsn, self.schema)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('imports')")
            if cursor.fetchone() == (None,):
                return "none"  # the desk is not made yet
            cursor.execute("SELECT state FROM imports")
            return str((cursor.fetchone() or ("none",))[0])


@pytest.fixture
def command(postgres_dsn: str, schema: str) -> Command:
    return Command(postgres_dsn, schema)


def test_rows_that_fail_are_told_and_make_the_exit_code_one(command: Command, tmp_path: Path) -> None:
    file, errors = tmp_path / "log.csv", tmp_path / "errors.txt"
    file.write_text(SAMPLE.read_text(encoding="utf-8") + "only,three,cells\n", encoding="utf-8")
    code, out, told = command.run(str(file), "--mapping", "helpdesk", "--errors", str(errors))
    assert code == 1
    assert out.startswith("helpdesk.v1: 460 rows: 459 imported now, 0 before, 1 failed; 90 cases of 13 customers.")
    assert "line 461: has 3 columns, not the 16 of the header" in told
    assert errors.read_text(encoding="utf-8") == "461\thas 3 columns, not the 16 of the header\n"
    code, out, _ = command.run(str(SAMPLE), "--mapping", "helpdesk")
    assert code == 0
    assert out.startswith("helpdesk.v1: 459 rows: 0 imported now, 459 before, 0 failed;")


@pytest.mark.parametrize(
    ("file", "mapping", "why"),
    [
        ("none.csv", "helpdesk", "none.csv is not there"),
        (str(SAMPLE), "none", "the mapping none cannot be used"),
        ("README.md", "helpdesk", "README.md has no column 'Case ID'"),
    ],
)
def test_what_cannot_be_imported_is_one_message_and_exit_code_two(
    command: Command, file: str, mapping: str, why: str
) -> None:
    code, out, told = command.run(file, "--mapping", mapping)
    assert (code, out) == (2, "")
    assert f"caselog: {why}" in told
    assert "Traceback" not in told


def test_ctrl_c_stops_an_import_that_goes_on_when_called_again(command: Command) -> None:
    process = command.start(str(SAMPLE), "--mapping", "helpdesk")
    eventually(lambda: command.state() == "running")
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    assert command.state() == "interrupted"
    code, out, _ = command.run(str(SAMPLE), "--mapping", "helpdesk")
    assert code == 0
    assert "459 rows" in out
    assert command.state() == "ended"
