"""The timekeeper is told when to look: at deadlines missed, reminders, months that begin, grants that end."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings

from domain.event import Event
from domain.personal import Personal
from domain.plan import TermsChange
from domain.subscription.commands import CancelSubscription, RecordDue
from domain.subscription.state import evolve
from domain.ticket.events import (
    CustomerReminded,
    Deadline,
    TicketClosed,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
)
from projections import due
from projections.due import DueRow
from projections.folding import fold
from tests.domain.subscription.histories import History, happened, long_histories
from tests.domain.subscription.sentences import buy, denver, since_november, start
from tests.projections.stories import START, opened, recorded

TICKET: dict[str, Any] = {"ticket_id": "t1", "customer_id": "c1"}
FIRST_RESPONSE = START + timedelta(hours=1)
WAITING_SINCE = START + timedelta(minutes=10)
REMIND_AT = START + timedelta(days=2)


def row(stream_id: str, *events: Event) -> DueRow:
    (found,) = fold(due.VIEW, recorded([(stream_id, event) for event in events])).rows(due.due)
    assert isinstance(found, DueRow)
    return found


def case(*events: Event) -> datetime | None:
    found = row("ticket-t1", opened(1), *events)
    return found.record_at if found.running else None


def waiting(party: Any = "customer", remind_at: datetime | None = REMIND_AT) -> WaitingStarted:
    return WaitingStarted(
        occurred_at=WAITING_SINCE,
        waiting_for=party,
        reason=Personal("Which room?"),
        remind_at=remind_at,
        deadlines=(Deadline(clock="first_response", instance=1), Deadline(clock="resolution", instance=1)),
        **TICKET,
    )


def reminded(number: int, remind_at: datetime | None) -> CustomerReminded:
    return CustomerReminded(occurred_at=REMIND_AT, number=number, due_at=REMIND_AT, remind_at=remind_at, **TICKET)


def resolved() -> TicketResolved:
    return TicketResolved(occurred_at=REMIND_AT, resolution=Personal("Done."), **TICKET)


def test_a_deadline_is_missed_once_its_second_has_passed() -> None:
    assert case() == FIRST_RESPONSE + timedelta(seconds=1)


def test_a_reminder_is_due_at_its_instant_and_the_next_one_after_it() -> None:
    assert case(waiting()) == REMIND_AT
    later = REMIND_AT + timedelta(days=2)
    assert case(waiting(), reminded(1, later)) == later
    assert case(waiting(), reminded(1, None)) is None


def test_of_a_deadline_and_a_reminder_the_earlier_one_is_due() -> None:
    first = waiting(remind_at=START + timedelta(minutes=30))
    kept = WaitingStarted(
        occurred_at=WAITING_SINCE,
        waiting_for="customer",
        reason=Personal("Which room?"),
        remind_at=first.remind_at,
        **TICKET,
    )
    assert case(kept) == first.remind_at


@pytest.mark.parametrize(
    "end",
    [
        TicketResumed(occurred_at=REMIND_AT, **TICKET),
        resolved(),
        waiting("partner", None),
    ],
    ids=["resumed", "resolved", "waits for a partner"],
)
def test_nobody_is_reminded_who_is_not_waited_for(end: Event) -> None:
    assert case(waiting(), end) is None


def test_a_case_that_is_reopened_does_not_wait_for_anybody() -> None:
    ended = (waiting(), resolved(), TicketClosed(occurred_at=REMIND_AT, **TICKET))
    assert case(*ended) is None
    assert case(*ended, TicketReopened(occurred_at=REMIND_AT, reason=Personal("?"), **TICKET)) is None


def subscription(*events: Event) -> datetime | None:
    return row("subscription-s1", *events).record_at


@given(long_histories)
@settings(max_examples=50)
def test_of_every_subscription_the_view_knows_when_something_is_due_next(history: History) -> None:
    state = None
    events = happened(history)
    for upto, event in enumerate(events, 1):
        state = evolve(state, event)
        assert subscription(*events[:upto]) == state.next_due


def test_a_subscription_is_due_when_a_month_begins_and_when_hours_expire_and_not_after_its_end() -> None:
    terms = TermsChange(pack_validity_days=10)
    running = since_november(terms).having(buy(denver(11, 10)))
    assert subscription(*running.events) == denver(11, 21, 0)
    over = running.having(
        CancelSubscription(now=denver(11, 12), reason=Personal("…")), RecordDue(now=denver(11, 21, 0))
    )
    assert subscription(*over.events) == denver(12, 1, 0)
    ended = over.having(RecordDue(now=denver(12, 1, 0)))
    assert subscription(*ended.events) is None
    later = running.having(
        CancelSubscription(now=denver(11, 12), reason=Personal("…")),
        start(denver(11, 13), starts_on=date(2026, 12, 1)),
    )
    assert subscription(*later.events) == denver(11, 21, 0), "the pack goes on"
    again = ended.having(start(denver(12, 5), starts_on=date(2026, 12, 10)))
    assert subscription(*again.events) == denver(12, 10, 0)
