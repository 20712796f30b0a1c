"""T3-T7 on the life of a case: which clocks run, when they are due, what is missed and what changes under way."""

from datetime import date, datetime, timedelta

import pytest
from msgspec.structs import replace

from domain.clocks.levels import ServiceLevels
from domain.clocks.state import Clocks
from domain.sla_policy import ClockName
from domain.ticket.commands import TicketCommand
from domain.ticket.events import (
    CustomerReplied,
    Deadline,
    Segment,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
)
from domain.ticket.refusals import TicketNotOpened
from tests.domain.ticket.cases import (
    CALENDAR,
    LEVELS,
    POLICY,
    after,
    assigned,
    clock,
    clocks_after,
    closed,
    customer_writes,
    due_recorded,
    noted,
    nov,
    opened,
    policy,
    reopened,
    resolved,
    resumed,
    staff_replies,
    ticket,
    waits_for_customer,
    waits_for_partner,
    with_policy,
)

SECOND = timedelta(seconds=1)
RECEIPT = nov(23, 10)
FIRST_DUE = nov(24, 10)  # one business day
RESOLUTION_DUE = nov(25, 10)  # two


def deadline(name: ClockName, due: datetime | None, instance: int = 1) -> Deadline:
    return Deadline(clock=name, instance=instance, due_at=due)


def dues(clocks: Clocks) -> dict[ClockName, datetime | None]:
    return {each.clock: each.due_at for each in clocks.running}


# Opening


def test_a_ticket_opens_with_first_response_and_resolution_running_from_receipt() -> None:
    (event,) = ticket.given().when(opened(RECEIPT)).events
    assert isinstance(event, TicketOpened)
    first = Segment(
        clock="first_response",
        instance=1,
        started_at=RECEIPT,
        target_seconds=32_400,
        calendar="business",
        calendar_version=1,
        policy_version=1,
    )
    assert event.segments == (first, replace(first, clock="resolution", target_seconds=64_800))
    assert event.deadlines == (deadline("first_response", FIRST_DUE), deadline("resolution", RESOLUTION_DUE))


def test_the_next_due_instant_of_a_case_is_the_earliest() -> None:
    assert clocks_after(opened(RECEIPT)).next_due_at == FIRST_DUE
    assert clocks_after(opened(RECEIPT), staff_replies(nov(23, 11))).next_due_at == RESOLUTION_DUE
    assert clocks_after(opened(RECEIPT), resolved(nov(23, 11))).next_due_at is None


@pytest.mark.parametrize("kept", [[], ["first_response"], ["resolution"]])
def test_an_opening_without_its_clocks_is_no_case(kept: list[str]) -> None:
    (event,) = ticket.given().when(opened(RECEIPT)).events
    assert isinstance(event, TicketOpened)
    segments = tuple(each for each in event.segments if each.clock in kept)
    ticket.given(replace(event, segments=segments)).when(noted(nov(23, 11))).then_refused(TicketNotOpened)


def test_a_clock_without_a_target_runs_and_is_never_due() -> None:
    clocks = clocks_after(opened(RECEIPT, category="enhancement"))
    assert dues(clocks) == {"first_response": nov(25, 10), "resolution": None}
    assert clock(clocks, "resolution").segments[0].calendar == "business"


@pytest.mark.parametrize(
    ("received_at", "requested_for", "starts"),
    [
        (RECEIPT, date(2026, 11, 30), nov(30, 8, 30)),
        (RECEIPT, date(2026, 11, 26), nov(27, 8, 30)),  # Thanksgiving: the first opening after it
        (RECEIPT, date(2026, 11, 23), RECEIPT),  # today: never before receipt
        (nov(23, 20), date(2026, 11, 23), nov(24, 8, 30)),
        (nov(23, 7), date(2026, 11, 23), nov(23, 8, 30)),
        (RECEIPT, date(2026, 11, 2), RECEIPT),  # past
    ],
)
def test_a_ticket_for_a_date_starts_resolution_at_that_dates_opening(
    received_at: datetime, requested_for: date, starts: datetime
) -> None:
    if received_at == nov(23, 20):
        starts = received_at  # the opening of that date was before receipt
    clocks = clocks_after(opened(received_at, requested_for=requested_for))
    assert clock(clocks, "resolution").started_at == starts
    assert clock(clocks, "first_response").started_at == received_at


def test_a_ticket_for_a_date_is_due_its_target_after_that_dates_opening() -> None:
    clocks = clocks_after(opened(RECEIPT, requested_for=date(2026, 11, 30)))
    assert clock(clocks, "resolution").due_at == nov(30, 8, 30) + timedelta(hours=33)


def test_instants_are_counted_in_whole_seconds() -> None:
    clocks = clocks_after(opened(RECEIPT + timedelta(microseconds=999_999)))
    assert clock(clocks, "first_response").started_at == RECEIPT
    assert clock(clocks, "first_response").due_at == FIRST_DUE


# Responses


def test_the_first_staff_reply_ends_first_response() -> None:
    given = after(opened(RECEIPT))
    (event,) = given.when(staff_replies(nov(23, 11))).events
    assert isinstance(event, StaffReplied)
    assert event.deadlines == (deadline("first_response", None),)
    clocks = clocks_after(opened(RECEIPT), staff_replies(nov(23, 11)), staff_replies(nov(23, 12)))
    assert clock(clocks, "first_response").ended_at == nov(23, 11)
    assert clock(clocks, "first_response").due_at == FIRST_DUE  # what it is judged by


def test_before_the_first_response_a_customers_message_starts_no_clock() -> None:
    (event,) = after(opened(RECEIPT)).when(customer_writes(nov(23, 11))).events
    assert isinstance(event, CustomerReplied)
    assert (event.segments, event.deadlines) == ((), ())


def test_notes_and_assignments_end_nothing() -> None:
    clocks = clocks_after(opened(RECEIPT), noted(nov(23, 11)), assigned(nov(23, 12)))
    assert dues(clocks) == {"first_response": FIRST_DUE, "resolution": RESOLUTION_DUE}


ANSWERED = (opened(RECEIPT), staff_replies(nov(23, 11)))


def test_the_oldest_unanswered_message_starts_next_response() -> None:
    (event,) = after(*ANSWERED).when(customer_writes(nov(23, 12))).events
    assert isinstance(event, CustomerReplied)
    assert [(s.clock, s.instance, s.started_at, s.target_seconds) for s in event.segments] == [
        ("next_response", 1, nov(23, 12), 32_400)
    ]
    assert event.deadlines == (deadline("next_response", nov(24, 12)),)


def test_further_messages_do_not_move_it() -> None:
    (event,) = after(*ANSWERED, customer_writes(nov(23, 12))).when(customer_writes(nov(23, 13))).events
    assert isinstance(event, CustomerReplied)
    assert (event.segments, event.deadlines) == ((), ())


def test_each_answer_ends_an_instance_and_the_next_message_starts_another() -> None:
    history = (*ANSWERED, customer_writes(nov(23, 12)), staff_replies(nov(23, 13)))
    assert clock(clocks_after(*history), "next_response").ended_at == nov(23, 13)
    again = clock(clocks_after(*history, customer_writes(nov(23, 14))), "next_response")
    assert (again.number, again.started_at, again.ended_at) == (2, nov(23, 14), None)
    assert again.due_at == nov(24, 14)


def test_a_resolution_counts_as_a_response() -> None:
    clocks = clocks_after(opened(RECEIPT), resolved(nov(23, 11)))
    assert clock(clocks, "first_response").ended_at == nov(23, 11)
    clocks = clocks_after(*ANSWERED, customer_writes(nov(23, 12)), resolved(nov(23, 13)))
    assert clock(clocks, "next_response").ended_at == nov(23, 13)


def test_a_customers_message_on_a_resolved_ticket_starts_next_response_and_continues_resolution() -> None:
    replied, again = after(opened(RECEIPT), resolved(nov(23, 11))).when(customer_writes(nov(23, 12))).events
    assert isinstance(replied, CustomerReplied)
    assert isinstance(again, TicketReopened)
    assert replied.deadlines == (deadline("next_response", nov(24, 12)),)
    assert [(s.clock, s.instance, s.started_at) for s in again.segments] == [("resolution", 1, nov(23, 12))]
    assert again.deadlines == (deadline("resolution", nov(25, 11)),)  # an hour without the clock


# Pauses


def test_waiting_stops_resolution_and_nothing_else() -> None:
    (event,) = after(opened(RECEIPT)).when(waits_for_customer(nov(23, 11))).events
    assert isinstance(event, WaitingStarted)
    assert event.deadlines == (deadline("resolution", None),)
    clocks = clocks_after(opened(RECEIPT), waits_for_customer(nov(23, 11)))
    assert dues(clocks) == {"first_response": FIRST_DUE, "resolution": None}


def test_resuming_puts_resolution_off_by_the_business_time_of_the_pause() -> None:
    for event in (resumed(nov(24, 9)), customer_writes(nov(24, 9))):
        last = after(opened(RECEIPT), waits_for_customer(nov(23, 17))).when(event).events[-1]
        assert isinstance(last, TicketResumed)
        assert last.deadlines == (deadline("resolution", nov(25, 11)),)  # half an hour each side of the night


def test_a_switch_of_party_goes_on_pausing() -> None:
    history = (opened(RECEIPT), waits_for_customer(nov(23, 11)), waits_for_partner(nov(23, 12)))
    pauses = clocks_after(*history, resumed(nov(23, 13))).pauses
    assert [(each.reason, each.started_at, each.ended_at) for each in pauses] == [
        ("customer", nov(23, 11), nov(23, 12)),
        ("partner", nov(23, 12), nov(23, 13)),
    ]
    assert dues(clocks_after(*history, resumed(nov(23, 13))))["resolution"] == nov(25, 12)


def test_another_reason_for_the_same_party_is_the_same_pause() -> None:
    history = (opened(RECEIPT), waits_for_partner(nov(23, 11)), waits_for_partner(nov(23, 12), partner="Acme"))
    assert [each.started_at for each in clocks_after(*history).pauses] == [nov(23, 11)]


def test_a_ticket_resolved_while_it_waits_pauses_as_resolved_from_then_on() -> None:
    history = (opened(RECEIPT), waits_for_customer(nov(23, 11)), resolved(nov(23, 12)), reopened(nov(23, 13)))
    clocks = clocks_after(*history)
    assert [(each.reason, each.ended_at) for each in clocks.pauses] == [
        ("customer", nov(23, 12)),
        ("resolved", nov(23, 13)),
    ]
    assert dues(clocks) == {"resolution": nov(25, 12)}


def test_resolving_stops_what_is_due() -> None:
    (event,) = after(opened(RECEIPT)).when(resolved(nov(23, 11))).events
    assert isinstance(event, TicketResolved)
    assert event.deadlines == (deadline("first_response", None), deadline("resolution", None))


# Breaches


def breach(name: ClockName, due: datetime, now: datetime, target: int, **changes: int) -> ServiceLevelBreached:
    event = ServiceLevelBreached(
        occurred_at=now, ticket_id="t1", customer_id="c1", clock=name, instance=1, target_seconds=target,
        due_at=due, breached_at=due, calendar="business", calendar_version=1, policy_version=1,
    )  # fmt: skip
    return replace(event, **changes)


def test_a_due_instant_is_missed_a_second_later_and_not_before() -> None:
    given = after(opened(RECEIPT))
    given.when(due_recorded(FIRST_DUE)).then_nothing()
    given.when(due_recorded(FIRST_DUE + timedelta(microseconds=999_999))).then_nothing()
    now = FIRST_DUE + SECOND
    given.when(due_recorded(now)).then(breach("first_response", FIRST_DUE, now, 32_400))


def test_what_was_missed_while_nobody_looked_is_recorded_in_order_with_its_own_instant() -> None:
    now = nov(30, 12)
    after(opened(RECEIPT)).when(due_recorded(now)).then(
        breach("first_response", FIRST_DUE, now, 32_400), breach("resolution", RESOLUTION_DUE, now, 64_800)
    )


def test_a_breach_is_recorded_once() -> None:
    after(opened(RECEIPT), due_recorded(nov(30, 12))).when(due_recorded(nov(30, 13))).then_nothing()


@pytest.mark.parametrize(
    "command",
    [
        assigned(nov(24, 12)),
        customer_writes(nov(24, 12)),
        staff_replies(nov(24, 12)),
        noted(nov(24, 12)),
        waits_for_customer(nov(24, 12)),
        resumed(nov(24, 12)),
        resolved(nov(24, 12)),
    ],
    ids=lambda command: type(command).__name__,
)
def test_every_command_records_what_fell_due_before_its_own_events(command: TicketCommand) -> None:
    events = after(opened(RECEIPT)).when(command).events
    assert events[0] == breach("first_response", FIRST_DUE, nov(24, 12), 32_400)
    assert all(type(event) is not ServiceLevelBreached for event in events[1:])


def test_a_reply_at_the_due_instant_is_in_time() -> None:
    after(opened(RECEIPT), staff_replies(FIRST_DUE)).when(due_recorded(nov(24, 12))).then_nothing()


def test_while_resolved_nothing_falls_due() -> None:
    given = after(opened(RECEIPT), resolved(nov(23, 11)))
    given.when(due_recorded(nov(30, 12))).then_nothing()
    given.having(closed(nov(23, 12))).when(due_recorded(nov(30, 12))).then_nothing()


def test_while_waiting_resolution_does_not_fall_due() -> None:
    now = nov(30, 12)
    given = after(opened(RECEIPT), waits_for_customer(nov(23, 11)))
    events = given.when(due_recorded(now)).events
    breaches = [event for event in events if isinstance(event, ServiceLevelBreached)]
    assert breaches == [breach("first_response", FIRST_DUE, now, 32_400)]


def test_a_target_reached_as_the_waiting_began_is_missed_all_the_same() -> None:
    history = (opened(RECEIPT), staff_replies(nov(23, 11)), waits_for_customer(RESOLUTION_DUE))
    now = RESOLUTION_DUE + SECOND
    after(*history).when(due_recorded(now)).then(breach("resolution", RESOLUTION_DUE, now, 64_800))


def test_reopening_with_the_target_used_up_is_due_at_the_reopening() -> None:
    history = (opened(RECEIPT), resolved(RESOLUTION_DUE), reopened(nov(30, 9)))
    given = after(*history[:1], staff_replies(nov(23, 11)), *history[1:])
    now = nov(30, 9, 0, 1)
    given.when(due_recorded(nov(30, 9))).then_nothing()
    given.when(due_recorded(now)).then(breach("resolution", nov(30, 9), now, 64_800))


def test_a_missed_resolution_is_not_missed_again_after_reopening() -> None:
    given = after(opened(RECEIPT), resolved(nov(30, 9)))
    (event,) = given.when(reopened(nov(30, 10))).events
    assert isinstance(event, TicketReopened)
    assert event.deadlines == ()
    given.having(reopened(nov(30, 10))).when(due_recorded(nov(30, 17))).then_nothing()


def test_a_breach_leaves_the_due_instant_to_be_seen() -> None:
    history = (opened(RECEIPT), noted(nov(25, 12)), waits_for_customer(nov(25, 13)), resumed(nov(25, 14)))
    assert dues(clocks_after(*history)) == {"first_response": FIRST_DUE, "resolution": RESOLUTION_DUE}
    assert clocks_after(*history).next_due_at is None


def test_a_target_missed_before_is_not_due_again_when_it_comes_back() -> None:
    levels = with_policy(
        policy(2, nov(25, 9), first_response=60_000, resolution=64_800),
        policy(3, nov(25, 10), first_response=32_400, resolution=64_800),
    )
    now = nov(25, 9, 30)
    given = after(opened(RECEIPT), due_recorded(now, levels))
    (event,) = given.when(due_recorded(nov(25, 10), levels)).events
    assert isinstance(event, ServiceLevelsChanged)
    assert deadline("first_response", None) in event.deadlines


def test_a_new_instance_can_be_missed_anew() -> None:
    history = (*ANSWERED, customer_writes(nov(23, 12)), staff_replies(nov(24, 13)), customer_writes(nov(24, 14)))
    now = nov(25, 14, 0, 1)
    events = after(*history, waits_for_customer(nov(24, 15))).when(due_recorded(now)).events
    assert events == [breach("next_response", nov(25, 14), now, 32_400, instance=2)]


# Settings that change while a ticket runs

STRICT = policy(2, nov(24, 9), first_response=3600, resolution=36_000)


def test_a_new_policy_starts_segments_when_it_takes_effect() -> None:
    levels = with_policy(STRICT)
    now = nov(24, 9)
    (event,) = after(opened(RECEIPT), staff_replies(nov(23, 11))).when(due_recorded(now, levels)).events
    assert isinstance(event, ServiceLevelsChanged)
    assert event.effective_at == nov(24, 9)
    assert [(s.clock, s.instance, s.started_at, s.target_seconds, s.policy_version) for s in event.segments] == [
        ("resolution", 1, nov(24, 9), 36_000, 2)
    ]
    # 7.5 h on Monday, 0.5 h to 09:00; 2 h of the 10 are left
    assert event.deadlines == (deadline("resolution", nov(24, 11)),)


def test_before_it_takes_effect_a_new_policy_moves_nothing() -> None:
    levels = with_policy(STRICT)
    given = after(opened(RECEIPT, levels))
    assert dues(given.state.case.clocks) == {"first_response": FIRST_DUE, "resolution": RESOLUTION_DUE}  # type: ignore[union-attr]
    given.when(due_recorded(nov(24, 9) - SECOND, levels)).then_nothing()


def test_a_stricter_target_that_had_been_passed_is_missed_when_it_takes_effect() -> None:
    levels = with_policy(STRICT)
    now = nov(24, 9, 30)
    changed, missed = after(opened(RECEIPT)).when(due_recorded(now, levels)).events
    assert isinstance(changed, ServiceLevelsChanged)
    assert missed == breach("first_response", nov(24, 9), now, 3600, policy_version=2)


def test_a_target_missed_before_the_change_counts_by_the_old_policy() -> None:
    levels = with_policy(policy(2, nov(24, 11), first_response=36_000, resolution=64_800))
    now = nov(24, 16)
    missed, changed, again = after(opened(RECEIPT)).when(due_recorded(now, levels)).events
    assert missed == breach("first_response", FIRST_DUE, now, 32_400)
    assert isinstance(changed, ServiceLevelsChanged)
    assert again == breach("first_response", nov(24, 11), now, 36_000, policy_version=2)


def test_a_due_instant_at_the_change_itself_is_not_missed_if_the_new_target_is_longer() -> None:
    levels = with_policy(policy(2, FIRST_DUE, first_response=36_000, resolution=64_800))
    (event,) = after(opened(RECEIPT)).when(due_recorded(FIRST_DUE + SECOND, levels)).events
    assert isinstance(event, ServiceLevelsChanged)
    assert event.deadlines[0] == deadline("first_response", nov(24, 11))


def test_every_version_that_took_effect_unseen_is_recorded_in_turn() -> None:
    levels = with_policy(STRICT, policy(3, nov(24, 10), first_response=None, resolution=None))
    now = nov(25, 9)
    events = after(opened(RECEIPT), staff_replies(nov(23, 11))).when(due_recorded(now, levels)).events
    assert [event.effective_at for event in events if isinstance(event, ServiceLevelsChanged)] == [
        nov(24, 9),
        nov(24, 10),
    ]
    assert len(events) == 2
    assert isinstance(events[1], ServiceLevelsChanged)
    assert events[1].deadlines == (deadline("resolution", None),)


def test_a_change_is_recorded_once() -> None:
    levels = with_policy(STRICT)
    given = after(opened(RECEIPT), staff_replies(nov(23, 11)), due_recorded(nov(24, 9), levels))
    given.when(due_recorded(nov(24, 9), levels)).then_nothing()
    given.when(due_recorded(nov(24, 10), levels)).then_nothing()


def test_a_version_published_in_the_second_a_ticket_opened_counts_for_it() -> None:
    levels = with_policy(policy(2, RECEIPT, first_response=3600, resolution=7200))
    given = after(opened(RECEIPT))  # decided before the publication
    (event,) = given.when(due_recorded(RECEIPT, levels)).events
    assert isinstance(event, ServiceLevelsChanged)
    after(opened(RECEIPT, levels)).when(due_recorded(RECEIPT, levels)).then_nothing()


def test_a_waiting_ticket_changes_its_levels_too() -> None:
    levels = with_policy(STRICT)
    history = (*ANSWERED, waits_for_customer(nov(23, 12)), resumed(nov(24, 10), levels))
    # 2 h on Monday; the pause ends at 10:00 with 8 h of the 10 left
    assert dues(clocks_after(*history)) == {"resolution": nov(25, 9)}


def test_resolved_and_closed_tickets_do_not_change_until_they_are_reopened() -> None:
    levels = with_policy(STRICT)
    given = after(opened(RECEIPT), resolved(nov(23, 11)))
    given.when(due_recorded(nov(24, 10), levels)).then_nothing()
    given.having(closed(nov(23, 12))).when(due_recorded(nov(24, 10), levels)).then_nothing()
    (event,) = given.when(reopened(nov(24, 10), levels)).events
    assert isinstance(event, TicketReopened)
    assert event.segments[0].policy_version == 2
    given.having(reopened(nov(24, 10), levels)).when(due_recorded(nov(24, 10), levels)).then_nothing()


def test_a_new_version_of_a_calendar_starts_segments_of_the_clocks_that_count_by_it() -> None:
    second = replace(CALENDAR, version=2, hours={"mon-fri": "09:30-24:00"}, effective_from=nov(24, 9))
    night = replace(CALENDAR, calendar="night", version=1, effective_from=nov(24, 8))
    levels = ServiceLevels([POLICY], [[CALENDAR, second], [night]])
    now = nov(24, 9)
    (event,) = after(opened(RECEIPT)).when(due_recorded(now, levels)).events
    assert isinstance(event, ServiceLevelsChanged)
    assert {(s.clock, s.calendar_version) for s in event.segments} == {("first_response", 2), ("resolution", 2)}
    # 8 h by 09:00; 1 h of the first 9 and 10 h of the 18 are left, to count from 09:30 to midnight
    assert event.deadlines == (deadline("first_response", nov(24, 10, 30)), deadline("resolution", nov(24, 19, 30)))


def test_a_change_before_a_clock_begins_counts_from_its_beginning() -> None:
    levels = with_policy(STRICT)
    history = (opened(RECEIPT, requested_for=date(2026, 11, 30)), staff_replies(nov(23, 11)))
    (event,) = after(*history).when(due_recorded(nov(24, 10), levels)).events
    assert isinstance(event, ServiceLevelsChanged)
    assert [s.started_at for s in event.segments] == [nov(30, 8, 30)]
    assert event.deadlines == (deadline("resolution", nov(30, 8, 30) + timedelta(hours=25)),)  # 9 h, a night, 1 h
    given = after(*history, due_recorded(nov(24, 10), levels))
    given.when(due_recorded(nov(24, 11), levels)).then_nothing()


def test_a_ticket_decided_by_the_desks_settings_of_its_own_time_ignores_those_to_come() -> None:
    later = with_policy(policy(2, nov(30, 9), first_response=60, resolution=60))
    history = (opened(RECEIPT, later), staff_replies(nov(23, 11), later), resolved(nov(23, 12), levels=later))
    assert after(*history).events == after(*ANSWERED, resolved(nov(23, 12), levels=LEVELS)).events
