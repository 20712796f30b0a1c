"""Histories of a desk for tests of views: the events of many cases, interleaved, with their places in a log."""

import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from msgspec.structs import replace

from domain.event import Event
from domain.personal import Person, Personal
from domain.recorded import RecordedEvent
from domain.refusal import Refusal
from domain.sla_policy import ClockName
from domain.ticket.commands import TicketCommand
from domain.ticket.decide import decide
from domain.ticket.events import (
    Category,
    CauseScope,
    Deadline,
    ScopeDecision,
    Segment,
    TicketOpened,
    Urgency,
)
from domain.ticket.state import Ticket, evolve
from tests.domain.ticket import cases

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


Act = Callable[[datetime, random.Random], TicketCommand]


def _staff_reply(now: datetime, _: random.Random) -> TicketCommand:
    return replace(cases.staff_replies(now), author=SAM)


def _note(now: datetime, _: random.Random) -> TicketCommand:
    return replace(cases.noted(now), author=SAM)


def _work(now: datetime, rng: random.Random) -> TicketCommand:
    seconds = rng.randint(1, 9000)
    started_at = now - timedelta(seconds=seconds)
    return cases.work_logged(now, entry_id=f"w{now:%d%H%M}", started_at=started_at, duration_seconds=seconds)


def _correction(now: datetime, rng: random.Random) -> TicketCommand:
    return cases.work_corrected(now, rng.randint(1, 900), rng.choice(_ENTRIES))


def _void(now: datetime, rng: random.Random) -> TicketCommand:
    return cases.work_voided(now, rng.choice(_ENTRIES))


def _call(now: datetime, rng: random.Random) -> TicketCommand:
    return cases.call_logged(now, now - timedelta(minutes=rng.randint(0, 200)))


def _emergency(now: datetime, _: random.Random) -> TicketCommand:
    open_now = cases.LEVELS.desk_calendar(now).is_open(now)
    return cases.emergency_requested(now, "business_hours" if open_now else "after_hours")


def _ruling(now: datetime, rng: random.Random) -> TicketCommand:
    scopes: list[CauseScope] = ["in_scope", "out_of_scope"]
    return cases.cause_ruled(now, rng.choice(scopes))


def _scope(now: datetime, rng: random.Random) -> TicketCommand:
    scopes: list[ScopeDecision] = ["included", "billable", "waived"]
    return cases.scope_decided(now, rng.choice(scopes))


def _urgency(now: datetime, rng: random.Random) -> TicketCommand:
    urgencies: list[Urgency] = ["low", "normal", "high"]
    return cases.urgency_set(now, rng.choice(urgencies))


def _category(now: datetime, rng: random.Random) -> TicketCommand:
    return cases.category_set(now, rng.choice(get_args(Category)))


def _any(*commands: Callable[[datetime], TicketCommand]) -> Act:
    """One of these commands."""
    return lambda now, rng: rng.choice(commands)(now)


_ENTRIES = ("first", "second")
_ACTS: tuple[tuple[int, Act], ...] = (
    (3, lambda now, rng: cases.assigned(now, f"agent {rng.randint(1, 4)}")),
    (4, _staff_reply),
    (4, _any(cases.customer_writes)),
    (2, _note),
    (4, _any(cases.waits_for_customer, cases.waits_for_partner)),
    (2, _any(cases.resumed)),
    (3, _work),
    (4, lambda now, rng: cases.work_logged(now, entry_id=rng.choice(_ENTRIES), started_at=now - timedelta(hours=1))),
    (2, _correction),
    (1, _void),
    (3, _any(cases.resolved)),
    (2, _any(cases.closed)),
    (2, _any(cases.reopened)),
    (2, _any(cases.due_recorded)),
    (2, _call),
    (1, lambda now, _: cases.call_scheduled(now, now + timedelta(days=1))),
    (4, _emergency),
    (4, _any(cases.emergency_accepted, cases.emergency_accepted, cases.emergency_declined)),
    (3, _ruling),
    (1, _scope),
    (1, _urgency),
    (1, _any(cases.complexity_set)),
    (1, _category),
    (1, _any(cases.escalated)),
    (1, _any(cases.enhancement_planned, cases.alternative_proposed)),
    (1, _any(cases.incident_linked, cases.resolution_announced)),
)


def case_story(number: int, rng: random.Random) -> Iterator[Event]:
    """The life of one case: what its decider makes of commands by chance, those that it refuses left out."""
    now = START + timedelta(minutes=number)
    urgencies: list[Urgency] = ["low", "normal", "high"]
    commands: list[TicketCommand] = [
        cases.opened(
            now,
            ticket_id=f"t{number}",
            customer_id=f"c{number % 7}",
            case_number=f"C-{number:06}",
            requester=ADA,
            subject=Personal(f"Question {number} {_AWKWARD[number % len(_AWKWARD)]} end"),
            urgency=rng.choice(urgencies),
            product=rng.choice([None, "website", "hub"]),
        )
    ]
    for act in rng.choices([act for _, act in _ACTS], [weight for weight, _ in _ACTS], k=rng.randint(0, 20)):
        now += timedelta(minutes=rng.choice([rng.randint(1, 90), rng.randint(1, 90), rng.randint(1, 4000)]))
        commands.append(act(now, rng))
    state: Ticket | None = None
    for command in commands:
        try:
            decided = decide(command, state)
        except Refusal:
            continue
        for event in decided:
            state = evolve(state, event)
            yield event


def desk_story(count: int, seed: int = 1) -> list[Placed]:
    """The events of so many cases, as if staff had worked on a dozen at a time."""
    rng = random.Random(seed)
    waiting = [(f"ticket-t{number}", case_story(number, rng)) for number in range(1, count + 1)]
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
