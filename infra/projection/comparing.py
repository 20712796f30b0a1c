"""In what does a new build of a view differ from the one that readers see? Both as they stood at one position."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Literal

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.postgres.pool import connect
from infra.projection.build_tables import BuildTables
from infra.projection.builds import Build, lock_live
from infra.projection.runner import BuildRunner
from projections.view import View

_ROWS_AT_A_TIME = 2_000

Kind = Literal["only in the old", "only in the new", "changed"]


class Difference(msgspec.Struct, frozen=True):
    """A row that the two builds do not share. `old` and `new` are its columns, `columns` those that differ.

    `parked` says that its key is set aside in one of the builds, which explains it.
    """

    table: str
    key: list[Any]
    kind: Kind
    columns: list[str]
    old: dict[str, Any] | None
    new: dict[str, Any] | None
    parked: bool


class Comparison(msgspec.Struct, kw_only=True):
    """What came of comparing: counts by table and kind, and what could not be compared.

    `position` is the event up to which both builds stood.
    """

    position: int
    rows: dict[str, int] = msgspec.field(default_factory=dict)
    counts: dict[str, dict[Kind, int]] = msgspec.field(default_factory=dict)
    parked: int = 0
    left_out: list[str] = msgspec.field(default_factory=list)

    @property
    def differences(self) -> int:
        """How many rows differ, all tables together, those of parked keys included."""
        return sum(sum(kinds.values()) for kinds in self.counts.values())


def compare(
    dsn: str,
    schema: str,
    runner: BuildRunner,
    live: Build,
    *,
    differs: Callable[[Difference], None] = lambda _: None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    stopping: threading.Event | None = None,
) -> Comparison:
    """Compare a build, which must not be ahead of the live one, with that; report each difference to `differs`.

    The live build is held only while the new one is brought up to it and a snapshot is taken; the snapshot is then
    compared while both go on. `progress` counts tables.
    """
    with _snapshot(dsn, schema, runner) as (connection, position):
        return compare_tables(
            connection,
            runner.view,
            live,
            runner.build,
            position,
            parked=lambda table: parked_in(connection, (live, runner.build), table),
            differs=differs,
            progress=progress,
            stopping=stopping,
        )


def compare_tables(
    connection: Connection,
    view: View,
    live: Build,
    build: Build,
    position: int,
    *,
    parked: Callable[[str], set[str]],
    differs: Callable[[Difference], None],
    progress: Callable[[int, int], None],
    stopping: threading.Event | None,
) -> Comparison:
    """Compare the tables of two builds in the transaction of a connection, which sees both as of one position.

    `parked` gives the keys of a table that are set aside in one of them, as JSON.
    """
    found = Comparison(position=position)
    pairs = list(_pairs(connection, view, live, build, found))
    for number, (table, old, new, key, columns) in enumerate(pairs):
        progress(number, len(pairs))
        found.counts[table] = {}
        keys = parked(table)
        found.rows[table] = _count(connection, new)
        for each in _differences(connection, table, old, new, key, columns, keys):
            if stopping is not None and stopping.is_set():
                return found
            found.counts[table][each.kind] = found.counts[table].get(each.kind, 0) + 1
            found.parked += each.parked
            differs(each)
    progress(len(pairs), len(pairs))
    return found


@contextmanager
def _snapshot(dsn: str, schema: str, runner: BuildRunner) -> Iterator[tuple[Connection, int]]:
    """Give a connection that sees both builds at one position."""
    name = f"caselog {schema} compare {runner.view.name}"
    with closing(connect(dsn, schema, application_name=name)) as reading:
        with closing(connect(dsn, schema, application_name=name)) as holding, holding.cursor() as cursor:
            runner.reach(_position_of_live(holding, runner.view))  # most of the way without holding anybody up
            position = lock_live(cursor, runner.view)
            runner.reach(position)
            with reading.cursor() as snapshot:
                snapshot.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; SELECT 1")
        yield reading, position


def _position_of_live(connection: Connection, view: View) -> int:
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT position FROM projections WHERE view = %s AND live", (view.name,))
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])


_Pair = tuple[str, str, str, tuple[str, ...], list[str]]


def _pairs(connection: Connection, view: View, live: Build, build: Build, found: Comparison) -> Iterator[_Pair]:
    """Yield each table that both builds have with the same key: name, the two tables, key, and common columns."""
    for name, table in BuildTables(view, build.build).named():
        old, new = f"{name}_b{live.build}", table.name
        old_columns, new_columns = _columns(connection, old), _columns(connection, new)
        if not old_columns:
            found.left_out.append(f"{name}: the old build has no such table")
            continue
        if _key(connection, old) != _key(connection, new):
            found.left_out.append(f"{name}: its key is another one")
            continue
        common = [column for column in new_columns if old_columns.get(column) == new_columns[column]]
        for column in sorted({*old_columns, *new_columns} - set(common)):
            found.left_out.append(f"{name}.{column}: only one of the builds has it, or of another type")
        yield name, old, new, table.key, common


def _columns(connection: Connection, table: str) -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            (table,),
        )
        return dict(cursor.fetchall())


def _key(connection: Connection, table: str) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_index"
            " JOIN pg_attribute ON attrelid = indexrelid WHERE indrelid = to_regclass(%s) AND indisprimary"
            " ORDER BY attnum",
            (table,),
        )
        return cursor.fetchall()


def parked_in(connection: Connection, builds: Sequence[Build], table: str) -> set[str]:
    """Return the keys of a table that are set aside in one of the builds, as JSON."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT key FROM parked_events WHERE view = %s AND build = ANY (%s) AND part = %s",
            (builds[0].view, [build.build for build in builds], table),
        )
        return {key for (key,) in cursor.fetchall()}


def _count(connection: Connection, table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {table}")
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def _differences(
    connection: Connection,
    table: str,
    old: str,
    new: str,
    key: tuple[str, ...],
    columns: list[str],
    parked: set[str],
) -> Iterator[Difference]:
    """Yield the rows in which two tables differ, in the order of their keys, at constant memory."""
    chosen, joined = ", ".join(columns), " AND ".join(f"o.{name} = n.{name}" for name in key)
    order = ", ".join(f"coalesce(o.{name}, n.{name})" for name in key)
    with connection.cursor(f"differences_{table}") as cursor:
        cursor.itersize = _ROWS_AT_A_TIME
        cursor.execute(
            "SELECT CASE WHEN o.is_there_ THEN row_to_json(o)::text END,"
            " CASE WHEN n.is_there_ THEN row_to_json(n)::text END"
            f" FROM (SELECT true AS is_there_, {chosen} FROM {old}) o"
            f" FULL JOIN (SELECT true AS is_there_, {chosen} FROM {new}) n ON {joined}"
            f" WHERE row_to_json(o)::text IS DISTINCT FROM row_to_json(n)::text ORDER BY {order}"
        )
        for old_row, new_row in cursor:
            before, after = _row(old_row), _row(new_row)
            known = after if after is not None else before or {}
            values = [known[name] for name in key]
            yield Difference(
                table=table,
                key=values,
                kind="only in the old" if after is None else "only in the new" if before is None else "changed",
                columns=[name for name in columns if before and after and before[name] != after[name]],
                old=before,
                new=after,
                parked=msgspec.json.encode(values).decode() in parked,
            )


def _row(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    row: dict[str, Any] = msgspec.json.decode(text)
    del row["is_there_"]
    return row
