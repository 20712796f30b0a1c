"""Figures of processes that have ended: what they counted stays, what they had under way does not."""

import os
import subprocess
import sys
from pathlib import Path

from infra.metrics.exposition import FOLDER

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


def run(folder: Path, program: str) -> str:
    environment = os.environ | {FOLDER: str(folder)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def test_what_a_dead_process_had_under_way_is_told_no_more(tmp_path: Path) -> None:
    run(tmp_path, WORK)  # as one that was killed: it still has a request under way when it ends
    told = run(tmp_path, WORK + TELL)
    assert 'caselog_requests_under_way{kind="commands"} 1.0' in told
    assert 'caselog_requests_shed_total{kind="commands",reason="full"} 2.0' in told
