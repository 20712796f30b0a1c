"""R3, T9, B4: two cases about the same become one."""

from datetime import datetime
from typing import Any

import pytest
from msgspec.structs import replace

from domain.clocks.arithmetic import elapsed_seconds
from domain.clocks.explain import Reading, evolve_history, readings
from domain.clocks.state import Instance
from domain.ticket.events import (
    CauseRuled,
    EmergencyAccepted,
    EmergencyRequested,
    ServiceLevelBreached,
    TicketEvent,
    UrgencyChanged,
)
from domain.ticket.refusals import (
    DifferentCustomers,
    RulingPending,
    SameTicket,
    TicketIsClosed,
    TicketIsMerged,
    TicketIsResolved,
)
from domain.ticket.scope import work_facts
from domain.ticket.split_merge_events import TicketAbsorbed, TicketMerged
from domain.ticket.state import Merged, Waiting
from tests.domain.ticket.cases import (
    LEVELS,
    WORDS,
    assigned,
    closed,
    customer_writes,
    due_recorded,
    noted,
    nov,
    opened,
    resolved,
    staff_replies,
    ticket,
    waits_for_customer,
    work_logged,
)
from tests.domain.ticket.topics import SECOND, Told, merging, refusal_of, told

RECEIPT = nov(23, 10)
NOW = nov(23, 15)


def other(*commands: Any, at: datetime = RECEIPT, **changes: Any) -> Told:
    """The case that the other is merged into."""
    return told(opened(at, ticket_id="t2", case_number="C-000002", **changes), *commands, after_position=SECOND)


def absorbed(source: Told, survivor: Told, now: datetime = NOW) -> Told:
    return survivor.having(merging(now, source, survivor).survivor, 301)


def gone(source: Told, survivor: Told, now: datetime = NOW) -> Told:
    return source.having(merging(now, source, survivor).source, 300)


def next_response(told_case: Told) -> Instance:
    instance = told_case.clocks.next_response
    assert instance is not None
    return instance


def shown(told_case: Told, now: datetime) -> list[Reading]:
    history = None
    for position, event in told_case.events:
        history = evolve_history(history, event, position)
    assert history is not None
    return readings(history, LEVELS.calendars, now)


ANSWERED = (staff_replies(nov(23, 11)),)


def test_each_case_says_where_the_other_is() -> None:
    made = merging(NOW, told(opened(RECEIPT)), other())
    (left,), (taken,) = made.source, made.survivor
    assert isinstance(left, TicketMerged)
    assert (left.ticket_id, left.into_ticket_id, left.into_case_number) == ("t1", "t2", "C-000002")
    assert isinstance(taken, TicketAbsorbed)
    assert (taken.ticket_id, taken.from_ticket_id, taken.from_case_number) == ("t2", "t1", "C-000001")


def test_the_sources_clocks_are_cancelled() -> None:
    readings_after = shown(gone(told(opened(RECEIPT), waits_for_customer(nov(23, 11))), other()), nov(24, 15))
    assert [(each.clock, each.state, each.ended_at, each.elapsed_seconds) for each in readings_after] == [
        ("first_response", "cancelled", NOW, 5 * 3600),
        ("resolution", "cancelled", NOW, 3600),
    ]


def test_a_recorded_breach_of_the_source_stays() -> None:
    source = gone(told(opened(RECEIPT), due_recorded(nov(24, 11))), other(), nov(24, 12))
    first = next(each for each in shown(source, nov(24, 15)) if each.clock == "first_response")
    assert (first.state, first.verdict, first.breached_at) == ("cancelled", "breached", nov(24, 10))


def test_what_passed_before_the_merge_is_a_breach_on_each_case() -> None:
    made = merging(nov(24, 11), told(opened(RECEIPT)), other(at=nov(23, 9)))
    assert [type(each) for each in made.source] == [ServiceLevelBreached, TicketMerged]
    assert [type(each) for each in made.survivor] == [ServiceLevelBreached, TicketAbsorbed]


def test_nothing_falls_due_on_a_merged_case() -> None:
    source = gone(told(opened(RECEIPT)), other())
    assert source.clocks.next_due_at is None
    ticket.given(*[event for _, event in source.events]).when(due_recorded(nov(27, 9))).then_nothing()


def test_a_merged_case_takes_no_command_of_its_own() -> None:
    source = gone(told(opened(RECEIPT)), other())
    ticket.given(*[event for _, event in source.events]).when(assigned(NOW)).then_refused(TicketIsMerged)


def test_a_case_in_any_state_can_be_merged() -> None:
    for source in (
        told(opened(RECEIPT), waits_for_customer(nov(23, 11))),
        told(opened(RECEIPT), resolved(nov(23, 11))),
        told(opened(RECEIPT), resolved(nov(23, 11)), closed(nov(23, 12))),
    ):
        assert isinstance(gone(source, other()).state, Merged)


def test_a_clock_that_had_ended_stays_as_it_was() -> None:
    source = told(opened(RECEIPT), *ANSWERED, customer_writes(nov(23, 12)))
    states = {each.clock: (each.state, each.ended_at) for each in shown(gone(source, other()), NOW)}
    assert states == {
        "first_response": ("fulfilled", nov(23, 11)),
        "next_response": ("cancelled", NOW),
        "resolution": ("cancelled", NOW),
    }


def test_without_a_first_response_on_the_survivor_no_next_response_starts() -> None:
    survivor = other()
    after = absorbed(told(opened(nov(23, 9))), survivor)
    assert after.clocks.next_response is None
    assert after.clocks.first_response == survivor.clocks.first_response
    assert after.clocks.unanswered == (nov(23, 9),)


def test_the_request_without_a_response_starts_the_survivors_next_response() -> None:
    survivor = other(*ANSWERED, urgency="high")
    after = absorbed(told(opened(nov(23, 9))), survivor)
    started = next_response(after)

    assert (started.number, started.started_at, started.due_at) == (1, nov(23, 9), nov(23, 15))
    assert [(each.started_at, each.target_seconds) for each in started.segments] == [
        (nov(23, 9), 4 * 3600),
        (NOW, 4 * 3600),
    ]
    assert after.clocks.first_response == survivor.clocks.first_response
    assert after.clocks.resolution == survivor.clocks.resolution


def test_the_oldest_unanswered_message_counts_and_not_the_request_that_was_answered() -> None:
    source = told(opened(nov(23, 9)), *ANSWERED, customer_writes(nov(23, 12)), customer_writes(nov(23, 13)))
    after = absorbed(source, other(staff_replies(nov(23, 14)), urgency="high"))

    assert (next_response(after).started_at, next_response(after).due_at) == (nov(23, 12), nov(23, 16))
    assert after.clocks.unanswered == (nov(23, 12), nov(23, 13))


def test_an_answer_of_the_survivor_to_its_own_customer_answers_no_message_of_the_source() -> None:
    source = told(opened(nov(23, 9)))
    assert next_response(absorbed(source, other(staff_replies(nov(23, 14))))).started_at == nov(23, 9)


def test_an_older_message_becomes_the_start_of_the_running_instance() -> None:
    survivor = other(*ANSWERED, customer_writes(nov(23, 13)))
    after = absorbed(told(opened(nov(23, 9))), survivor)

    assert (next_response(survivor).number, next_response(survivor).started_at) == (1, nov(23, 13))
    assert (next_response(after).number, next_response(after).started_at) == (1, nov(23, 9))
    assert elapsed_seconds(next_response(after), (), LEVELS.calendars, nov(23, 16)) == 7 * 3600
    assert next_response(after).due_at == nov(24, 9)


def test_a_message_that_is_not_older_moves_nothing() -> None:
    survivor = other(*ANSWERED, customer_writes(nov(23, 12)))
    for written in (nov(23, 12), nov(23, 13)):
        source = told(opened(nov(23, 9)), *ANSWERED, customer_writes(written))
        assert next_response(absorbed(source, survivor)) == next_response(survivor)


def test_a_message_a_second_older_moves_the_start() -> None:
    survivor = other(*ANSWERED, customer_writes(nov(23, 12)))
    source = told(opened(nov(23, 9)), *ANSWERED, customer_writes(nov(23, 11, 59, 59)))
    assert next_response(absorbed(source, survivor)).started_at == nov(23, 11, 59, 59)


def test_time_before_the_merge_counts_by_the_survivors_target_at_the_merge() -> None:
    urgent = UrgencyChanged(occurred_at=nov(23, 14), ticket_id="t2", customer_id="c1", urgency="high")
    survivor = other(*ANSWERED, customer_writes(nov(23, 13))).having([urgent], 150)
    after = absorbed(told(opened(nov(23, 9))), survivor)

    assert [each.target_seconds for each in next_response(after).segments] == [4 * 3600, 4 * 3600]
    assert next_response(after).due_at == NOW, "the target was reached by the start of the last segment"


def test_a_next_response_that_was_given_is_followed_by_another() -> None:
    survivor = other(*ANSWERED, customer_writes(nov(23, 12)), staff_replies(nov(23, 13)))
    after = absorbed(told(opened(nov(23, 9))), survivor)
    assert (next_response(after).number, next_response(after).started_at) == (2, nov(23, 9))
    assert [each.instance for each in shown(after, NOW) if each.clock == "next_response"] == [1, 2]


def test_a_source_that_is_answered_leaves_the_survivors_clocks_as_they_were() -> None:
    survivor = other(*ANSWERED, customer_writes(nov(23, 12)))
    assert absorbed(told(opened(RECEIPT), *ANSWERED), survivor).clocks == survivor.clocks
    assert absorbed(told(opened(RECEIPT), resolved(nov(23, 11))), survivor).clocks == survivor.clocks


def test_a_missed_next_response_is_not_missed_again() -> None:
    survivor = other(*ANSWERED, customer_writes(nov(23, 12)), due_recorded(nov(24, 13)))
    assert next_response(survivor).missed
    after = absorbed(told(opened(nov(23, 9))), survivor, nov(24, 14))
    assert next_response(after).missed
    assert next_response(after).pending_due_at is None


def test_moved_replies_fulfil_nothing() -> None:
    source = told(opened(RECEIPT), *ANSWERED, noted(nov(23, 12)))
    survivor = other(customer_writes(nov(23, 12)))
    after = absorbed(source, survivor)
    assert after.replies == (2, 3, 102)
    assert after.clocks.first_response.ended_at is None


def test_a_survivor_that_waits_goes_on_waiting() -> None:
    survivor = other(waits_for_customer(nov(23, 11)))
    after = absorbed(told(opened(RECEIPT), customer_writes(nov(23, 12))), survivor)
    assert isinstance(after.state, Waiting)
    assert after.clocks.pauses == survivor.clocks.pauses


def test_all_work_stands_on_the_survivor_with_its_class() -> None:
    source = told(
        opened(RECEIPT, category="new_feature"),
        work_logged(nov(23, 12), entry_id="e1"),
        work_logged(nov(23, 13), entry_id="e2", duration_seconds=1800),
    )
    survivor = other(work_logged(nov(23, 12), entry_id="e3"))
    left, after = gone(source, survivor), absorbed(source, survivor)

    merged = left.events[-1][1]
    assert isinstance(merged, TicketMerged)
    assert (merged.entry_ids, merged.moved_seconds) == (("e1", "e2"), 2700)
    assert work_facts(left.state) == {}
    assert {key: (f.ticket_id, f.work_class, f.purpose) for key, f in work_facts(after.state).items()} == {
        "e1": ("t2", "billable", "enhancement"),
        "e2": ("t2", "billable", "enhancement"),
        "e3": ("t2", "included", "maintenance"),
    }


def test_work_that_moved_and_is_logged_again_on_the_survivor_is_a_repeat() -> None:
    source = told(opened(RECEIPT, category="new_feature"), work_logged(nov(23, 12)))
    after = absorbed(source, other())
    repeat = replace(work_logged(NOW), entry_id="e1")
    ticket.given(*[event for _, event in after.events]).when(repeat).then_nothing()


def emergency(at: datetime) -> list[TicketEvent]:
    of: dict[str, Any] = {"occurred_at": at, "ticket_id": "t1", "customer_id": "c1"}
    return [
        EmergencyRequested(**of, kind="business_hours", symptom="website_down"),
        EmergencyAccepted(**of, reason=WORDS),
    ]


def test_work_of_an_accepted_emergency_does_not_move_before_the_ruling() -> None:
    source = told(opened(RECEIPT), work_logged(nov(23, 12))).having(emergency(nov(23, 13)), 50)
    assert type(refusal_of(merging, NOW, source, other())) is RulingPending

    ruling = CauseRuled(occurred_at=NOW, ticket_id="t1", customer_id="c1", scope="out_of_scope", reason=WORDS)
    (facts,) = work_facts(absorbed(source.having([ruling], 60), other()).state).values()
    assert facts.work_class == "emergency"


def test_an_accepted_emergency_without_work_can_be_merged() -> None:
    source = told(opened(RECEIPT)).having(emergency(nov(23, 13)), 50)
    assert isinstance(gone(source, other()).state, Merged)


def test_a_case_is_not_merged_into_itself() -> None:
    source = told(opened(RECEIPT))
    assert type(refusal_of(merging, NOW, source, source)) is SameTicket


def test_cases_of_different_customers_are_not_merged() -> None:
    assert type(refusal_of(merging, NOW, told(opened(RECEIPT)), other(customer_id="c2"))) is DifferentCustomers


@pytest.mark.parametrize(
    ("end", "refused"),
    [
        ((resolved(nov(23, 12)),), TicketIsResolved),
        ((resolved(nov(23, 12)), closed(nov(23, 13))), TicketIsClosed),
    ],
)
def test_a_survivor_that_has_ended_is_refused(end: tuple[Any, ...], refused: type) -> None:
    refusal = refusal_of(merging, NOW, told(opened(RECEIPT)), other(*end))
    assert type(refusal) is refused
    assert refusal.pointer == "/into"


def test_a_survivor_that_was_merged_itself_is_refused() -> None:
    third = told(opened(RECEIPT, ticket_id="t3"), after_position=200)
    assert type(refusal_of(merging, NOW, told(opened(RECEIPT)), gone(other(), third))) is TicketIsMerged


def test_a_case_is_merged_once() -> None:
    source, survivor = told(opened(RECEIPT)), other()
    left, third = gone(source, survivor), told(opened(RECEIPT, ticket_id="t3"), after_position=200)
    assert merging(NOW, left, absorbed(source, survivor)) == ([], [])
    assert type(refusal_of(merging, NOW, left, third)) is TicketIsMerged
