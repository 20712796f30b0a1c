"""R7, T3, T7: a call is arranged, and counts as a response at its own instant once it is logged."""

from datetime import datetime, timedelta

import pytest

from domain.personal import Personal
from domain.ticket.commands import TicketCommand
from domain.ticket.events import CallLogged, CallScheduled, Deadline, Segment, ServiceLevelBreached, TicketEvent
from domain.ticket.refusals import CallBeforeReceipt, CallInFuture, TicketIsClosed
from tests.domain.ticket.cases import (
    WORDS,
    after,
    call_logged,
    call_scheduled,
    clock,
    clocks_after,
    closed,
    customer_writes,
    due_recorded,
    nov,
    opened,
    policy,
    reopened,
    resolved,
    staff_replies,
    urgency_set,
    waits_for_customer,
    with_policy,
)

RECEIPT = nov(23, 10)
MICROSECOND = timedelta(microseconds=1)
OPEN = (opened(RECEIPT),)
ANSWERED = (*OPEN, staff_replies(nov(23, 11)))
ASKED = (*ANSWERED, customer_writes(nov(23, 12)), customer_writes(nov(23, 14)))


def only(events: list[TicketEvent]) -> TicketEvent:
    (event,) = events
    return event


# Arranging


def test_a_call_is_arranged_once() -> None:
    now, at = nov(23, 11), nov(24, 9)
    given = after(*OPEN)
    given.when(call_scheduled(now, at, WORDS)).then(
        CallScheduled(occurred_at=now, ticket_id="t1", customer_id="c1", at=at, with_whom=WORDS, note=WORDS)
    )
    arranged = given.having(call_scheduled(now, at))
    arranged.when(call_scheduled(nov(23, 12), at)).then_nothing()
    assert type(only(arranged.when(call_scheduled(nov(23, 12), nov(24, 10))).events)) is CallScheduled
    assert type(only(arranged.when(call_scheduled(nov(23, 12), at, WORDS)).events)) is CallScheduled


def test_no_call_is_arranged_on_a_closed_ticket() -> None:
    given = after(*OPEN, resolved(nov(23, 11)), closed(nov(23, 11)))
    given.when(call_scheduled(nov(23, 12), nov(24, 9))).then_refused(TicketIsClosed)


# Logging


def test_a_call_is_recorded_once_by_its_own_facts() -> None:
    now, at = nov(23, 12), nov(23, 11)
    given = after(*ANSWERED)
    given.when(call_logged(now, at, WORDS)).then(
        CallLogged(occurred_at=now, ticket_id="t1", customer_id="c1", at=at, with_whom=WORDS, note=WORDS)
    )
    known = given.having(call_logged(now, at))
    known.when(call_logged(nov(23, 13), at)).then_nothing()
    assert type(only(known.when(call_logged(nov(23, 13), nov(23, 11, 1))).events)) is CallLogged
    assert type(only(known.when(call_logged(nov(23, 13), at, Personal("Once more."))).events)) is CallLogged


def test_a_call_that_was_arranged_still_has_to_be_logged() -> None:
    given = after(*ANSWERED, call_scheduled(nov(23, 11), nov(23, 12)))
    assert type(only(given.when(call_logged(nov(23, 13), nov(23, 12))).events)) is CallLogged


def test_a_call_takes_place_between_the_receipt_and_now() -> None:
    now = nov(23, 12)
    given = after(*OPEN)
    for at in (RECEIPT, now):
        assert type(only(given.when(call_logged(now, at)).events)) is CallLogged
    early = given.when(call_logged(now, RECEIPT - MICROSECOND)).then_refused(CallBeforeReceipt)
    late = given.when(call_logged(now, now + MICROSECOND)).then_refused(CallInFuture)
    assert (early.pointer, late.pointer) == ("/at", "/at")


@pytest.mark.parametrize(
    "end",
    [(), (waits_for_customer(nov(23, 11)),), (resolved(nov(23, 12)),), (resolved(nov(23, 12)), closed(nov(23, 12)))],
)
def test_a_call_is_taken_in_every_state_and_changes_none(end: tuple[TicketCommand, ...]) -> None:
    given = after(*ANSWERED, *end)
    assert type(only(given.when(call_logged(nov(23, 13), nov(23, 11, 30))).events)) is CallLogged
    state, then = given.state, given.having(call_logged(nov(23, 13), nov(23, 11, 30))).state
    assert type(state) is type(then)


# What it answers


def test_a_call_is_the_first_response_at_its_own_instant() -> None:
    event = only(after(*OPEN).when(call_logged(nov(23, 16), nov(23, 11))).events)
    assert isinstance(event, CallLogged)
    assert event.deadlines == (Deadline(clock="first_response", instance=1),)
    first = clock(clocks_after(*OPEN, call_logged(nov(23, 16), nov(23, 11))), "first_response")
    assert (first.ended_at, first.end_kind) == (nov(23, 11), "fulfilled")


def test_a_call_answers_what_was_written_until_then() -> None:
    for at in (nov(23, 14), nov(23, 15)):
        clocks = clocks_after(*ASKED, call_logged(nov(23, 16), at))
        assert clock(clocks, "next_response").ended_at == at
        assert clocks.unanswered == ()


def test_what_was_written_after_a_call_begins_a_next_response_from_the_oldest_of_it() -> None:
    history = (*ASKED, customer_writes(nov(23, 15)))
    event = only(after(*history).when(call_logged(nov(23, 16), nov(23, 13))).events)
    assert isinstance(event, CallLogged)
    assert event.segments == (
        Segment(
            clock="next_response",
            instance=2,
            started_at=nov(23, 14),
            target_seconds=32_400,
            calendar="business",
            calendar_version=1,
            policy_version=1,
        ),
    )
    assert event.deadlines == (Deadline(clock="next_response", instance=2, due_at=nov(24, 14)),)


def test_a_call_before_the_oldest_unanswered_message_answers_nothing() -> None:
    event = only(after(*ASKED).when(call_logged(nov(23, 16), nov(23, 11, 59, 59))).events)
    assert isinstance(event, CallLogged)
    assert (event.segments, event.deadlines) == ((), ())
    assert clock(clocks_after(*ASKED, call_logged(nov(23, 16), nov(23, 11, 30))), "next_response").ended_at is None


def test_a_first_response_by_call_leaves_what_was_written_after_it_to_be_answered() -> None:
    history = (*OPEN, customer_writes(nov(23, 10, 30)), customer_writes(nov(23, 12)))
    clocks = clocks_after(*history, call_logged(nov(23, 16), nov(23, 11)))
    assert clock(clocks, "first_response").ended_at == nov(23, 11)
    assert (clock(clocks, "next_response").number, clock(clocks, "next_response").started_at) == (1, nov(23, 12))


def test_a_call_moves_no_fulfilled_clock() -> None:
    clocks = clocks_after(*ANSWERED, call_logged(nov(23, 16), nov(23, 10, 30)))
    assert clock(clocks, "first_response").ended_at == nov(23, 11)
    done = (*ASKED, resolved(nov(23, 15)))
    clocks = clocks_after(*done, call_logged(nov(23, 16), nov(23, 14, 30)))
    assert clock(clocks, "next_response").ended_at == nov(23, 15)
    assert clock(clocks, "resolution").ended_at == nov(23, 15)


def test_a_message_answered_by_a_reply_is_not_asked_again_by_an_earlier_call() -> None:
    history = (*ASKED, staff_replies(nov(23, 15)))
    event = only(after(*history).when(call_logged(nov(23, 16), nov(23, 13))).events)
    assert isinstance(event, CallLogged)
    assert event.segments == ()


def test_a_due_instant_that_passed_before_the_call_was_logged_is_a_breach() -> None:
    breach, call = after(*OPEN).when(call_logged(nov(24, 11), nov(23, 11))).events
    assert isinstance(breach, ServiceLevelBreached)
    assert isinstance(call, CallLogged)
    first = clock(clocks_after(*OPEN, call_logged(nov(24, 11), nov(23, 11))), "first_response")
    assert (first.ended_at, len(first.breaches)) == (nov(23, 11), 1)


def test_a_next_response_that_was_due_before_it_was_known_of_is_missed_at_its_due_instant() -> None:
    history = (*ANSWERED, customer_writes(nov(23, 12)), customer_writes(nov(23, 13)))
    logged = (*history, call_logged(nov(24, 14), nov(23, 12, 30)))
    now = nov(24, 14, 0, 1)
    events = after(*logged).when(due_recorded(now)).events
    assert [(type(e), e.instance, e.breached_at) for e in events if isinstance(e, ServiceLevelBreached)] == [
        (ServiceLevelBreached, 2, nov(24, 13))
    ]


def test_a_call_before_a_change_of_the_ticket_ends_the_clock_before_the_change() -> None:
    history = (*OPEN, urgency_set(nov(23, 11)), call_logged(nov(23, 12), nov(23, 10, 30)))
    first = clock(clocks_after(*history), "first_response")
    assert [each.started_at for each in first.segments] == [RECEIPT, nov(23, 11)]
    assert first.ended_at == nov(23, 10, 30)


def test_a_next_response_begun_by_a_call_counts_by_the_settings_now() -> None:
    levels = with_policy(policy(2, nov(23, 15), first_response=3600, next_response=7200, resolution=36_000))
    history = (
        opened(RECEIPT, levels),
        staff_replies(nov(23, 11), levels),
        customer_writes(nov(23, 12), levels),
        customer_writes(nov(23, 14), levels),
    )
    *_, event = after(*history).when(call_logged(nov(23, 15, 30), nov(23, 13), levels=levels)).events
    assert isinstance(event, CallLogged)
    assert [(each.started_at, each.target_seconds, each.policy_version) for each in event.segments] == [
        (nov(23, 14), 7200, 2)
    ]


def test_after_a_reopening_a_call_answers_the_message_that_caused_it() -> None:
    history = (*ANSWERED, resolved(nov(23, 12)), customer_writes(nov(23, 13)))
    clocks = clocks_after(*history, call_logged(nov(23, 14), nov(23, 13, 30)))
    assert clock(clocks, "next_response").ended_at == nov(23, 13, 30)
    quiet = (*ANSWERED, resolved(nov(23, 12)), reopened(nov(23, 13)))
    event = only(after(*quiet).when(call_logged(nov(23, 14), nov(23, 13, 30))).events)
    assert isinstance(event, CallLogged)
    assert event.segments == ()


def whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def test_a_call_within_the_second_of_a_message_answers_it() -> None:
    """Clocks count on whole seconds (T1)."""
    said = nov(23, 12) + timedelta(microseconds=700_000)
    clocks = clocks_after(*ANSWERED, customer_writes(said), call_logged(nov(23, 13), said - timedelta(microseconds=1)))
    assert clock(clocks, "next_response").ended_at == whole(said)
