"""All the questions there are."""

from api.http.queries import (
    audit,
    budgets,
    customers,
    incidents,
    knowledge,
    ledger,
    log,
    outlook,
    sla,
    tickets,
    webhooks,
)
from api.http.queries.query import Query

QUERIES: tuple[Query, ...] = (
    *tickets.QUERIES,
    *audit.QUERIES,
    *sla.QUERIES,
    *outlook.QUERIES,
    *customers.QUERIES,
    *budgets.QUERIES,
    *incidents.QUERIES,
    *knowledge.QUERIES,
    *ledger.QUERIES,
    *log.QUERIES,
    *webhooks.QUERIES,
)
