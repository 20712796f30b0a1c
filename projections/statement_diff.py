"""Why is a bill another one than it was? A month's statement at two instants, and what changed each line and sum."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from domain.rating.months import month_before
from domain.recorded import RecordedEvent
from projections.account import Account, account_of
from projections.case_diff import row_after_each
from projections.reading import Json, without_nulls
from projections.statement import statement
from projections.statement_positions import began, together
from projections.work_entry import DrawnFrom, Posting, WorkRow, work


class Seen(msgspec.Struct, frozen=True):
    """A subscription's events until an instant."""

    records: Sequence[RecordedEvent]
    at: datetime


def statement_diff(before: Seen, after: Seen, period: str) -> Json | None:
    """Return what a statement of a month has otherwise at the second instant; `None` where there is no subscription.

    Each difference names the `positions` of the events between the two that made it. Those of a line changed the line;
    those of a sum changed what an entry, a purchase or the month's begin adds to it, even if others made up for it.
    `rollover_seconds`, `left_seconds` and `state` may change by time alone, and then name none.
    """
    first, last, account = _statement(before, period), _statement(after, period), account_of(after.records)
    if last is None or account is None:
        return None
    known = {each.position for each in before.records}
    made = _changes_of(after.records, known, period)
    between = {each.position or 0 for each in after.records if each.position not in known}
    old = first or {"entries": [], "purchases": [], "credits": []}
    entries = _lines(old["entries"], last["entries"], lambda line: (line["entry_id"],), made, between)
    credits_ = _lines(old["credits"], last["credits"], _credit_key, made, between)
    purchases = _lines(old["purchases"], last["purchases"], lambda line: (line["pack_id"],), {}, between)
    return {
        "changes": list(_figures(first, last, _moved(account, last, after.records, known, period), between)),
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


def _figures(first: Json | None, last: Json, moved: dict[str, list[int]], between: Collection[int]) -> Iterable[Json]:
    """The sums that differ, and the state of the month."""
    had, has = _by_name(first), _by_name(last)
    for name, now in has.items():
        was = had.get(name)
        if was != now:
            named = last["positions"] if name == "state" else moved[name]
            positions = together(position for position in named if position in between)
            yield without_nulls({"field": name, "before": was, "after": now, "positions": positions})


def _moved(
    account: Account, last: Json, records: Sequence[RecordedEvent], known: Collection[int | None], period: str
) -> dict[str, list[int]]:
    """The events that moved each sum: by an entry's share of it, by a purchase, or as they began the month."""
    moved: dict[str, list[int]] = defaultdict(list)
    for record, _, was, now in row_after_each(work, records):
        if record.position not in known:
            had, has = _shares(was, period), _shares(now, period)
            for name in had:
                if had[name] != has[name]:
                    moved[name].append(record.position or 0)
    behind = last["figure_positions"]
    fee, granted, packs = behind["fee_cents"], behind["allowance"]["granted_seconds"], behind["totals"]["packs_cents"]
    moved["fee_cents"] += fee
    moved["granted_seconds"] += granted
    moved["rollover_seconds"] += [*granted, *began(account.month(month_before(period)))]
    moved["left_seconds"] += [*moved["granted_seconds"], *moved["rollover_seconds"], *moved["used_seconds"]]
    moved["packs_cents"] += packs
    moved["owed_cents"] += [*fee, *packs]
    return moved


def _shares(row: Any, period: str) -> dict[str, int]:
    """What an entry adds to each sum of a month; `rollover_seconds` is less what it drew in the month before (B6)."""
    posting, former = _posting(row, period), _posting(row, month_before(period))
    draws = posting.draws if posting else ()
    seconds, cents = _by_source(draws, "seconds"), _by_source(draws, "amount_cents")
    credited = sum(credit.amount_cents for credit in posting.credits) if posting else 0
    worked = posting.duration_seconds if posting and draws and row.first_month == period else 0
    return {
        "worked_seconds": worked,
        "billed_seconds": sum(seconds.values()),
        "used_seconds": seconds["allowance"] + seconds["rollover"],
        "rollover_seconds": -_by_source(former.draws if former else (), "seconds")["allowance"],
        "on_demand_seconds": seconds["on_demand"],
        "on_demand_cents": cents["on_demand"],
        "emergency_seconds": seconds["emergency"],
        "emergency_cents": cents["emergency"],
        "hold_cents": cents["hold"],
        "credits_cents": credited,
        "owed_cents": cents["on_demand"] + cents["emergency"] - credited,
    }


def _by_source(draws: Iterable[DrawnFrom], name: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for draw in draws:
        found[draw.source] += getattr(draw, name)
    return found


def _by_name(shown: Json | None) -> Json:
    if shown is None:
        return {}
    return {"state": shown["state"], "fee_cents": shown["fee_cents"], **shown["allowance"], **shown["totals"]}
