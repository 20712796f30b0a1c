"""A desk with its write side on a real log, and a clock that stands where a test puts it."""

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from commands.answers import Answer
from commands.application import CaselogApplication
from commands.dispatch import Dispatcher, Handler, Request
from commands.founding import found_desk
from commands.handlers.catalogue import HANDLERS
from domain.recorded import RecordedEvent
from infra.log.factory import environment_of
from infra.postgres.pool import connect

MONDAY = datetime(2026, 11, 2, 17, 0, tzinfo=UTC)
"""10:00 in Denver on a working day."""

PERSON = {"name": "Ada Guest", "email": "ada@example.com"}


class StandingClock:
    """The desk's clock in a test."""

    def __init__(self, now: datetime) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant

    def forward(self, **span: float) -> datetime:
        self.instant += timedelta(**span)
        return self.instant


class Desk:
    """Sends commands to a desk in Denver as a service would, without HTTP."""

    def __init__(self, dsn: str, schema: str) -> None:
        self.clock = StandingClock(MONDAY)
        self.imported: str | None = None
        self.application = CaselogApplication(environment_of(dsn, schema))
        found_desk(self.application, now=self.clock.now(), zone="America/Denver", currency="USD")
        self.dispatcher = self.dispatcher_with({})

    def dispatcher_with(self, handlers: Mapping[str, Handler]) -> Dispatcher:
        """Return a dispatcher of its own, as another process has one, some of its handlers replaced."""
        return Dispatcher(self.application, self.clock, {**HANDLERS, **handlers})

    def send(self, command: str, *, via: Dispatcher | None = None, **data: Any) -> Answer:
        """Carry a command out; `key`, `if_match`, `fingerprint` and `keep_refusals` are the request's own."""
        keep, keep_refusals = data.pop("keep", False), data.pop("keep_refusals", False)
        key, if_match, fingerprint = data.pop("key", None), data.pop("if_match", None), data.pop("fingerprint", None)
        request = Request(
            command=command,
            data=data,
            fingerprint=fingerprint or repr(sorted(data.items())),
            caller="test",
            actor="test",
            correlation_id="a test",
            idempotency_key=key,
            keep=keep,
            keep_refusals=keep_refusals,
            if_match=if_match,
            imported=self.imported,
        )
        return (via or self.dispatcher).execute(request)

    def events(self, stream_id: str) -> list[RecordedEvent]:
        """Return what the log has of a stream."""
        return self.application.read(stream_id)

    def customer(self, **terms: Any) -> str:
        """Register a customer with a subscription that started on the first of the month, on these terms of its own."""
        answer = self.send("register-customer", name="Alpine Stays", contacts=[PERSON], products=["website"])
        customer_id: str = body_of(answer)["result"]["customer_id"]
        self.send(
            "start-subscription",
            customer_id=customer_id,
            plan="standard",
            starts_on=self.clock.instant.date().replace(day=1),
            terms=terms,
        )
        return customer_id

    def ticket(self, customer_id: str, **other: Any) -> str:
        """Open a case and return the ticket's id."""
        request = {"category": "how_to", "subject": "Rates", "description": "How?", "requester": PERSON, **other}
        ticket_id: str = body_of(self.send("open-ticket", customer_id=customer_id, **request))["result"]["ticket_id"]
        return ticket_id


def body_of(answer: Answer) -> Any:
    """Return an answer's JSON."""
    return msgspec.json.decode(answer.body)


def append(dsn: str, schema: str, stream_id: str, version: int, tag: str) -> int:
    """Append an event as a newer release may have, and return its position."""
    metadata = {"event_id": f"{stream_id}-{version}", "correlation_id": "a test", "actor": "a test", "command_id": "c"}
    with closing(connect(dsn, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("UPDATE log_head SET position = position + 1 RETURNING position")
        [(position,)] = cursor.fetchall()
        cursor.execute(
            "INSERT INTO events (position, stream_id, version, type, data, metadata, recorded_at)"
            " VALUES (%s, %s, %s, %s, '{}', %s, now())",
            (position, stream_id, version, tag, msgspec.json.encode(metadata).decode()),
        )
    return int(position)
