"""The command line in a process of its own, on a desk of the test's."""

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from api.cli.commands import run

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
            patch.setattr(import_module(f"api.cli.{self._command}"), "configure_logging", lambda: None)
            self._said.readouterr()
            with pytest.raises(SystemExit) as ended:
                run()
        out, err = self._said.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return subprocess.CompletedProcess([self._command, *arguments], code, out, err)
