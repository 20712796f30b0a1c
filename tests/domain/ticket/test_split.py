"""R3, T9, B4: a second topic is taken out of a case into one of its own."""

from datetime import datetime
from typing import Any

import pytest

from domain.clocks.arithmetic import elapsed_seconds
from domain.clocks.explain import evolve_history, readings
from domain.clocks.state import Clocks
from domain.ticket.events import (
    EmergencyAccepted,
    EmergencyRequested,
    ScopeDecided,
    ServiceLevelBreached,
    TicketEvent,
    TicketOpened,
    WorkVoided,
)
from domain.ticket.refusals import (
    RulingPending,
    TicketIsClosed,
    TicketIsMerged,
    TicketIsResolved,
    UnknownEntry,
    UnknownReply,
)
from domain.ticket.scope import work_facts
from domain.ticket.split_merge_events import TicketSplit, TicketSplitOff
from domain.ticket.state import Waiting
from tests.domain.ticket.cases import (
    LEVELS,
    WORDS,
    closed,
    customer_writes,
    noted,
    nov,
    opened,
    policy,
    resolved,
    staff_replies,
    waits_for_customer,
    with_policy,
    work_logged,
)
from tests.domain.ticket.topics import NEW, Told, merging, refusal_of, splitting, told

RECEIPT = nov(23, 10)
NOW = nov(23, 15)


def new_case(source: Told, **changes: Any) -> Told:
    return Told([]).having(splitting(NOW, source, **changes).new, NEW + 1)


def elapsed(clocks: Clocks, name: str, now: datetime = NOW) -> int:
    instance = next(each for each in clocks.latest if each.clock == name)
    return elapsed_seconds(instance, clocks.pauses_of(instance.clock), LEVELS.calendars, now)


def test_each_case_says_where_the_other_is() -> None:
    source = told(opened(RECEIPT))
    parted = splitting(NOW, source)

    (cut,) = parted.source
    begun, taken = parted.new
    assert isinstance(cut, TicketSplit)
    assert (cut.ticket_id, cut.into_ticket_id, cut.into_case_number) == ("t1", "t9", "C-000009")
    assert isinstance(begun, TicketOpened)
    assert isinstance(taken, TicketSplitOff)
    assert (taken.ticket_id, taken.from_ticket_id, taken.from_case_number) == ("t9", "t1", "C-000001")


def test_the_new_case_has_the_sources_receipt_person_urgency_and_complexity_and_its_own_topic() -> None:
    source = told(opened(nov(21, 22), urgency="high", complexity="complex", product="hub"))
    begun = splitting(NOW, source, category="new_feature").new[0]

    assert isinstance(begun, TicketOpened)
    assert (begun.received_at, begun.occurred_at, begun.workable_from) == (nov(21, 22), NOW, nov(23, 8, 30))
    assert (begun.urgency, begun.complexity, begun.product) == ("high", "complex", "hub")
    assert (begun.category, begun.subject.text) == ("new_feature", "Another matter")
    assert begun.requester == source.state.case.opened.requester


@pytest.mark.parametrize(("category", "missing"), [("technical_error", True), ("how_to", False)])
def test_a_split_tells_nothing_of_an_error(category: str, missing: bool) -> None:
    begun = splitting(NOW, told(opened(RECEIPT)), category=category).new[0]
    assert isinstance(begun, TicketOpened)
    assert begun.details_missing is missing


def test_the_clocks_go_on_from_where_the_sources_stood() -> None:
    source = told(opened(RECEIPT))
    clocks = new_case(source).clocks

    assert clocks.first_response.started_at == clocks.resolution.started_at == RECEIPT
    assert elapsed(clocks, "first_response") == elapsed(clocks, "resolution") == 5 * 3600
    assert clocks.first_response.due_at == source.clocks.first_response.due_at == nov(24, 10)
    assert clocks.resolution.due_at == source.clocks.resolution.due_at == nov(25, 10)


def test_the_split_starts_a_segment_by_the_new_cases_own_target() -> None:
    clocks = new_case(told(opened(RECEIPT)), category="enhancement").clocks

    assert [each.target_seconds for each in clocks.first_response.segments] == [9 * 3600, 18 * 3600]
    assert [each.started_at for each in clocks.first_response.segments] == [RECEIPT, NOW]
    assert clocks.first_response.due_at == nov(25, 10)
    assert clocks.resolution.target_seconds is None
    assert clocks.resolution.due_at is None


def test_segments_keep_the_positions_of_the_sources_events_and_the_last_has_that_of_the_split() -> None:
    levels = with_policy(policy(2, nov(23, 12), first_response=3 * 3600, next_response=3600, resolution=3600))
    source = told(opened(RECEIPT, levels), noted(nov(23, 13), levels))
    clocks = new_case(source, levels=levels).clocks

    assert source.clocks.first_response.positions == (1, 2)
    assert clocks.first_response.positions == (1, 2, NEW + 2)


def test_what_is_recorded_together_with_the_split_stands_under_its_position() -> None:
    levels = with_policy(policy(2, nov(23, 12), first_response=3 * 3600, next_response=3600, resolution=3600))
    source = told(opened(RECEIPT, levels))
    parted = splitting(NOW, source, levels=levels)
    clocks = Told([]).having(parted.new, NEW + 1).clocks

    assert [type(event).__name__ for event in parted.source] == [
        "ServiceLevelsChanged",
        "ServiceLevelBreached",
        "ServiceLevelBreached",
        "TicketSplit",
    ]
    assert clocks.first_response.positions == (1, NEW + 2, NEW + 2)
    assert [each.position for each in clocks.first_response.breaches] == [NEW + 2]


def test_a_first_response_that_was_given_counts_as_given() -> None:
    source = told(opened(RECEIPT), staff_replies(nov(23, 11)))
    clocks = new_case(source).clocks

    assert (clocks.first_response.ended_at, clocks.first_response.end_kind) == (nov(23, 11), "fulfilled")
    assert clocks.first_response.due_at == source.clocks.first_response.due_at
    assert len(clocks.first_response.segments) == 1
    assert clocks.next_response is None


def test_an_unanswered_message_is_unanswered_on_both() -> None:
    messages = [customer_writes(nov(23, hour)) for hour in (9, 12)]
    source = told(opened(nov(23, 8, 30)), staff_replies(nov(23, 8, 40)), *messages)
    clocks = new_case(source).clocks

    assert clocks.unanswered == source.clocks.unanswered == (nov(23, 9), nov(23, 12))
    assert clocks.next_response is not None
    assert (clocks.next_response.started_at, clocks.next_response.number) == (nov(23, 9), 1)
    assert elapsed(clocks, "next_response") == 6 * 3600


def test_a_clock_keeps_its_number() -> None:
    source = told(
        opened(nov(23, 8, 30)),
        staff_replies(nov(23, 9)),
        customer_writes(nov(23, 10)),
        staff_replies(nov(23, 11)),
        customer_writes(nov(23, 12)),
    )
    clocks = new_case(source).clocks
    assert clocks.next_response is not None
    assert clocks.next_response.number == 2


def test_waiting_and_its_pause_are_the_new_cases_too() -> None:
    source = told(opened(RECEIPT), waits_for_customer(nov(23, 11)))
    made = new_case(source)

    assert isinstance(made.state, Waiting)
    assert (made.state.waiting_for, made.state.reason) == ("customer", WORDS)
    assert made.clocks.pauses == source.clocks.pauses
    assert elapsed(made.clocks, "resolution") == 3600
    assert made.clocks.resolution.due_at is None


def test_a_missed_target_is_missed_on_the_new_case_and_not_missed_again() -> None:
    source = told(opened(RECEIPT))
    late = nov(24, 11)
    parted = splitting(late, source)
    made = Told([]).having(parted.new, NEW + 1)

    assert [type(event) for event in parted.source] == [ServiceLevelBreached, TicketSplit]
    assert made.clocks.first_response.missed
    assert made.clocks.first_response.pending_due_at is None
    assert [each.breached_at for each in made.clocks.first_response.breaches] == [nov(24, 10)]


def test_a_target_missed_by_another_category_can_be_missed_by_its_own() -> None:
    parted = splitting(nov(24, 11), told(opened(RECEIPT)), category="enhancement")
    made = Told([]).having(parted.new, NEW + 1)

    assert not made.clocks.first_response.missed
    assert made.clocks.first_response.pending_due_at == nov(25, 10)


def emergency(at: datetime) -> list[TicketEvent]:
    of: dict[str, Any] = {"occurred_at": at, "ticket_id": "t1", "customer_id": "c1"}
    return [
        EmergencyRequested(**of, kind="business_hours", symptom="website_down"),
        EmergencyAccepted(**of, reason=WORDS),
    ]


def test_the_emergency_stays_with_the_source() -> None:
    source = told(opened(RECEIPT)).having(emergency(RECEIPT), 2)
    made = new_case(source)

    assert made.state.case.emergency is None
    assert made.clocks.periodic_update is None
    assert made.clocks.first_response.target_seconds == 9 * 3600


def test_work_of_an_accepted_emergency_without_a_ruling_does_not_move() -> None:
    source = told(opened(RECEIPT), work_logged(nov(23, 12))).having(emergency(nov(23, 13)), 3)
    refusal = refusal_of(splitting, NOW, source, entry_ids=("e1",))
    assert type(refusal) is RulingPending
    assert refusal.pointer == "/entry_ids"
    splitting(NOW, source)


def test_the_entries_named_go_with_their_class_and_the_others_stay() -> None:
    source = told(
        opened(RECEIPT, category="new_feature"),
        work_logged(nov(23, 12), entry_id="e1"),
        work_logged(nov(23, 13), entry_id="e2", duration_seconds=1800),
    )
    parted = splitting(NOW, source, entry_ids=("e2",), category="how_to")
    stays, made = source.having(parted.source, 50), Told([]).having(parted.new, NEW + 1)

    assert isinstance(parted.source[-1], TicketSplit)
    assert parted.source[-1].moved_seconds == 1800
    assert list(work_facts(stays.state)) == ["e1"]
    (facts,) = work_facts(made.state).values()
    assert (facts.ticket_id, facts.duration_seconds, facts.work_class, facts.purpose) == (
        "t9",
        1800,
        "billable",
        "enhancement",
    )


def test_a_moved_entry_takes_the_class_of_its_new_case_once_that_gets_a_decision() -> None:
    source = told(opened(RECEIPT, category="new_feature"), work_logged(nov(23, 12)))
    made = new_case(source, entry_ids=("e1",))
    decision = ScopeDecided(occurred_at=NOW, ticket_id="t9", customer_id="c1", scope="included", reason=WORDS)

    assert work_facts(made.state)["e1"].work_class == "billable"
    decided = made.having([decision], NEW + 5)
    assert work_facts(decided.state)["e1"].work_class == "included"


def test_the_replies_named_move_and_change_no_clock() -> None:
    source = told(opened(RECEIPT), staff_replies(nov(23, 11)), customer_writes(nov(23, 12)), noted(nov(23, 13)))
    assert source.replies == (2, 3, 4)
    parted = splitting(NOW, source, reply_positions=(3, 4))
    stays, made = source.having(parted.source, 50), Told([]).having(parted.new, NEW + 1)

    assert (stays.replies, made.replies) == ((2,), (3, 4))
    assert stays.clocks == source.clocks


def test_a_reply_can_move_on() -> None:
    source = told(opened(RECEIPT), customer_writes(nov(23, 11)))
    made = new_case(source, reply_positions=(2,))
    further = splitting(NOW, made, ticket_id="t8", reply_positions=(2,))
    assert Told([]).having(further.new, 301).replies == (2,)


def test_an_entry_that_does_not_stand_on_the_case_is_named() -> None:
    source = told(opened(RECEIPT), work_logged(nov(23, 12)))
    refusal = refusal_of(splitting, NOW, source, entry_ids=("e1", "e2"))
    assert type(refusal) is UnknownEntry
    assert refusal.pointer == "/entry_ids/1"


def test_a_reply_that_does_not_stand_on_the_case_is_named() -> None:
    source = told(opened(RECEIPT), customer_writes(nov(23, 12)))
    refusal = refusal_of(splitting, NOW, source, reply_positions=(2, 1))
    assert type(refusal) is UnknownReply
    assert refusal.pointer == "/reply_positions/1"


def test_what_moved_away_cannot_move_again() -> None:
    source = told(opened(RECEIPT), work_logged(nov(23, 12)), customer_writes(nov(23, 13)))
    parted = splitting(NOW, source, entry_ids=("e1",), reply_positions=(3,))
    stays = source.having(parted.source, 50)
    assert type(refusal_of(splitting, NOW, stays, entry_ids=("e1",))) is UnknownEntry
    assert type(refusal_of(splitting, NOW, stays, reply_positions=(3,))) is UnknownReply


def test_a_resolved_case_is_reopened_before_it_is_split() -> None:
    assert type(refusal_of(splitting, NOW, told(opened(RECEIPT), resolved(nov(23, 11))))) is TicketIsResolved


def test_a_closed_case_is_reopened_before_it_is_split() -> None:
    source = told(opened(RECEIPT), resolved(nov(23, 11)), closed(nov(23, 12)))
    assert type(refusal_of(splitting, NOW, source)) is TicketIsClosed


def test_a_merged_case_is_not_split() -> None:
    source, survivor = told(opened(RECEIPT)), told(opened(RECEIPT, ticket_id="t2"), after_position=100)
    gone = source.having(merging(NOW, source, survivor).source, 50)
    assert type(refusal_of(splitting, NOW, gone)) is TicketIsMerged


def test_the_reasons_tile_the_time_from_the_sources_receipt() -> None:
    source = told(opened(RECEIPT), waits_for_customer(nov(23, 11)))
    history = None
    for position, event in new_case(source).events:
        history = evolve_history(history, event, position)
    assert history is not None
    shown = {each.clock: each for each in readings(history, LEVELS.calendars, nov(23, 16))}

    assert [(each.kind, each.seconds, each.positions) for each in shown["resolution"].why] == [
        ("counted", 3600, (1,)),
        ("paused", 4 * 3600, (2,)),
        ("paused", 3600, (2, NEW + 2)),
    ]
    assert [(each.kind, each.seconds) for each in shown["first_response"].why] == [
        ("counted", 18_000),
        ("counted", 3600),
    ]


def test_a_void_moves_and_lasts_nothing() -> None:
    void = WorkVoided(
        occurred_at=NOW, ticket_id="t1", customer_id="c1", entry_id="e1", former_duration_seconds=900, reason=WORDS
    )
    source = told(opened(RECEIPT), work_logged(nov(23, 12))).having([void], 50)
    parted = splitting(NOW, source, entry_ids=("e1",))
    made = Told([]).having(parted.new, NEW + 1)

    assert isinstance(parted.source[-1], TicketSplit)
    assert parted.source[-1].moved_seconds == 0
    assert work_facts(made.state)["e1"].voided
