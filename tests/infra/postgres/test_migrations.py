"""The schema's history is applied once, in order, whole files only, and never over what this code does not know."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import psycopg2
import pytest

from infra.postgres.data_folder import CLOSING
from infra.postgres.migrations import MIGRATIONS, MigrationError, migrate
from infra.postgres.pool import connect


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two migrations; the second works only after the first."""
    (tmp_path / "0001_first.sql").write_text("CREATE TABLE numbers (number int);")
    (tmp_path / "0002_second.sql").write_text("INSERT INTO numbers VALUES (100 % 7); -- a percent sign is SQL's")
    return tmp_path


def numbers(dsn: str, schema: str) -> list[int]:
    with closing(connect(dsn, schema)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT number FROM numbers ORDER BY number")
        return [number for (number,) in cursor]


def test_all_are_applied_in_order_and_a_second_run_applies_none(postgres_dsn: str, schema: str, folder: Path) -> None:
    assert migrate(postgres_dsn, schema, folder) == ["0001_first.sql", "0002_second.sql"]
    assert migrate(postgres_dsn, schema, folder) == []
    assert numbers(postgres_dsn, schema) == [2]


def test_a_later_one_is_applied_alone(postgres_dsn: str, schema: str, folder: Path) -> None:
    migrate(postgres_dsn, schema, folder)
    (folder / "0010_third.sql").write_text("INSERT INTO numbers VALUES (3)")
    assert migrate(postgres_dsn, schema, folder) == ["0010_third.sql"]
    assert numbers(postgres_dsn, schema) == [2, 3]


def test_one_that_fails_leaves_those_before_it_and_nothing_of_itself(
    postgres_dsn: str, schema: str, folder: Path
) -> None:
    (folder / "0003_third.sql").write_text("INSERT INTO numbers VALUES (3); SELECT 1 / 0;")
    with pytest.raises(psycopg2.errors.DivisionByZero):
        migrate(postgres_dsn, schema, folder)
    assert numbers(postgres_dsn, schema) == [2]
    (folder / "0003_third.sql").write_text("INSERT INTO numbers VALUES (4)")
    assert migrate(postgres_dsn, schema, folder) == ["0003_third.sql"]


def test_processes_that_start_together_apply_each_once(postgres_dsn: str, schema: str, folder: Path) -> None:
    gate = Barrier(4)

    def start() -> list[str]:
        gate.wait()
        return migrate(postgres_dsn, schema, folder)

    with ThreadPoolExecutor(4) as threads:
        applied = [name for done in [threads.submit(start) for _ in range(4)] for name in done.result()]
    assert applied == ["0001_first.sql", "0002_second.sql"]
    assert numbers(postgres_dsn, schema) == [2]


def test_two_desks_in_one_database_have_a_history_each(postgres_dsn: str, schema: str, folder: Path) -> None:
    second = f"{schema}_second"
    try:
        migrate(postgres_dsn, schema, folder)
        assert migrate(postgres_dsn, second, folder) == ["0001_first.sql", "0002_second.sql"]
        assert numbers(postgres_dsn, schema) == numbers(postgres_dsn, second) == [2]
    finally:
        with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f'DROP SCHEMA IF EXISTS "{second}" CASCADE')


def test_a_schema_newer_than_the_code_is_refused(postgres_dsn: str, schema: str, folder: Path) -> None:
    migrate(postgres_dsn, schema, folder)
    (folder / "0002_second.sql").unlink()
    with pytest.raises(MigrationError, match=rf"schema {schema} has 0002_second.sql, which this Caselog does not know"):
        migrate(postgres_dsn, schema, folder)


def test_an_applied_file_that_changed_is_refused_and_nothing_later_applied(
    postgres_dsn: str, schema: str, folder: Path
) -> None:
    migrate(postgres_dsn, schema, folder)
    (folder / "0001_first.sql").write_text("CREATE TABLE numbers (number bigint);")
    (folder / "0003_third.sql").write_text("INSERT INTO numbers VALUES (3)")
    with pytest.raises(MigrationError, match=r"0001_first.sql is not what was applied"):
        migrate(postgres_dsn, schema, folder)
    assert numbers(postgres_dsn, schema) == [2]


def test_a_new_file_with_a_number_in_the_past_is_refused(postgres_dsn: str, schema: str, folder: Path) -> None:
    (folder / "0001_first.sql").rename(folder / "0005_first.sql")
    (folder / "0002_second.sql").unlink()
    migrate(postgres_dsn, schema, folder)
    (folder / "0004_late.sql").write_text("SELECT 1")
    with pytest.raises(MigrationError, match=r"0004_late.sql comes before 0005_first.sql"):
        migrate(postgres_dsn, schema, folder)


@pytest.mark.parametrize("name", ["0002_again.sql", "third.sql", "003_third.sql", "0003-third.sql", "0003_Third.sql"])
def test_a_file_name_out_of_order_is_refused_before_anything_is_done(
    postgres_dsn: str, schema: str, folder: Path, name: str
) -> None:
    (folder / name).write_text("SELECT 1")
    with pytest.raises(MigrationError, match="needs a number of its own"):
        migrate(postgres_dsn, schema, folder)
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", (schema,))
        assert cursor.fetchone() == (0,)


def test_a_user_who_may_not_make_schemas_can_migrate_one_made_for_them(
    postgres_dsn: str, schema: str, folder: Path
) -> None:
    role = f"{schema}_clerk"
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE ROLE "{role}"; CREATE SCHEMA "{schema}" AUTHORIZATION "{role}"')
        cursor.execute(CLOSING.replace("TO caselog", f'TO "{role}"'))
    try:
        as_clerk = f"{postgres_dsn}&options=-c%20role%3D{role}"
        assert migrate(as_clerk, schema, folder) == ["0001_first.sql", "0002_second.sql"]
    finally:
        with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')


def test_the_desks_own_migrations_apply_to_an_empty_schema(postgres_dsn: str, schema: str) -> None:
    assert migrate(postgres_dsn, schema) == sorted(path.name for path in MIGRATIONS.glob("*.sql"))
