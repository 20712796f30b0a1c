"""What is said about a closed month settles the difference to what would have been billed, had it been known (B8)."""

from collections import Counter
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.plan import TermsChange, default_terms
from domain.subscription.events import WorkClass
from tests.domain.subscription.happenings import MONTHS, START, TICKETS, Closed, Corrected, Decided, Happening, Logged
from tests.domain.subscription.histories import History, happened
from tests.domain.subscription.standing import Standing, standing_after

SECONDS_OF_SEPTEMBER = 30 * 86_400
CLOSED_AT = START + timedelta(days=30)
AFTER = CLOSED_AT + timedelta(days=2)
# Without an allowance all that is not waived costs money, and money of a closed month comes back to the cent.
TERMS = TermsChange(allowance_seconds=0, billing_increment_seconds=7, regular_rate_cents=99_99).of(default_terms("USD"))

paid: st.SearchStrategy[WorkClass] = st.sampled_from(("included", "billable", "emergency", "waived"))
september = st.integers(0, SECONDS_OF_SEPTEMBER - 1).map(lambda seconds: START + timedelta(seconds=seconds))
work = st.lists(st.tuples(september, st.sampled_from(TICKETS), st.integers(1, 9000)), min_size=1, max_size=5)
corrections = st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(1, 9000)), max_size=4)
rulings = st.lists(st.tuples(st.sampled_from(TICKETS), paid), max_size=3)


def after(happenings: list[Happening], classes: tuple[WorkClass, ...], *, closed: bool) -> Standing:
    closes: list[Happening] = [Closed(CLOSED_AT, MONTHS[0])] if closed else []
    in_order = sorted([*closes, *happenings], key=lambda each: each.at)
    return standing_after(happened(History(TERMS, classes, tuple(in_order))))


@settings(max_examples=200)
@given(work, st.tuples(paid, paid, paid), corrections, rulings)
def test_closing_and_correcting_comes_to_what_would_have_been_billed(
    work: list[tuple[datetime, str, int]],
    classes: tuple[WorkClass, WorkClass, WorkClass],
    corrections: list[tuple[int, int | None]],
    rulings: list[tuple[str, WorkClass]],
) -> None:
    logged: list[Happening] = [
        Logged(at, f"e-{number}", ticket_id, at, seconds) for number, (at, ticket_id, seconds) in enumerate(work)
    ]
    said: list[Happening] = [Corrected(AFTER, f"e-{index % len(work)}", seconds) for index, seconds in corrections]
    said += [Decided(AFTER, ticket_id, work_class) for ticket_id, work_class in rulings]
    closed, open_ = (after([*logged, *said], classes, closed=each) for each in (True, False))
    assert closed.net_seconds() == open_.net_seconds()
    months_drawn_in = Counter(entry_id for (entry_id, _), draws in closed.draws.items() if draws)
    added = sum(months > 1 for months in months_drawn_in.values())
    # Time that is added is a draw of its own, and each draw is rounded once (B9).
    assert abs(sum(closed.owed().values()) - sum(open_.owed().values())) <= added
