"""A desk in the midst of a year, with everything in it that reports tell of: one for all tests of this package.

What people wrote holds `SECRET`, so that a test can look for it where it must not be.
"""

from collections.abc import Iterator
from contextlib import closing
from secrets import token_hex
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extras import RealDictCursor

from infra.postgres.pool import connect
from infra.reporting.role import install
from infra.reporting.views import reporting_schema
from tests.scenarios.desk import Desk
from tests.scenarios.running import running_desk

SECRET = "Zebrastreifen"


class ReportingDesk:
    """A desk whose reporting views are installed."""

    def __init__(self, users: Desk, dsn: str, schema: str) -> None:
        self.users = users
        self.dsn = dsn
        self.schema = schema
        self.views = reporting_schema(schema)

    def connection(self) -> Connection:
        """Return a connection of the desk's own account."""
        return connect(self.dsn, self.schema)

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        """Return rows of the reporting views, read by the desk's account."""
        with (
            closing(connect(self.dsn, self.views)) as connection,
            connection.cursor(cursor_factory=RealDictCursor) as cursor,
        ):
            cursor.execute(query, values)
            return [dict(row) for row in cursor.fetchall()]


@pytest.fixture(scope="module")
def desk(postgres_dsn: str) -> Iterator[ReportingDesk]:
    schema = f"test_{token_hex(6)}"
    try:
        with running_desk(postgres_dsn, schema) as running, Desk(running) as users:
            tell(users)
            users.ticket("C-000001")  # every view has seen all of it
            assert install(postgres_dsn, schema) == []
            yield ReportingDesk(users, postgres_dsn, schema)
    finally:
        forget(postgres_dsn, schema)


def forget(dsn: str, schema: str) -> None:
    """Drop a desk, its reporting views and their role."""
    role = reporting_schema(schema)
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{role}" CASCADE; DROP SCHEMA IF EXISTS "{schema}" CASCADE')
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (role,))
        if cursor.fetchone() is not None:
            cursor.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def tell(desk: Desk) -> None:
    """Let two months pass at a desk with three customers."""
    person = {"name": f"Ada {SECRET}", "email": f"{SECRET}@example.com"}
    said: dict[str, Any] = {"requester": person, "subject": f"{SECRET}!", "description": f"How, {SECRET}?"}
    desk.at("Mon 2037-11-02 10:00")
    for customer_id in ("alpine", "beach", "cedar"):
        desk.does(
            "register-customer",
            customer_id=customer_id,
            name=customer_id.title(),
            contacts=[person],
            products=["website"],
        )
    desk.does("start-subscription", customer_id="alpine", plan="standard", starts_on="2037-10-01")
    desk.does("start-subscription", customer_id="beach", plan="standard", starts_on="2037-11-01")
    first = desk.case("how_to", urgency="high", **said)
    desk.does("assign-ticket", ticket=first, agent="kim")
    second = desk.case("new_feature", customer_id="beach", urgency="low", **said)
    desk.does("escalate-ticket", ticket=second, team="design", reason=f"{SECRET} asks for it")
    desk.at("Mon 2037-11-02 10:30")
    desk.staff_reply(first, f"Like this, {SECRET}.")
    desk.works(first, "Mon 2037-11-02 10:10", minutes=20, entry="a-1", note=f"with {SECRET}")
    desk.works(second, "Mon 2037-11-02 02:00", minutes=480, entry="b-1")
    desk.at("Mon 2037-11-02 15:00")
    desk.resolves(first, f"Told {SECRET}.")
    desk.at("Tue 2037-11-03 09:00")
    desk.does("reopen-ticket", ticket=first, reason=f"Not yet, says {SECRET}.")
    desk.buys(10, customer_id="beach")
    desk.at("Wed 2037-11-04 12:00")
    desk.resolves(first, "Now it is.")
    desk.closes(first)
    third = desk.case("setting_change", customer_id="beach", **said)
    twin = desk.case("setting_change", customer_id="beach", **said)
    desk.does("merge-ticket", ticket=twin, into=third)
    desk.at("Sat 2037-11-07 20:00")
    emergency = desk.emergency(customer_id="alpine", urgency="high", requester=person)
    desk.accepts(emergency, f"{SECRET} cannot sell.")
    desk.works(emergency, "Sat 2037-11-07 19:00", minutes=60, entry="a-2")
    incident = desk.does("declare-incident", title="Booking is slow", text=f"{SECRET} reports it.")["result"][
        "incident_id"
    ]
    desk.does("link-incident", ticket=emergency, incident=incident)
    desk.does("post-incident-update", incident=incident, text=f"{SECRET} waits.")
    desk.at("Mon 2037-11-16 10:00")
    desk.rules(emergency, "out_of_scope", f"{SECRET}'s own host.")
    desk.works(third, "Mon 2037-11-16 09:00", minutes=45, entry="b-2")
    desk.does("void-work", ticket=third, entry_id="b-2", reason=f"It was {SECRET}'s.")
    desk.at("Wed 2037-12-02 10:00")
    desk.closes_month("2037-10")
    desk.closes_month("2037-11")
    desk.corrects(emergency, "a-2", minutes=30, reason=f"{SECRET} says so.")
    desk.case("technical_error", customer_id="alpine", **said)
    desk.at("Fri 2037-12-04 10:00")
