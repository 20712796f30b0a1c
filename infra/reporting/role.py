"""Who may read the reporting views? A role of their name: it reads them, and neither tables nor anything else.

What makes it read-only is that nothing but USAGE of the schema and SELECT of its views is granted to it, and that in an
embedded server nothing is left to every role (`infra/postgres/closing.sql`). Its settings keep a report from holding up
others: transactions are read-only, statements and idle transactions end. It may change its settings and its password.
An account that may not make roles is not a fault: what an administrator has to run is returned.
"""

from contextlib import closing

import psycopg2.errors
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from infra.postgres.pool import connect
from infra.reporting.views import install_views, reporting_schema

MOST_CONNECTIONS = 20
RIGHTS_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('caselog reporting role', 0))"
"""Who grants or takes rights on the database takes this lock before: they are one row, for all desks in it."""
SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": "15min",
    "idle_in_transaction_session_timeout": "15min",
    "TimeZone": "UTC",
}


def install(dsn: str, schema: str, *, owned: bool = False) -> list[str]:
    """Make the reporting views, their role and its grants, as far as they are missing and the account may.

    A role may change its own settings and keep them: ours are set again, and where the server is `owned` by the desk
    all others are taken away.
    Returns the statements that an administrator of the database has to run for the rest. Raises `DatabaseUnavailable`
    and psycopg2's `LockNotAvailable` where a report holds a view that is to be replaced.
    """
    with closing(connect(dsn, schema, application_name=f"caselog {schema} reporting")) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '5s'")
            cursor.execute("SAVEPOINT views")
            try:
                install_views(cursor, schema)
            except psycopg2.errors.InsufficientPrivilege:
                cursor.execute("ROLLBACK TO SAVEPOINT views")
                cursor.execute("SELECT current_user")
                account = (cursor.fetchone() or ("",))[0]
                return [
                    f'CREATE SCHEMA "{reporting_schema(schema)}" AUTHORIZATION "{account}"',
                    *_missing(cursor, schema),
                ]
        refused = []
        with connection, connection.cursor() as cursor:
            cursor.execute(RIGHTS_LOCK)
            for statement in [*(_strange(cursor, schema) if owned else ()), *_missing(cursor, schema)]:
                cursor.execute("SAVEPOINT role")
                try:
                    cursor.execute(statement)
                except (psycopg2.errors.InsufficientPrivilege, psycopg2.errors.UndefinedObject):
                    cursor.execute("ROLLBACK TO SAVEPOINT role")  # the second: the role, which could not be made
                    refused.append(statement)
        return refused


def _strange(cursor: Cursor, schema: str) -> list[str]:
    """Return the statements that take from the role the settings that nobody but itself can have given it."""
    role = reporting_schema(schema)
    cursor.execute(
        "SELECT d.datname, setting FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole"
        " LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting WHERE r.rolname = %s",
        (role,),
    )
    ours = {f"{name}={value}" for name, value in _settings(role).items()}
    return [
        f'ALTER ROLE "{role}"{in_database} RESET "{setting.partition("=")[0]}"'
        for database, setting in cursor.fetchall()
        if database is None or setting not in ours
        for in_database in ("" if database is None else f' IN DATABASE "{database}"',)
    ]


def _settings(views: str) -> dict[str, str]:
    return SETTINGS | {"search_path": views}


def _missing(cursor: Cursor, schema: str) -> list[str]:
    """Return the statements that give the role what it lacks."""
    role = views = reporting_schema(schema)
    cursor.execute(
        "SELECT current_user, current_database(), EXISTS (SELECT FROM pg_roles WHERE rolname = %s),"
        " (SELECT setconfig FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole"
        "  JOIN pg_database d ON d.oid = s.setdatabase WHERE r.rolname = %s AND d.datname = current_database()),"
        " EXISTS (SELECT FROM pg_namespace WHERE nspname = %s)",
        (role, role, views),
    )
    account, database, exists, settings, has_schema = cursor.fetchone() or ("", "", False, None, False)
    statements = [] if exists else [f'CREATE ROLE "{role}" LOGIN CONNECTION LIMIT {MOST_CONNECTIONS}']
    for name, value in _settings(views).items():
        if f"{name}={value}" not in (settings or ()):
            statements.append(f'ALTER ROLE "{role}" IN DATABASE "{database}" SET {name} = \'{value}\'')
    if not exists or not _may(cursor, "has_database_privilege(%s, %s, 'CONNECT')", role, database):
        statements.append(f'GRANT CONNECT ON DATABASE "{database}" TO "{role}"')
    if not exists or not has_schema or not _may(cursor, _READS, role, views, role, views):
        statements += [
            f'GRANT USAGE ON SCHEMA "{views}" TO "{role}"',
            f'GRANT SELECT ON ALL TABLES IN SCHEMA "{views}" TO "{role}"',
            f'ALTER DEFAULT PRIVILEGES FOR ROLE "{account}" IN SCHEMA "{views}" GRANT SELECT ON TABLES TO "{role}"',
        ]
    return statements


_READS = (
    "has_schema_privilege(%s, %s, 'USAGE') AND coalesce((SELECT bool_and(has_table_privilege(%s, c.oid, 'SELECT'))"
    " FROM pg_class c WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'v'), true)"
)


def _may(cursor: Cursor, question: str, *values: str) -> bool:
    cursor.execute(f"SELECT {question}", values)
    return bool((cursor.fetchone() or (False,))[0])
