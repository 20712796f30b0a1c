"""Requesters see and change what is their own customer's. What is another's does not exist for them: 404, never 403."""

from collections.abc import Mapping
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.http.access.identity import identity
from api.http.replies import ProblemRaised
from api.http.services import Connections
from commands.errors import UnknownCustomer, UnknownTicket
from commands.problems import FORBIDDEN
from infra.feed import customer_of_ticket

_NOBODY = ""
"""No customer has this id: what is asked of another's is answered as of one that does not exist."""


def confine_command(connections: Connections, data: Mapping[str, Any]) -> None:
    """Let a requester's command name only their own customer and its cases, and be written in their own name.

    Raises `UnknownCustomer` or `UnknownTicket`, as of ids that do not exist; ends the request with 403 if they write as
    staff. `data` has been checked for form.
    """
    own = identity().customer_id
    if own is None:
        return
    if (author := data.get("author")) is not None and author["role"] != "requester":
        raise ProblemRaised(FORBIDDEN, "a requester writes as requester, not as staff")
    if data.get("customer_id", own) != own:
        raise UnknownCustomer(f"there is no customer {data['customer_id']!r}", pointer="/customer_id")
    if (ticket := data.get("ticket")) is not None:
        with connections.connection() as connection:
            holder = customer_of_ticket(connection, ticket)
        if holder != own:
            raise UnknownTicket(f"there is no ticket {ticket!r}", pointer="/ticket")


def confine_path(connection: Connection, path: Mapping[str, str]) -> None:
    """Let a requester's address name only their own customer and its cases. Raises as for ids that do not exist."""
    own = identity().customer_id
    if own is None:
        return
    if path.get("customer", own) != own:
        raise UnknownCustomer(f"there is no customer {path['customer']!r}")
    if (ticket := path.get("ticket")) is not None and customer_of_ticket(connection, ticket) != own:
        raise UnknownTicket(f"there is no ticket {ticket!r}")


def confined(filters: Mapping[str, Any], names: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the parameters of a query, those of a requester narrowed to their own customer.

    `names` are those that the query has. One without `customer` among them shows nothing of customers.
    """
    own = identity().customer_id
    if own is None or "customer" not in names:
        return filters
    return {**filters, "customer": own if filters.get("customer", own) == own else _NOBODY}
