"""The small fold of deadlines says of every life of a case what its clocks say."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.clocks.levels import ServiceLevels
from projections import due, queue, sla
from projections.folding import fold
from projections.pending import next_due
from tests.domain.clocks.test_random_lives import Act, desks, live, lives, minutes
from tests.projections.stories import recorded

looks = st.lists(minutes, max_size=4)


@given(desks(), lives, looks)
@settings(max_examples=150, deadline=None)
def test_queue_sla_and_due_agree_on_what_falls_due_next(
    levels: ServiceLevels, acts: list[tuple[int, Act]], looked: list[int]
) -> None:
    events = live(levels, acts, looked)
    for upto in range(1, len(events) + 1):
        records = recorded([(f"ticket-{each.ticket_id}", each) for each in events[:upto]])
        (clocked,) = fold(sla.VIEW, records).rows(sla.sla)
        (queued,) = fold(queue.VIEW, records).rows(queue.queue)
        (item,) = fold(due.VIEW, records).rows(due.due)
        assert item.due_at == clocked.next_due_at
        first: Any = next_due(queued.clocks)
        assert (first and first.due_at) == clocked.next_due_at
        assert item.running == clocked.running == queued.open
