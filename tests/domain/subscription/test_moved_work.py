"""R3, B4: work that a split or a merge moves to another case keeps its class, and nothing on any bill changes."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.subscription.events import WorkRevised
from tests.domain.subscription.happenings import TICKETS, Happening, Logged, Looked, Moved
from tests.domain.subscription.histories import History, happened, long_histories
from tests.domain.subscription.standing import standing_after


@settings(max_examples=200)
@given(long_histories, st.sampled_from(TICKETS))
def test_a_move_changes_no_draw_no_credit_and_no_cent_in_any_month(history: History, ticket_id: str) -> None:
    at = history.happenings[-1].at + timedelta(hours=1) if history.happenings else None
    if at is None:
        return
    entries = [each.entry_id for each in history.happenings if isinstance(each, Logged)]
    looked: list[Happening] = [*history.happenings, Looked(at)]
    moves: list[Happening] = [Moved(at, entry_id, ticket_id) for entry_id in entries]
    before = happened(history._replace(happenings=tuple(looked)))
    after = happened(history._replace(happenings=(*looked, *moves)))

    revised = [event for event in after if isinstance(event, WorkRevised) and event not in before]
    assert all(event.ticket_id == ticket_id and event.draws == event.before for event in revised)
    assert standing_after(after).bottom_line() == standing_after(before).bottom_line()
    assert standing_after(after).net_seconds() == standing_after(before).net_seconds()
    assert happened(history._replace(happenings=(*looked, *moves, *moves))) == after, "a second time it is known"
