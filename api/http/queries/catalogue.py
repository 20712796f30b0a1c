"""All the questions there are."""

from api.http.queries import log, tickets
from api.http.queries.query import Query

QUERIES: tuple[Query, ...] = (*tickets.QUERIES, *log.QUERIES)
