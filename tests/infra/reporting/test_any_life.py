"""Whatever subscriptions and cases live through, the reporting views say what the code of the views says."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from random import Random
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extras import RealDictCursor

from domain.clocks.explain import verdict
from domain.event import Event
from domain.tags import decode, encode, tag_of
from domain.ticket.events import TicketClosed, TicketOpened, TicketReopened, TicketResolved
from domain.ticket.split_merge_events import TicketMerged
from infra.postgres.pool import connect
from infra.projection.rebuild import rebuild
from infra.reporting.role import install
from infra.reporting.views import reporting_schema
from projections import customer, ledger, sla, subscription, ticket
from projections.account import account_of
from projections.folding import fold
from projections.sla import SlaRow
from projections.statement import statement
from tests.domain.subscription.test_whole_lives import live
from tests.infra.projection.conftest import Append, append
from tests.projections.stories import Placed, desk_story, recorded

__all__ = ["append"]

LIVES = 60


@pytest.fixture
def views(database: str, schema: str) -> Iterator[Connection]:
    """A connection to the reporting views of a desk, once they are made."""
    install(database, schema)
    with closing(connect(database, reporting_schema(schema))) as opened:
        opened.autocommit = True
        yield opened


def rows(connection: Connection, query: str) -> list[dict[str, Any]]:
    with connection.cursor(cursor_factory=RealDictCursor) as cursor:
        cursor.execute(query)
        return [dict(row) for row in cursor.fetchall()]


def as_customer(event: Event, number: int) -> Event:
    """The event as one of another customer's subscription."""
    text = encode(event).decode()
    for own in ("s", "c", "e", "p"):
        text = text.replace(f'"{own}-', f'"{own}-{number}-')
    return decode(tag_of(type(event)), text)


def test_statements_and_ledger_agree_with_the_code_of_the_views_in_any_life(
    database: str, schema: str, append: Append, views: Connection
) -> None:
    stories = [
        [(f"subscription-s-{seed}-1", as_customer(event, seed)) for event in live(Random(seed)).events]
        for seed in range(LIVES)
    ]
    append([placed for story in stories for placed in story])
    for view in (subscription.VIEW, customer.VIEW, ledger.VIEW):
        rebuild(database, schema, view)
    told = {(row["customer_id"], row["period"]): row for row in rows(views, "SELECT * FROM statements")}
    seen = dict.fromkeys(("credits_cents", "emergency_cents", "hold_cents", "packs_cents", "rollover_seconds"), 0)
    for number, story in enumerate(stories):
        account = account_of(recorded(story))
        if account is None:
            continue
        for month in account.months:
            row = told.pop((f"c-{number}-1", month.month))
            shown = statement(account, month.month)
            assert {name: row[name] for name in shown["totals"]} == shown["totals"]
            assert (row["fee_cents"], row["state"]) == (shown["fee_cents"], shown["state"])
            assert row["allowance_granted_seconds"] == shown["allowance"]["granted_seconds"]
            assert row["rollover_seconds"] == shown["allowance"]["rollover_seconds"]
            assert row["allowance_used_seconds"] == shown["allowance"]["used_seconds"]
            for name in seen:
                seen[name] += row[name]
    assert told == {}, "a month of a statement has begun"
    assert all(seen.values()), "some life has each of these"
    assert rows(
        views, "SELECT customer_id, period, owed_cents FROM statements WHERE owed_cents <> 0 ORDER BY 1, 2"
    ) == (
        rows(
            views,
            "SELECT customer_id, period, sum(amount)::bigint AS owed_cents FROM ledger_lines"
            " WHERE account = 'receivable' GROUP BY 1, 2 HAVING sum(amount) <> 0 ORDER BY 1, 2",
        )
    )


def test_clocks_and_spans_agree_with_the_code_of_the_views_in_any_life(
    database: str, schema: str, append: Append, views: Connection
) -> None:
    story = desk_story(300)
    append(story)
    for view in (ticket.VIEW, sla.VIEW):
        rebuild(database, schema, view)
    fields = ("ticket_id", "clock", "instance", "started_at", "ended_at", "ended_by", "target_seconds", "verdict")
    clocks = [tuple(row[name] for name in fields) for row in rows(views, "SELECT * FROM sla_clocks")]
    assert sorted(clocks, key=repr) == sorted(clocks_of(story), key=repr)
    assert {clock[-1] for clock in clocks} == {"met", "breached", None}
    spans = rows(views, "SELECT ticket_id, opened_at, ended_at FROM case_spans ORDER BY ticket_id, number")
    assert [tuple(row.values()) for row in spans] == spans_of(story)
    is_open = {row["ticket_id"] for row in rows(views, "SELECT ticket_id FROM cases WHERE is_open")}
    assert is_open == {ticket_id for ticket_id, _, ended_at in spans_of(story) if ended_at is None}


def clocks_of(story: Sequence[Placed]) -> list[tuple[Any, ...]]:
    found: list[SlaRow] = fold(sla.VIEW, recorded(story)).rows(sla.sla)
    return [
        (
            row.ticket_id,
            each.clock,
            each.number,
            each.started_at,
            each.ended_at,
            each.end_kind,
            each.target_seconds,
            verdict(each, final=row.history.clocks.final),
        )
        for row in found
        if row.history is not None
        for each in (*row.history.former, *row.history.clocks.latest)
    ]


def spans_of(story: Sequence[Placed]) -> list[tuple[Any, ...]]:
    spans: dict[str, list[list[Any]]] = {}
    for _, event in story:
        match event:
            case TicketOpened():
                spans[event.ticket_id] = [[event.received_at, None]]
            case TicketReopened() if spans[event.ticket_id][-1][1] is not None:
                spans[event.ticket_id].append([event.occurred_at, None])
            case TicketResolved() | TicketClosed() | TicketMerged() if spans[event.ticket_id][-1][1] is None:
                spans[event.ticket_id][-1][1] = event.occurred_at
    return [(ticket_id, *span) for ticket_id in sorted(spans) for span in spans[ticket_id]]
