"""The small fold of deadlines says of every life of a case what its clocks say."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.business_time import whole_second
from domain.clocks.levels import ServiceLevels
from domain.ticket.events import ServiceLevelBreached, TicketEvent
from domain.ticket.state import Ticket, Waiting, evolve
from projections import due, queue, sla
from projections.folding import fold
from projections.pending import next_due
from tests.domain.clocks.test_random_lives import Life, desks, live, lives, minutes
from tests.domain.ticket.cases import after, due_recorded, nov, opened, reopened, resolved
from tests.projections.stories import recorded

looks = st.lists(minutes, max_size=4)


@given(desks(), lives, looks)
@settings(max_examples=150)
def test_queue_sla_and_due_agree_on_what_falls_due_next(levels: ServiceLevels, life: Life, looked: list[int]) -> None:
    agree(live(levels, life, looked))


def test_a_target_missed_before_is_not_due_again_when_the_case_is_reopened() -> None:
    life = after(opened(nov(23, 10)), due_recorded(nov(30, 10)), resolved(nov(30, 11)), reopened(nov(30, 12)))
    assert [type(event) for event in life.events].count(ServiceLevelBreached) == 2
    agree(life.events)


def after_events(events: Sequence[TicketEvent]) -> Ticket | None:
    state: Ticket | None = None
    for event in events:
        state = evolve(state, event)
    return state


def agree(events: Sequence[TicketEvent]) -> None:
    for upto in range(1, len(events) + 1):
        records = recorded([(f"ticket-{each.ticket_id}", each) for each in events[:upto]])
        (clocked,) = fold(sla.VIEW, records).rows(sla.sla)
        (queued,) = fold(queue.VIEW, records).rows(queue.queue)
        (item,) = fold(due.VIEW, records).rows(due.due)
        missed_at = clocked.next_due_at and whole_second(clocked.next_due_at) + timedelta(seconds=1)
        state = after_events(events[:upto])
        assert item.remind_at == (state.remind_at if isinstance(state, Waiting) else None)
        assert item.record_at == min([at for at in (missed_at, item.remind_at) if at is not None], default=None)
        first: Any = next_due(queued.clocks)
        assert (first and first.due_at) == clocked.next_due_at
        running = {(each.clock, each.number, each.target_seconds) for each in clocked.history.clocks.running}
        assert {(each.clock, each.instance, each.target_seconds) for each in queued.clocks} == running
        assert item.running == clocked.running == queued.open
