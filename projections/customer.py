"""Who are the customers? One row each."""

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.customer import CustomerRegistered, CustomerUpdated
from domain.event import Value
from domain.recorded import RecordedEvent
from projections.reading import Json, Page, cut, decode_cursor, position_of, select, without_nulls
from projections.view import Row, Table, View


class Contact(Value, frozen=True, kw_only=True):
    """A person at the customer's."""

    name: str
    email: str


class CustomerRow(Row, frozen=True, kw_only=True):
    """A customer as its last event left it."""

    customer_id: str
    name: str
    contacts: tuple[Contact, ...]
    products: tuple[str, ...]
    account_manager: str | None
    version: int
    position: int


customers = Table("customer", CustomerRow, key=("customer_id",))
VIEW = View("customer", version=2, tables=(customers,))


@customers.begin(CustomerRegistered)
def registered(event: CustomerRegistered, at: RecordedEvent) -> CustomerRow:
    """The customer as registered."""
    return _row(event, at)


@customers.on(CustomerUpdated)
def updated(_: CustomerRow, event: CustomerUpdated, at: RecordedEvent) -> CustomerRow:
    """The whole of it as it is now."""
    return _row(event, at)


def _row(event: CustomerRegistered | CustomerUpdated, at: RecordedEvent) -> CustomerRow:
    return CustomerRow(
        customer_id=event.customer_id,
        name=event.name.text,
        contacts=tuple(Contact(name=each.name.text, email=each.email.text) for each in event.contacts),
        products=event.products,
        account_manager=event.account_manager,
        version=at.originator_version,
        position=at.position or 0,
    )


def shape(row: CustomerRow) -> Json:
    """A customer as JSON."""
    return without_nulls(msgspec.structs.asdict(row))


def find(connection: Connection, customer_id: str) -> CustomerRow | None:
    """Return a customer by id."""
    rows = select(connection, CustomerRow, "FROM customer t WHERE customer_id = %s", (customer_id,))
    return rows[0] if rows else None


def page(connection: Connection, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return customers by id. Raises `InvalidCursor`."""
    position = position_of(connection, VIEW.name)
    after = "" if cursor is None else decode_cursor(cursor, tuple[str])[0]
    rows = select(
        connection,
        CustomerRow,
        "FROM customer t WHERE customer_id > %s ORDER BY customer_id LIMIT %s",
        (after, limit + 1),
    )
    return cut(rows, limit, lambda row: (row.customer_id,), shape, position)
