"""R10-R14, R25: emergency support asked for, granted, declined, its cause ruled; and what that does to the clocks."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from domain.sla_policy import ClockName
from domain.ticket.commands import EmergencyRequest, TicketCommand
from domain.ticket.emergency import NOT_ELIGIBLE
from domain.ticket.events import (
    CauseRuled,
    Deadline,
    EmergencyAccepted,
    EmergencyDeclined,
    EmergencyRequested,
    ServiceLevelBreached,
    StaffReplied,
    TicketEvent,
    TicketReopened,
)
from domain.ticket.refusals import (
    CauseIsRuled,
    EmergencyNotAccepted,
    EmergencyNotEligible,
    EmergencyNotRequested,
    EmergencyStands,
    TicketIsClosed,
    TicketIsResolved,
    WrongEmergencyKind,
)
from tests.domain.ticket.cases import (
    OTHER_WORDS,
    WORDS,
    after,
    call_logged,
    cause_ruled,
    clock,
    clocks_after,
    closed,
    customer_writes,
    due_recorded,
    emergency_accepted,
    emergency_declined,
    emergency_requested,
    nov,
    opened,
    reopened,
    resolved,
    staff_replies,
    urgency_set,
    waits_for_customer,
)

SATURDAY = nov(28, 22, 10)
MONDAY = nov(23, 10)
SECOND = timedelta(seconds=1)

ASKED = (opened(SATURDAY, emergency=EmergencyRequest(kind="after_hours", symptom="website_down")),)
ACCEPTED = (*ASKED, emergency_accepted(nov(28, 22, 40)))
RULED = (*ACCEPTED, cause_ruled(nov(28, 23)))
DECLINED = (*ASKED, emergency_declined(nov(28, 22, 40)))


def kinds(events: list[TicketEvent]) -> list[type[TicketEvent]]:
    return [type(event) for event in events]


def dues(*commands: TicketCommand) -> dict[ClockName, datetime | None]:
    return {each.clock: each.due_at for each in clocks_after(*commands).running}


# Asking


@pytest.mark.parametrize(
    ("now", "right", "wrong"),
    [
        (nov(23, 17, 29, 59), "business_hours", "after_hours"),
        (nov(23, 17, 30), "after_hours", "business_hours"),
        (nov(24, 8, 29, 59), "after_hours", "business_hours"),
        (nov(24, 8, 30), "business_hours", "after_hours"),
        (nov(26, 12), "after_hours", "business_hours"),  # Thanksgiving
    ],
)
def test_an_open_ticket_becomes_an_emergency_in_the_form_of_the_hour(now: datetime, right: Any, wrong: Any) -> None:
    given = after(opened(MONDAY))
    event = given.when(emergency_requested(now, right, "search_down")).events[-1]
    assert event == EmergencyRequested(
        occurred_at=now, ticket_id="t1", customer_id="c1", kind=right, symptom="search_down"
    )
    refusal = given.when(emergency_requested(now, wrong)).then_refused(WrongEmergencyKind)
    assert isinstance(refusal, WrongEmergencyKind)
    assert (refusal.right, refusal.pointer) == (right, "/kind")


@pytest.mark.parametrize("product", ["boost", "hub"])
def test_an_emergency_of_boost_or_hub_is_declined_as_it_is_asked_for(product: str) -> None:
    given = after(opened(MONDAY, product=product))
    given.when(emergency_requested(MONDAY)).then(
        EmergencyRequested(
            occurred_at=MONDAY, ticket_id="t1", customer_id="c1", kind="business_hours", symptom="website_down"
        ),
        EmergencyDeclined(occurred_at=MONDAY, ticket_id="t1", customer_id="c1", reason=NOT_ELIGIBLE),
    )
    given.when(emergency_requested(MONDAY, "after_hours")).then_refused(WrongEmergencyKind)
    given.having(emergency_requested(MONDAY)).when(emergency_requested(MONDAY)).then_nothing()


def test_the_same_emergency_is_asked_for_once_at_whatever_hour_it_comes_again() -> None:
    for history in (ASKED, ACCEPTED, RULED):
        again = emergency_requested(nov(30, 10), "after_hours", "website_down")
        assert EmergencyRequested not in kinds(after(*history).when(again).events)


@pytest.mark.parametrize("history", [ASKED, ACCEPTED, RULED])
def test_while_an_emergency_stands_another_is_refused(history: tuple[TicketCommand, ...]) -> None:
    other = emergency_requested(nov(29, 10), "after_hours", "booking_down")
    after(*history).when(other).then_refused(EmergencyStands)


def test_after_a_decline_it_can_be_asked_for_anew() -> None:
    for symptom in ("website_down", "booking_down"):
        events = after(*DECLINED).when(emergency_requested(nov(29, 10), "after_hours", symptom)).events
        assert kinds(events) == [EmergencyRequested]
    again = after(*DECLINED, emergency_requested(nov(29, 10), "after_hours"))
    assert kinds(again.when(emergency_accepted(nov(29, 11))).events) == [EmergencyAccepted]


def test_only_an_open_ticket_turns_out_to_be_an_emergency() -> None:
    done = after(opened(MONDAY), resolved(MONDAY))
    done.when(emergency_requested(MONDAY)).then_refused(TicketIsResolved)
    done.having(closed(MONDAY)).when(emergency_requested(MONDAY)).then_refused(TicketIsClosed)
    waiting = after(opened(MONDAY), waits_for_customer(MONDAY))
    assert kinds(waiting.when(emergency_requested(MONDAY)).events) == [EmergencyRequested]


# Deciding


def test_there_has_to_be_something_to_decide() -> None:
    for command in (emergency_accepted(MONDAY), emergency_declined(MONDAY)):
        after(opened(MONDAY)).when(command).then_refused(EmergencyNotRequested)


@pytest.mark.parametrize("product", ["boost", "hub"])
def test_an_emergency_of_boost_or_hub_is_never_accepted(product: str) -> None:
    given = after(opened(MONDAY, product=product), emergency_requested(MONDAY))
    given.when(emergency_accepted(MONDAY)).then_refused(EmergencyNotEligible)
    assert kinds(given.when(emergency_declined(MONDAY, OTHER_WORDS)).events) == [EmergencyDeclined]


@pytest.mark.parametrize("product", [None, "website", "distribution"])
def test_any_other_or_no_product_can_be_accepted(product: str | None) -> None:
    given = after(opened(MONDAY, product=product), emergency_requested(MONDAY))
    assert kinds(given.when(emergency_accepted(MONDAY)).events) == [EmergencyAccepted]


def test_the_same_decision_again_is_a_repeat_and_for_another_reason_a_change() -> None:
    now = nov(28, 22, 50)
    after(*ACCEPTED).when(emergency_accepted(now)).then_nothing()
    after(*DECLINED).when(emergency_declined(now)).then_nothing()
    (event,) = after(*ACCEPTED).when(emergency_accepted(now, OTHER_WORDS)).events
    assert event == EmergencyAccepted(occurred_at=now, ticket_id="t1", customer_id="c1", reason=OTHER_WORDS)


def test_a_decision_is_revised_both_ways_until_the_cause_is_ruled() -> None:
    given = after(*ACCEPTED, emergency_declined(nov(28, 22, 50)))
    assert kinds(given.when(emergency_accepted(nov(28, 22, 55))).events) == [EmergencyAccepted]
    now = nov(28, 23, 10)
    for command in (emergency_declined(now), emergency_accepted(now, OTHER_WORDS)):
        after(*RULED).when(command).then_refused(CauseIsRuled)
    after(*RULED).when(emergency_accepted(now)).then_nothing()


@pytest.mark.parametrize("end", [(resolved(nov(28, 22, 20)),), (resolved(nov(28, 22, 20)), closed(nov(28, 22, 30)))])
def test_a_decision_is_taken_when_the_ticket_has_ended_too_and_starts_no_clock(end: tuple[TicketCommand, ...]) -> None:
    now = nov(28, 23)
    (event,) = after(*ASKED, *end).when(emergency_accepted(now)).events
    assert event == EmergencyAccepted(occurred_at=now, ticket_id="t1", customer_id="c1", reason=WORDS)


# Ruling


@pytest.mark.parametrize("history", [(opened(SATURDAY),), ASKED, DECLINED])
def test_only_the_cause_of_an_accepted_emergency_is_ruled(history: tuple[TicketCommand, ...]) -> None:
    after(*history).when(cause_ruled(nov(28, 23))).then_refused(EmergencyNotAccepted)


def test_the_cause_is_ruled_and_ruled_again() -> None:
    now = nov(28, 23, 5)
    after(*RULED).when(cause_ruled(now)).then_nothing()
    after(*RULED).when(cause_ruled(now, "in_scope")).then(
        CauseRuled(occurred_at=now, ticket_id="t1", customer_id="c1", scope="in_scope", reason=WORDS)
    )
    assert kinds(after(*RULED).when(cause_ruled(now, reason=OTHER_WORDS)).events) == [CauseRuled]
    back = after(*RULED, cause_ruled(now, "in_scope")).when(cause_ruled(now)).events
    assert kinds(back) == [CauseRuled]


def test_the_cause_is_ruled_on_a_closed_ticket_too() -> None:
    given = after(*ACCEPTED, resolved(nov(28, 23)), closed(nov(28, 23)))
    assert kinds(given.when(cause_ruled(nov(30, 10))).events) == [CauseRuled]


# Clocks


def test_an_emergency_received_at_22_10_and_accepted_at_22_40_is_due_at_23_10() -> None:
    """The example of T6: half an hour round the clock from 22:40, as no business time had passed by then."""
    assert dues(*ACCEPTED)["first_response"] == nov(28, 23, 10)


def test_an_acceptance_starts_segments_by_the_targets_of_an_emergency_and_the_periodic_update() -> None:
    (event,) = after(*ASKED).when(emergency_accepted(nov(28, 22, 40))).events
    assert isinstance(event, EmergencyAccepted)
    begun = {
        each.clock: (each.instance, each.started_at, each.target_seconds, each.calendar) for each in event.segments
    }
    accepted_at = nov(28, 22, 40)
    assert begun == {
        "first_response": (1, accepted_at, 1800, "24x7"),
        "resolution": (1, accepted_at, None, "business"),
        "periodic_update": (1, accepted_at, 3600, "24x7"),
    }
    assert event.deadlines == (
        Deadline(clock="first_response", instance=1, due_at=nov(28, 23, 10)),
        Deadline(clock="resolution", instance=1),
        Deadline(clock="periodic_update", instance=1, due_at=nov(28, 23, 40)),
    )


def test_a_running_next_response_counts_as_an_emergency_from_the_acceptance_on() -> None:
    history = (
        opened(MONDAY),
        staff_replies(nov(23, 11)),
        customer_writes(nov(23, 12)),
        emergency_requested(nov(23, 12)),
    )
    assert dues(*history)["next_response"] == nov(24, 12)
    assert dues(*history, emergency_accepted(nov(23, 12, 30)))["next_response"] == nov(23, 13)


def test_a_decline_takes_the_targets_back_and_cancels_the_periodic_update() -> None:
    history = (*ACCEPTED, emergency_declined(nov(28, 22, 50)))
    clocks = clocks_after(*history)
    update = clock(clocks, "periodic_update")
    assert (update.ended_at, update.end_kind) == (nov(28, 22, 50), "cancelled")
    assert clock(clocks, "first_response").segments[-1].calendar == "business"
    assert dues(*history)["first_response"] == nov(30, 17, 20)  # ten minutes round the clock are counted already


def test_a_decline_of_a_mere_request_changes_no_clock() -> None:
    (event,) = after(*ASKED).when(emergency_declined(nov(28, 22, 40))).events
    assert event == EmergencyDeclined(occurred_at=nov(28, 22, 40), ticket_id="t1", customer_id="c1", reason=WORDS)


def test_accepted_again_after_a_decline_the_periodic_update_begins_anew() -> None:
    history = (*ACCEPTED, emergency_declined(nov(28, 22, 50)), emergency_accepted(nov(28, 22, 55)))
    update = clock(clocks_after(*history), "periodic_update")
    assert (update.number, update.started_at, update.due_at) == (2, nov(28, 22, 55), nov(28, 23, 55))


def test_each_staff_reply_ends_a_periodic_update_and_begins_the_next() -> None:
    (event,) = after(*ACCEPTED).when(staff_replies(nov(28, 23))).events
    assert isinstance(event, StaffReplied)
    assert [(each.clock, each.instance, each.started_at) for each in event.segments] == [
        ("periodic_update", 2, nov(28, 23))
    ]
    assert event.deadlines == (
        Deadline(clock="first_response", instance=1),
        Deadline(clock="periodic_update", instance=2, due_at=nov(29, 0)),
    )


def test_a_call_is_a_response_but_no_update() -> None:
    clocks = clocks_after(*ACCEPTED, call_logged(nov(28, 23), nov(28, 23)))
    assert clock(clocks, "first_response").ended_at == nov(28, 23)
    assert clock(clocks, "periodic_update").due_at == nov(28, 23, 40)


def test_an_update_that_is_late_is_a_breach_of_its_instance() -> None:
    history = (*ACCEPTED, staff_replies(nov(28, 23)))
    after(*history).when(due_recorded(nov(29, 0))).then_nothing()
    (event,) = after(*history).when(due_recorded(nov(29, 0) + SECOND)).events
    assert isinstance(event, ServiceLevelBreached)
    assert (event.clock, event.instance, event.target_seconds, event.due_at) == ("periodic_update", 2, 3600, nov(29, 0))


def test_updates_end_with_the_resolution_and_begin_anew_at_reopening() -> None:
    done = (*ACCEPTED, staff_replies(nov(28, 23)), resolved(nov(28, 23, 30)))
    assert clock(clocks_after(*done), "periodic_update").end_kind == "fulfilled"
    (reply,) = after(*done).when(staff_replies(nov(28, 23, 40))).events
    assert isinstance(reply, StaffReplied)
    assert reply.segments == ()
    (event,) = after(*done).when(reopened(nov(29, 8))).events
    assert isinstance(event, TicketReopened)
    assert [(each.clock, each.instance) for each in event.segments] == [("resolution", 1), ("periodic_update", 3)]
    assert Deadline(clock="periodic_update", instance=3, due_at=nov(29, 9)) in event.deadlines


def test_a_reopened_ticket_whose_emergency_was_declined_needs_no_updates() -> None:
    history = (*ACCEPTED, emergency_declined(nov(28, 22, 50)), resolved(nov(28, 23)), reopened(nov(29, 8)))
    assert "periodic_update" not in dues(*history)


def test_an_acceptance_on_a_resolved_ticket_counts_from_its_reopening() -> None:
    history = (*ASKED, resolved(nov(28, 22, 20)), emergency_accepted(nov(28, 23)), reopened(nov(29, 8)))
    assert dues(*history)["periodic_update"] == nov(29, 9)


def test_an_accepted_emergency_does_not_count_by_urgency() -> None:
    (event,) = after(*ACCEPTED).when(urgency_set(nov(28, 22, 50))).events
    assert [each.target_seconds for each in event.segments] == [1800, None, 3600]  # type: ignore[attr-defined]
    assert dues(*ACCEPTED, urgency_set(nov(28, 22, 50))) == dues(*ACCEPTED)
