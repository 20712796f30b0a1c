"""A desk in Rome that a help desk's event log is imported into, with all its views."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from commands.application import CaselogApplication
from commands.founding import found_desk
from infra.clock import SystemClock
from infra.csv_import.mapping import Mapping
from infra.csv_import.mapping_file import load_mapping
from infra.csv_import.run import Progress, Report, run_import
from infra.log.factory import environment_of
from infra.postgres.migrations import migrate
from infra.postgres.pool import ConnectionPool, connect
from infra.projection.rebuild import rebuild
from projections.catalogue import VIEWS
from tests.e2e.helpdesk_figures import Figures, figures_of

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "docs" / "samples" / "helpdesk_sample.csv"
REAL = ROOT.parent / "shared" / "data" / "helpdesk.csv"


class ImportedDesk(msgspec.Struct, frozen=True):
    """What was imported, what it must come to, and a connection to see what it came to."""

    dsn: str
    schema: str
    file: Path
    report: Report
    figures: Figures
    connection: Connection

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return what a query finds."""
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    def import_again(self) -> Report:
        """Run the import a second time."""
        return import_into(self.dsn, self.schema, self.file)


@contextmanager
def application(dsn: str, schema: str) -> Iterator[CaselogApplication]:
    """The write side of a desk in Rome, founded when it is new."""
    migrate(dsn, schema)
    opened = CaselogApplication(environment_of(dsn, schema))
    with closing(opened):
        found_desk(opened, now=datetime.now(UTC), zone="Europe/Rome", currency="USD")
        yield opened


def import_into(
    dsn: str,
    schema: str,
    file: Path,
    mapping: Mapping | None = None,
    progress: Progress = lambda _doing, _done, _total: None,
) -> Report:
    """Import a file into a desk in Rome, by the help desk's mapping where no other is given."""
    with application(dsn, schema) as opened, closing(ConnectionPool(dsn, schema, 2)) as pool:
        return run_import(
            file,
            mapping or load_mapping("helpdesk"),
            application=opened,
            pool=pool,
            clock=SystemClock(),
            progress=progress,
        )


@contextmanager
def imported_desk(dsn: str, schema: str, file: Path) -> Iterator[ImportedDesk]:
    """Import a file and build all views. Where several processes ask for the same desk, one of them makes it."""
    migrate(dsn, schema)
    with closing(connect(dsn, schema)) as connection:
        with _alone(connection, schema):
            report = import_into(dsn, schema, file)
            with connection, connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM projections WHERE live")
                built = cursor.fetchone() == (len(VIEWS),)
            if not built:
                for view in VIEWS:
                    rebuild(dsn, schema, view)
        yield ImportedDesk(dsn, schema, file, report, figures_of(file), connection)


@contextmanager
def _alone(connection: Connection, schema: str) -> Iterator[None]:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 1))", (schema,))
    yield
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 1))", (schema,))
