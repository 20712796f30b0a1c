"""The small views, such as those of customers and webhooks, are in the database what they are in memory."""

from contextlib import closing
from datetime import date, timedelta
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.article import ArticlePublished, ArticleRetired, ArticleRevised
from domain.budget import BudgetSet, BudgetThresholdReached
from domain.customer import CustomerRegistered, CustomerUpdated
from domain.incident import IncidentDeclared, IncidentResolved, IncidentUpdatePosted, TicketLinked
from domain.personal import Personal
from domain.subscription.events import AllowanceExhausted
from domain.ticket.events import CustomerReminded, IncidentResolutionAnnounced
from domain.webhook import events as webhooks
from infra.projection.rebuild import finish
from infra.projection.writer import view_connection
from projections import article, budget, customer, incident, notice, webhook
from projections.folding import fold
from projections.reading import select
from projections.view import View
from tests.domain.test_owed import CANCELLED, CHANGED, EMERGENCY, LATE, ON_DEMAND, rerated, revised
from tests.infra.projection.conftest import Append
from tests.infra.projection.test_runner import begin, run
from tests.projections.stories import ADA, START, Placed, recorded

LATER = START + timedelta(hours=1)
CASE: dict[str, Any] = {"occurred_at": START, "ticket_id": "t1", "customer_id": "c-1"}

STORY: list[Placed] = [
    ("customer-c-1", CustomerRegistered(occurred_at=START, customer_id="c-1", name=Personal("The\tInn"))),
    *((f"subscription-{event.subscription_id}", event) for event in LATE.events),
    ("subscription-s-1", revised("2026-11", (ON_DEMAND,), "enhancement")),
    ("subscription-s-1", rerated((ON_DEMAND,), (EMERGENCY,))),
    ("subscription-s-1", revised("2026-12", (), "maintenance")),
    ("subscription-s-1", CHANGED),
    ("subscription-s-1", CANCELLED),
    (
        "subscription-s-1",
        AllowanceExhausted(occurred_at=START, subscription_id="s-1", customer_id="c-1", month="2026-11"),
    ),
    (
        "budget-c-1",
        BudgetSet(
            occurred_at=START,
            customer_id="c-1",
            cadence="monthly",
            scope="all",
            amount_cents=100,
            currency="USD",
            starts_on=date(2026, 11, 1),
        ),
    ),
    (
        "budget-c-1",
        BudgetThresholdReached(
            occurred_at=START,
            customer_id="c-1",
            scope="all",
            span_starts="2026-11",
            span_ends="2026-11",
            threshold_percent=50,
            amount_cents=100,
            actual_cents=60,
            reached_at=START,
        ),
    ),
    ("incident-i-1", IncidentDeclared(occurred_at=START, incident_id="i-1", title="Down", text=Personal('"\\N"\n'))),
    ("incident-i-1", TicketLinked(occurred_at=START, incident_id="i-1", ticket_id="t1", case_number="C-000001")),
    ("incident-i-1", TicketLinked(occurred_at=LATER, incident_id="i-1", ticket_id="t2", case_number="C-000002")),
    ("incident-i-1", IncidentUpdatePosted(occurred_at=LATER, incident_id="i-1", text=Personal("Half of it"))),
    ("incident-i-1", IncidentResolved(occurred_at=LATER, incident_id="i-1", text=Personal("Up"))),
    ("ticket-t1", IncidentResolutionAnnounced(incident_id="i-1", text=Personal("Up"), **CASE)),
    ("ticket-t1", CustomerReminded(number=1, due_at=START, **CASE)),
    ("article-a-1", ArticlePublished(occurred_at=START, article_id="a-1", title="A", body="B", topics=("x", "y"))),
    ("article-a-2", ArticlePublished(occurred_at=START, article_id="a-2", title="A", body="B")),
    ("article-a-1", ArticleRevised(occurred_at=LATER, article_id="a-1", title="A2", body="B2", topics=("y",))),
    ("article-a-2", ArticleRetired(occurred_at=LATER, article_id="a-2")),
    (
        "customer-c-1",
        CustomerUpdated(occurred_at=LATER, customer_id="c-1", name=Personal("Inn"), contacts=(ADA,), products=("hub",)),
    ),
    *(
        (f"webhook-{event.webhook_id}", event)
        for event in (
            webhooks.WebhookCreated(occurred_at=START, webhook_id="w-1", url="https://a.example/", types=("x", "y")),
            webhooks.WebhookCreated(occurred_at=START, webhook_id="w-2", url="https://b.example/", customer_id="c-1"),
            webhooks.WebhookCreated(occurred_at=START, webhook_id="w-3", url="https://c.example/", label="C\t"),
            webhooks.WebhookUpdated(occurred_at=LATER, webhook_id="w-1", url="https://d.example/"),
            webhooks.WebhookSecretRotated(occurred_at=LATER, webhook_id="w-1", generation=2, former_until=LATER),
            webhooks.WebhookDisabled(occurred_at=LATER, webhook_id="w-1", cause="gone", reason="410"),
            webhooks.WebhookDisabled(occurred_at=LATER, webhook_id="w-2", cause="asked", reason="it moves"),
            webhooks.WebhookEnabled(occurred_at=LATER, webhook_id="w-2"),
            webhooks.WebhookReplayed(occurred_at=LATER, webhook_id="w-2", after=3),
            webhooks.DeliveriesRetried(occurred_at=LATER, webhook_id="w-2"),
            webhooks.DeliveriesDropped(occurred_at=LATER, webhook_id="w-2"),
            webhooks.WebhookDeleted(occurred_at=LATER, webhook_id="w-3"),
        )
    ),
]


def stored(connection: Connection, view: View) -> dict[str, list[Any]]:
    tables = {
        table.name: sorted(select(connection, table.row, f"FROM {table.name} t"), key=table.key_of_row)
        for table in view.tables
    }
    entries = {
        journal.name: select(connection, journal.row, f"FROM {journal.name} t ORDER BY position")
        for journal in view.journals
    }
    return {**tables, **entries}


def in_memory(view: View) -> dict[str, list[Any]]:
    folded = fold(view, recorded(STORY))
    return {table.name: sorted(folded.rows(table), key=table.key_of_row) for table in view.tables} | folded.journals


@pytest.mark.parametrize("batch_size", [1, 5, 1000])
@pytest.mark.parametrize(
    "view",
    [customer.VIEW, incident.VIEW, article.VIEW, budget.VIEW, notice.VIEW, webhook.VIEW],
    ids=lambda view: view.name,
)
def test_rows_are_those_of_a_fold_in_memory(
    database: str, schema: str, append: Append, connection: Connection, view: View, batch_size: int
) -> None:
    append(STORY)
    with closing(view_connection(database, schema, view)) as writing:
        runner = begin(writing, view)
        run(writing, runner, batch_size)
        finish(writing, runner)
    expected = in_memory(view)
    assert all(expected.values()), "every table has a row"
    assert stored(connection, view) == expected
