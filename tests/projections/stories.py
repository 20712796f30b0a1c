"""Histories of a desk for tests of views: the events of many cases, interleaved, with their places in a log."""

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from domain.event import Event
from domain.personal import Person, Personal
from domain.recorded import RecordedEvent
from domain.sla_policy import ClockName
from domain.ticket.events import (
    AwaitedParty,
    CustomerReplied,
    Deadline,
    EmergencyDeclined,
    EmergencyRequested,
    NoteAdded,
    Segment,
    ServiceLevelBreached,
    StaffReplied,
    TicketAssigned,
    TicketClosed,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
    WorkLogged,
)

START = datetime(2026, 11, 2, 15, 30, tzinfo=UTC)
ADA = Person(name=Personal("Ada Ellis"), email=Personal("ada@example.org"))
SAM = Person(name=Personal("Sam\tO'Neil\\"), email=Personal("sam@desk.example"))
METADATA = b'{"event_id":"e","correlation_id":"c","actor":"a","command_id":"d"}'

_AWKWARD = ("\\", "\t", "\n", "\r", "\\N", "\\.", '"', "'", "é", "\u2028", "{}")

Placed = tuple[str, Event]
"""An event with the id of its stream."""


def recorded(events: Sequence[Placed], metadata: bytes = METADATA) -> list[RecordedEvent]:
    """Place events in a log of their own, from position 1."""
    versions: dict[str, int] = {}
    records = []
    for position, (stream_id, event) in enumerate(events, 1):
        versions[stream_id] = versions.get(stream_id, 0) + 1
        records.append(RecordedEvent(stream_id, versions[stream_id], event, metadata, position))
    return records


def segment(clock: ClockName, instance: int, at: datetime, target_seconds: int | None = 3600) -> Segment:
    return Segment(
        clock=clock,
        instance=instance,
        started_at=at,
        target_seconds=target_seconds,
        calendar="24x7",
        calendar_version=0,
        policy_version=1,
    )


def opened(number: int = 1, at: datetime = START, **fields: Any) -> TicketOpened:
    """A case with deadlines one hour (first response) and ten hours (resolution) after its receipt, round the clock."""
    values: dict[str, Any] = {
        "ticket_id": f"t{number}",
        "customer_id": f"c{number % 7}",
        "case_number": f"C-{number:06}",
        "requester": ADA,
        "category": "how_to",
        "subject": Personal(f"Question {number} {_AWKWARD[number % len(_AWKWARD)]} end"),
        "description": Personal("…"),
        "channel": "web",
        "received_at": at,
        "workable_from": at,
        "occurred_at": at,
        "segments": (segment("first_response", 1, at), segment("resolution", 1, at, 36_000)),
        "deadlines": (
            Deadline(clock="first_response", instance=1, due_at=at + timedelta(hours=1)),
            Deadline(clock="resolution", instance=1, due_at=at + timedelta(hours=10)),
        ),
    }
    return TicketOpened(**{**values, **fields})


def case_story(number: int, rng: random.Random) -> Iterator[Event]:  # noqa: PLR0912 - a branch an event
    """The life of one case, in events that its decider could have made, up to an end by chance."""
    at = START + timedelta(minutes=number)
    ticket: dict[str, Any] = {"ticket_id": f"t{number}", "customer_id": f"c{number % 7}"}
    due = at + timedelta(hours=10)
    yield opened(number, at, urgency=rng.choice(["low", "normal", "high"]))
    if rng.random() < 0.1:
        yield EmergencyRequested(occurred_at=at, kind="business_hours", symptom="website_down", **ticket)
        if rng.random() < 0.5:
            yield EmergencyDeclined(occurred_at=at, reason=Personal("boost"), **ticket)
    waiting, ended, reopenings = False, False, 0
    for _ in range(rng.randint(0, 12)):
        at += timedelta(minutes=rng.randint(1, 90))
        paused = (Deadline(clock="resolution", instance=1),)
        going_on = (Deadline(clock="resolution", instance=1, due_at=due + (at - START)),)
        match rng.randint(0, 9):
            case 0 if not ended:
                yield TicketAssigned(occurred_at=at, agent=f"agent {rng.randint(1, 4)}", **ticket)
            case 1 if not ended:
                yield StaffReplied(occurred_at=at, author=SAM, body=Personal("Done?"), **ticket)
            case 2 if not ended:
                yield CustomerReplied(occurred_at=at, author=ADA, body=Personal("No."), **ticket)
            case 3 if not ended:
                waiting = True
                party: list[AwaitedParty] = ["customer", "partner"]
                yield WaitingStarted(
                    occurred_at=at, waiting_for=rng.choice(party), reason=Personal("…"), deadlines=paused, **ticket
                )
            case 4 if waiting and not ended:
                waiting = False
                yield TicketResumed(occurred_at=at, deadlines=going_on, **ticket)
            case 5 if not ended:
                entry: dict[str, Any] = {
                    "entry_id": f"w{number}-{at:%d%H%M}",
                    "agent": "Sam",
                    "activity": "call",
                    "started_at": at,
                }
                yield WorkLogged(occurred_at=at, duration_seconds=rng.randint(1, 9000), **entry, **ticket)
            case 6 if not ended:
                ended, waiting = True, False
                yield TicketResolved(occurred_at=at, resolution=Personal("Settled"), deadlines=paused, **ticket)
                if rng.random() < 0.5:
                    yield TicketClosed(occurred_at=at, **ticket)
            case 7 if ended:
                ended, reopenings = False, reopenings + 1
                again = (segment("resolution", 1, at, 36_000),)
                yield TicketReopened(occurred_at=at, reason=Personal("?"), segments=again, deadlines=going_on, **ticket)
            case _:
                if at > due and not ended and reopenings == 0:
                    breach: dict[str, Any] = {"calendar": "24x7", "calendar_version": 0, "policy_version": 1}
                    yield ServiceLevelBreached(
                        occurred_at=at,
                        clock="resolution",
                        instance=1,
                        target_seconds=36_000,
                        due_at=due,
                        breached_at=due,
                        **breach,
                        **ticket,
                    )
                else:
                    yield NoteAdded(occurred_at=at, author_role="staff", author=SAM, body=Personal("Looked."), **ticket)


def desk_story(cases: int, seed: int = 1) -> list[Placed]:
    """The events of so many cases, as if staff had worked on a dozen at a time."""
    rng = random.Random(seed)
    waiting = [(f"ticket-t{number}", case_story(number, rng)) for number in range(1, cases + 1)]
    running = [waiting.pop(0) for _ in range(min(12, len(waiting)))]
    placed: list[Placed] = []
    while running:
        index = rng.randrange(len(running))
        stream_id, story = running[index]
        event = next(story, None)
        if event is not None:
            placed.append((stream_id, event))
        elif waiting:
            running[index] = waiting.pop(0)
        else:
            del running[index]
    return placed
