"""How does a file become a desk again? In one transaction: whoever looks sees the whole desk, or none.

Nothing of the file is carried out as SQL. The tables are made by the migrations that the desk had had, and by this
release's own code for its views; the file only fills them. Then later migrations follow, as at any start.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from graphlib import TopologicalSorter

import msgspec
from psycopg2.errors import QueryCanceled
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from infra.backup.archive import Archive, Manifest, SavedBuild, SavedTable
from infra.backup.errors import BackupFailed, DamagedBackup, DeskInTheWay, NotABackup
from infra.postgres.migrations import (
    Migration,
    MigrationError,
    apply_migration,
    begin_record,
    hold_schema,
    pending_migrations,
    read_migrations,
)
from infra.postgres.pool import connect
from infra.projection.build_tables import BuildTables, make_tables, open_restored
from infra.projection.tables import RowTable
from infra.reporting.views import follow_restore
from projections.view import View

_COPY_BUFFER = 1 << 16
Progress = Callable[[int, int], None]
"""How many bytes of the tables are done, and how many there are."""


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A desk that is there again.

    `migrated` are the migrations that the backup did not have yet, `views` those that readers see as they were.
    `left_out` says of others why they are not: they have to be built anew.
    """

    migrated: list[str]
    views: set[str]
    left_out: dict[str, str]


class _Plan(msgspec.Struct, frozen=True):
    """What has to be done for a manifest by this release."""

    before: list[Migration]
    after: list[Migration]
    views: dict[int, View]
    left_out: dict[str, str]


def check_release(manifest: Manifest, views: tuple[View, ...]) -> None:
    """Raise `NotABackup` if a later release wrote the backup, or one with other migrations."""
    _plan(manifest, views)


def check_nothing_is_there(dsn: str, schema: str) -> None:
    """Raise `DeskInTheWay` if there is anything in the schema."""
    if is_restored(dsn, schema):
        raise _in_the_way(schema)


def restore_backup(
    archive: Archive,
    dsn: str,
    schema: str,
    views: tuple[View, ...],
    *,
    progress: Progress = lambda _done, _total: None,
) -> Restored:
    """Make the desk of a backup in a schema in which there is nothing, and return what this release did to it.

    Interrupted, or failed, it leaves nothing. A process of a desk that is started on the schema meanwhile waits, and
    then finds the desk. Raises `BackupFailed`, `DatabaseUnavailable`.
    """
    manifest = archive.manifest
    plan = _plan(manifest, views)
    with closing(connect(dsn, schema, application_name=f"caselog {schema} restore")) as connection:
        try:
            hold_schema(connection, schema)
        except MigrationError as error:
            raise BackupFailed(str(error)) from error
        with connection, connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0")
            if _count(cursor, schema):
                raise _in_the_way(schema)
            begin_record(cursor, schema)
            for migration in plan.before:
                apply_migration(cursor, migration)
            built = _fill(cursor, archive, plan, progress)
            for migration in plan.after:
                apply_migration(cursor, migration)
            for tables in built:
                open_restored(cursor, tables)
            follow_restore(cursor)
            _check_log(cursor, manifest)
            cursor.execute(f"ANALYZE {', '.join(map(_quoted, _columns(cursor)))}")
    return Restored(
        migrated=[migration.name for migration in plan.after],
        views={view.name for view in plan.views.values()},
        left_out=plan.left_out,
    )


def is_restored(dsn: str, schema: str) -> bool:
    """Return whether there is anything in the schema, for a restore that was interrupted in its last moment."""
    with closing(connect(dsn, schema)) as connection, connection.cursor() as cursor:
        return _count(cursor, schema) > 0


def _plan(manifest: Manifest, views: tuple[View, ...]) -> _Plan:
    known = read_migrations()
    applied = {each.number: (each.name, each.checksum) for each in manifest.migrations}
    try:
        after = pending_migrations(known, applied, "the backup")
    except MigrationError as error:
        raise NotABackup(f"this release cannot restore it: {error}") from error
    ours = {view.name: view for view in views}
    taken: dict[int, View] = {}
    left_out: dict[str, str] = {}
    for build in manifest.builds:
        if not any(table.build == build.build for table in manifest.tables):
            continue  # a follower of the log without tables, such as the policies
        view = ours.get(build.view)
        reason = "this release has no such view" if view is None else _why_not(view, build, manifest)
        if view is None or reason is not None:
            left_out[build.view] = reason or ""
        else:
            taken[build.build] = view
    return _Plan([each for each in known if each.number in applied], after, taken, left_out)


def _why_not(view: View, build: SavedBuild, manifest: Manifest) -> str | None:
    """Return why the rows of a view cannot be taken over. Raises `NotABackup` for those of a later release."""
    if build.version > view.version:
        raise NotABackup(
            f"this release cannot restore it: the backup has version {build.version} of view {view.name}, and this"
            f" Caselog knows {view.version}: restore it with the release that wrote it ({manifest.release}), or a"
            " later one"
        )
    if build.version < view.version:
        return f"the backup has version {build.version}, this release {view.version}"
    saved = {table.name: table.columns for table in manifest.tables if table.build == build.build}
    tables: list[RowTable] = [table for _, table in BuildTables(view, build.build).named()]
    if saved != {table.name: table.column_names for table in tables}:
        return "the backup has other tables or columns"
    return None


def _count(cursor: Cursor, schema: str) -> int:
    cursor.execute(
        "SELECT count(*) FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)",
        (schema,),
    )
    row = cursor.fetchone()
    return int(row[0]) if row else 0


def _in_the_way(schema: str) -> DeskInTheWay:
    return DeskInTheWay(
        f"there is something in the schema {schema} already, and a restore replaces nothing: set CASELOG_SCHEMA to"
        " a new name, or CASELOG_DATA to a new folder"
    )


def _fill(cursor: Cursor, archive: Archive, plan: _Plan, progress: Progress) -> list[BuildTables]:
    """Copy the rows of all tables, and return the builds of views among them."""
    manifest = archive.manifest
    made = _columns(cursor)
    cursor.execute(f"TRUNCATE {', '.join(map(_quoted, made))}")  # of the rows that migrations begin with
    built = [make_tables(cursor, view, build) for build, view in plan.views.items()]
    done = 0

    def told(more: int) -> None:
        nonlocal done
        done += more
        progress(done, manifest.bytes)

    saved = {table.name: table for table in manifest.tables}
    for name in [*_parents_first(cursor, made), *(name for name in saved if saved[name].build is not None)]:
        table = saved.pop(name, None)
        if table is None or (table.build is not None and table.build not in plan.views):
            continue
        if table.build is None and set(table.columns) != made[name]:
            raise DamagedBackup(f"table {name} has other columns than its migrations gave it")
        _copy(cursor, archive, table, told)
    if any(table.build is None for table in saved.values()):
        raise DamagedBackup(f"there is a table {min(saved)} that its migrations did not make")
    for view in plan.left_out:
        cursor.execute("DELETE FROM projections WHERE view = %s", (view,))
    for sequence in manifest.sequences:
        cursor.execute(
            "SELECT setval(c.oid, %s, %s) FROM pg_class c"
            " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'S' AND c.relname = %s",
            (sequence.last_value, sequence.is_called, sequence.name),
        )
    return built


def _copy(cursor: Cursor, archive: Archive, table: SavedTable, told: Callable[[int], None]) -> None:
    columns = ", ".join(map(_quoted, table.columns))
    with archive.table(table, told) as source:
        try:
            cursor.copy_expert(f"COPY {_quoted(table.name)} ({columns}) FROM STDIN (FREEZE)", source, _COPY_BUFFER)
        except QueryCanceled as error:  # by the driver, where reading failed
            if source.error is not None:
                raise source.error from None
            if "error in .read() call" in str(error):  # before its first line, where only a signal's handler can raise
                raise KeyboardInterrupt from None
            raise
    if cursor.rowcount != table.rows:
        raise DamagedBackup(f"table {table.name} has {cursor.rowcount} rows, and {table.rows} were written")


def _columns(cursor: Cursor) -> dict[str, set[str]]:
    """Return the tables that the migrations have made, but for their own, with the columns that are copied."""
    cursor.execute(
        "SELECT c.relname, array_agg(a.attname::text) FROM pg_class c"
        " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''"
        " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p')"
        " AND c.relname <> 'schema_migrations' GROUP BY c.relname"
    )
    return {name: set(columns) for name, columns in cursor.fetchall()}


def _parents_first(cursor: Cursor, tables: dict[str, set[str]]) -> Iterator[str]:
    """Yield tables in such an order that what a foreign key names is there before."""
    cursor.execute(
        "SELECT child.relname, parent.relname FROM pg_constraint f"
        " JOIN pg_class child ON child.oid = f.conrelid JOIN pg_class parent ON parent.oid = f.confrelid"
        " WHERE f.contype = 'f' AND f.connamespace = current_schema()::regnamespace AND child.oid <> parent.oid"
    )
    order: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(sorted(tables), ()))
    for child, parent in cursor.fetchall():
        order.add(child, parent)
    yield from order.static_order()


def _check_log(cursor: Cursor, manifest: Manifest) -> None:
    """The positions go from 1 to the head without a gap, and the next append goes on there."""
    cursor.execute("SELECT count(*), coalesce(min(position), 1), coalesce(max(position), 0) FROM events")
    found = cursor.fetchone()
    cursor.execute("SELECT position FROM log_head")
    head = cursor.fetchone()
    if found != (manifest.head_position, 1, manifest.head_position) or head != (manifest.head_position,):
        raise DamagedBackup(f"the log does not go from 1 to {manifest.head_position} without a gap")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
