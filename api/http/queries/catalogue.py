"""All the questions there are."""

from api.http.queries import customers, ledger, log, sla, tickets
from api.http.queries.query import Query

QUERIES: tuple[Query, ...] = (*tickets.QUERIES, *sla.QUERIES, *customers.QUERIES, *ledger.QUERIES, *log.QUERIES)
