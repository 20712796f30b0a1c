"""Questions about the budgets of customers."""

from typing import Any

from api.http.parameters import Parameters
from api.http.queries.query import Asked, Query
from api.http.shapes.budgets import BudgetsShape
from commands.errors import UnknownCustomer
from commands.wire.fields import Period
from domain.rating.months import local_date, month_of
from projections import budget, customer
from projections.reading import position_of

VIEWS = (customer.VIEW.name, budget.VIEW.name)


class BudgetParameters(Parameters):
    """Of which time."""

    period = Period(metadata={"description": "The span that this month is in; the present one where it is left out."})


def _budgets(asked: Asked) -> Any:
    customer_id = asked.path["customer"]
    position_of(asked.connection, *VIEWS)  # from here on all reads see one state
    if customer.find(asked.connection, customer_id) is None:
        raise UnknownCustomer(f"there is no customer {customer_id!r}")
    now, zone = asked.now(), asked.zone()
    month = asked.parameters.get("period") or month_of(now, zone)
    return budget.of_customer(asked.connection, customer_id, month, local_date(now, zone))


QUERIES = (
    Query(
        path="/v1/customers/<customer>/budget",
        name="budget",
        summary="A customer's budgets: actual, remaining and forecast, and the thresholds that were reached.",
        views=VIEWS,
        parameters=BudgetParameters(),
        shapes=(BudgetsShape,),
        answer=_budgets,
        failures=(UnknownCustomer,),
    ),
)
