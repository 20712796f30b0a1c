"""Questions about customers: who they are, what they subscribed to, what they owe for a month."""

from collections.abc import Iterable
from typing import Any

from api.http.parameters import InstantParameter, ListParameters, Parameters
from api.http.queries.query import Asked, Query, page_of
from api.http.shapes.billing import StatementShape, SubscriptionShape
from api.http.shapes.common import Page
from api.http.shapes.customers import CustomerShape
from api.http.shapes.explanation import ExplanationShape
from commands.errors import UnknownCustomer, UnknownStatementLine, UnknownSubscription
from commands.wire.fields import Identifier, Period
from domain.recorded import RecordedEvent
from infra.feed import read_streams
from projections import customer, subscription
from projections.account import Account, account_at, account_for_statement, account_of, subscription_streams, until
from projections.explanation import explanation, tickets_of
from projections.statement import statement
from projections.subscription_queries import subscription as subscription_at


class SubscriptionParameters(Parameters):
    """The subscription now, or as it stood."""

    as_of = InstantParameter(metadata={"description": "As it stood at that instant."})


class StatementParameters(SubscriptionParameters):
    """Of which month."""

    period = Period(required=True, metadata={"example": "2026-11"})


class ExplanationParameters(StatementParameters):
    """Which line of the statement."""

    entry = Identifier(required=True, metadata={"description": "The id of the work entry."})


def _customers(asked: Asked) -> Any:
    wanted = asked.parameters
    return page_of(customer.page(asked.connection, cursor=wanted.get("cursor"), limit=wanted["limit"]))


def _customer(asked: Asked) -> Any:
    row = customer.find(asked.connection, asked.path["customer"])
    if row is None:
        raise UnknownCustomer(f"there is no customer {asked.path['customer']!r}")
    return customer.shape(row)


def _subscription(asked: Asked) -> Any:
    if "as_of" in asked.parameters:
        return subscription_at(_account_as_of(asked), asked.parameters["as_of"])
    now = asked.now()
    account = account_at(asked.connection, asked.path["customer"], now)
    if account is None:
        raise _nothing_subscribed(asked)
    return subscription_at(account, now)


def _statement(asked: Asked) -> Any:
    period = asked.parameters["period"]
    if "as_of" in asked.parameters:
        return statement(_account_as_of(asked), period, asked.parameters["as_of"])
    account = account_for_statement(asked.connection, asked.path["customer"], period)
    if account is None:
        raise _nothing_subscribed(asked)
    return statement(account, period, asked.now())


def _explanation(asked: Asked) -> Any:
    period, entry_id = asked.parameters["period"], asked.parameters["entry"]
    records = _subscription_events(asked)
    if not records:
        raise _nothing_subscribed(asked)
    cases = _until(asked, read_streams(asked.connection, tickets_of(records, entry_id)))
    found = explanation(records, cases, period, entry_id)
    if found is None:
        raise UnknownStatementLine(f"nothing of an entry {entry_id!r} is posted in {period}", pointer="/entry")
    return found


def _account_as_of(asked: Asked) -> Account:
    account = account_of(_subscription_events(asked))
    if account is None:
        raise _nothing_subscribed(asked)
    return account


def _subscription_events(asked: Asked) -> list[RecordedEvent]:
    streams = subscription_streams(asked.connection, asked.path["customer"])
    return _until(asked, read_streams(asked.connection, streams))


def _until(asked: Asked, records: Iterable[RecordedEvent]) -> list[RecordedEvent]:
    return until(records, asked.parameters["as_of"]) if "as_of" in asked.parameters else list(records)


def _nothing_subscribed(asked: Asked) -> UnknownCustomer | UnknownSubscription:
    """Return the error that tells a customer without a subscription from nobody at all."""
    _customer(asked)
    return UnknownSubscription(f"customer {asked.path['customer']!r} has no subscription")


QUERIES = (
    Query(
        path="/v1/customers",
        name="customers",
        summary="Customers by id.",
        views=(customer.VIEW.name,),
        parameters=ListParameters(),
        shapes=(Page[CustomerShape],),
        answer=_customers,
    ),
    Query(
        path="/v1/customers/<customer>",
        name="customer",
        summary="One customer.",
        views=(customer.VIEW.name,),
        shapes=(CustomerShape,),
        answer=_customer,
        failures=(UnknownCustomer,),
        tagged=True,
    ),
    Query(
        path="/v1/customers/<customer>/subscription",
        name="subscription",
        summary="A customer's subscription: terms, allowance, packs, what is left of them and how long it will last.",
        views=(customer.VIEW.name, subscription.VIEW.name),
        parameters=SubscriptionParameters(),
        shapes=(SubscriptionShape,),
        answer=_subscription,
        failures=(UnknownCustomer, UnknownSubscription),
        tagged=True,
    ),
    Query(
        path="/v1/customers/<customer>/statement",
        name="statement",
        summary="A customer's month: each work entry with its draws and amounts, purchases, credits and totals.",
        views=(customer.VIEW.name, subscription.VIEW.name),
        parameters=StatementParameters(),
        shapes=(StatementShape,),
        answer=_statement,
        failures=(UnknownCustomer, UnknownSubscription),
    ),
    Query(
        path="/v1/customers/<customer>/statement/explain",
        name="explanation",
        summary="Why a work entry is billed so in a month: facts, what each grant had left, each draw and credit.",
        views=(customer.VIEW.name, subscription.VIEW.name),
        parameters=ExplanationParameters(),
        shapes=(ExplanationShape,),
        of_desk=True,
        answer=_explanation,
        failures=(UnknownCustomer, UnknownSubscription, UnknownStatementLine),
    ),
)
