"""`caselog reporting-url` as an operator and a job use it."""

import json
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import psycopg2

from tests.api.cli.conftest import ROOT, Cli


def test_it_shows_a_url_that_opens_the_views(cli: Cli, tmp_path: Path) -> None:
    done = cli("reporting-url", "--password-file", str(tmp_path / "pgpass"))
    assert done.returncode == 0, done.stderr
    with closing(psycopg2.connect(done.stdout.strip())) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT zone, currency FROM desk")
        assert cursor.fetchall() == [("America/Denver", "USD")]


def test_without_a_file_it_names_none(cli: Cli) -> None:
    done = cli("reporting-url")
    assert done.returncode == 0
    assert "passfile" not in done.stdout
    assert "_reporting@/" in done.stdout


def test_where_the_account_may_not_make_the_role_the_sql_is_shown(limited: str, schema: str) -> None:
    done = Cli(limited, schema)("reporting-url")
    assert done.returncode == 3, done.stderr
    assert done.stdout.splitlines()[0].startswith('CREATE ROLE "')
    assert all(line.endswith(";") for line in done.stdout.splitlines())
    assert "An administrator of the database has to run:" in done.stderr


def test_a_projector_whose_account_may_not_make_the_role_says_so_and_works(limited: str, schema: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "api.cli", "project"],
        cwd=ROOT,
        env=Cli(limited, schema).environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        told = []
        for line in process.stderr:  # until it has begun to work
            told.append(json.loads(line))
            if told[-1]["event"] == "view switched":
                process.send_signal(signal.SIGTERM)
                break
        process.communicate(timeout=60)
    assert process.returncode == 0
    lacking = [each["sql"] for each in told if each["event"].startswith("reporting jobs lack something")]
    assert lacking[0].startswith('CREATE ROLE "')
    assert lacking[-1].startswith("ALTER DEFAULT PRIVILEGES")
