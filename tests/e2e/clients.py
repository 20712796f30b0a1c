"""Many clients at once that do not wait for one another, and what each of their requests came to."""

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Self

PATIENCE_SECONDS = 60
SENT_AWAY_SECONDS = 0.01
"""How soon one who was sent away comes again: far sooner than asked to."""
PERSON = {"name": "Ada Guest", "email": "ada@example.com"}


class Outcome(NamedTuple):
    """What a request came to: a status, or 0 and the error it ended with. Names of headers in small letters."""

    key: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    error: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Clients:
    """Threads that add notes, each to its own case, without a pause and each note once, until nobody listens any more.

    Every other one keeps its connection; the rest open one for each request.
    """

    def __init__(self, port: int, authorization: Mapping[str, str], tickets: Sequence[str]) -> None:
        self.outcomes: list[Outcome] = []
        self._port = port
        self._authorization = dict(authorization)
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(ticket, number % 2 == 0)) for number, ticket in enumerate(tickets)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self.join()

    def join(self) -> None:
        """Wait until all of them have ended: told to, or since nobody listens."""
        for thread in self._threads:
            thread.join()

    def wait_for(self, status: int, least: int) -> None:
        """Wait until a status has come so often."""
        with self._changed:
            came = self._changed.wait_for(lambda: self.counts()[status] >= least, timeout=PATIENCE_SECONDS)
        assert came, self.counts()

    def counts(self) -> Counter[int]:
        """Return how often each status came; 0 stands for no answer."""
        return Counter(each.status for each in self.outcomes)

    def _run(self, ticket: str, keeps_its_connection: bool) -> None:
        connection: http.client.HTTPConnection | None = None
        number = 0
        while not self._over.is_set():
            number += 1
            key = f"{ticket}/{number}"
            if connection is None:
                connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_SECONDS)
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    return
            try:
                outcome = self._send(connection, ticket, key)
            except (OSError, http.client.HTTPException) as error:
                outcome = Outcome(key, 0, {}, b"", type(error).__name__)
                connection.close()
                connection = None
            if connection is not None and (connection.sock is None or not keeps_its_connection):
                connection.close()
                connection = None  # else the library would open it again by itself
            with self._changed:
                self.outcomes.append(outcome)
                self._changed.notify_all()
            if outcome.status == 503:
                self._over.wait(SENT_AWAY_SECONDS)
        if connection is not None:
            connection.close()

    def _send(self, connection: http.client.HTTPConnection, ticket: str, key: str) -> Outcome:
        data = {"ticket": ticket, "author": {"role": "staff", **PERSON}, "body": f"note {key}"}
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, **self._authorization}
        connection.request("POST", "/v1/commands/add-note", json.dumps(data), headers)
        answer = connection.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Outcome(key, answer.status, told, answer.read(), "")


def open_cases(command: Callable[..., Any], count: int) -> list[str]:
    """Open cases of a customer and return their ids; `command` sends a command and returns its answer's JSON."""
    command("register-customer", customer_id="alpine", name="Alpine", contacts=[], products=[])
    about = {"customer_id": "alpine", "requester": PERSON, "category": "how_to", "description": "How?"}
    return [command("open-ticket", subject=f"Case {number}", **about)["result"]["ticket_id"] for number in range(count)]


def notes_of(events: Callable[[int], Sequence[Mapping[str, Any]]]) -> Counter[str]:
    """Return how often the note of each key is in the log; `events` returns those after a position, none at the end."""
    notes: Counter[str] = Counter()
    position = 0
    while page := events(position):
        position = page[-1]["position"]
        notes.update(
            event["data"]["body"]["text"].removeprefix("note ") for event in page if event["type"] == "NoteAdded.v1"
        )
    return notes
