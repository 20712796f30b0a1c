"""Which cases wait, and which of them somebody should look at (SUPPORT_POLICY R16, R17, T9)."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings

from domain.business_time import whole_second
from domain.clocks.levels import ServiceLevels
from domain.personal import Personal
from domain.ticket.events import (
    CallLogged,
    CustomerReminded,
    CustomerReplied,
    StaffReplied,
    TicketAssigned,
    TicketEvent,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
)
from domain.ticket.split_merge_events import (
    InheritedPause,
    InheritedWaiting,
    TicketAbsorbed,
    TicketMerged,
    TicketSplitOff,
)
from domain.ticket.state import Waiting, evolve
from projections import pause
from projections.folding import fold
from projections.pause import PauseRow
from tests.domain.clocks.test_random_lives import Life, desks, live, lives
from tests.projections.stories import ADA, SAM, START, opened, recorded

CASE: dict[str, Any] = {"ticket_id": "t1", "customer_id": "c1"}


def at(hours: float) -> Any:
    return START + timedelta(hours=hours)


def wait(hours: float, party: str, **other: Any) -> WaitingStarted:
    fields: dict[str, Any] = {"reason": Personal("…"), "waiting_for": party, **CASE, **other}
    return WaitingStarted(occurred_at=at(hours), **fields)


def wrote(hours: float) -> CustomerReplied:
    return CustomerReplied(occurred_at=at(hours), author=ADA, body=Personal("?"), **CASE)


def answered(hours: float) -> StaffReplied:
    return StaffReplied(occurred_at=at(hours), author=SAM, body=Personal("!"), **CASE)


def called(hours: float, until: float) -> CallLogged:
    return CallLogged(occurred_at=at(hours), at=at(until), with_whom=Personal("Ada"), **CASE)


def resolved(hours: float) -> TicketResolved:
    return TicketResolved(occurred_at=at(hours), resolution=Personal("done"), **CASE)


def row_after(*events: TicketEvent) -> PauseRow:
    (row,) = fold(pause.VIEW, recorded([("ticket-t1", each) for each in (opened(), *events)])).rows(pause.pauses)
    assert isinstance(row, PauseRow)
    return row


def shown(*events: TicketEvent, now: float = 10) -> dict[str, Any]:
    return pause.shape(row_after(*events), at(now))


def test_a_waiting_case_tells_for_whom_since_when_and_how_long() -> None:
    item = shown(
        TicketAssigned(occurred_at=at(1), agent="kim", **CASE), wait(2, "partner", partner="Channel Ltd"), now=4.5
    )
    assert (item["waiting_for"], item["partner"], item["assignee"]) == ("partner", "Channel Ltd", "kim")
    assert (item["since"], item["waiting_seconds"]) == (at(2), 9_000)
    assert not item["customer_has_written"]
    assert not item["flagged"]


def test_it_is_flagged_while_a_customers_message_is_unanswered() -> None:
    item = shown(wait(1, "partner"), wrote(2), wrote(3))
    assert item["flagged"]
    assert item["written_since"] == at(2)
    assert not shown(wait(1, "partner"), wrote(2), answered(3))["flagged"]
    assert shown(wait(1, "partner"), wrote(2), answered(3), wrote(4))["written_since"] == at(4)


def test_a_message_from_before_the_waiting_counts_until_it_is_answered() -> None:
    assert shown(wrote(1), wait(2, "partner"))["flagged"]
    assert not shown(wrote(1), answered(1.5), wait(2, "partner"))["flagged"]


def test_a_call_answers_what_had_been_written_by_its_own_instant() -> None:
    assert shown(wait(1, "partner"), wrote(2), called(5, until=1.9))["written_since"] == at(2)
    assert not shown(wait(1, "partner"), wrote(2), called(5, until=2))["flagged"]
    assert shown(wait(1, "partner"), wrote(2), wrote(4), called(5, until=3))["written_since"] == at(4)


def test_waiting_for_the_customer_is_never_flagged() -> None:
    assert not shown(wrote(1), wait(2, "customer"))["flagged"]


def test_the_pause_goes_on_for_the_same_party_and_begins_anew_for_another() -> None:
    again = wait(3, "partner", partner="A", reason=Personal("still"))
    row = row_after(wait(1, "partner", partner="A"), again)
    assert (row.since, row.reason) == (at(1), "still")
    assert row_after(wait(1, "partner", partner="A"), wait(3, "partner", partner="B")).since == at(3)
    assert row_after(wait(1, "partner"), wait(3, "customer")).since == at(3)


def test_reminders_are_counted_for_each_waiting() -> None:
    reminded = CustomerReminded(occurred_at=at(3), number=2, due_at=at(3), remind_at=at(9), **CASE)
    row = row_after(wait(1, "customer", remind_at=at(3)), reminded)
    assert (row.reminders, row.remind_at) == (2, at(9))
    resumed = TicketResumed(occurred_at=at(4), **CASE)
    row = row_after(wait(1, "customer"), reminded, resumed, wait(5, "customer"))
    assert (row.reminders, row.remind_at) == (0, None)
    assert row_after(wait(1, "customer"), reminded, wait(4, "customer", reason=Personal("still"))).reminders == 2
    assert row_after(wait(1, "customer"), reminded, wait(4, "partner")).reminders == 0


def test_a_case_that_is_resolved_or_merged_waits_no_more() -> None:
    merged = TicketMerged(occurred_at=at(3), into_ticket_id="t2", into_case_number="C-000002", **CASE)
    for end in (resolved(3), merged):
        assert row_after(wait(1, "partner"), wrote(2), end).waiting_for is None
    assert row_after(wrote(2), resolved(3)).written_since is None


def test_a_case_taken_out_of_a_waiting_one_waits_since_the_same_instant() -> None:
    split = TicketSplitOff(
        occurred_at=at(5),
        from_ticket_id="t0",
        from_case_number="C-000000",
        clocks=(),
        pauses=(
            InheritedPause(reason="customer", started_at=at(1), position=1, ended_at=at(2), end_position=2),
            InheritedPause(reason="partner", started_at=at(3), position=3),
        ),
        unanswered=(at(4),),
        waiting=InheritedWaiting(waiting_for="partner", reason=Personal("…"), partner="A", reminders=1),
        **CASE,
    )
    item = shown(split)
    assert (item["since"], item["waiting_seconds"], item["reminders"]) == (at(3), 7 * 3600, 1)
    assert item["flagged"]
    assert item["written_since"] == at(4)


def test_what_was_written_on_a_merged_case_flags_the_survivor() -> None:
    absorbed = TicketAbsorbed(
        occurred_at=at(5), from_ticket_id="t0", from_case_number="C-000000", unanswered=(at(0.5), at(2)), **CASE
    )
    assert shown(wait(1, "partner"), wrote(2), absorbed)["written_since"] == at(0.5)


@given(desks(), lives)
@settings(max_examples=100)
def test_whatever_a_case_lives_through_the_report_agrees_with_its_decider(levels: ServiceLevels, life: Life) -> None:
    state = None
    events = live(levels, life, [])
    for number, event in enumerate(events, 1):
        state = evolve(state, event)
        assert state is not None
        records = recorded([(f"ticket-{each.ticket_id}", each) for each in events[:number]])
        (row,) = fold(pause.VIEW, records).rows(pause.pauses)
        waiting = state if isinstance(state, Waiting) else None
        assert row.waiting_for == (waiting and waiting.waiting_for)
        assert row.unanswered == state.case.clocks.unanswered
        if waiting is not None:
            running = state.case.clocks.pauses[-1]
            assert whole_second(row.since) >= running.started_at
