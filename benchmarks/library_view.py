"""What a user of the library writes for one view: cases with their replies counted, in a table of PostgreSQL."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from time import perf_counter
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.domain import Aggregate, event
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL, Identifier
from psycopg2.extensions import parse_dsn

from benchmarks.server import BenchmarkServer
from infra.postgres.pool import connect

REPLIES = 4
"""A case has five events."""


class Case(Aggregate):
    """A case with replies."""

    class Opened(Aggregate.Created):
        """It was opened."""

        customer: str
        subject: str

    class Replied(Aggregate.Event):
        """Somebody replied."""

        author: str
        body: str

    @event(Opened)
    def __init__(self, customer: str, subject: str) -> None:
        self.customer = customer
        self.subject = subject

    @event(Replied)
    def reply(self, author: str, body: str) -> None:
        """Add a reply."""
        self.last = author, body


class Cases(Application[UUID]):
    """The application whose events the view follows."""

    name = "library_cases"

    def write(self, cases: int) -> None:
        """Save so many cases, each with its replies."""
        for _ in range(cases):
            case = Case("customer-7", "Opening hours")
            for _ in range(REPLIES):
                case.reply("Ada Lovelace", "x" * 200)
            self.save(case)


class QueueView(PostgresTrackingRecorder):
    """The table, and the statements that change it, each in one transaction with the place of the event."""

    def __init__(self, datastore: PostgresDatastore, **options: Any) -> None:
        super().__init__(datastore, **options)
        self._table = (Identifier(datastore.schema), Identifier("library_queue"))
        self.sql_create_statements.append(
            SQL("CREATE TABLE IF NOT EXISTS {}.{} (case_id uuid PRIMARY KEY, subject text, replies integer)").format(
                *self._table
            )
        )

    def opened(self, case_id: UUID, subject: str, tracking: Tracking) -> None:
        """Add a row."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                SQL("INSERT INTO {}.{} VALUES (%s, %s, 0)").format(*self._table), (case_id, subject), prepare=True
            )

    def replied(self, case_id: UUID, tracking: Tracking) -> None:
        """Count a reply."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            cursor.execute(
                SQL("UPDATE {}.{} SET replies = replies + 1 WHERE case_id = %s").format(*self._table),
                (case_id,),
                prepare=True,
            )


class QueueProjection(Projection[QueueView]):
    """Which event changes what."""

    name = "library_queue"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """Pass over what is not handled."""

    @process_event.register
    def _(self, domain_event: Case.Opened, tracking: Tracking) -> None:
        self.view.opened(domain_event.originator_id, domain_event.subject, tracking)

    @process_event.register
    def _(self, domain_event: Case.Replied, tracking: Tracking) -> None:
        self.view.replied(domain_event.originator_id, tracking)


@contextmanager
def library_view(server: BenchmarkServer, schema: str) -> Iterator[Callable[[int], float]]:
    """Give a function that writes about so many events, lets the view catch up, and returns events a second of that."""
    environment = _environment(server, schema)
    with closing(connect(server.url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
    cases = Cases(environment)

    def catch_up(events: int) -> float:
        cases.write(events // (1 + REPLIES))
        head = cases.recorder.max_notification_id()
        assert head is not None
        started = perf_counter()
        with ProjectionRunner(
            application_class=Cases, projection_class=QueueProjection, view_class=QueueView, env=environment
        ) as runner:
            runner.wait(head, timeout=300)
        return events / (perf_counter() - started)

    try:
        yield catch_up
    finally:
        cases.close()


def _environment(server: BenchmarkServer, schema: str) -> dict[str, str]:
    given = parse_dsn(server.url)
    os.environ["PGPASSFILE"] = given.get("passfile", os.environ.get("PGPASSFILE", ""))
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": given["dbname"],
        "POSTGRES_HOST": given["host"],
        "POSTGRES_PORT": given.get("port", "5432"),
        "POSTGRES_USER": given["user"],
        "POSTGRES_PASSWORD": given.get("password", ""),
        "POSTGRES_SCHEMA": schema,
    }
