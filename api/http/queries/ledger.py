"""Questions about the billing ledger: its journal and its balances."""

from typing import Any

from api.http.parameters import (
    LONGEST_CURSOR,
    MOST_ROWS,
    AsOfParameters,
    InstantParameter,
    ListParameters,
    NumberParameter,
)
from api.http.queries.query import Asked, Query, choose, page_of
from api.http.shapes.billing import Balance, JournalEntry
from api.http.shapes.common import Page
from commands.wire.fields import Identifier, Line, Period
from projections import ledger, ledger_queries

LONGEST_ACCOUNT = 200


class LedgerParameters(ListParameters):
    """Which journal entries."""

    customer = Identifier()
    account = Line(longest=LONGEST_ACCOUNT, metadata={"example": "income:on_demand"})
    period = Period()
    caused_by = Identifier(metadata={"description": "A position of the log, or the id of a work entry or pack."})
    as_of = InstantParameter(metadata={"description": "Only what had been recorded by then."})


class BalancesParameters(AsOfParameters):
    """Which balances. It came whole from the first, so that it has pages where a `limit` is named alone."""

    limit = NumberParameter(
        least=1, most=MOST_ROWS, metadata={"description": "The most items of a page; all come where it is left out."}
    )
    cursor = Line(longest=LONGEST_CURSOR, metadata={"description": "`next` of the page before."})

    customer = Identifier()
    account = Line(longest=LONGEST_ACCOUNT)
    period = Period()
    as_of = InstantParameter(metadata={"description": "As they stood at that instant."})


def _entries(asked: Asked) -> Any:
    wanted = asked.parameters
    filters = ledger_queries.LedgerFilters(**choose(wanted, "customer", "account", "period", "caused_by", "as_of"))
    return page_of(
        ledger_queries.entries(asked.connection, filters, cursor=wanted.get("cursor"), limit=wanted["limit"])
    )


def _balances(asked: Asked) -> Any:
    filters = ledger_queries.LedgerFilters(**choose(asked.parameters, "customer", "account", "period", "as_of"))
    page = ledger_queries.balances(
        asked.connection,
        filters,
        running="as_of_position" not in asked.parameters,
        cursor=asked.parameters.get("cursor"),
        limit=asked.parameters.get("limit"),
    )
    return page_of(page)


QUERIES = (
    Query(
        path="/v1/ledger",
        name="ledger",
        summary="Journal entries with their lines, in the order of the log.",
        views=(ledger.VIEW.name,),
        parameters=LedgerParameters(),
        shapes=(Page[JournalEntry],),
        answer=_entries,
    ),
    Query(
        path="/v1/ledger/balances",
        name="balances",
        summary="The balance of every account that is not zero.",
        views=(ledger.VIEW.name,),
        parameters=BalancesParameters(),
        shapes=(Page[Balance],),
        answer=_balances,
    ),
)
