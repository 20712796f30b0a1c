"""Processes of Caselog that talk to Kafka, each by itself: started, killed, stopped and woken by tests."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from infra.kafka.settings import KafkaSettings
from tests.waiting import eventually

ROOT = Path(__file__).parents[3]


class CaselogProcess:
    """`caselog ARGUMENT ...` in a process of its own, and what it has said."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str], output: Path) -> None:
        self._output = output
        self._arguments = arguments
        self._environment = environment
        self.start()

    def start(self) -> None:
        """Start it, at first and after each end; what it says is added to what it has said."""
        self._begun = len(self.output) if self._output.exists() else 0
        with self._output.open("ab") as stream:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "api.cli", *self._arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        """All that it has said."""
        return self._output.read_text()

    def lines(self, *events: str) -> list[dict[str, Any]]:
        """Return the lines of its log, since it was started last, that begin with one of these events."""
        found = []
        for line in self.output[self._begun :].splitlines():
            if line.startswith("{") and line.endswith("}"):
                said = msgspec.json.decode(line)
                if said.get("event", "").startswith(events):
                    found.append(said)
        return found

    def await_line(self, event: str, count: int = 1, seconds: float = 60) -> dict[str, Any]:
        """Wait until it has said so, so many times, and return the last of them."""

        def said() -> dict[str, Any] | None:
            assert self.popen.poll() is None or len(self.lines(event)) >= count, self.output
            return self.lines(event)[count - 1] if len(self.lines(event)) >= count else None

        return eventually(said, seconds)

    def has_all_partitions(self, view: str, count: int) -> bool:
        """Say whether so many partitions of a view were given to it last."""
        assigned = [len(line["partitions"]) for line in self.lines("partitions assigned") if line["view"] == view]
        return assigned[-1:] == [count]

    def kill(self) -> None:
        """End it as a crash would, whatever state it is in."""
        self.popen.kill()
        self.popen.wait()

    def freeze(self) -> None:
        """Let it stand still."""
        self.popen.send_signal(signal.SIGSTOP)

    def wake(self) -> None:
        """Let it go on."""
        self.popen.send_signal(signal.SIGCONT)

    def stop(self, seconds: float = 30) -> int:
        """Ask it to end, and return its exit code."""
        self.popen.terminate()
        return self.popen.wait(seconds)


def environment(dsn: str, schema: str, kafka: KafkaSettings, **more: str) -> dict[str, str]:
    """Return what such a process is configured by."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CASELOG_")}
    return {
        **clean,
        "CASELOG_DATABASE_URL": dsn,
        "CASELOG_SCHEMA": schema,
        "CASELOG_KAFKA_BOOTSTRAP": ",".join(kafka.bootstrap),
        "CASELOG_KAFKA_PARTITIONS": str(kafka.partitions),
        **more,
    }


@contextmanager
def running(*arguments: str, output: Path, environment: dict[str, str]) -> Iterator[CaselogProcess]:
    """Run `caselog ARGUMENT ...` meanwhile; it is ended whatever state it is in."""
    process = CaselogProcess(arguments, environment, output)
    try:
        yield process
    finally:
        process.kill()
