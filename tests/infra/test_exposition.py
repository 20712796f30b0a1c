"""Figures of processes that have ended: what they counted stays, what they had under way does not."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from infra.metrics.exposition import FOLDER, counted_together

WORK = """
from infra.metrics.instruments import SHED, UNDER_WAY
UNDER_WAY.labels("commands").inc()
SHED.labels("commands", "full").inc()
"""
TELL = """
from infra.metrics.exposition import Metrics
from infra.postgres.pool import ConnectionPool
print(Metrics(ConnectionPool("host=/nowhere", "none")).text().decode())
"""

OWN = """
import sys
from infra.metrics.exposition import FOLDER, counted_together
with counted_together({}) as environment:
    print(environment[FOLDER], flush=True)
    sys.stdin.read()
"""


def run(folder: Path, program: str) -> str:
    environment = os.environ | {FOLDER: str(folder)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_what_a_dead_process_had_under_way_is_told_no_more(tmp_path: Path) -> None:
    run(tmp_path, WORK)  # as one that was killed: it still has a request under way when it ends
    told = run(tmp_path, WORK + TELL)
    assert 'caselog_requests_under_way{kind="commands"} 1.0' in told
    assert 'caselog_requests_shed_total{kind="commands",reason="full"} 2.0' in told


def owner_of_a_folder(temporary: Path) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if name != FOLDER} | {"TMPDIR": str(temporary)}
    return subprocess.Popen(
        [sys.executable, "-c", OWN], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_a_folder_whose_process_was_killed_is_removed_by_the_next_start_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    elsewhere = tmp_path / "caselog-metrics-of-something-else"
    elsewhere.mkdir()
    with owner_of_a_folder(tmp_path) as killed, owner_of_a_folder(tmp_path) as alive:
        assert killed.stdout is not None
        assert alive.stdout is not None
        left, kept = (Path(process.stdout.readline().strip()) for process in (killed, alive) if process.stdout)
        killed.kill()
        killed.wait()
        assert left.is_dir()
        with counted_together({}) as environment:
            assert sorted(tmp_path.iterdir()) == sorted([elsewhere, kept, Path(environment[FOLDER])])
            assert Path(environment[FOLDER]).stat().st_mode & 0o777 == 0o700
        alive.communicate()
    assert list(tmp_path.iterdir()) == [elsewhere]
