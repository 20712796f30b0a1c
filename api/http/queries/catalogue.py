"""All the questions there are."""

from api.http.queries import customers, incidents, knowledge, ledger, log, sla, tickets
from api.http.queries.query import Query

QUERIES: tuple[Query, ...] = (
    *tickets.QUERIES,
    *sla.QUERIES,
    *customers.QUERIES,
    *incidents.QUERIES,
    *knowledge.QUERIES,
    *ledger.QUERIES,
    *log.QUERIES,
)
