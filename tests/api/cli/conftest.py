"""The command line in a process of its own, on a desk of the test's."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from api.cli.commands import _COMMANDS, run

ROOT = Path(__file__).parents[3]


class Cli:
    """Runs `caselog` with a desk's database in its environment."""

    def __init__(self, dsn: str, schema: str) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CASELOG_")},
            "CASELOG_DATABASE_URL": dsn,
            "CASELOG_SCHEMA": schema,
        }

    def __call__(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "api.cli", *arguments],
            cwd=ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


@pytest.fixture
def cli(database: str, schema: str) -> Cli:
    return Cli(database, schema)


class Here:
    """Runs one command of `caselog` in this process, which takes a tenth of the time; its log is left as it is."""

    def __init__(
        self,
        command: str,
        environment: dict[str, str],
        monkeypatch: pytest.MonkeyPatch,
        said: pytest.CaptureFixture[str],
    ) -> None:
        self._command = command
        self._environment = environment
        self._monkeypatch = monkeypatch
        self._said = said

    def __call__(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        with self._monkeypatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("CASELOG_")]:
                patch.delenv(name)
            for name, value in {**self._environment, **environment}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["caselog", self._command, *arguments])
            if module := _COMMANDS.get(self._command, "").partition(":")[0]:
                patch.setattr(import_module(f"api.cli.{module}"), "configure_logging", lambda *_: None, raising=False)
            self._said.readouterr()
            with pytest.raises(SystemExit) as ended:
                run()
        out, err = self._said.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return subprocess.CompletedProcess([self._command, *arguments], code, out, err)


class CliHere(Cli):
    """Runs `caselog` as `Cli` does, in this process: for what a command says and does, not for how its process ends."""

    def __init__(
        self, dsn: str, schema: str, monkeypatch: pytest.MonkeyPatch, said: pytest.CaptureFixture[str]
    ) -> None:
        super().__init__(dsn, schema)
        self._ours = {name: value for name, value in self.environment.items() if name.startswith("CASELOG_")}
        self._monkeypatch = monkeypatch
        self._said = said

    def __call__(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        command, *rest = arguments
        return Here(command, self._ours, self._monkeypatch, self._said)(*rest, **environment)


@pytest.fixture
def here(database: str, schema: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CliHere:
    return CliHere(database, schema, monkeypatch, capsys)
