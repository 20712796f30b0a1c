"""What changed on a case between two moments? Fields, clocks, work and its bill, each with the events that did it."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from domain.clocks.explain import History, evolve_history, readings
from domain.clocks.levels import Calendars
from domain.recorded import RecordedEvent
from domain.ticket.case import Entry
from domain.ticket.events import TicketEvent
from domain.ticket.state import Ticket, evolve
from projections import ticket
from projections.folding import fold_work, work_for
from projections.reading import Json, without_nulls
from projections.statement import credit_shape, draw_shape
from projections.view import Key, Row, Table
from projections.work_entry import WorkRow, work


class Side(msgspec.Struct, frozen=True):
    """One of the two moments: the events of the case and of its customer's subscription until then.

    `now` is the instant that clocks are read at; none before the case existed.
    """

    records: Sequence[RecordedEvent]
    billing: Sequence[RecordedEvent]
    now: datetime | None


def case_diff(before: Side, after: Side, calendars: Calendars) -> Json:
    """Return what the second side has otherwise than the first; `after` holds every event that `before` does.

    A change names the `positions` of the events between the two that made it, in order. A clock also moves by time
    alone, and then names none.
    """
    known = {each.position for each in (*before.records, *before.billing)}
    between = [each for each in after.records if each.position not in known]
    fields = _fields(before, after, known)
    clocks = _clocks(before, after, calendars, known)
    entries = _entries(before, after, known)
    named = {position for each in entries for position in each["positions"]}
    billed = [each for each in after.billing if each.position in named and each.position not in known]
    return {
        "changes": fields,
        "clocks": clocks,
        "work": entries,
        "events": sorted([*between, *billed], key=lambda each: each.position or 0),
    }


def row_after_each(
    table: Table[Any], records: Sequence[RecordedEvent], keep: Collection[Key] | None = None
) -> Iterator[tuple[RecordedEvent, Key, Row | None, Row | None]]:
    """Yield each change of a row: the event, the key, the row before and after it; of all keys, or of those kept."""
    rows: dict[Key, Row | None] = {}
    for record in records:
        steps, _ = work_for(table, [record])
        for step in steps:
            key = step[0]
            if keep is not None and key not in keep:
                continue
            after = fold_work(table, [step], rows)[key]
            yield record, key, rows.get(key), after
            rows[key] = after


def _fields(before: Side, after: Side, known: Collection[int | None]) -> list[Json]:
    """The fields of the ticket that differ, but for `version` and `position`, which always do."""
    made: dict[str, list[int]] = {}
    for record, _, was, now in row_after_each(ticket.ticket, after.records):
        if record.position in known:
            continue
        for name in _differing(_ticket(was), _ticket(now)):
            made.setdefault(name, []).append(record.position or 0)
    first, last = _ticket(_last_row(before.records)), _ticket(_last_row(after.records))
    return [_change("field", name, first, last, made.get(name, [])) for name in _differing(first, last)]


def _last_row(records: Sequence[RecordedEvent]) -> Row | None:
    row = None
    for _, _, _, row in row_after_each(ticket.ticket, records):  # noqa: B007 - the last one counts
        pass
    return row


def _ticket(row: Row | None) -> Json:
    if not isinstance(row, ticket.TicketRow):
        return {}
    return {name: value for name, value in ticket.shape(row).items() if name not in {"version", "position"}}


def _differing(first: Json, last: Json) -> list[str]:
    return [name for name in {**first, **last} if first.get(name) != last.get(name)]


def _change(label: str, name: str, first: Json, last: Json, positions: Sequence[int]) -> Json:
    return without_nulls(
        {label: name, "before": first.get(name), "after": last.get(name), "positions": tuple(positions)}
    )


def _clocks(before: Side, after: Side, calendars: Calendars, known: Collection[int | None]) -> list[Json]:
    made: dict[tuple[str, int], list[int]] = {}
    history: History | None = None
    for record in after.records:
        if not isinstance(record.event, TicketEvent):
            continue
        stood = _instances(history)
        history = evolve_history(history, record.event, record.position or 0)
        if record.position in known:
            continue
        for key, instance in _instances(history).items():
            if stood.get(key) != instance:
                made.setdefault(key, []).append(record.position or 0)
    first, last = _readings(before, calendars), _readings(after, calendars)
    changed = []
    for key in {**first, **last}:
        had, has = first.get(key, {}), last.get(key, {})
        fields = _differing(had, has)
        if fields:
            clock, instance = key
            changed.append(
                {
                    "clock": clock,
                    "instance": instance,
                    "changes": [
                        without_nulls({"field": name, "before": had.get(name), "after": has.get(name)})
                        for name in fields
                    ],
                    "positions": tuple(made.get(key, [])),
                }
            )
    return changed


def _instances(history: History | None) -> dict[tuple[str, int], Any]:
    """Each instance with all that its reading depends on: itself, the pauses of its clock, and whether it is final."""
    if history is None:
        return {}
    clocks = history.clocks
    return {
        (each.clock, each.number): (
            each,
            clocks.pauses_of(each.clock) if each.ended_at is None else (),
            clocks.final and each.clock == "resolution",
        )
        for each in (*history.former, *clocks.latest)
    }


def _readings(side: Side, calendars: Calendars) -> dict[tuple[str, int], Json]:
    history: History | None = None
    for record in side.records:
        if isinstance(record.event, TicketEvent):
            history = evolve_history(history, record.event, record.position or 0)
    if history is None or side.now is None:
        return {}
    found: dict[tuple[str, int], Json] = {}
    for each in readings(history, calendars, side.now):
        told = without_nulls(msgspec.structs.asdict(each))
        del told["why"], told["clock"], told["instance"]
        del told["positions"], told["figure_positions"]
        found[each.clock, each.instance] = told
    return found


def _entries(before: Side, after: Side, known: Collection[int | None]) -> list[Json]:
    """The work entries that the case has now and had not, or the other way round, or that differ."""
    made: dict[str, list[int]] = {}
    state: Ticket | None = None
    for record in after.records:
        if not isinstance(record.event, TicketEvent):
            continue
        stood = _on_case(state)
        state = evolve(state, record.event)
        now = _on_case(state)
        if record.position not in known:
            for entry_id in {**stood, **now}:
                if stood.get(entry_id) != now.get(entry_id):
                    made.setdefault(entry_id, []).append(record.position or 0)
    first, last = _state(before.records), _state(after.records)
    ids = {**_on_case(first), **_on_case(last)}
    keys = {(entry_id,) for entry_id in ids}
    for record, key, was, row in row_after_each(work, after.billing, keys):
        if record.position not in known and was != row:
            made.setdefault(str(key[0]), []).append(record.position or 0)
    billed_first, billed_last = _billed(before.billing, keys), _billed(after.billing, keys)
    found = []
    for entry_id in ids:
        had = _entry(_on_case(first).get(entry_id), billed_first.get(entry_id))
        has = _entry(_on_case(last).get(entry_id), billed_last.get(entry_id))
        if had != has:
            found.append(
                without_nulls(
                    {
                        "entry_id": entry_id,
                        "change": "added" if had is None else "removed" if has is None else "changed",
                        "before": had,
                        "after": has,
                        "positions": tuple(sorted(made.get(entry_id, []))),
                    }
                )
            )
    return found


def _state(records: Sequence[RecordedEvent]) -> Ticket | None:
    state: Ticket | None = None
    for record in records:
        if isinstance(record.event, TicketEvent):
            state = evolve(state, record.event)
    return state


def _on_case(state: Ticket | None) -> dict[str, Entry]:
    return {} if state is None else {each.entry_id: each for each in state.case.entries}


def _billed(records: Sequence[RecordedEvent], keys: Collection[Key]) -> dict[str, WorkRow]:
    rows: dict[str, WorkRow] = {}
    for _, key, _, row in row_after_each(work, records, keys):
        if isinstance(row, WorkRow):
            rows[str(key[0])] = row
    return rows


def entries_of(side: Side) -> list[Json]:
    """Return the work entries of the case with what each is billed in all months together."""
    on_case = _on_case(_state(side.records))
    rows = _billed(side.billing, {(entry_id,) for entry_id in on_case})
    return [
        {"entry_id": entry_id, "activity": entry.activity, **(_entry(entry, rows.get(entry_id)) or {})}
        for entry_id, entry in on_case.items()
    ]


def _entry(entry: Entry | None, row: WorkRow | None) -> Json | None:
    """An entry as the case has it, and as the subscription bills it in all months together."""
    if entry is None:
        return None
    told: Json = {
        "agent": entry.agent,
        "started_at": entry.started_at,
        "duration_seconds": entry.duration_seconds,
        "voided": entry.voided,
    }
    if row is not None:
        told |= billed_shape(row)
    return told


def billed_shape(row: WorkRow) -> Json:
    """What an entry is billed: its draws and credits in all months, and what of them is owed."""
    draws = [{**draw_shape(draw), "posted_month": each.month} for each in row.postings for draw in each.draws]
    credits_ = [credit_shape(row, credit) for each in row.postings for credit in each.credits]
    owed = sum(draw["amount_cents"] for draw in draws if draw["source"] != "hold")
    return {
        "billed_seconds": row.billed_seconds,
        "class": row.work_class,
        "draws": draws,
        "credits": credits_,
        "amount_cents": owed - sum(credit["amount_cents"] for credit in credits_),
    }
