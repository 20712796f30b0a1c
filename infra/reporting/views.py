"""Where do the reporting views live, and how do they follow a switch? In `<desk>_reporting`, over live builds.

They are over the tables themselves and not over the views of SQL with plain names, so that a switch replaces them in
place (CREATE OR REPLACE): their grants stay, and whatever a reporting database has built on them.
"""

from collections.abc import Iterable, Mapping
from string import Template

import msgspec
import psycopg2
import structlog
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from projections.reporting.catalogue import REPORTING_VIEWS, VERSION
from projections.reporting.view import ReportingView

log = structlog.get_logger()

_OF_THE_LOG = ("events", "log_head", "projections")
"""Tables that every reporting view may read, beside those of views."""


def reporting_schema(schema: str) -> str:
    """Return the name of the schema of a desk's reporting views, and of the role that may read them."""
    return f"{schema}_reporting"


def install_views(
    cursor: Cursor, schema: str, views: Iterable[ReportingView] = REPORTING_VIEWS, version: int = VERSION
) -> None:
    """Make what is missing of the reporting views, and those anew whose definition has changed.

    A catalogue that a newer release has written is left alone. A view whose sources have never been built is made by
    the switch that shows the last of them. Raises psycopg2's `InsufficientPrivilege` where the account may not make
    the schema, which somebody has to make for it.
    """
    _one_at_a_time(cursor)
    cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (reporting_schema(schema),))
    if cursor.fetchone() is None:
        cursor.execute(f'CREATE SCHEMA "{reporting_schema(schema)}"')
    stored = _stored(cursor)
    if any(stored_version > version for stored_version, _ in stored.values()):
        changed: set[str] = set()
    else:
        wanted = {view.name: view for view in views}
        changed = {name for name, view in wanted.items() if stored.get(name, (0, None))[1] != view}
        for gone in stored.keys() - wanted.keys():
            cursor.execute(f'DROP VIEW IF EXISTS "{reporting_schema(schema)}".{gone} CASCADE')
            cursor.execute("DELETE FROM reporting_views WHERE name = %s", (gone,))
        for view in wanted.values():
            cursor.execute(
                "INSERT INTO reporting_views (name, version, definition) VALUES (%s, %s, %s)"
                " ON CONFLICT (name) DO UPDATE SET version = excluded.version, definition = excluded.definition",
                (view.name, version, msgspec.json.encode(view).decode()),
            )
        stored = {name: (version, view) for name, view in wanted.items()}
    there = _there(cursor, schema)
    for name, (_, view) in stored.items():
        if name in changed or name not in there:
            _make(cursor, schema, view, replaces=name in there)


def follow_switch(cursor: Cursor, projection: str) -> None:
    """Let the reporting views over a view's tables be over those of its live build from the transaction's end on."""
    cursor.execute(
        "SELECT current_schema(), EXISTS (SELECT FROM pg_namespace WHERE nspname = current_schema() || '_reporting')"
    )
    schema, installed = cursor.fetchone() or ("", False)
    if not installed:
        return
    _one_at_a_time(cursor)
    there = _there(cursor, schema)
    for _, view in _stored(cursor).values():
        if projection in view.sources.values():
            _make(cursor, schema, view, replaces=view.name in there)


def follow_restore(cursor: Cursor) -> None:
    """Let the reporting views be over the tables of a desk that has just been restored, where they are from before it.

    They may be over another one, which was renamed to make room. What cannot be made of the restored desk yet goes: the
    next switch, or start of the projector, makes it.
    """
    cursor.execute(
        "SELECT current_schema(), EXISTS (SELECT FROM pg_namespace WHERE nspname = current_schema() || '_reporting')"
    )
    schema, installed = cursor.fetchone() or ("", False)
    if not installed:
        return
    _one_at_a_time(cursor)
    builds = _live_builds(cursor)
    stored = {name: view for name, (_, view) in _stored(cursor).items()}
    for name in sorted(_there(cursor, schema)):
        view = stored.get(name)
        if view is None or not builds.keys() >= set(view.sources.values()):
            cursor.execute(f'DROP VIEW IF EXISTS "{reporting_schema(schema)}".{name} CASCADE')
        else:
            _make(cursor, schema, view, replaces=True)


def _live_builds(cursor: Cursor) -> Mapping[str, int]:
    cursor.execute("SELECT view, build FROM projections WHERE live")
    return dict(cursor.fetchall())


def _one_at_a_time(cursor: Cursor) -> None:
    """Keep others from making reporting views until the transaction ends: each goes by what the one before switched."""
    cursor.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('caselog reporting views of ' || current_schema(), 0))"
    )


def _stored(cursor: Cursor) -> dict[str, tuple[int, ReportingView]]:
    cursor.execute("SELECT name, version, definition::text FROM reporting_views ORDER BY name")
    return {name: (version, msgspec.json.decode(text, type=ReportingView)) for name, version, text in cursor}


def _there(cursor: Cursor, schema: str) -> set[str]:
    cursor.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s",
        (reporting_schema(schema),),
    )
    return {name for (name,) in cursor}


def _make(cursor: Cursor, schema: str, view: ReportingView, *, replaces: bool) -> None:
    """Make a view over the live builds, if all of its sources have one.

    Where it cannot be made of them (a build by an older release lacks a column), it goes: nobody must take the rows of
    a build that stands still for those of now.
    """
    builds = _live_builds(cursor)
    if not builds.keys() >= set(view.sources.values()):
        return
    tables = {table: f'"{schema}".{table}_b{builds[projection]}' for table, projection in view.sources.items()}
    names = tables | {table: f'"{schema}".{table}' for table in _OF_THE_LOG}
    name = f'"{reporting_schema(schema)}".{view.name}'
    query = Template(view.query).substitute(names)
    failure = _failure(cursor, f"CREATE OR REPLACE VIEW {name} AS {query}")
    if failure is not None and replaces:
        cursor.execute(f"DROP VIEW {name} CASCADE")
        failure = _failure(cursor, f"CREATE VIEW {name} AS {query}")
    if failure is not None:
        log.error("a reporting view cannot be made of the live builds", reporting_view=view.name, reason=str(failure))
        return
    cursor.execute(f"COMMENT ON VIEW {name} IS %s", (view.comment,))
    for column in view.columns:
        cursor.execute(f"COMMENT ON COLUMN {name}.{column.name} IS %s", (column.comment,))


def _failure(cursor: Cursor, statement: str) -> psycopg2.Error | None:
    """Carry a statement out; return why it cannot be, as if it had not been tried. A lock that is not had is raised."""
    cursor.execute("SAVEPOINT reporting_view")
    try:
        cursor.execute(statement)
    except psycopg2.OperationalError:  # a lock, a lost connection: another attempt may succeed
        raise
    except psycopg2.Error as error:
        cursor.execute("ROLLBACK TO SAVEPOINT reporting_view")
        return error
    cursor.execute("RELEASE SAVEPOINT reporting_view")
    return None
