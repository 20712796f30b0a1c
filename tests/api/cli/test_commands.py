"""The commands are found by their names, and none is made to wait for what only others need."""

import subprocess
import sys

import click
import pytest

from api.cli.commands import FAULT, caselog, run
from tests.api.cli.conftest import ROOT

OF_HTTP = {"flask", "granian", "jwt", "marshmallow"}
OF_KAFKA = {"kafka"}


def test_every_command_is_found_by_its_name_and_tells_what_it_does() -> None:
    with click.Context(caselog) as context:
        for name in caselog.list_commands(context):
            command = caselog.get_command(context, name)
            assert command is not None
            assert command.name == name
            assert command.get_short_help_str()
            assert command.get_help(context).startswith("Usage: ")
        assert caselog.get_command(context, "unheard-of") is None


@pytest.mark.parametrize(
    ("command", "without"),
    [
        ("config", OF_HTTP | OF_KAFKA | {"eventsourcing", "structlog"}),
        ("api", OF_KAFKA | {"flask", "jwt"}),
        ("project", OF_HTTP | OF_KAFKA),
        ("relay", OF_HTTP),
        ("timekeeper", OF_KAFKA | {"flask", "granian", "jwt"}),
    ],
)
def test_a_process_imports_nothing_that_only_others_need(command: str, without: set[str]) -> None:
    ran = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "api.cli", command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip() for line in ran.stderr.splitlines()}
    assert "click" in imported, "it tells"
    assert imported & without == set()


def test_a_fault_of_the_program_has_an_exit_code_that_nothing_else_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(caselog, "main", fail)
    with pytest.raises(SystemExit) as ended:
        run()
    assert ended.value.code == FAULT == 70
    told = capsys.readouterr().err
    assert told.startswith("Traceback")
    assert told.endswith("RuntimeError: a fault\n")
