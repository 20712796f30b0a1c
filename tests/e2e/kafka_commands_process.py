"""`caselog kafka-commands` as its user runs it: a process of its own on a database and a broker."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from tests.e2e.desk_process import ROOT
from tests.waiting import eventually


class KafkaCommands:
    """One process. It is killed at the end of its context, whatever state it is in."""

    def __init__(self, dsn: str, schema: str, bootstrap: str, folder: Path, name: str = "1", **other: str) -> None:
        self.output = folder / f"kafka_commands_{name}.txt"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CASELOG_")},
            "CASELOG_DATABASE_URL": dsn,
            "CASELOG_SCHEMA": schema,
            "CASELOG_KAFKA_BOOTSTRAP": bootstrap,
            "CASELOG_KAFKA_PARTITIONS": "3",
            **other,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.signal(signal.SIGCONT)
        self.kill()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    def start(self) -> None:
        """Start it."""
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", "kafka-commands"],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def said(self) -> str:
        """Return what it has said."""
        return self.output.read_text()

    def await_begun(self) -> None:
        """Wait until it is a member of its group."""
        eventually(lambda: "joined the group" in self.said() or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.said()

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """Ask it to stop, and return its exit code."""
        self.process.terminate()
        return self.process.wait(30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
