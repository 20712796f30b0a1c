"""R2, R8, R19, T6: what a case is said to be can change, and its running clocks with it."""

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from domain.sla_policy import ClockName
from domain.ticket.commands import TicketCommand
from domain.ticket.events import (
    CategoryChanged,
    ComplexityChanged,
    Deadline,
    Segment,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    TicketEvent,
    UrgencyChanged,
)
from domain.ticket.refusals import TicketIsClosed
from tests.domain.ticket.cases import (
    POLICY,
    after,
    category_set,
    clock,
    clocks_after,
    closed,
    complexity_set,
    customer_writes,
    due_recorded,
    nov,
    opened,
    reopened,
    resolved,
    staff_replies,
    urgency_set,
    waits_for_customer,
    with_policy,
)

RECEIPT = nov(23, 10)
NOW = nov(23, 11)
OPEN = (opened(RECEIPT),)
SECOND = timedelta(seconds=1)


def only(events: list[TicketEvent]) -> TicketEvent:
    (event,) = events
    return event


def dues(*commands: TicketCommand) -> dict[ClockName, datetime | None]:
    return {each.clock: each.due_at for each in clocks_after(*commands).running}


def test_a_higher_urgency_starts_segments_by_its_targets() -> None:
    event = only(after(*OPEN).when(urgency_set(NOW)).events)
    assert isinstance(event, UrgencyChanged)
    first = Segment(
        clock="first_response",
        instance=1,
        started_at=NOW,
        target_seconds=7200,
        calendar="business",
        calendar_version=1,
        policy_version=1,
    )
    assert event.urgency == "high"
    assert event.segments[0] == first
    assert [(each.clock, each.target_seconds) for each in event.segments[1:]] == [("resolution", 32_400)]
    # an hour of the two has passed, and of the nine
    assert event.deadlines == (
        Deadline(clock="first_response", instance=1, due_at=nov(23, 12)),
        Deadline(clock="resolution", instance=1, due_at=nov(24, 10)),
    )


def test_an_enhancement_has_no_resolution_target() -> None:
    event = only(after(*OPEN).when(category_set(NOW)).events)
    assert isinstance(event, CategoryChanged)
    assert event.category == "enhancement"
    assert dues(*OPEN, category_set(NOW)) == {"first_response": nov(25, 10), "resolution": None}


def test_a_complex_ticket_has_five_business_days() -> None:
    event = only(after(*OPEN).when(complexity_set(NOW)).events)
    assert isinstance(event, ComplexityChanged)
    assert event.complexity == "complex"
    due = dues(*OPEN, complexity_set(NOW))["resolution"]
    # 7.5 h on Monday, 9 on Tuesday and Wednesday, 3.5 on Friday, 9 on Monday, 7 on Tuesday
    assert due == nov(30, 15, 30) + timedelta(days=1)


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (urgency_set(NOW), urgency_set(nov(23, 12))),
        (complexity_set(NOW), complexity_set(nov(23, 11, 30))),
        (category_set(NOW), category_set(nov(23, 11, 30))),
    ],
)
def test_the_same_again_is_a_repeat(first: TicketCommand, again: TicketCommand) -> None:
    after(*OPEN, first).when(again).then_nothing()


def test_what_it_was_opened_as_is_no_change() -> None:
    given = after(opened(RECEIPT, urgency="low", complexity="complex", category="other"))
    given.when(urgency_set(NOW, "low")).then_nothing()
    given.when(complexity_set(NOW)).then_nothing()
    given.when(category_set(NOW, "other")).then_nothing()


def test_back_again_is_another_change() -> None:
    given = after(*OPEN, urgency_set(NOW))
    event = only(given.when(urgency_set(nov(23, 11, 30), "normal")).events)
    assert isinstance(event, UrgencyChanged)
    assert [each.target_seconds for each in event.segments] == [32_400, 64_800]


def test_a_change_that_leaves_the_targets_as_they_were_starts_a_segment_and_moves_no_deadline() -> None:
    for command in (urgency_set(NOW, "low"), category_set(NOW, "other")):
        event = only(after(*OPEN).when(command).events)
        assert isinstance(event, UrgencyChanged | CategoryChanged)
        assert [(each.clock, each.started_at) for each in event.segments] == [
            ("first_response", NOW),
            ("resolution", NOW),
        ]
        assert dues(*OPEN, command) == dues(*OPEN)


def test_a_target_that_is_used_up_already_is_due_at_the_change() -> None:
    history = (*OPEN, urgency_set(nov(23, 13)))
    assert dues(*history)["first_response"] == nov(23, 13)
    after(*history).when(due_recorded(nov(23, 13))).then_nothing()
    event = only(after(*history).when(due_recorded(nov(23, 13) + SECOND)).events)
    assert isinstance(event, ServiceLevelBreached)
    assert (event.clock, event.target_seconds, event.breached_at) == ("first_response", 7200, nov(23, 13))


def test_what_fell_due_before_the_change_is_recorded_first() -> None:
    breach, change = after(*OPEN).when(urgency_set(nov(24, 11))).events
    assert isinstance(breach, ServiceLevelBreached)
    assert (breach.clock, breach.target_seconds) == ("first_response", 32_400)
    assert isinstance(change, UrgencyChanged)


def test_what_ran_out_and_what_has_ended_are_left_alone() -> None:
    event = only(after(*OPEN, staff_replies(nov(23, 10, 30))).when(urgency_set(NOW)).events)
    assert isinstance(event, UrgencyChanged)
    assert [each.clock for each in event.segments] == ["resolution"]


def test_a_running_next_response_changes_too() -> None:
    history = (*OPEN, staff_replies(nov(23, 10, 30)), customer_writes(nov(23, 10, 40)))
    assert dues(*history, urgency_set(NOW))["next_response"] == nov(23, 14, 40)


def test_while_it_waits_the_resolution_is_paused_and_changes_all_the_same() -> None:
    history = (*OPEN, waits_for_customer(nov(23, 10, 30)), urgency_set(NOW))
    assert dues(*history)["resolution"] is None
    assert clock(clocks_after(*history), "resolution").target_seconds == 32_400


@pytest.mark.parametrize("command", [urgency_set(NOW), complexity_set(NOW), category_set(NOW)])
def test_on_a_resolved_ticket_it_counts_from_the_reopening_and_on_a_closed_one_it_is_refused(
    command: TicketCommand,
) -> None:
    done = (*OPEN, resolved(nov(23, 10, 30)))
    event = only(after(*done).when(command).events)
    assert isinstance(event, UrgencyChanged | ComplexityChanged | CategoryChanged)
    assert (event.segments, event.deadlines) == ((), ())
    target = clock(clocks_after(*done, command, reopened(nov(23, 12))), "resolution").target_seconds
    assert target == clock(clocks_after(*OPEN, command), "resolution").target_seconds
    after(*done, closed(nov(23, 10, 30))).when(command).then_refused(TicketIsClosed)


def test_a_later_version_of_the_policy_counts_by_what_the_ticket_has_become() -> None:
    levels = with_policy(replace(POLICY, version=2, effective_from=nov(23, 11, 30)))
    history = (opened(RECEIPT, levels), urgency_set(NOW, levels=levels))
    event = only(after(*history).when(due_recorded(nov(23, 11, 30), levels)).events)
    assert isinstance(event, ServiceLevelsChanged)
    assert [(each.target_seconds, each.policy_version) for each in event.segments] == [(7200, 2), (32_400, 2)]
