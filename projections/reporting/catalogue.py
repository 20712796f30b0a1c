"""Which reporting views are there, and what has changed in them? docs/reporting.md is made from here."""

from collections.abc import Iterable

import msgspec

from domain.desk import DeskCreated
from domain.tags import tag_of
from projections.reporting import cases, clocks, customers, money
from projections.reporting.view import Column, ReportingView

_OF_THE_DESK: tuple[ReportingView, ...] = (
    ReportingView(
        "desk",
        "The desk: one row.",
        (
            Column("zone", "text", "t.data ->> 'zone'", "IANA name of the zone that its days and months are of"),
            Column("currency", "text", "t.data ->> 'currency'", "ISO 4217 code of the money of plans without another"),
            Column("created_at", "timestamptz", "t.data ->> 'occurred_at'", "when it was made"),
        ),
        f"FROM $events t WHERE t.position < 100 AND t.type = '{tag_of(DeskCreated)}'",
        {},
        ("created_at",),
    ),
    ReportingView(
        "event_counts",
        "How many events of each type the log received on each day (UTC).",
        (
            Column("day", "date", "t.day", "the day that they were recorded on"),
            Column("type", "text", "t.type", "their type, as in `GET /v1/events`"),
            Column("events", "bigint", "t.events", "how many"),
        ),
        "FROM (SELECT (recorded_at AT TIME ZONE 'UTC')::date AS day, type, count(*) AS events FROM $events"
        " GROUP BY 1, 2) t",
        {},
        ("day", "type"),
    ),
)

_ROWS: tuple[ReportingView, ...] = (
    cases.CASES,
    cases.QUEUE,
    cases.CASE_SPANS,
    clocks.SLA_CLOCKS,
    clocks.SLA_BREACHES,
    customers.CUSTOMERS,
    customers.SUBSCRIPTIONS,
    customers.HOUR_PACKS,
    money.STATEMENTS,
    money.WORK_ENTRIES,
    money.WORK_DRAWS,
    money.LEDGER_LINES,
    money.LEDGER_BALANCES,
    cases.INCIDENTS,
)


def _positions(views: Iterable[ReportingView]) -> ReportingView:
    """Return the view that says where the others stand."""
    projections_of = {view.name: ",".join(sorted(set(view.sources.values()))) for view in views}
    read_from = ", ".join(f"('{name}', '{{{projections}}}'::text[])" for name, projections in projections_of.items())
    return ReportingView(
        "positions",
        "Where each view stands in the log: its rows show the events up to there, and none after it. Ask in the same"
        " transaction (REPEATABLE READ) as what it is about. `desk` and `event_counts` are read from the log itself.",
        (
            Column("view", "text", "v.name", "the view"),
            Column("position", "bigint", "p.position", "the last event that it shows; 0: it was never built"),
            Column("ahead_position", "bigint", "p.ahead", "greater where a part of it is ahead, which a moment mends"),
            Column("log_position", "bigint", "h.position", "the last event of the log"),
            Column("updated_at", "timestamptz", "p.updated_at", "when it last moved"),
        ),
        f"""
FROM (VALUES {read_from}) v (name, projections)
CROSS JOIN $log_head h
CROSS JOIN LATERAL (
    SELECT min(coalesce(p.position, 0)) AS position, max(coalesce(p.position, 0)) AS ahead,
        max(p.updated_at) AS updated_at
    FROM unnest(v.projections) AS n (projection) LEFT JOIN $projections p ON p.view = n.projection AND p.live
) p""",
        {},
        ("view",),
    )


REPORTING_VIEWS: tuple[ReportingView, ...] = (_positions(_ROWS), *_ROWS, *_OF_THE_DESK)


class Change(msgspec.Struct, frozen=True):
    """A version of the reporting views: what changed in it, and the fingerprint of all columns since."""

    version: int
    text: str
    fingerprint: str


CHANGES: tuple[Change, ...] = (
    Change(
        1,
        "The first version: `positions`, `cases`, `queue`, `case_spans`, `sla_clocks`, `sla_breaches`, `customers`,"
        " `subscriptions`, `hour_packs`, `statements`, `work_entries`, `work_draws`, `ledger_lines`, `ledger_balances`,"
        " `incidents`, `desk`, `event_counts`.",
        "97537f1b94238e94",
    ),
    Change(2, "`queue` has `next_due_clock` and `next_due_at`.", "4042f8cff89f7dd3"),
)
"""Oldest first. A change of any column (its name, its type, that it is there) is a new version, told here: the test
that fails shows the new fingerprint. Columns are added at a view's end, so that what stands on the view stays."""

VERSION = CHANGES[-1].version
