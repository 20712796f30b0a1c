"""What does every customer owe for a month? A file each, and an index whose totals are those of the ledger.

All of it is of one snapshot. A file that says the same as before stays as it is, so that a second run writes what has
changed; the index comes last, and a run that was interrupted has none.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from infra.reporting.export import NotWritten, replacing
from infra.reporting.formulas import as_text
from infra.reporting.snapshot import Snapshot, snapshot
from projections.reporting.catalogue import REPORTING_VIEWS

Progress = Callable[[int, int], None]
"""How many customers are done, and how many there are."""

INDEX, TABLE = "index.json", "index.csv"
_VIEWS = [
    view
    for view in REPORTING_VIEWS
    if view.name in {"statements", "work_draws", "work_entries", "hour_packs", "ledger_lines", "desk"}
]
_LONGEST_NAME = 150
_SUMS = (
    "fee_cents",
    "packs_cents",
    "on_demand_seconds",
    "on_demand_cents",
    "emergency_seconds",
    "emergency_cents",
    "credits_cents",
    "hold_cents",
    "owed_cents",
    "worked_seconds",
    "billed_seconds",
)
_STATEMENTS = """
SELECT row_to_json(s)::text, coalesce(d.lines, '[]')::text, coalesce(p.packs, '[]')::text, coalesce(l.cents, 0)
FROM statements s
LEFT JOIN (
    SELECT d.customer_id, json_agg(json_build_object(
        'entry_id', d.entry_id, 'case_number', d.case_number, 'agent', d.agent, 'started_at', w.started_at,
        'kind', d.kind, 'source', d.source, 'pack_id', d.pack_id, 'seconds', d.seconds,
        'rate_cents_per_hour', d.rate_cents_per_hour, 'multiplier', d.multiplier, 'amount_cents', d.amount_cents
    ) ORDER BY d.rating_at, w.started_at, d.entry_id, d.kind DESC, d.number) AS lines
    FROM work_draws d JOIN work_entries w ON w.entry_id = d.entry_id
    WHERE d.month = %(month)s GROUP BY d.customer_id
) d ON d.customer_id = s.customer_id
LEFT JOIN (
    SELECT customer_id, json_agg(json_build_object(
        'pack_id', pack_id, 'hours', hours, 'price_cents', price_cents,
        'purchased_at', purchased_at, 'effective_at', effective_at, 'expires_at', expires_at
    ) ORDER BY purchased_at, pack_id) AS packs
    FROM hour_packs WHERE month = %(month)s GROUP BY customer_id
) p ON p.customer_id = s.customer_id
LEFT JOIN (
    SELECT customer_id, sum(amount)::bigint AS cents
    FROM ledger_lines WHERE account = 'receivable' AND period = %(month)s GROUP BY customer_id
) l ON l.customer_id = s.customer_id
WHERE s.period = %(month)s ORDER BY s.customer_id"""

_LEDGER = """
SELECT count(DISTINCT s.customer_id), coalesce((
    SELECT sum(amount) FROM ledger_lines WHERE account = 'receivable' AND period = %(month)s
), 0)::bigint
FROM statements s WHERE s.period = %(month)s"""


class StatementRun(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did: files written and left as they were, and where each sum stands.

    `owed_cents` is by currency. `differing` are customers whose statement is not what the ledger has: none, unless a
    view is wrong.
    """

    month: str
    position: int
    written: int
    unchanged: int
    still_open: int
    owed_cents: dict[str, int]
    ledger_cents: int
    differing: list[str]

    @property
    def equals_ledger(self) -> bool:
        """Whether the statements come to what the ledger posts to `receivable` in the month."""
        return not self.differing and sum(self.owed_cents.values()) == self.ledger_cents


def run_statements(
    dsn: str, schema: str, month: str, folder: Path, progress: Progress = lambda _done, _total: None
) -> StatementRun:
    """Write the statements of a month ("2026-11") of all customers into a folder, which is made when missing.

    Raises `NotWritten`, also where the folder has statements of another month, and as `snapshot`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_month(folder, month)
        (folder / INDEX).unlink(missing_ok=True)
    except OSError as error:
        raise NotWritten(f"{folder} cannot be written: {error.strerror}") from error
    with snapshot(dsn, schema, _VIEWS) as seen:
        with seen.connection.cursor() as cursor:
            cursor.execute(_LEDGER, {"month": month})
            customers, ledger_cents = cursor.fetchone() or (0, 0)
        lines: list[dict[str, Any]] = []
        written = 0
        differing = []
        for done, (statement, posted) in enumerate(_statements(seen, month), 1):
            line, is_new = _file(folder, statement, seen.position)
            lines.append(line)
            written += is_new
            if line["owed_cents"] != posted:
                differing.append(line["customer_id"])
            progress(done, customers)
        owed: dict[str, int] = {}
        for line in lines:
            owed[line["currency"]] = owed.get(line["currency"], 0) + line["owed_cents"]
        run = StatementRun(
            month=month,
            position=seen.position,
            written=written,
            unchanged=len(lines) - written,
            still_open=sum(line["state"] == "open" for line in lines),
            owed_cents=owed,
            ledger_cents=ledger_cents,
            differing=differing,
        )
        _index(folder, run, lines)
    return run


def _check_month(folder: Path, month: str) -> None:
    """Refuse a folder of another month: files of both would lie beside an index of one. Raises `NotWritten`."""
    for path in sorted(folder.glob("*.json"), key=lambda path: path.name != INDEX):
        period = _read(path).get("period")
        if period is not None:
            if period != month:
                raise NotWritten(f"{folder} has the statements of {period}: give {month} a folder of its own")
            return


def _statements(seen: Snapshot, month: str) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield each customer's statement, and what the ledger has of it, a few at a time from the database."""
    with seen.connection.cursor("statements") as cursor:
        cursor.itersize = 200
        cursor.execute(_STATEMENTS, {"month": month})
        for row, lines, packs, posted in cursor:
            statement = msgspec.json.decode(row)
            totals = {name: statement.pop(name) for name in list(statement) if name.endswith(("_cents", "_seconds"))}
            details = {"totals": totals, "lines": msgspec.json.decode(lines), "packs": msgspec.json.decode(packs)}
            yield {**statement, **details}, posted


def _file(folder: Path, statement: dict[str, Any], position: int) -> tuple[dict[str, Any], bool]:
    """Write a customer's file unless it says the same already; return its line of the index, and whether it is new."""
    path = folder / f"{_name(statement['customer_id'])}.json"
    stood = _read(path)
    is_new = {name: value for name, value in stood.items() if name != "as_of_position"} != statement
    as_of = position if is_new else stood["as_of_position"]
    text = msgspec.json.format(msgspec.json.encode({**statement, "as_of_position": as_of}), indent=2) + b"\n"
    if is_new:
        with replacing(path) as file:
            file.write(text)
    line = {name: statement[name] for name in ("customer_id", "customer_name", "period", "state", "currency")}
    line |= {name: statement["totals"][name] for name in _SUMS}
    line |= {"file": path.name, "sha256": hashlib.sha256(text).hexdigest(), "as_of_position": as_of}
    return line, is_new


def _name(customer_id: str) -> str:
    """Return a customer's id as a file name."""
    name = quote(customer_id, safe="")
    if len(name) <= _LONGEST_NAME and name != INDEX.partition(".")[0]:
        return name
    return f"{name[:_LONGEST_NAME]}-{hashlib.sha256(customer_id.encode()).hexdigest()[:16]}"


def _read(path: Path) -> dict[str, Any]:
    """Return what a file of a former run says; nothing where there is none, or none that is whole."""
    try:
        said = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return {}
    return said if isinstance(said, dict) and isinstance(said.get("as_of_position"), int) else {}


def _index(folder: Path, run: StatementRun, lines: list[dict[str, Any]]) -> None:
    totals = {
        currency: {name: sum(line[name] for line in lines if line["currency"] == currency) for name in _SUMS}
        for currency in sorted(run.owed_cents)
    }
    table = io.StringIO()
    writer = csv.DictWriter(
        table,
        ["customer_id", "customer_name", "period", "state", "currency", *_SUMS, "file", "sha256", "as_of_position"],
        lineterminator="\n",
    )
    writer.writeheader()
    writer.writerows({name: as_text(value) for name, value in line.items()} for line in lines)
    with replacing(folder / TABLE) as file:
        file.write(table.getvalue().encode())
    index = {
        "period": run.month,
        "as_of_position": run.position,
        "statements": len(lines),
        "still_open": run.still_open,
        "owed_cents": run.owed_cents,
        "ledger_receivable_cents": run.ledger_cents,
        "equals_ledger": run.equals_ledger,
        "totals": totals,
        "files": lines,
    }
    with replacing(folder / INDEX) as file:
        file.write(msgspec.json.format(msgspec.json.encode(index), indent=2) + b"\n")
