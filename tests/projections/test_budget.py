"""The view of budgets keeps what is owed as the pure fold of the same events says, and shows what follows from it."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.event import Event
from domain.owed import MonthOwed, Owed, owed_by_month, with_work
from domain.subscription.events import Credit, WorkRevised
from projections import budget
from projections.account import account_of
from projections.folding import fold
from projections.statement import statement
from tests.domain.subscription.happenings import MONTHS
from tests.domain.subscription.histories import History, happened, long_histories
from tests.domain.test_owed import EMERGENCY, HOLD, LATE, NOVEMBER, ON_DEMAND, rerated, revised
from tests.projections.stories import recorded

CREDIT = Credit(source="on_demand", posted_month="2026-10", seconds=1800, amount_cents=75_00)
LESS = replace(ON_DEMAND, amount_cents=50_00)

draws = st.sampled_from([(), (ON_DEMAND,), (LESS,), (EMERGENCY,), (HOLD,), (ON_DEMAND, LESS)])
revisions = st.builds(
    lambda entry, month, drawn, purpose, credited: replace(revised(month, drawn, purpose, *credited), entry_id=entry),
    st.sampled_from(["x", "y", "nov-3"]),
    st.sampled_from(["2026-11", "2026-12"]),
    draws,
    st.sampled_from(["maintenance", "enhancement"]),
    st.sampled_from([(), (CREDIT,)]),
)


def owed_by_rows(events: list[Event]) -> Owed:
    """What the rows of the view come to, added up as its query adds them up."""
    folded = fold(budget.VIEW, recorded([("subscription-s-1", event) for event in events]))
    owed = {
        row.month: MonthOwed(fee_cents=row.fee_cents, packs_cents=row.packs_cents) for row in folded.rows(budget.months)
    }
    purposes = {row.entry_id: row.purpose for row in folded.rows(budget.purposes)}
    for row in folded.rows(budget.entries):
        owed[row.month] = with_work(owed.get(row.month, MonthOwed()), purposes[row.entry_id], row.cents)
    return owed


@given(st.lists(revisions | st.tuples(draws, draws), max_size=12))
@settings(max_examples=200)
def test_the_rows_come_to_what_the_pure_fold_says(steps: list[Any]) -> None:
    events: list[Event] = [*NOVEMBER.events, revised("2026-11", (), "maintenance")]
    events += [step if isinstance(step, WorkRevised) else rerated(*step) for step in steps]
    assert owed_by_rows(events) == owed_by_month(events)


def test_late_work_leaves_the_rows_as_the_fold_says() -> None:
    assert owed_by_rows([*LATE.events]) == owed_by_month(LATE.events)
    assert owed_by_rows([*LATE.events])["2026-11"].total_cents == 150_00 + 600_00 + 187_50


@given(long_histories)
@settings(max_examples=60)
def test_whatever_happens_the_purposes_add_up_to_what_the_statements_say_is_owed(history: History) -> None:
    events = happened(history)
    account = account_of(recorded([("subscription-s-1", event) for event in events]))
    assert account is not None
    owed = owed_by_month(events)
    assert owed_by_rows([*events]) == owed
    shown = {month: statement(account, month)["totals"]["owed_cents"] for month in {*owed, *MONTHS}}
    assert {month: owed.get(month, MonthOwed()).total_cents for month in shown} == shown
