"""The command line in a process of its own, on a desk of the test's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
