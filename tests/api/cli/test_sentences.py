"""The history of a case tells each of its events in words."""

from pathlib import Path

import msgspec

from api.cli.words.sentences import LONGEST, sentence
from domain.personal import Personal
from domain.tags import decode
from domain.ticket.events import AlternativeProposed, TicketEvent
from tests.domain.ticket.cases import (
    WORDS,
    after,
    call_logged,
    cause_ruled,
    due_recorded,
    emergency_accepted,
    emergency_requested,
    nov,
    opened,
    staff_replies,
    urgency_set,
    waits_for_customer,
    work_corrected,
    work_logged,
    work_voided,
)

GOLDEN = Path(__file__).parents[2] / "domain" / "golden_events.jsonl"


def test_every_event_of_a_case_has_something_to_say() -> None:
    lines = [msgspec.json.decode(line) for line in GOLDEN.read_bytes().splitlines()]
    events = [decode(line["tag"], msgspec.json.encode(line["data"])) for line in lines]
    of_cases = [event for event in events if isinstance(event, TicketEvent)]
    assert len(of_cases) > 30
    assert [type(event).__name__ for event in of_cases if not sentence(event)] == []


def test_what_an_emergency_went_through_is_told_with_its_due_instants() -> None:
    now = nov(23, 10)
    history = (opened(now), staff_replies(now), emergency_requested(now), emergency_accepted(now), cause_ruled(now))
    assert [sentence(event) for event in after(*history).events[2:]] == [
        "emergency asked for, business_hours: website_down",
        "Words. (due: periodic_update 2026-11-23T18:00:00+00:00)",
        "out of scope: Words.",
    ]


def test_work_is_told_in_minutes_with_what_it_was_before() -> None:
    now = nov(23, 10)
    events = after(opened(now), work_logged(now), work_corrected(now, 1800), work_voided(now)).events[1:]
    assert [sentence(event) for event in events] == [
        "bo, 15 min from 2026-11-23T16:00:00+00:00: support",
        "e1, 30 min instead of 15: Words.",
        "e1, 30 min: Words.",
    ]


def test_changes_calls_and_reminders_are_told() -> None:
    now = nov(23, 10)
    given = after(opened(now), call_logged(now, now, WORDS), urgency_set(now), waits_for_customer(now))
    assert [sentence(event) for event in given.events[1:3]] == [
        "with Words. at 2026-11-23T17:00:00+00:00: Words.",
        "to high (due: resolution 2026-11-24T17:00:00+00:00)",
    ]
    assert [sentence(event) for event in given.when(due_recorded(nov(25, 10))).events] == [
        "reminder 1 of what is waited for, due 2026-11-25T17:00:00+00:00, the next is due 2026-11-30T22:30:00+00:00"
    ]


def test_long_words_are_cut() -> None:
    event = AlternativeProposed(
        occurred_at=nov(23, 10), ticket_id="t1", customer_id="c1", text=Personal("word\n" * 100)
    )
    assert len(sentence(event)) == LONGEST
    assert sentence(event).endswith("…")
