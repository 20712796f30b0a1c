"""The processes of a desk in production, each by itself as a container has it: how they start, log and end."""

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from api import compose
from api.keys import create_key, development_key
from infra.config import Config
from tests.e2e.desk_process import ROOT, free_port
from tests.waiting import eventually

PROCESSES = ("api", "project", "timekeeper", "deliver")


def environment(**settings: str) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("CASELOG_")}
    return {**plain, "CASELOG_ENV": "production", **settings}


class Running:
    """A process of a desk, with what it writes in a file."""

    def __init__(self, subcommand: str, folder: Path, settings: dict[str, str]) -> None:
        self.errors = folder / f"{subcommand}.err"
        self.output = folder / f"{subcommand}.out"
        with self.errors.open("wb") as errors, self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", subcommand],
                cwd=ROOT,
                env=settings,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
                start_new_session=True,
            )

    def lines(self) -> list[str]:
        return self.errors.read_text().splitlines()

    def end(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def desk(postgres_dsn: str, schema: str, tmp_path: Path) -> Iterator[tuple[int, dict[str, Running]]]:
    """All processes of a desk that has no data yet, and the API's port."""
    port = free_port()
    settings = environment(
        CASELOG_DATABASE_URL=postgres_dsn, CASELOG_SCHEMA=schema, CASELOG_PORT=str(port), CASELOG_ACCESS_LOG="1"
    )
    with ExitStack() as stack:
        running = {}
        for subcommand in PROCESSES:
            running[subcommand] = Running(subcommand, tmp_path, settings)
            stack.callback(running[subcommand].end)
        yield port, running


def status_of(port: int, path: str, secret: str | None = None) -> int | None:
    """The status that a path is answered with, to somebody without a key or with one; none while nobody listens."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {secret}"} if secret else {})
        return connection.getresponse().status
    except OSError:
        return None
    finally:
        connection.close()


def test_each_line_of_each_process_is_json_from_its_start_to_its_end(desk: tuple[int, dict[str, Running]]) -> None:
    port, running = desk
    eventually(lambda: status_of(port, "/health/ready") == 200, 60)
    assert status_of(port, "/v1/queue") == 401, running["api"].errors.read_text()
    for each in running.values():
        os.kill(each.process.pid, signal.SIGTERM)
    for each in running.values():
        assert each.process.wait(40) == 0
    for name, each in running.items():
        lines = each.lines()
        assert lines, f"{name} tells nothing"
        for line in lines:
            try:
                told = json.loads(line)
            except ValueError:
                raise AssertionError(f"{name} writes what is no JSON: {line}") from None
            assert {"timestamp", "level", "event", "pid"} <= set(told), line
            assert told["process"] == name
        assert each.output.read_text() == "", "what is logged goes to standard error"


def test_a_key_of_development_opens_nothing_in_production(postgres_dsn: str, schema: str, tmp_path: Path) -> None:
    port = free_port()
    settings = {"CASELOG_DATABASE_URL": postgres_dsn, "CASELOG_SCHEMA": schema, "CASELOG_PORT": str(port)}
    config = Config.from_environment({**settings, "CASELOG_DATA": str(tmp_path / "data")})
    compose.prepare(config, postgres_dsn)
    leaked = development_key(config, postgres_dsn)
    assert development_key(config, postgres_dsn) == leaked
    other = create_key(config, postgres_dsn, name="the CRM", role="manager")
    api = Running("api", tmp_path, environment(**settings))
    try:
        eventually(lambda: status_of(port, "/health/live") == 200, 60)
        assert status_of(port, "/v1/events", leaked) == 401
        assert status_of(port, "/v1/events", other) == 200
        assert sum("development key revoked" in line for line in api.lines()) == 1
    finally:
        api.end()
    assert development_key(config, postgres_dsn) != leaked, "whoever goes back to development has a new one"


@pytest.mark.parametrize("subcommand", [*PROCESSES, "up", "config"])
def test_no_process_starts_with_a_wrong_configuration_and_each_names_all_of_it(subcommand: str) -> None:
    wrong = {
        "CASELOG_PORT": "http",
        "CASELOG_ZONE": "Mars/Olympus",
        "CASELOG_TEST_CLOCK": "1",
        "CASELOG_WROKERS": "4",
        "CASELOG_DATABASE_URL": "mysql://me:hunter2@here",
    }
    refused = subprocess.run(
        [sys.executable, "-m", "api.cli", subcommand],
        cwd=ROOT,
        env=environment(**wrong),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 2
    assert refused.stdout == ""
    first, *reasons = refused.stderr.splitlines()
    assert first == "caselog: the configuration is wrong"
    assert {reason.strip().partition(":")[0] for reason in reasons} == set(wrong)
    assert "hunter2" not in refused.stderr
