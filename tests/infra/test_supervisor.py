"""Processes that end are started again, but not for ever."""

import os
import subprocess
import sys
import threading

import pytest

from infra import supervisor
from infra.supervisor import KeepsDying, Supervisor


def test_a_process_that_cannot_live_is_given_up_with_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(supervisor, "_QUICK_DEATHS", 3)
    looked_after = threading.Event()
    doomed = Supervisor({**os.environ, "CASELOG_PORT": "no port"})
    doomed.start(["project"])
    try:
        with pytest.raises(KeepsDying, match=r"caselog project.*3 times.*exit code 2"):
            doomed.run(threading.Event(), look_after=looked_after.set)
    finally:
        doomed.stop()
    assert looked_after.is_set()


def test_one_that_the_others_can_do_without_is_tried_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "_QUICK_DEATHS", 1)
    monkeypatch.setattr(supervisor, "_LONGEST_PAUSE_SECONDS", 0.01)
    running = Supervisor({**os.environ, "CASELOG_PORT": "no port"}, dispensable=["relay"])
    running.start(["relay"])
    stop, started = threading.Event(), set[int]()

    def look() -> None:
        started.add(running._children["relay"][0].pid)
        if len(started) == 3:
            stop.set()

    try:
        running.run(stop, look_after=look)
    finally:
        running.stop()


def test_the_last_one_started_ends_before_any_other_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Supervisor(os.environ)
    told: list[str] = []

    def start(name: str) -> None:
        process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        ending = process.terminate

        def terminate() -> None:
            assert told == [] or running._children["api"][0].poll() is not None
            told.append(name)
            ending()

        monkeypatch.setattr(process, "terminate", terminate)
        running._children[name] = (process, 0.0)

    monkeypatch.setattr(running, "_start", start)
    running.start(["relay", "project", "api"])
    running.stop()
    assert told == ["api", "relay", "project"]
    assert all(child.poll() is not None for child, _ in running._children.values())


def test_told_to_stop_it_leaves_nothing_running() -> None:
    stop = threading.Event()
    running = Supervisor({**os.environ, "CASELOG_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"})
    running.start(["timekeeper"])
    stop.set()
    running.run(stop, look_after=lambda: None)
    running.stop()
    assert all(child.poll() is not None for child, _ in running._children.values())
    running.stop()  # and may be told so again
