"""A desk on a server of the benchmark's: API and projector, and the timekeeper where asked for, each a process."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import psutil

from benchmarks.planned_commands import command_request
from benchmarks.server import BenchmarkServer
from commands.answers import Answer
from commands.application import CaselogApplication
from commands.dispatch import Dispatcher, Request
from commands.founding import found_desk
from commands.handlers.api_keys import CLAIM
from commands.handlers.catalogue import HANDLERS
from infra.access.api_keys import digest_of, new_secret
from infra.clock import SystemClock
from infra.log.factory import environment_of
from infra.postgres.migrations import migrate

SCHEMA = "benchmark"
CUSTOMERS = 400
CASES = 1_200
SECRET = os.environ.setdefault("BENCHMARK_KEY", new_secret())
"""The service's key at the desks of this run; the clients' processes have it from their environment."""

PATIENT = {"CASELOG_QUEUE_SIZE": "1024", "CASELOG_QUEUE_WAIT_MS": "60000"}
"""Settings of a desk that sends nobody away: where every request is to be carried out, however busy the machine is."""

_READY_SECONDS = 60.0
_PERSON = {"name": "Ada Guest", "email": "ada@example.com"}
_AUTHOR = {"role": "staff", "name": "Kim Agent", "email": "kim@desk.example"}
_API = (
    "from api.http.server import serve; from infra.config import Config; from infra.logging import configure_logging;"
    "configure_logging(); serve(Config.from_environment(), 'benchmarks.http_server:build_worker_app')"
)
_COMMANDS = {
    "projector": ("-m", "api.cli", "project"),
    "timekeeper": ("-m", "api.cli", "timekeeper"),
    "API": ("-c", _API),
}


class RunningDesk:
    """The processes of a desk, the port of its API, and the ids that were made for it."""

    def __init__(
        self,
        server: BenchmarkServer,
        customers: list[str],
        cases: list[str],
        schema: str = SCHEMA,
        *,
        settings: Mapping[str, str] = PATIENT,
    ) -> None:
        self.port = free_port()
        self.customers = customers
        self.cases = cases
        self._url, self._schema = server.url, schema
        self._log = server.folder / "desk.log"
        self._environment = os.environ | {
            "CASELOG_DATABASE_URL": server.url,
            "CASELOG_SCHEMA": schema,
            "CASELOG_PORT": str(self.port),
            "CASELOG_ENV": "production",
            "CASELOG_REQUESTS_PER_MINUTE": "6000000",  # counted as ever, and never too many
            **settings,
        }
        self._processes: dict[str, psutil.Process] = {}

    @contextmanager
    def process(self, name: str) -> Iterator[None]:
        """Run a process of the desk: `API`, `projector` or `timekeeper`."""
        with self._log.open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, *_COMMANDS[name]],
                env=self._environment,
                cwd=Path(__file__).parents[1],
                stdout=log,
                stderr=log,
            )
        self._processes[name] = psutil.Process(child.pid)
        try:
            if name == "API":
                _wait_until_ready(self.port)
                _let_in(self._url, self._schema)
            yield
        finally:
            del self._processes[name]
            child.terminate()
            child.wait()

    def cpu_seconds(self, server: BenchmarkServer) -> dict[str, float]:
        """Return the processor time that each process has taken, with its children, and the database's."""
        found = {name: sum(map(_cpu, [each, *each.children(recursive=True)])) for name, each in self._processes.items()}
        return found | {"PostgreSQL": sum(map(_cpu, server.processes()))}

    def children(self, name: str) -> list[psutil.Process]:
        """Return the processes that a process of the desk has started."""
        return self._processes[name].children(recursive=True)

    def memory_mib(self) -> dict[str, float]:
        """Return the resident memory of each process, with its children."""
        return {
            name: sum(part.memory_info().rss for part in [each, *each.children(recursive=True)]) / 2**20
            for name, each in self._processes.items()
        }


@contextmanager
def running_desk(server: BenchmarkServer, *, settings: Mapping[str, str] = PATIENT) -> Iterator[RunningDesk]:
    """Found a desk with customers and cases, run its API and projector, and stop them at the end."""
    migrate(server.url, SCHEMA)
    desk = RunningDesk(server, *_furnish(server), settings=settings)
    with desk.process("projector"), desk.process("API"):
        yield desk


def request_of(path: str, body: bytes, key: str, *, correlated: bool = False) -> bytes:
    """Return a whole request, as a service sends it: with a key, so that it could be repeated.

    `correlated`: the key is its correlation id too, which its events carry.
    """
    correlation = b"X-Correlation-Id: %b\r\n" % key.encode() if correlated else b""
    return (
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nAuthorization: Bearer %b\r\n"
        b"%bIdempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b"
        % (path.encode(), SECRET.encode(), correlation, key.encode(), len(body), body)
    )


def mixed(prefix: str, customers: list[str], cases: list[str], seed: int, *, run: str | None = None) -> Iterator[bytes]:
    """Yield open-ticket, add-reply twice, log-work, and so on, about customers and cases by chance, without end.

    With `run`, request n, counted from 0, has the key and the correlation id `run-n`.
    """
    random = Random(seed)
    worked = (datetime.now(UTC) - timedelta(minutes=30)).isoformat()
    correlated = run is not None
    run = run or f"{seed}-{time.time_ns()}"
    number = 0
    while True:
        for command in ("open-ticket", "add-reply", "log-work", "add-reply"):
            if command == "open-ticket":
                data = opened(random.choice(customers))
            elif command == "add-reply":
                data = {"ticket": random.choice(cases), "author": _AUTHOR, "body": "x" * 200}
            else:
                data = {
                    "ticket": random.choice(cases),
                    "agent": "kim",
                    "started_at": worked,
                    "duration_seconds": random.randrange(60, 1800),
                    "activity": "research",
                }
            body = msgspec.json.encode(data)
            yield request_of(f"{prefix}/v1/commands/{command}", body, f"{run}-{number}", correlated=correlated)
            number += 1


def opened(customer_id: str) -> dict[str, Any]:
    """Return the data of a case that is opened."""
    return {
        "customer_id": customer_id,
        "requester": _PERSON,
        "category": "how_to",
        "subject": "Opening hours",
        "description": "How do I change them? " + "x" * 200,
    }


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _furnish(server: BenchmarkServer) -> tuple[list[str], list[str]]:
    application = CaselogApplication(environment_of(server.url, SCHEMA))
    with application:
        found_desk(application, now=SystemClock().now(), zone="America/Denver", currency="USD")
        dispatcher = Dispatcher(application, SystemClock(), HANDLERS)
        customers = [f"customer-{number}" for number in range(CUSTOMERS)]
        month = datetime.now(UTC).date().replace(day=1).isoformat()
        for name in customers:
            about = {"customer_id": name, "name": name, "contacts": [_PERSON], "products": ["website"]}
            send(dispatcher, "register-customer", about)
            send(dispatcher, "start-subscription", {"customer_id": name, "plan": "standard", "starts_on": month})
        cases = [
            json.loads(send(dispatcher, "open-ticket", opened(customers[number % CUSTOMERS])).body)["result"][
                "ticket_id"
            ]
            for number in range(CASES)
        ]
    return customers, cases


def send(dispatcher: Dispatcher, command: str, data: dict[str, Any]) -> Answer:
    """Carry a command out without HTTP, its data checked by the schema that HTTP uses."""
    return dispatcher.execute(command_request(command, data))


def _let_in(url: str, schema: str) -> None:
    """Make the service's key, if the desk does not have it."""
    environment = environment_of(url, schema)
    with CaselogApplication(environment) as application:
        if application.holder(CLAIM, digest_of(SECRET)) is None:
            Dispatcher(application, SystemClock(), HANDLERS).execute(
                Request(
                    command="create-api-key",
                    data={"key_id": "benchmark", "name": "benchmark", "role": "service", "digest": digest_of(SECRET)},
                    fingerprint="",
                    caller="benchmark",
                    actor="benchmark",
                    correlation_id="benchmark",
                )
            )


def _cpu(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
