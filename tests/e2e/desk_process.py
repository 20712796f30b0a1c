"""A desk as its user runs it: `caselog up` in a process of its own, with its own data folder and port."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

import psutil

ROOT = Path(__file__).parents[2]
READY_SECONDS = 180
"""A bound alone: a desk with a broker takes a minute and more where other tests have the processors."""


class Reply(NamedTuple):
    """What the service answered; names of headers in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _command_line(process: psutil.Process) -> list[str]:
    """Return a process's command line; empty if it has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


class DeskProcess:
    """`caselog up`, and a client of it. Ends with its context, whatever state it is in."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.arguments = arguments
        self.data = folder / "data"
        self.output = folder / "output.txt"
        self.port = free_port()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CASELOG_")},
            "CASELOG_DATA": str(self.data),
            "CASELOG_PORT": str(self.port),
            **environment,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the desk was not started"
        return self._process

    def start(self) -> None:
        """Start it and wait until it is ready; one that does not come to that is ended."""
        self.launch()
        try:
            self.await_ready()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Start it."""
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", "up", *self.arguments],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def await_ready(self) -> None:
        """Wait until it answers that it is ready."""
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.output.read_text()
            try:
                if self.get("/health/ready").status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)  # there is nothing to wait on before it listens
        raise AssertionError(f"not ready: {self.output.read_text()}")

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Stop it as Ctrl-C does, to the whole process group, and return its exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            os.killpg(self._process.pid, number)
        try:
            code = self._process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill()
            raise
        self._process = None
        return code

    def kill(self) -> None:
        """Kill the whole process group at once; the database, in a group of its own, goes on."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def processes(self, subcommand: str) -> list[psutil.Process]:
        """Return the processes of a subcommand, its own children included."""
        children = psutil.Process(self.process.pid).children()
        found = [child for child in children if _command_line(child)[-1:] == [subcommand]]
        return found + [grandchild for child in found for grandchild in child.children(recursive=True)]

    def workers(self) -> list[psutil.Process]:
        """Return the workers of the API."""
        _, *children = self.processes("api")
        return [child for child in children if "resource_tracker" not in " ".join(_command_line(child))]

    def postmaster(self) -> psutil.Process:
        """Return the embedded server's first process."""
        return psutil.Process(int((self.data / "cluster" / "postmaster.pid").read_text().split()[0]))

    def get(self, path: str, **headers: str) -> Reply:
        """Ask."""
        return self._request("GET", path, None, headers)

    def post(self, path: str, body: Any, **headers: str) -> Reply:
        """Send JSON."""
        return self._request("POST", path, json.dumps(body).encode(), headers)

    def command(self, command: str, /, *, key: str | None = None, **data: Any) -> Reply:
        """Send a command."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.post(f"/v1/commands/{command}", data, **headers)

    def authorization(self) -> dict[str, str]:
        """Return the header with the desk's development key, once it has made it."""
        file = self.data / "development-key"
        return {"Authorization": f"Bearer {file.read_text().strip()}"} if file.exists() else {}

    def _request(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(
                method, path, body, {"Content-Type": "application/json", **self.authorization(), **headers}
            )
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        except http.client.HTTPException as error:  # a server killed in the middle of its answer
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()
