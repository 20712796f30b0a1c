"""Why is a bill another one than it was? A month's statement at two instants, and what changed each line and sum."""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from domain.recorded import RecordedEvent
from projections.account import account_of
from projections.case_diff import row_after_each
from projections.reading import Json, without_nulls
from projections.statement import statement
from projections.statement_positions import together
from projections.work_entry import Posting, WorkRow, work

SOURCES: dict[str, set[str]] = {
    "used_seconds": {"allowance", "rollover"},
    "left_seconds": {"allowance", "rollover"},
    "on_demand_seconds": {"on_demand"},
    "on_demand_cents": {"on_demand"},
    "emergency_seconds": {"emergency"},
    "emergency_cents": {"emergency"},
    "hold_cents": {"hold"},
    "owed_cents": {"on_demand", "emergency"},
}
"""Which draws a figure is made of; of those not named here, all of them count or none."""


class Seen(msgspec.Struct, frozen=True):
    """A subscription's events until an instant."""

    records: Sequence[RecordedEvent]
    at: datetime


def statement_diff(before: Seen, after: Seen, period: str) -> Json | None:
    """Return what a statement of a month has otherwise at the second instant; `None` where there is no subscription.

    Each difference names the `positions` of the events between the two that made it. `left_seconds` and `state` may
    change by time alone.
    """
    first, last = _statement(before, period), _statement(after, period)
    if last is None:
        return None
    known = {each.position for each in before.records}
    made = _changes_of(after.records, known, period)
    between = {each.position or 0 for each in after.records if each.position not in known}
    old = first or {"entries": [], "purchases": [], "credits": []}
    entries = _lines(old["entries"], last["entries"], lambda line: (line["entry_id"],), made, between)
    credits_ = _lines(old["credits"], last["credits"], _credit_key, made, between)
    purchases = _lines(old["purchases"], last["purchases"], lambda line: (line["pack_id"],), {}, between)
    return {
        "changes": list(_figures(first, last, entries, credits_, between)),
        "entries": entries,
        "purchases": purchases,
        "credits": credits_,
    }


def _statement(seen: Seen, period: str) -> Json | None:
    account = account_of(seen.records)
    return None if account is None else statement(account, period, seen.at)


def _changes_of(records: Sequence[RecordedEvent], known: Collection[int | None], period: str) -> dict[str, list[int]]:
    """The events that changed what is posted of each entry in the month."""
    made: dict[str, list[int]] = {}
    for record, key, was, now in row_after_each(work, records):
        if record.position not in known and _posting(was, period) != _posting(now, period):
            made.setdefault(str(key[0]), []).append(record.position or 0)
    return made


def _posting(row: Any, period: str) -> Posting | None:
    return row.posting(period) if isinstance(row, WorkRow) else None


def _credit_key(line: Json) -> tuple[Any, ...]:
    return tuple(line.get(name) for name in ("entry_id", "source", "posted_month", "pack_id", "month"))


def _lines(
    old: Iterable[Json],
    new: Iterable[Json],
    key_of: Callable[[Json], tuple[Any, ...]],
    made: dict[str, list[int]],
    between: Collection[int],
) -> list[Json]:
    """The lines that were added, removed or changed."""
    had, has = {key_of(line): line for line in old}, {key_of(line): line for line in new}
    found = []
    for key in {**had, **has}:
        was, now = had.get(key), has.get(key)
        if was != now:
            named = (*made.get(str(key[0]), ()), *(now["positions"] if now else ()))
            found.append(
                without_nulls(
                    {
                        "change": "added" if was is None else "removed" if now is None else "changed",
                        "before": was,
                        "after": now,
                        "positions": together(position for position in named if position in between),
                    }
                )
            )
    return found


def _figures(
    first: Json | None, last: Json, entries: Sequence[Json], credits_: Sequence[Json], between: Collection[int]
) -> Iterable[Json]:
    """The sums that differ, and the state of the month."""
    had, has = _by_name(first), _by_name(last)
    positions = last["figure_positions"]
    behind = {"fee_cents": positions["fee_cents"], **positions["allowance"], **positions["totals"]}
    for name, now in has.items():
        was = had.get(name)
        if was == now:
            continue
        if name == "state":
            named: Iterable[int] = last["positions"]
        else:
            named = (*behind[name], *_of_lines(name, entries, credits_))
        yield without_nulls(
            {
                "field": name,
                "before": was,
                "after": now,
                "positions": together(position for position in named if position in between),
            }
        )


def _of_lines(name: str, entries: Sequence[Json], credits_: Sequence[Json]) -> Iterable[int]:
    """The events of changed lines that count into a figure, or did."""
    sources = SOURCES.get(name)
    for line in entries:
        draws = [draw for side in ("before", "after") if side in line for draw in line[side]["draws"]]
        if name in {"worked_seconds", "billed_seconds"} or any(draw["source"] in (sources or ()) for draw in draws):
            yield from line["positions"]
    if name in {"credits_cents", "owed_cents"}:
        for line in credits_:
            yield from line["positions"]


def _by_name(shown: Json | None) -> Json:
    if shown is None:
        return {}
    return {"state": shown["state"], "fee_cents": shown["fee_cents"], **shown["allowance"], **shown["totals"]}
