"""Whatever two cases have lived through, the views agree on what a split or a merge leaves of them."""

from collections.abc import Sequence
from datetime import timedelta

from hypothesis import given, settings

from domain.business_time import whole_second
from domain.refusal import Refusal
from domain.ticket.state import Merged
from projections import due, queue, sla, ticket
from projections.folding import fold
from projections.pending import next_due
from tests.domain.ticket.test_conservation import Lives, two_lives
from tests.domain.ticket.topics import Told
from tests.projections.test_topics import log_of, merged, split_up


@settings(max_examples=150)
@given(two_lives())
def test_queue_sla_and_due_agree_on_split_and_merged_cases(lives: Lives) -> None:
    try:
        agree(split_up(lives.first, now=lives.now, levels=lives.levels, entry_ids=entries_of(lives.first)))
        agree(merged(lives.first, lives.second, now=lives.now, levels=lives.levels))
    except Refusal:
        return


def entries_of(case: Told) -> tuple[str, ...]:
    return tuple(entry.entry_id for entry in case.state.case.entries)


def agree(cases: Sequence[Told]) -> None:
    records = log_of(*cases)
    clocked = {row.ticket_id: row for row in fold(sla.VIEW, records).rows(sla.sla)}
    queued = {row.ticket_id: row for row in fold(queue.VIEW, records).rows(queue.queue)}
    items = {row.stream_id.removeprefix("ticket-"): row for row in fold(due.VIEW, records).rows(due.due)}
    tickets = {row.ticket_id: row for row in fold(ticket.VIEW, records).rows(ticket.ticket)}
    for case in cases:
        state = case.state
        ticket_id = state.case.ticket_id
        row, item = clocked[ticket_id], items[ticket_id]
        assert row.history is not None
        assert row.history.clocks == case.clocks
        first = next_due(queued[ticket_id].clocks)
        assert (first and first.due_at) == row.next_due_at
        if item.remind_at is None:
            missed_at = row.next_due_at and whole_second(row.next_due_at) + timedelta(seconds=1)
            assert item.record_at == missed_at
        assert item.running == row.running == queued[ticket_id].open
        assert tickets[ticket_id].status == queued[ticket_id].status
        assert (tickets[ticket_id].status == "merged") == isinstance(state, Merged)
        standing = [entry.duration_seconds for entry in state.case.entries if not entry.voided]
        assert tickets[ticket_id].worked_seconds == sum(standing)
