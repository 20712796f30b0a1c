"""The events of cases of each length, as the real deciders make them: what a long log is stamped out from."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import msgspec

from benchmarks.planned_commands import command_request
from commands.application import CaselogApplication
from commands.dispatch import Dispatcher
from commands.due import DueItem, request_for
from commands.founding import found_desk
from commands.handlers.catalogue import HANDLERS
from infra.log.factory import environment_of
from infra.postgres.pool import connect

CUSTOMERS = 400

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_PERSON = {"name": "Ada Guest", "email": "ada@example.com"}
_STAFF = {"role": "staff", "name": "Kim Agent", "email": "kim@desk.example"}
_REQUESTER = {"role": "requester", **_PERSON}


class _Clock:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


class EventTemplate(msgspec.Struct, frozen=True):
    """An event of a template: its texts, with `%(name)s` for what differs from case to case."""

    of_case: bool
    type: str
    data: str
    metadata: str

    def later(self, minutes: int) -> str:
        """Return the data of the same event so many minutes later."""

        def moved(found: re.Match[str]) -> str:
            return (datetime.fromisoformat(found[0]) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")

        return _INSTANT.sub(moved, self.data)


class Templates:
    """A desk on which each kind of case is played once a month."""

    def __init__(self, url: str, schema: str, first: datetime) -> None:
        self._url, self._schema = url, schema
        self._application = CaselogApplication(environment_of(url, schema))
        self._at = first
        self._clock = _Clock(first - timedelta(days=1))
        self._dispatcher = Dispatcher(self._application, self._clock, HANDLERS)
        self.subscriptions: dict[str, str] = {}
        found_desk(self._application, now=self._clock.now(), zone="America/Denver", currency="USD")

    def close(self) -> None:
        """Let go of the database."""
        self._application.close()

    def begin(self, at: datetime) -> None:
        """Let a month begin for all customers; the first one registers them."""
        self._at = self._clock.at = at
        if self.subscriptions:
            for subscription in self.subscriptions.values():
                stream = f"subscription-{subscription}"
                self._application.memory.doubt(stream)
                self._dispatcher.execute(
                    request_for(DueItem(stream_id=stream, kind="subscription", what="month", due_at=at))
                )
            return
        for name in [f"customer-{number}" for number in range(CUSTOMERS)]:
            about = {"customer_id": name, "name": name, "contacts": [_PERSON], "products": ["website"]}
            self._send("register-customer", **about)
            started = self._send(
                "start-subscription",
                customer_id=name,
                plan="standard",
                starts_on=at.replace(day=1).date().isoformat(),
                terms={"allowance_seconds": 0},
            )
            self.subscriptions[name] = started["stream_id"].removeprefix("subscription-")

    def case(self, length: int) -> list[EventTemplate]:
        """Play a case of so many events for the first customer, and return them with its particulars left out."""
        customer, entry = "customer-0", None
        self._clock.at = self._at
        before = self._application.recorder.max_notification_id() or 0
        ticket = self._open(customer)
        for step in _steps(length):
            self._clock.at += timedelta(seconds=1)
            if step == "work":
                entry = self._work(ticket, self._at - timedelta(minutes=40), 1_200)
            else:
                command, data = _SENT[step]
                self._send(command, ticket=ticket, **data)
        with closing(connect(self._url, self._schema)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT stream_id, type, data::text, metadata::text FROM events WHERE position > %s ORDER BY position",
                (before,),
            )
            rows = cursor.fetchall()
        if len(rows) != length:
            raise AssertionError(f"a case of {length} events has {len(rows)}")
        opened = json.loads(rows[0][2])
        places = {ticket: "ticket", opened["case_number"]: "number", customer: "customer"}
        if entry is not None:
            places |= {entry: "entry", self.subscriptions[customer]: "subscription"}
        return [_template(row, places) for row in rows]

    def _open(self, customer: str) -> str:
        opened = {
            "customer_id": customer,
            "requester": _PERSON,
            "category": "how_to",
            "subject": "Opening hours",
            "description": "How do I change them? " + "x" * 200,
        }
        ticket: str = self._send("open-ticket", **opened)["result"]["ticket_id"]
        return ticket

    def _work(self, ticket: str, started_at: datetime, seconds: int) -> str:
        answer = self._send(
            "log-work",
            ticket=ticket,
            agent="kim",
            started_at=started_at.isoformat(),
            duration_seconds=seconds,
            activity="research",
        )
        entry: str = answer["result"]["entry_id"]
        return entry

    def _send(self, command: str, /, **data: Any) -> Any:
        request = command_request(command, data, sender="generator")
        return msgspec.json.decode(self._dispatcher.execute(request).body)


_SENT: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "assign": ("assign-ticket", {"agent": "kim"}),
    "answer": ("add-reply", {"author": _STAFF, "body": "x" * 200}),
    "ask": ("add-reply", {"author": _REQUESTER, "body": "y" * 150}),
    "note": ("add-note", {"author": _STAFF, "body": "z" * 60}),
    "resolve": ("resolve-ticket", {"resolution": "It is done."}),
    "close": ("close-ticket", {"reason": "confirmed"}),
}


def _steps(length: int) -> Sequence[str]:
    """Return what happens to a case of so many events after its opening; `work` is two events, one of them the bill's.

    A case of one or two events stays open.
    """
    if length < 3:
        return ["assign"][: length - 1]
    middle = {3: [], 4: ["answer"], 5: ["work"]}.get(length)
    if middle is None:
        middle = ["answer", "work", *(("note", "ask", "answer")[number % 3] for number in range(length - 6))]
    return [*middle, "resolve", "close"]


def _template(row: tuple[str, str, str, str], places: Mapping[str, str]) -> EventTemplate:
    stream_id, tag, data, metadata = row
    about = json.loads(metadata)
    places = {**places, about["event_id"]: "event", about["command_id"]: "command"}

    def opened(text: str) -> str:
        text = text.replace("\\", "\\\\").replace("%", "%%")  # as COPY reads it
        for value, name in places.items():
            text = text.replace(f'"{value}"', f'"%({name})s"')
        return text

    return EventTemplate(stream_id.startswith("ticket-"), tag, opened(data), opened(metadata))
