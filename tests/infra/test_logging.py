"""Whatever a process has to tell is one JSON object a line, also what libraries say and what nobody caught."""

import json
import subprocess
import sys
from typing import Any

from tests.e2e.desk_process import ROOT

SCRIPT = """
import logging, threading, warnings
import structlog
from infra.logging import configure_logging
configure_logging("api")
configure_logging("api")
structlog.get_logger().info("ours", correlation_id="work-1")
logging.getLogger("some.library").warning("theirs %s", "said")
logging.getLogger("some.library").info("nothing that anybody needs")
try:
    secret = "what a customer wrote"
    1 / 0
except ZeroDivisionError:
    logging.getLogger("some.library").exception("it failed")
thread = threading.Thread(target=lambda: 1 / 0, name="a thread")
thread.start()
thread.join()
raise ValueError("the end")
"""


def test_lines_of_ours_of_libraries_and_of_faults_are_json() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line["level"]) for line in lines] == [
        ("ours", "info"),
        ("theirs said", "warning"),
        ("it failed", "error"),
        ("nobody caught an exception", "critical"),
        ("nobody caught an exception", "critical"),
    ]
    assert all(line["process"] == "api" and line["pid"] and line["timestamp"].endswith("Z") for line in lines)
    ours, _, failed, in_thread, last = lines
    assert ours["correlation_id"] == "work-1"
    assert "ZeroDivisionError" in failed["exception"]
    assert "what a customer wrote" not in done.stderr, "no local variables"
    assert in_thread["thread"] == "a thread"
    assert "ValueError: the end" in last["exception"]
