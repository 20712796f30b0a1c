"""Each event of a case, and of the subscription that it is billed to, is told in words, by the desk's clock."""

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from api.cli.words.sentences import LONGEST, sentence
from domain.event import Event
from domain.personal import Personal
from domain.subscription.events import Credit, Draw, SubscriptionEvent, WorkRated, WorkRerated, WorkRevised
from domain.tags import EVENT_TYPES, decode
from domain.ticket.events import AlternativeProposed, TicketEvent
from tests.domain.ticket.cases import (
    DENVER,
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


def golden() -> list[Event]:
    lines = [msgspec.json.decode(line) for line in GOLDEN.read_bytes().splitlines()]
    return [decode(line["tag"], msgspec.json.encode(line["data"])) for line in lines]


@pytest.mark.parametrize("kinds", [TicketEvent, SubscriptionEvent], ids=["case", "subscription"])
def test_every_event_has_something_to_say(kinds: Any) -> None:
    events = [event for event in golden() if isinstance(event, kinds)]
    assert {type(event) for event in events} == {kind for kind in EVENT_TYPES.values() if issubclass(kind, kinds)}
    assert [type(event).__name__ for event in events if not sentence(event, DENVER)] == []


def test_no_sentence_tells_an_instant_by_another_clock_or_a_length_in_seconds() -> None:
    told = [sentence(event, DENVER) for event in golden()]
    assert [each for each in told if re.search(r"\d\dT\d\d:|\+00:00|\d{4,} s\b", each)] == []
    assert len([each for each in told if "MST" in each or "MDT" in each]) > 5


def test_what_work_draws_is_told_with_what_it_drew_before() -> None:
    at = nov(23, 10)
    entry: dict[str, Any] = {"subscription_id": "s", "customer_id": "c", "month": "2026-11", "entry_id": "e1"}
    entry |= {"ticket_id": "t", "occurred_at": at, "started_at": at, "rating_at": at}
    facts: dict[str, Any] = {"case_number": "C-000001", "agent": "bo", "duration_seconds": 4000, "billed_seconds": 4500}
    allowance = Draw(source="allowance", seconds=3600, month="2026-11")
    owed = Draw(source="on_demand", seconds=900, rate_cents_per_hour=15_000, amount_cents=3_750)
    back = Credit(source="on_demand", posted_month="2026-10", seconds=900, amount_cents=3_750)
    given_back = "nothing instead of 15 min on demand (37.50); given back: 15 min on demand (37.50)"
    assert [
        sentence(event, DENVER)
        for event in (
            WorkRated(**entry, **facts, work_class="included", draws=(allowance, owed)),
            WorkRerated(**entry, before=(owed,), draws=(allowance,), caused_by="e0"),
            WorkRevised(
                **entry,
                **(facts | {"billed_seconds": 0}),
                voided=True,
                worked_before_seconds=4000,
                work_class="included",
                before=(owed,),
                draws=(),
                credits=(back,),
            ),
        )
    ] == [
        "e1 of bo on C-000001, 1 h 15 min included in 2026-11: 1 h allowance, 15 min on demand (37.50)",
        "e1 in 2026-11: 1 h allowance instead of 15 min on demand (37.50), since e0 arrived or changed",
        "e1 of bo on C-000001, 0 s included in 2026-11, void: " + given_back,
    ]


def test_what_an_emergency_went_through_is_told_with_its_due_instants() -> None:
    now = nov(23, 10)
    history = (opened(now), staff_replies(now), emergency_requested(now), emergency_accepted(now), cause_ruled(now))
    assert [sentence(event, DENVER) for event in after(*history).events[2:]] == [
        "emergency asked for, business_hours: website_down",
        "Words. (due: periodic_update 2026-11-23 11:00:00 MST)",
        "out of scope: Words.",
    ]


def test_work_is_told_in_hours_and_minutes_with_what_it_was_before() -> None:
    now = nov(23, 10)
    events = after(opened(now), work_logged(now), work_corrected(now, 1800), work_voided(now)).events[1:]
    assert [sentence(event, DENVER) for event in events] == [
        "bo, 15 min from 2026-11-23 09:00:00 MST: support",
        "e1, 30 min instead of 15 min: Words.",
        "e1, 30 min: Words.",
    ]


def test_changes_calls_and_reminders_are_told() -> None:
    now = nov(23, 10)
    given = after(opened(now), call_logged(now, now, WORDS), urgency_set(now), waits_for_customer(now))
    assert [sentence(event, DENVER) for event in given.events[1:3]] == [
        "with Words. at 2026-11-23 10:00:00 MST: Words.",
        "to high (due: resolution 2026-11-24 10:00:00 MST)",
    ]
    assert [sentence(event, DENVER) for event in given.when(due_recorded(nov(25, 10))).events] == [
        "reminder 1 of what is waited for, due 2026-11-25 10:00:00 MST, the next is due 2026-11-30 15:30:00 MST"
    ]


def test_long_words_are_cut() -> None:
    event = AlternativeProposed(
        occurred_at=nov(23, 10), ticket_id="t1", customer_id="c1", text=Personal("word\n" * 100)
    )
    assert len(sentence(event, DENVER)) == LONGEST
    assert sentence(event, DENVER).endswith("…")
