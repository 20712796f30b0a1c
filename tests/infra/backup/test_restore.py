"""A desk that went through a file is the desk that it was; what cannot be one is refused, and leaves nothing."""

import os
import shutil
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.backup.archive import AppliedMigration, Archive, ArchiveWriter, Manifest, SavedTable
from infra.backup.errors import BackupFailed, DamagedBackup, DeskInTheWay, NotABackup
from infra.backup.restore import Restored, restore_backup
from infra.backup.take import LEFT_OUT, take_backup
from infra.postgres.migrations import MIGRATIONS, migrate
from infra.postgres.pool import connect
from infra.projection.builds import live_build
from infra.projection.rebuild import rebuild
from infra.reporting.views import install_views
from projections import ledger, queue
from projections.catalogue import VIEWS
from projections.view import View
from tests.desk import Desk, body_of

Tables = dict[str, list[tuple[Any, ...]]]


def tables_of(dsn: str, schema: str) -> Tables:
    """All rows of all tables of a desk, as texts, in one order, without those that no backup has."""
    with closing(connect(dsn, schema)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = %s", (schema,))
        found: Tables = {}
        for (name,) in cursor.fetchall():
            if name not in LEFT_OUT:
                cursor.execute(f"SELECT t::text FROM {name} t ORDER BY 1")
                found[name] = cursor.fetchall()
        return found


def relations_of(dsn: str, schema: str) -> list[tuple[Any, ...]]:
    """What there is in a schema: tables, views, sequences, indexes with their definitions, columns."""
    with closing(connect(dsn, schema)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, c.relkind, c.relpersistence, c.reloptions,"
            " replace(pg_get_indexdef(c.oid), %(schema)s, ''),"
            " (SELECT array_agg((attname, format_type(atttypid, atttypmod), attnotnull, attcollation)::text"
            "  ORDER BY attnum) FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped)"
            " FROM pg_class c WHERE relnamespace = %(schema)s::regnamespace ORDER BY c.relname",
            {"schema": schema},
        )
        return [row for row in cursor.fetchall() if row[1] != "t"]


def restore(file: Path, dsn: str, schema: str, views: tuple[View, ...] = VIEWS) -> Restored:
    with Archive(file) as archive:
        return restore_backup(archive, dsn, schema, views)


def rewrite(
    file: Path,
    *,
    manifest: Callable[[Manifest], Manifest] = lambda each: each,
    rows: Callable[[str, list[bytes]], list[bytes]] = lambda _, lines: lines,
) -> None:
    """Change a backup as nobody's accident would: digests and numbers of rows are right."""
    other = file.with_name("rewritten")
    with Archive(file) as archive, other.open("wb") as written, ArchiveWriter(written) as writer:
        saved: list[SavedTable] = []
        for table in archive.manifest.tables:
            with archive.table(table) as source:
                lines = b"".join(iter(source.read, b"")).splitlines(keepends=True)
            with writer.table(table.name, lambda _: None) as sink:
                changed = rows(table.name, lines)
                for line in changed:
                    sink.write(line)
            saved.append(msgspec.structs.replace(table, rows=len(changed), bytes=sink.bytes, sha256=sink.sha256))
        writer.end(manifest(msgspec.structs.replace(archive.manifest, tables=saved)))
    other.replace(file)


def nothing_in(dsn: str, schema: str) -> bool:
    with closing(connect(dsn)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", (schema,))
        return cursor.fetchone() == (0,)


@pytest.fixture
def file(desk: Desk, database: str, schema: str, tmp_path: Path) -> Path:
    """The backup of the desk."""
    path = tmp_path / "desk.backup"
    take_backup(database, schema, path)
    return path


@pytest.fixture
def other(database: str, schema: str) -> Iterator[Connection]:
    """Another session at the desk."""
    with closing(connect(database, schema)) as connection:
        yield connection


def test_all_of_a_desk_comes_back(desk: Desk, database: str, schema: str, empty: str, tmp_path: Path) -> None:
    """Also what waits behind a failed handler, which names a build, and what no event can bring back."""
    with closing(connect(database, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO parked_events (view, build, part, key, position, error)"
            " VALUES ('queue', 1, 'queue', '[\"t\"]', 1, E'a\\tfault\\\\'), ('queue', 1, 'queue', '[\"t\"]', 2, NULL);"
            "INSERT INTO webhook_key (key) VALUES (sha256('k'));"
            "INSERT INTO test_clock (now) VALUES ('2026-11-02 17:00:00.123456+00')"
        )
    file = tmp_path / "desk.backup"
    take_backup(database, schema, file)
    restored = restore(file, database, empty)
    assert restored == Restored(migrated=[], views={"queue", "ledger"}, left_out={})
    there, here = tables_of(database, schema), tables_of(database, empty)
    assert {"events", "idempotency", "claims", "projections", "queue_b1", "ledger_b2"} <= set(there)
    assert [len(there[name]) for name in ("parked_events", "webhook_key", "test_clock", "log_head")] == [2, 1, 1, 1]
    assert here == there
    assert relations_of(database, empty) == relations_of(database, schema)


def test_a_restored_desk_goes_on_where_it_was(file: Path, desk: Desk, database: str, empty: str) -> None:
    restore(file, database, empty)
    again = Desk(database, empty)
    with closing(again.application):
        head = len(tables_of(database, empty)["events"])
        before = desk.send("open-ticket", customer_id=customer_of(desk), **REQUEST)
        after = again.send("open-ticket", customer_id=customer_of(again), **REQUEST)
        # The same number, for it is the same desk: the original gives it to another case once both go on.
        assert body_of(before)["result"]["case_number"] == body_of(after)["result"]["case_number"] == "C-000004"
        assert body_of(after)["position"] > head
        positions = [int(row[0].split(",")[0][1:]) for row in tables_of(database, empty)["events"]]
        assert sorted(positions) == list(range(1, len(positions) + 1))


REQUEST: dict[str, Any] = {
    "category": "how_to",
    "subject": "Rates",
    "description": "How?",
    "requester": {"name": "Ada Guest", "email": "ada@example.com"},
}


def customer_of(desk: Desk) -> str:
    """The desk's only customer."""
    with closing(connect(*address_of(desk))) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT data->>'customer_id' FROM events WHERE type LIKE 'TicketOpened%' LIMIT 1")
        (found,) = cursor.fetchone() or ("",)
        return str(found)


def address_of(desk: Desk) -> tuple[str, str]:
    env = desk.application.env
    return str(env["CASELOG_DATABASE_URL"]), str(env["CASELOG_SCHEMA"])


def test_a_log_of_any_length_goes_through_a_little_memory(
    database: str, schema: str, empty: str, tmp_path: Path
) -> None:
    with closing(connect(database, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events"
            " SELECT n, 's', n, 'Other', NULL, convert_to(repeat(md5(n::text), 32), 'UTF8'), NULL, now()"
            " FROM generate_series(1, 40000) n; UPDATE log_head SET position = 40000"
        )
    tracemalloc.start()
    try:
        taken = take_backup(database, schema, tmp_path / "desk.backup")
        restore(tmp_path / "desk.backup", database, empty)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken.manifest.bytes > 80_000_000
    assert most < 8_000_000


def test_a_repeat_of_an_old_command_is_answered_as_before(file: Path, desk: Desk, database: str, empty: str) -> None:
    restore(file, database, empty)
    work: dict[str, Any] = {
        "ticket": "C-000001", "agent": "kim", "duration_seconds": 1800, "activity": "research",
        "started_at": desk.clock.now() - timedelta(hours=1),
    }  # fmt: skip
    first = desk.send("log-work", **work, key="again", fingerprint="f")
    file_after = file.with_name("after")
    take_backup(database, address_of(desk)[1], file_after)
    with closing(connect(database)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA "{empty}" CASCADE')
    restore(file_after, database, empty)
    again = Desk(database, empty)
    with closing(again.application):
        head = len(tables_of(database, empty)["events"])
        repeat = again.send("log-work", **work, key="again", fingerprint="f")
        assert repeat.body == first.body
        assert len(tables_of(database, empty)["events"]) == head


def test_the_views_are_what_the_restored_log_gives(file: Path, database: str, empty: str) -> None:
    restore(file, database, empty)
    for view in (queue.VIEW, ledger.VIEW):
        compared = rebuild(database, empty, view, switch=False).comparison
        assert compared is not None
        assert (compared.differences, sum(compared.rows.values()) > 0) == (0, True)


@pytest.mark.parametrize("how", ["a row less", "another row"])
def test_rows_of_a_view_that_the_log_does_not_give_are_found(file: Path, database: str, empty: str, how: str) -> None:
    def change(table: str, lines: list[bytes]) -> list[bytes]:
        if table != "queue_b1":
            return lines
        return lines[1:] if how == "a row less" else [lines[0].replace(b"Case", b"Cave"), *lines[1:]]

    rewrite(file, rows=change)
    restore(file, database, empty)
    compared = rebuild(database, empty, queue.VIEW, switch=False).comparison
    assert compared is not None
    assert compared.counts["queue"] == ({"only in the new": 1} if how == "a row less" else {"changed": 1})


def test_the_file_is_the_owners_alone_and_replaces_none(file: Path, database: str, schema: str) -> None:
    assert file.stat().st_mode & 0o777 == 0o600
    whole = file.read_bytes()
    with pytest.raises(BackupFailed, match="is there already, and a backup replaces none"):
        take_backup(database, schema, file)
    assert file.read_bytes() == whole
    with pytest.raises(BackupFailed, match="cannot be written: No such file or directory"):
        take_backup(database, schema, file.parent / "none" / "desk.backup")
    with pytest.raises(BackupFailed, match="cannot be written: File name too long"):
        take_backup(database, schema, file.with_name(300 * "x"))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_is_closed_is_told(database: str, schema: str, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    with pytest.raises(BackupFailed, match="cannot be written: Permission denied"):
        take_backup(database, schema, closed / "desk.backup")


def test_what_a_killed_backup_left_is_replaced_and_one_under_way_is_not(
    file: Path, database: str, schema: str, tmp_path: Path
) -> None:
    target, part = tmp_path / "next", tmp_path / "next.part"
    part.write_bytes(b"half a backup, and longer than the whole" * 100_000)
    part.chmod(0o644)

    def meanwhile(_done: int, _total: int) -> None:
        with pytest.raises(BackupFailed, match="another backup is being written"):
            take_backup(database, schema, target)

    take_backup(database, schema, target, progress=meanwhile)
    assert target.stat().st_mode & 0o777 == 0o600
    assert not part.exists()
    with Archive(target) as archive:
        archive.verify()


def test_a_backup_that_fails_leaves_no_file(desk: Desk, database: str, schema: str, tmp_path: Path) -> None:
    def fail(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_backup(database, schema, tmp_path / "desk.backup", progress=fail)
    with pytest.raises(BackupFailed, match="there is no desk in the schema none_such"):
        take_backup(database, "none_such", tmp_path / "desk.backup")
    assert list(tmp_path.iterdir()) == []


def test_it_is_the_desk_at_one_position_whatever_is_said_meanwhile(
    desk: Desk, database: str, schema: str, empty: str, tmp_path: Path
) -> None:
    """Between any two tables a command is carried out, and the live build of the queue is replaced."""
    customer_id = customer_of(desk)
    said = 0

    def meanwhile(_done: int, _total: int) -> None:
        nonlocal said
        said += 1
        desk.ticket(customer_id)
        if said == 2:
            rebuild(database, schema, queue.VIEW)

    taken = take_backup(database, schema, tmp_path / "desk.backup", progress=meanwhile)
    assert said > 10
    restore(tmp_path / "desk.backup", database, empty)
    rows = tables_of(database, empty)
    assert len(rows["events"]) == taken.manifest.head_position
    assert len(rows["events"]) < len(tables_of(database, schema)["events"])
    for view in (queue.VIEW, ledger.VIEW):
        compared = rebuild(database, empty, view, switch=False).comparison
        assert compared is not None
        assert compared.differences == 0


def test_a_view_that_is_switched_before_the_tables_are_held_is_looked_up_again(
    desk: Desk, database: str, schema: str, other: Connection, tmp_path: Path
) -> None:
    """The build that the backup found is gone when it comes to hold it."""
    with other.cursor() as cursor:
        cursor.execute("LOCK TABLE claims IN ACCESS EXCLUSIVE MODE")  # the backup waits for it, in its list of tables
        backup = threading.Thread(target=take_backup, args=(database, schema, tmp_path / "desk.backup"))
        backup.start()
        await_waiting(database, schema)
        with closing(connect(database, schema)) as third, third.cursor() as switching:
            switching.execute("DROP VIEW queue; ALTER TABLE queue_b1 RENAME TO queue_b9")
            switching.execute("UPDATE projections SET build = 9 WHERE view = 'queue'")
            third.commit()
        other.rollback()
        backup.join()
    with Archive(tmp_path / "desk.backup") as archive:
        assert {"queue_b9"} == {table.name for table in archive.manifest.tables if table.name.startswith("queue_")}


def await_waiting(dsn: str, schema: str) -> None:
    """Wait until the backup waits for a lock."""
    with closing(connect(dsn)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        while True:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND wait_event_type = 'Lock'",
                (f"caselog {schema} backup",),
            )
            if cursor.fetchone() == (1,):
                return


def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    postgres_dsn: str, schema: str, empty: str, tmp_path: Path
) -> None:
    """The desk had had the first nine migrations, and a row in its log."""
    older = tmp_path / "migrations"
    older.mkdir()
    files = sorted(MIGRATIONS.glob("*.sql"))
    for path in files[:9]:
        shutil.copy(path, older)
    migrate(postgres_dsn, schema, older)
    with closing(connect(postgres_dsn, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO events VALUES (1, 'a', 1, 'Other', NULL, '\\x00ff', NULL, now());"
            "UPDATE log_head SET position = 1; SELECT nextval('case_number')"
        )
    take_backup(postgres_dsn, schema, tmp_path / "old.backup")
    restored = restore(tmp_path / "old.backup", postgres_dsn, empty)
    assert restored.migrated == [path.name for path in files[9:]]
    assert migrate(postgres_dsn, empty) == []
    migrate(postgres_dsn, schema)
    assert relations_of(postgres_dsn, empty) == relations_of(postgres_dsn, schema)
    with closing(connect(postgres_dsn, empty)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT raw, nextval('case_number') FROM events")
        assert [(bytes(raw), number) for raw, number in cursor.fetchall()] == [(b"\x00\xff", 2)]


def test_a_view_of_an_older_version_is_left_to_be_built_anew(
    file: Path, database: str, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue.VIEW, "version", queue.VIEW.version + 1)
    restored = restore(file, database, empty)
    assert restored.views == {"ledger"}
    version = queue.VIEW.version
    assert restored.left_out == {"queue": f"the backup has version {version - 1}, this release {version}"}
    with closing(connect(database, empty)) as connection, connection.cursor() as cursor:
        assert live_build(cursor, queue.VIEW) is None
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relname LIKE 'queue%%' AND relnamespace = %s::regnamespace", (empty,)
        )
        assert cursor.fetchone() == (0,)
    assert rebuild(database, empty, queue.VIEW).build is not None


def a_migration_of_the_future(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(
        manifest, migrations=[*manifest.migrations, AppliedMigration(9999, "9999_later.sql", "abc")]
    )


def another_migration(manifest: Manifest) -> Manifest:
    first, *others = manifest.migrations
    return msgspec.structs.replace(manifest, migrations=[msgspec.structs.replace(first, checksum="0"), *others])


def a_view_of_the_future(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(
        manifest, builds=[msgspec.structs.replace(build, version=99) for build in manifest.builds]
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (a_migration_of_the_future, "the backup has 9999_later.sql, which this Caselog does not know"),
        (another_migration, "0001_log.sql is not what was applied to the backup"),
        (a_view_of_the_future, "the backup has version 99 of view .*restore it with the release that wrote it"),
    ],
)
def test_a_backup_of_a_later_release_is_refused(
    file: Path, database: str, empty: str, change: Callable[[Manifest], Manifest], told: str
) -> None:
    rewrite(file, manifest=change)
    with pytest.raises(NotABackup, match=told):
        restore(file, database, empty)
    assert nothing_in(database, empty)


def test_a_desk_is_never_replaced(file: Path, database: str, schema: str) -> None:
    before = tables_of(database, schema)
    with pytest.raises(DeskInTheWay, match=f"something in the schema {schema} already, and a restore replaces nothing"):
        restore(file, database, schema)
    assert tables_of(database, schema) == before


def test_reporting_views_follow_to_the_restored_desk_where_the_old_one_was_set_aside(
    desk: Desk, database: str, schema: str, tmp_path: Path
) -> None:
    """As docs/operations.md tells it: the schema of the reporting views stays, and showed the desk that was renamed."""
    for view in VIEWS:
        rebuild(database, schema, view)
    with closing(connect(database, schema)) as connection, connection, connection.cursor() as cursor:
        install_views(cursor, schema)
    take_backup(database, schema, tmp_path / "desk.backup")
    aside = f"{schema}_before"
    with closing(connect(database)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f'ALTER SCHEMA "{schema}" RENAME TO "{aside}"')
    try:
        restore(tmp_path / "desk.backup", database, schema)
        with closing(connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT viewname, definition FROM pg_views WHERE schemaname = %s", (f"{schema}_reporting",))
            views = dict(cursor.fetchall())
            assert len(views) > 5
            assert [name for name, definition in views.items() if aside in definition] == []
    finally:
        with closing(connect(database)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f'DROP SCHEMA IF EXISTS "{schema}_reporting" CASCADE; DROP SCHEMA "{aside}" CASCADE')


def test_an_empty_schema_that_somebody_made_is_filled(file: Path, database: str, empty: str) -> None:
    with closing(connect(database)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f'CREATE SCHEMA "{empty}"')
    assert restore(file, database, empty).migrated == []


def without_an_event(table: str, lines: list[bytes]) -> list[bytes]:
    return [*lines[:3], *lines[4:]] if table == "events" else lines


def with_another_head(table: str, lines: list[bytes]) -> list[bytes]:
    return [b"t\t3\n"] if table == "log_head" else lines


@pytest.mark.parametrize("rows", [without_an_event, with_another_head])
def test_a_log_with_a_gap_is_refused(
    file: Path, database: str, empty: str, rows: Callable[[str, list[bytes]], list[bytes]]
) -> None:
    rewrite(file, rows=rows)
    with pytest.raises(DamagedBackup, match=r"the log does not go from 1 to \d+ without a gap"):
        restore(file, database, empty)
    assert nothing_in(database, empty)


def with_other_columns(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(
        manifest,
        tables=[
            msgspec.structs.replace(table, columns=["now()); DROP TABLE events; --"])
            if table.name == "claims"
            else table
            for table in manifest.tables
        ],
    )


def with_another_table(manifest: Manifest) -> Manifest:
    return msgspec.structs.replace(
        manifest, tables=[*manifest.tables, msgspec.structs.replace(manifest.tables[0], name="strange", build=None)]
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (with_other_columns, "table claims has other columns than its migrations gave it"),
        (with_another_table, "there is a table strange that its migrations did not make"),
    ],
)
def test_what_the_file_says_of_tables_is_not_believed(
    file: Path, database: str, empty: str, change: Callable[[Manifest], Manifest], told: str
) -> None:
    rewrite(file, manifest=change)
    with pytest.raises(DamagedBackup, match=told):
        restore(file, database, empty)
    assert nothing_in(database, empty)


def test_a_file_that_changes_under_the_restore_leaves_nothing(file: Path, database: str, empty: str) -> None:
    """It was whole when it was verified."""
    with Archive(file) as archive:
        archive.verify()
        changed = bytearray(file.read_bytes())
        changed[changed.index(b"tables/events.copy") + 2_000] ^= 1
        with file.open("r+b") as written:
            written.write(changed)
        with pytest.raises(DamagedBackup, match="table events"):
            restore_backup(archive, database, empty, VIEWS)
    assert nothing_in(database, empty)


def test_an_interrupt_leaves_nothing(file: Path, database: str, empty: str) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > total // 2:
            raise KeyboardInterrupt

    with Archive(file) as archive, pytest.raises(KeyboardInterrupt):
        restore_backup(archive, database, empty, VIEWS, progress=interrupt)
    assert nothing_in(database, empty)
