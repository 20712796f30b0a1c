"""The role of reporting jobs reads the views of its desk, and can do nothing else."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import psycopg2.errors
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api.cli.project import prepare_reporting
from infra.config import Config
from infra.postgres.migrations import migrate
from infra.reporting.login import PASSWORD_FILE, RoleMissing, reporting_url
from infra.reporting.role import RIGHTS_LOCK, SETTINGS, install
from infra.reporting.views import reporting_schema
from projections.reporting.catalogue import REPORTING_VIEWS
from tests.infra.reporting.conftest import ReportingDesk


@pytest.fixture
def reader(desk: ReportingDesk, tmp_path: Path) -> Iterator[Connection]:
    """A connection of the role itself."""
    with closing(psycopg2.connect(reporting_url(desk.dsn, desk.schema, tmp_path / "pgpass"))) as connection:
        yield connection


@pytest.mark.parametrize("view", [view.name for view in REPORTING_VIEWS])
def test_it_reads_every_view_by_its_plain_name(reader: Connection, view: str) -> None:
    with reader.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {view}")
        assert cursor.fetchall()


def test_it_can_read_no_table_of_the_desk(desk: ReportingDesk, reader: Connection) -> None:
    with closing(desk.connection()) as own, own.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class"
            " WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v', 'S')"
        )
        tables = [name for (name,) in cursor.fetchall()]
    assert {"events", "ticket", "idempotency", "rate_limits"} <= set(tables)
    for table in tables:
        with reader.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(f"SELECT * FROM {desk.schema}.{table}")
        reader.rollback()


def test_its_transactions_are_read_only(reader: Connection) -> None:
    with reader.cursor() as cursor, pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
        cursor.execute("CREATE TEMPORARY TABLE mine (x integer)")


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM {views}.cases",
        "UPDATE {views}.customers SET name = 'x'",
        "INSERT INTO {views}.cases (ticket_id) VALUES ('x')",
        "INSERT INTO {schema}.events SELECT * FROM {schema}.events",
        "UPDATE {schema}.log_head SET position = 0",
        "DROP VIEW {views}.cases",
        "CREATE VIEW {views}.mine AS SELECT 1 AS x",
        "CREATE TABLE {schema}.mine (x integer)",
        "CREATE SCHEMA mine",
        "SELECT nextval('{schema}.case_number')",
        "SELECT {schema}.append_to_log(null, null, null, null, null, null, null, null, null, null, null, null, null)",
        "CREATE ROLE mine",
        "ALTER ROLE {views} SUPERUSER",
        "SET ROLE caselog",
        "COPY {views}.cases TO '/tmp/mine'",
        "SELECT pg_read_file('/etc/hostname')",
    ],
)
def test_it_may_not_write_even_where_it_lifts_what_its_settings_say(
    desk: ReportingDesk, reader: Connection, statement: str
) -> None:
    reader.autocommit = True
    with reader.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement.format(schema=desk.schema, views=desk.views))


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TEMPORARY TABLE mine (x integer)",
        "SELECT lo_from_bytea(0, 'kept')",
        "SELECT lo_create(0)",
        "SELECT lo_creat(-1)",
        "SELECT pg_advisory_lock(classid, objid) FROM (SELECT 1 AS classid, 2 AS objid) locks",
        "SELECT pg_try_advisory_lock(hashtextextended('caselog projector of {schema}', 0))",
        "SELECT pg_advisory_xact_lock(1)",
        "SELECT pg_try_advisory_lock_shared(1)",
    ],
)
def test_what_postgresql_leaves_to_every_role_is_closed_to_it_in_an_embedded_server(
    desk: ReportingDesk, reader: Connection, statement: str
) -> None:
    reader.autocommit = True
    with reader.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            cursor.execute(statement.format(schema=desk.schema))


@pytest.mark.parametrize("database", ["postgres", "template1"])
def test_it_can_enter_no_other_database_of_an_embedded_server(
    desk: ReportingDesk, tmp_path: Path, database: str
) -> None:
    url = reporting_url(desk.dsn, desk.schema, tmp_path / "pgpass")
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        psycopg2.connect(url, dbname=database)


def test_what_it_sets_for_itself_ends_with_the_next_start_of_a_projector_in_an_embedded_server(
    desk: ReportingDesk, tmp_path: Path
) -> None:
    file = tmp_path / PASSWORD_FILE
    url = reporting_url(desk.dsn, desk.schema, file)
    with closing(psycopg2.connect(url)) as reader:
        reader.autocommit = True
        with reader.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            for changed in (
                "IN DATABASE caselog SET statement_timeout = 0",
                "IN DATABASE caselog SET default_transaction_read_only = off",
                "IN DATABASE caselog SET work_mem = '1GB'",
                "SET work_mem = '1GB'",
                "PASSWORD 'mine'",
            ):
                cursor.execute(f"ALTER ROLE {desk.views} {changed}")
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(url)
    prepare_reporting(desk.dsn, Config.from_environment({"CASELOG_SCHEMA": desk.schema, "CASELOG_DATA": str(tmp_path)}))
    with closing(psycopg2.connect(url)) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT name, setting, source FROM pg_settings WHERE name = ANY (%s)", (list(_SET),))
        assert {name: (setting, source) for name, setting, source in cursor} == _SET


_SET = {
    "statement_timeout": ("900000", "database user"),
    "default_transaction_read_only": ("on", "database user"),
    "work_mem": ("4096", "default"),
}


def test_a_setting_that_an_administrator_gave_it_stays_at_a_server_of_ones_own(desk: ReportingDesk) -> None:
    with closing(desk.connection()) as own, own, own.cursor() as cursor:
        cursor.execute(f"ALTER ROLE {desk.views} IN DATABASE caselog SET work_mem = '64MB'")
    assert install(desk.dsn, desk.schema) == []
    with closing(desk.connection()) as own, own, own.cursor() as cursor:
        cursor.execute(
            "SELECT 'work_mem=64MB' = ANY (setconfig) FROM pg_db_role_setting WHERE setrole = %s::regrole",
            (desk.views,),
        )
        assert cursor.fetchone() == (True,)
        cursor.execute(f"ALTER ROLE {desk.views} IN DATABASE caselog RESET work_mem")


def test_its_settings_are_in_force_and_its_connections_bounded(desk: ReportingDesk, reader: Connection) -> None:
    with reader.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting, unit FROM pg_settings WHERE name = ANY (%s) AND source = 'database user'",
            ([*SETTINGS, "search_path"],),
        )
        settings = {name: f"{setting} {unit or ''}".strip() for name, setting, unit in cursor}
        assert settings == {
            "default_transaction_read_only": "on",
            "statement_timeout": "900000 ms",
            "idle_in_transaction_session_timeout": "900000 ms",
            "TimeZone": "UTC",
            "search_path": desk.views,
        }
        cursor.execute("SELECT rolconnlimit, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (20, False, False)


def test_a_desk_beside_it_is_closed_to_it(desk: ReportingDesk, reader: Connection, schema: str) -> None:
    migrate(desk.dsn, schema)
    install(desk.dsn, schema)
    with reader.cursor() as cursor, pytest.raises(psycopg2.errors.InsufficientPrivilege):
        cursor.execute(f"SELECT * FROM {reporting_schema(schema)}.positions")


def test_what_was_taken_from_it_is_given_again(desk: ReportingDesk, reader: Connection) -> None:
    for lost in ("REVOKE SELECT ON {}.cases FROM {}", "REVOKE USAGE ON SCHEMA {} FROM {}"):
        with closing(desk.connection()) as own, own, own.cursor() as cursor:
            cursor.execute(lost.format(desk.views, desk.views))
        with reader, reader.cursor() as cursor, pytest.raises(psycopg2.Error):
            cursor.execute(f"SELECT FROM {desk.views}.cases")
        assert install(desk.dsn, desk.schema) == []
        with reader, reader.cursor() as cursor:
            cursor.execute(f"SELECT FROM {desk.views}.cases")


def test_the_url_names_no_password_and_a_file_that_opens_stays_as_it_is(desk: ReportingDesk, tmp_path: Path) -> None:
    file = tmp_path / "its own" / "pgpass"
    file.parent.mkdir()
    url = reporting_url(desk.dsn, desk.schema, file)
    assert file.stat().st_mode & 0o777 == 0o600
    password = file.read_text().strip().rpartition(":")[2]
    assert password not in url
    assert reporting_url(desk.dsn, desk.schema, file) == url
    assert file.read_text().strip().rpartition(":")[2] == password
    reporting_url(desk.dsn, desk.schema, tmp_path / "another")
    assert reporting_url(desk.dsn, desk.schema, file) == url, "another file has set another password: it is renewed"
    assert file.read_text().strip().rpartition(":")[2] != password
    psycopg2.connect(url).close()
    assert "passfile" not in reporting_url(desk.dsn, desk.schema)


def test_an_account_that_may_not_make_roles_is_told_what_an_administrator_has_to_run(
    postgres_dsn: str, limited: str, schema: str
) -> None:
    migrate(limited, schema)
    role = reporting_schema(schema)
    to_run = install(limited, schema)
    assert to_run[0] == f'CREATE ROLE "{role}" LOGIN CONNECTION LIMIT 20'
    with pytest.raises(RoleMissing):
        reporting_url(limited, schema)
    with closing(psycopg2.connect(postgres_dsn)) as administrator, administrator, administrator.cursor() as cursor:
        cursor.execute(RIGHTS_LOCK)  # other tests give rights on this database too
        for statement in to_run:
            cursor.execute(statement)
        cursor.execute(f"ALTER ROLE \"{role}\" PASSWORD 'given'")
    assert install(limited, schema) == [], "nothing is missing any more"
    with (
        closing(psycopg2.connect(reporting_url(limited, schema), password="given")) as reader,
        reader.cursor() as cursor,
    ):
        cursor.execute("SELECT zone FROM desk")
        assert cursor.fetchall() == []
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        reporting_url(limited, schema, Path("/nonexistent"))


def test_an_account_that_may_not_make_the_schema_is_told_so_too(postgres_dsn: str, limited: str, schema: str) -> None:
    migrate(limited, schema)
    account = psycopg2.extensions.parse_dsn(limited)["user"]
    with closing(psycopg2.connect(postgres_dsn)) as administrator, administrator, administrator.cursor() as cursor:
        cursor.execute(f"REVOKE CREATE ON DATABASE caselog FROM {account}")
    to_run = install(limited, schema)
    assert to_run[0] == f'CREATE SCHEMA "{reporting_schema(schema)}" AUTHORIZATION "{account}"'
    with closing(psycopg2.connect(postgres_dsn)) as administrator, administrator, administrator.cursor() as cursor:
        for statement in to_run:
            cursor.execute(statement)
    assert install(limited, schema) == []
