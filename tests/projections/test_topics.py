"""Views of split and merged cases: links, deadlines and worked time, from the events of both in one log."""

from collections.abc import Sequence
from typing import Any

from domain.recorded import RecordedEvent
from projections import due, queue, ticket
from projections.folding import fold
from projections.pending import next_due
from tests.domain.ticket.cases import customer_writes, nov, opened, staff_replies, waits_for_customer, work_logged
from tests.domain.ticket.topics import SECOND, Told, merging, splitting, told
from tests.projections.stories import METADATA

RECEIPT = nov(23, 10)
NOW = nov(23, 15)


def log_of(*cases: Told) -> list[RecordedEvent]:
    """The events of cases in the order of their positions."""
    versions: dict[str, int] = {}
    records = []
    for position, event in sorted((each for case in cases for each in case.events), key=lambda each: each[0]):
        stream_id = f"ticket-{event.ticket_id}"
        versions[stream_id] = versions.get(stream_id, 0) + 1
        records.append(RecordedEvent(stream_id, versions[stream_id], event, METADATA, position))
    return records


def split_up(source: Told, **changes: Any) -> list[Told]:
    now = changes.pop("now", NOW)
    parted = splitting(now, source, **changes)
    return [source.having(parted.source, 300), Told([]).having(parted.new, 400)]


def merged(source: Told, survivor: Told, **changes: Any) -> list[Told]:
    made = merging(changes.pop("now", NOW), source, survivor, **changes)
    return [source.having(made.source, 300), survivor.having(made.survivor, 400)]


def shown(cases: Sequence[Told]) -> dict[str, dict[str, Any]]:
    """The `ticket` of each case by its id."""
    return {row.ticket_id: ticket.shape(row) for row in fold(ticket.VIEW, log_of(*cases)).rows(ticket.ticket)}


def second(*commands: Any) -> Told:
    return told(opened(RECEIPT, ticket_id="t2", case_number="C-000002"), *commands, after_position=SECOND)


def test_a_split_links_the_cases_both_ways() -> None:
    tickets = shown(split_up(told(opened(RECEIPT))))
    assert tickets["t1"]["links"] == [{"kind": "split_into", "ticket_id": "t9", "case_number": "C-000009"}]
    assert tickets["t9"]["links"] == [{"kind": "split_from", "ticket_id": "t1", "case_number": "C-000001"}]


def test_a_merge_links_the_cases_both_ways() -> None:
    tickets = shown(merged(told(opened(RECEIPT)), second()))
    assert tickets["t1"]["links"] == [{"kind": "merged_into", "ticket_id": "t2", "case_number": "C-000002"}]
    assert tickets["t2"]["links"] == [{"kind": "merged_from", "ticket_id": "t1", "case_number": "C-000001"}]
    assert (tickets["t1"]["status"], tickets["t2"]["status"]) == ("merged", "new")


def test_a_merged_case_has_left_the_queue_and_the_list_of_deadlines() -> None:
    records = log_of(*merged(told(opened(RECEIPT)), second()))
    assert {row.ticket_id: row.open for row in fold(queue.VIEW, records).rows(queue.queue)} == {"t1": False, "t2": True}
    assert {row.stream_id: row.running for row in fold(due.VIEW, records).rows(due.due)} == {
        "ticket-t1": False,
        "ticket-t2": True,
    }


def test_a_case_is_no_longer_new_once_it_has_work_of_another() -> None:
    assert shown(merged(told(opened(RECEIPT), work_logged(nov(23, 12))), second()))["t2"]["status"] == "open"


def test_a_case_split_off_has_the_status_of_where_it_comes_from() -> None:
    new = split_up(told(opened(RECEIPT)))
    answered = split_up(told(opened(RECEIPT), staff_replies(nov(23, 11))))
    waiting = split_up(told(opened(RECEIPT), waits_for_customer(nov(23, 11))))
    worked_on = split_up(told(opened(RECEIPT), work_logged(nov(23, 12))), entry_ids=("e1",))
    statuses = [shown(cases)["t9"]["status"] for cases in (new, answered, waiting, worked_on)]
    assert statuses == ["new", "open", "waiting_customer", "open"]


def test_reminders_of_the_source_go_on_on_the_case_split_off() -> None:
    source = told(opened(RECEIPT), waits_for_customer(nov(23, 11)))
    items = {row.stream_id: row for row in fold(due.VIEW, log_of(*split_up(source))).rows(due.due)}
    assert items["ticket-t9"].remind_at == items["ticket-t1"].remind_at is not None


def test_an_absorbed_message_is_the_next_deadline() -> None:
    source = told(opened(nov(23, 8, 30)))
    survivor = second(staff_replies(nov(23, 11)), customer_writes(nov(23, 14)))
    (row,) = (
        row for row in fold(queue.VIEW, log_of(*merged(source, survivor))).rows(queue.queue) if row.ticket_id == "t2"
    )
    assert [each.clock for each in row.clocks].count("next_response") == 1
    first = next_due(row.clocks)
    assert first is not None
    assert (first.clock, first.due_at) == ("next_response", nov(23, 17, 30))
