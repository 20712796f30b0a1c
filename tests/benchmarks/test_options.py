"""A benchmark is told what it cannot work with before it starts a server."""

import subprocess
import sys
from argparse import ArgumentTypeError
from pathlib import Path

import pytest

from benchmarks.options import at_least, positive

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("text", ["0", "-5", "999", "1e3", "many", ""])
def test_too_small_a_number_or_none_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"at least 1,000|no whole number"):
        at_least(1_000)(text)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_is_above_zero_and_ends(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=r"above 0|no number"):
        positive(text)


def test_numbers_are_read() -> None:
    assert at_least(1_000)("1_000") == 1_000
    assert positive("0.5") == 0.5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["growth", "--large", "0"], "argument --large: at least 10,000 is needed"),
        (["views", "--events", "-1"], "argument --events: at least"),
        (["http", "--seconds", "nan"], "argument --seconds: a number above 0 is needed"),
        (["append", "--rounds", "0"], "argument --rounds: at least 1 is needed"),
        (["all", "--write", "/nowhere/at/all.md"], "argument --write: there is no folder /nowhere/at"),
    ],
)
def test_the_command_line_says_what_is_wrong_with_an_option(options: list[str], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
