"""Ctrl-C while the program is still being loaded: it ends, and there is no stack trace to read."""

import signal
import subprocess
import sys

import pytest

from infra.supervised import PIPE
from tests.api.cli.conftest import ROOT, Cli


@pytest.mark.parametrize(
    ("command", "module"),
    [
        ("config", "click"),
        ("config", "psycopg2"),
        ("import", "eventsourcing.persistence"),
        ("import", "tqdm"),
        ("up", "granian"),
    ],
)
def test_an_interrupt_while_modules_are_imported_is_one_word(cli: Cli, command: str, module: str) -> None:
    with subprocess.Popen(
        # tells of each module that is there
        [sys.executable, "-X", "importtime", "-m", "api.cli", command, "--help"],
        cwd=ROOT,
        env=cli.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        while process.stderr.readline().rpartition("|")[2].strip() != module:
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
    others = [line for line in told.splitlines() if not line.startswith("import time:")]
    assert (process.returncode, others) == (130, ["interrupted"])


def test_a_process_of_a_supervisor_leaves_the_interrupt_to_it(cli: Cli) -> None:
    with subprocess.Popen(
        [sys.executable, "-X", "importtime", "-m", "api.cli", "config"],
        cwd=ROOT,
        env={**cli.environment, PIPE: "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        while process.stderr.readline().rpartition("|")[2].strip() != "click":
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
    assert process.returncode == 0, told
