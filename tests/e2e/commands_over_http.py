"""Clients that live through cases by HTTP, and know which of their commands were acknowledged."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Self

PATIENCE_SECONDS = 120
PAUSE_SECONDS = 0.01
"""Between two commands of a thread: who is killed shall have the processor to come back."""
PERSON = {"name": "Ada Guest", "email": "ada@example.com"}
KIM = {"role": "staff", **PERSON}
NOW = datetime.now(UTC)
STARTS_ON = str((NOW - timedelta(days=40)).date().replace(day=1))
WORKED_AT = (NOW - timedelta(hours=3)).isoformat()


class Load:
    """Threads, each with customers of its own. A command's correlation id is its own: `acknowledged` has it then."""

    def __init__(self, port: int, key: str, *, threads: int = 3) -> None:
        self.acknowledged: set[str] = set()
        self._port = port
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self.over = threading.Event()
        self._changed = threading.Condition()
        self._failed: list[BaseException] = []
        self._threads = [threading.Thread(target=self._live, args=(str(number),)) for number in range(threads)]

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Send until the end."""
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self.over.set()
            for thread in self._threads:
                thread.join()
        assert not self._failed, self._failed

    def await_more(self, count: int) -> None:
        """Wait until so many more commands were acknowledged."""
        with self._changed:
            enough = len(self.acknowledged) + count
            assert self._changed.wait_for(lambda: len(self.acknowledged) >= enough or self._failed, PATIENCE_SECONDS)
        assert not self._failed, self._failed

    def _live(self, name: str) -> None:
        random = Random(name)
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)) as connection:
                client = _Client(self, connection, name)
                customers = [client.customer(f"c-{name}-{number}") for number in range(8)]
                while not self.over.is_set():
                    client.case(random, random.choice(customers))
        except BaseException as error:  # noqa: BLE001 - the test has to hear of it
            with self._changed:
                self._failed.append(error)
                self._changed.notify_all()

    def send(self, connection: http.client.HTTPConnection, correlation_id: str, command: str, data: Any) -> Any:
        """Send a command and return its result. Raises AssertionError where it is not acknowledged."""
        headers = {**self._headers, "X-Correlation-Id": correlation_id, "Idempotency-Key": correlation_id}
        connection.request("POST", f"/v1/commands/{command}", json.dumps(data), headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status in {200, 201}, (command, answer.status, body)
        with self._changed:
            self.acknowledged.add(correlation_id)
            self._changed.notify_all()
        return json.loads(body)["result"]


class _Client:
    def __init__(self, load: Load, connection: http.client.HTTPConnection, name: str) -> None:
        self._load = load
        self._connection = connection
        self._name = name
        self._sent = 0

    def _send(self, command: str, **data: Any) -> Any:
        self._sent += 1
        self._load.over.wait(PAUSE_SECONDS)
        return self._load.send(self._connection, f"{self._name}/{self._sent}", command, data)

    def customer(self, customer_id: str) -> str:
        self._send("register-customer", customer_id=customer_id, name="Alpine", contacts=[PERSON], products=["hub"])
        self._send("start-subscription", customer_id=customer_id, plan="standard", starts_on=STARTS_ON)
        return customer_id

    def case(self, random: Random, customer_id: str) -> None:
        """Open one, and do some of what is done to it."""
        about = {"category": "how_to", "subject": "Rates", "description": "How?", "requester": PERSON}
        ticket = self._send("open-ticket", customer_id=customer_id, **about)["ticket_id"]
        work = {"entry_id": f"w-{ticket}", "agent": "kim", "activity": "analysis", "started_at": WORKED_AT}
        steps: list[tuple[str, dict[str, Any]]] = [
            ("assign-ticket", {"agent": random.choice(["kim", "lee"])}),
            ("add-note", {"author": KIM, "body": "a note"}),
            ("add-reply", {"author": KIM, "body": "an answer"}),
            ("log-work", {**work, "duration_seconds": 60 * random.randint(1, 90)}),
            ("resolve-ticket", {"resolution": "It is done"}),
        ]
        for command, data in steps[: random.randint(0, len(steps))]:
            self._send(command, ticket=ticket, **data)
