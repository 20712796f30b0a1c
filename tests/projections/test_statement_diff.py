"""The events that a difference of two statements names are those that moved its figures, and no others."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.rating.months import month_before
from domain.recorded import RecordedEvent
from projections.account import account_of
from projections.reading import Json
from projections.statement import statement
from projections.statement_diff import Seen, statement_diff
from tests.domain.subscription.histories import History, happened, histories, long_histories
from tests.domain.subscription.sentences import allowance, denver
from tests.projections.subscription_events import emergency, hold, month, rated, recorded, revised, started

OF_TIME = {"state", "left_seconds", "rollover_seconds"}
"""Figures that may change by time alone."""


def figures(account: Any, period: str, at: Any) -> Json:
    """What each entry, and all that is no entry, adds to the sums of a month."""
    if account is None:
        return {}
    shown = statement(account, period, at)
    return {"fee_cents": shown["fee_cents"], **shown["allowance"], **shown["totals"]}


def touched(records: Sequence[RecordedEvent], period: str, at: Any) -> dict[int, set[str]]:
    """Which sums each event changed, by the statement before it and after it."""
    found: dict[int, set[str]] = {}
    was: Json = {}
    for count, record in enumerate(records, 1):
        now = figures(account_of(records[:count]), period, at)
        found[record.position or 0] = {name for name in now if now[name] != was.get(name, 0)}
        was = now
    return found


@given(histories | long_histories, st.data())
@settings(max_examples=40)
def test_every_event_that_moved_a_sum_is_named_and_none_of_another_entry_or_sum(history: History, data: Any) -> None:
    records = recorded(happened(history))
    account = account_of(records)
    assert account is not None
    period = data.draw(
        st.sampled_from(sorted({each.month for row in account.work for each in row.postings} or {"2026-11"}))
    )
    cut = data.draw(st.integers(1, len(records)))
    at = max(each.event.occurred_at for each in records) + timedelta(days=400)
    found = statement_diff(Seen(records[:cut], at), Seen(records, at), period)
    assert found is not None
    moved = touched(records, period, at)
    for change in found["changes"]:
        name, named = change["field"], set(change["positions"])
        assert named <= {each.position for each in records[cut:]}
        assert name in OF_TIME or named
        if name == "state":
            continue
        must = {each.position or 0 for each in records[cut:] if name in moved[each.position or 0]}
        if name not in OF_TIME:
            assert must <= named, name
        assert len(named) <= len(must) or all(concerns(records, position, period) for position in named - must)


def concerns(records: Sequence[RecordedEvent], position: int, period: str) -> bool:
    """Whether an event posts or begins something in a month, or in the one before, which it may come over from."""
    (event,) = [each.event for each in records if each.position == position]
    months = {getattr(event, "month", None), getattr(event, "from_month", None)}
    return bool(months & {period, month_before(period)})


def test_a_ruling_that_adds_nothing_to_a_sum_is_not_named_for_it() -> None:
    """Work that was held becomes an emergency, and later work draws on the allowance: only that moved the allowance."""
    held = rated(denver(11, 3), "held", 30, hold(30), work_class="pending")
    ruling = revised(denver(11, 4), held, work_class="emergency", before=held.draws, draws=(emergency(30),))
    records = recorded(
        [
            started(denver(11, 1), date(2026, 11, 1)),
            month("2026-11"),
            held,
            ruling,
            rated(denver(11, 5), "new", 30, allowance(30)),
        ]
    )
    found = statement_diff(Seen(records[:3], denver(11, 3)), Seen(records, denver(11, 6)), "2026-11")
    assert found is not None
    named = {each["field"]: each["positions"] for each in found["changes"]}
    assert named["used_seconds"] == named["left_seconds"] == (5,)
    assert named["worked_seconds"] == (5,)
    assert named["emergency_cents"] == named["hold_cents"] == named["owed_cents"] == (4,)
