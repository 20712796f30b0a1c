"""At which position do several reporting views agree? A transaction that sees all of them there."""

import time
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager

import msgspec
import psycopg2.errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.postgres.pool import connect
from infra.reporting.views import reporting_schema
from projections.reporting.view import ReportingView

_BETWEEN_LOOKS_SECONDS = 0.05


class NoReportingViews(Exception):
    """The reporting views are not there, or some of those that are asked for."""


class ViewsApart(Exception):
    """The views stand at different positions and do not come together."""


class Snapshot(msgspec.Struct, frozen=True):
    """A connection in a read-only transaction whose plain names are reporting views, all of them at `position`."""

    connection: Connection
    position: int


@contextmanager
def snapshot(
    dsn: str, schema: str, views: Collection[ReportingView], *, patience_seconds: float = 30.0
) -> Iterator[Snapshot]:
    """Give a snapshot in which these views agree; those of the log itself agree with any.

    It is as good for the role of reporting jobs as for the desk's account. It waits for views that move apart for a
    moment. Raises `NoReportingViews`, `ViewsApart`, `DatabaseUnavailable`.
    """
    give_up_at = time.monotonic() + patience_seconds
    with closing(connect(dsn, reporting_schema(schema), application_name=f"caselog {schema} report")) as connection:
        connection.set_session(isolation_level="REPEATABLE READ", readonly=True)
        while True:
            positions = _positions(connection, views)
            if positions[0] == positions[1]:
                break
            connection.rollback()
            if time.monotonic() > give_up_at:
                raise ViewsApart(
                    f"the views stand at positions from {positions[0]} to {positions[1]}: they come together when the"
                    " projector (`caselog project`, or `caselog up`) has run for a moment"
                )
            time.sleep(_BETWEEN_LOOKS_SECONDS)
        yield Snapshot(connection, positions[0])


def _positions(connection: Connection, views: Collection[ReportingView]) -> tuple[int, int]:
    """Begin a transaction and return the least and the greatest position that a part of the views stands at."""
    of_rows = [view.name for view in views if view.sources]
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
            cursor.execute(
                "SELECT coalesce(min(position), max(log_position)), coalesce(max(ahead_position), max(log_position)),"
                " array(SELECT v FROM unnest(%s::text[]) v WHERE to_regclass(v) IS NULL)"
                " FROM positions WHERE view = ANY (%s) OR cardinality(%s::text[]) = 0",
                ([view.name for view in views], of_rows, of_rows),
            )
            least, greatest, missing = cursor.fetchone() or (0, 0, [])
    except psycopg2.errors.UndefinedTable as error:
        raise NoReportingViews(
            "this desk has no reporting views yet: the projector (`caselog project`, or `caselog up`) makes them"
        ) from error
    if missing:
        raise NoReportingViews(f"not built yet: {', '.join(missing)}; the projector (`caselog project`) builds them")
    return int(least), int(greatest)
