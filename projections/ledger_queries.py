"""What does the journal say? Entries with their lines, and balances, now or as they stood at an instant."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from projections.ledger import VIEW, CauseRow, LedgerLine
from projections.reading import (
    Json,
    Page,
    decode_cursor,
    encode_cursor,
    execute,
    filtered,
    position_of,
    select,
    without_nulls,
)


class LedgerFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are asked for; a field left out asks for all. An entry is shown with all its lines.

    `caused_by` is the position of an event that posted an entry or led to it, or the id of a work entry or pack that an
    entry is about or was caused by.
    `as_of` leaves out what was recorded after that instant.
    """

    customer: str | None = None
    account: str | None = None
    period: str | None = None
    caused_by: str | None = None
    as_of: datetime | None = None


_ABOUT = "(kind NOT IN ('month', 'expiry') AND subject = ANY (%(caused_by)s) OR caused_by = ANY (%(caused_by)s))"
"""A month is no cause: an entry of work may be called like one."""

_CONDITIONS: dict[str, str] = {
    "customer": "customer_id = %(customer)s",
    "account": "account = %(account)s",
    "period": "period = %(period)s",
    "as_of": "occurred_at <= %(as_of)s",
}


def entries(connection: Connection, filters: LedgerFilters, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return journal entries in the order of the log. Raises `InvalidCursor`."""
    position = position_of(connection, VIEW.name)
    values, conditions = _filtered(connection, filters)
    values["limit"] = limit + 1
    if cursor is not None:
        values["position"], values["part"] = decode_cursor(cursor, tuple[int, int])
        conditions.append("(position, part) > (%(position)s, %(part)s)")
    lines = select(
        connection,
        LedgerLine,
        "FROM (SELECT DISTINCT position, part FROM ledger"
        f" WHERE {' AND '.join(conditions) or 'true'} ORDER BY position, part LIMIT %(limit)s) AS e"
        " JOIN ledger t USING (position, part) ORDER BY t.position, t.part, t.line",
        values,
    )
    found = list(_entries(lines))
    more = len(found) > limit
    causes = _causes(connection, lines)
    shown = [shape(entry, causes) for entry in found[:limit]]
    last = found[limit - 1][0] if more else None
    return Page(shown, position, None if last is None else encode_cursor((last.position, last.part)))


def shape(lines: Sequence[LedgerLine], causes: Mapping[str, set[int]]) -> Json:
    """A journal entry with its lines.

    Its `positions` are those of the event that posted it and of what caused that: the work as logged on its case, the
    work or pack whose arrival changed it, and what its command said (a correction, a decision, the close of a month).
    `causes` has these by id.
    """
    first = lines[0]
    caused = {position for cause in _causes_of(first) for position in causes.get(cause, ())}
    return without_nulls(
        {
            "entry": f"{first.position}-{first.part}",
            "kind": first.kind,
            "customer_id": first.customer_id,
            "subject": first.subject,
            "caused_by": first.caused_by,
            "positions": sorted({first.position} | caused),
            "occurred_at": first.occurred_at,
            "worked_at": first.worked_at,
            "posted_at": first.posted_at,
            "period": first.period,
            "lines": [{"account": line.account, "commodity": line.commodity, "amount": line.amount} for line in lines],
        }
    )


def balances(
    connection: Connection,
    filters: LedgerFilters,
    *,
    running: bool = True,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page:
    """Return the balance of each account of each customer that is not zero, by customer and account.

    All of them without a `limit`. `running` takes them from the running sums where the filters allow it, which is
    quicker, and right of the present alone. Raises `InvalidCursor`.
    """
    position = position_of(connection, VIEW.name)
    running = running and filters.as_of is None and filters.period is None and filters.caused_by is None
    values, conditions = _filtered(connection, filters)
    if cursor is not None:
        place = decode_cursor(cursor, tuple[str, str, str])
        values |= dict(zip(("after_customer", "after_account", "after_commodity"), place, strict=True))
        conditions.append(f"({_BALANCE}) > (%(after_customer)s, %(after_account)s, %(after_commodity)s)")
    values["limit"] = None if limit is None else limit + 1
    where = " AND ".join(conditions) or "true"
    query = (
        f"SELECT {_BALANCE}, amount FROM ledger_balance WHERE {where} AND amount <> 0"
        if running
        else f"SELECT {_BALANCE}, sum(amount)::bigint FROM ledger WHERE {where} GROUP BY {_BALANCE}"
        " HAVING sum(amount) <> 0"
    )
    with connection.cursor() as reading:
        execute(reading, f"{query} ORDER BY {_BALANCE} LIMIT %(limit)s", values)
        rows = reading.fetchall()
    shown = rows if limit is None else rows[:limit]
    names = ("customer_id", "account", "commodity", "amount")
    following = encode_cursor(shown[-1][:3]) if len(shown) < len(rows) else None
    return Page([dict(zip(names, row, strict=True)) for row in shown], position, following)


_BALANCE = "customer_id, account, commodity"


def _filtered(connection: Connection, filters: LedgerFilters) -> tuple[dict[str, Any], list[str]]:
    values, conditions = filtered(filters, _CONDITIONS)
    caused_by = filters.caused_by
    if caused_by is not None:
        values["caused_by"] = [caused_by]
        if caused_by.isdecimal():
            position = values["cause"] = min(int(caused_by), 2**63 - 1)
            caused = select(connection, CauseRow, "FROM ledger_cause t WHERE position = %s", (position,))
            values["commands"] = [row.cause_id for row in caused if row.kind == "command"]
            values["caused_by"] += [row.cause_id for row in caused if row.kind != "command"]
            conditions.append(f"(position = %(cause)s OR command_id = ANY (%(commands)s) OR {_ABOUT})")
        else:
            conditions.append(_ABOUT)
    return values, conditions


def _causes(connection: Connection, lines: Sequence[LedgerLine]) -> dict[str, set[int]]:
    """Return the positions of the events that entries were caused by, by the id of entry, pack or command."""
    ids = {cause for line in lines for cause in _causes_of(line)}
    found: dict[str, set[int]] = {}
    for row in select(connection, CauseRow, "FROM ledger_cause t WHERE cause_id = ANY (%s)", (list(ids),)):
        found.setdefault(row.cause_id, set()).add(row.position)
    return found


def _causes_of(line: LedgerLine) -> list[str]:
    """The work entries and packs behind an entry, and its command."""
    subject = [] if line.kind in {"month", "expiry"} else [line.subject]
    return [*subject, line.command_id, *([] if line.caused_by is None else [line.caused_by])]


def _entries(lines: Sequence[LedgerLine]) -> Iterator[list[LedgerLine]]:
    for _, group in groupby(lines, key=lambda line: (line.position, line.part)):
        yield list(group)
