"""Which SQL does a table of a view need? Derived from its row type; names and types come from our code alone.

Rows are written in one of two ways, by their number: few as one JSON parameter, many through COPY. Both end in the
form of INSERT that finds an old row by the key's index, whatever the planner thinks of the number of rows. A cursor
that defers writes the few at its end; until then their keys load as they were.
"""

import io
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import psycopg2.errors
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from infra.postgres.prepared import execute_prepared, write_prepared
from projections.view import Index, Key, Row

FEW_ROWS = 200
"""Up to so many rows one JSON parameter is the quicker way (16 us a row against 1 ms a stage and 9 us a row)."""

_COPY_BUFFER = 1 << 20
_CSV = "(FORMAT csv, NULL 'null', ESCAPE '\\')"
_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
_SQL_TYPES: tuple[tuple[type[msgspec.inspect.Type], str], ...] = (
    (msgspec.inspect.StrType, "text"),
    (msgspec.inspect.BoolType, "boolean"),
    (msgspec.inspect.IntType, "bigint"),
    (msgspec.inspect.DateTimeType, "timestamptz"),
    (msgspec.inspect.DateType, "date"),
)

_STORED_TYPES = {"text": 'text COLLATE "C"'}
"""Texts sort by bytes, in every database alike."""


class Column(msgspec.Struct, frozen=True):
    """A column: its name, its type in PostgreSQL and whether it may be null.

    `free`: its texts can hold any character; those of a `Literal` cannot.
    """

    name: str
    sql_type: str
    nullable: bool
    free: bool = True


def columns_of(row: type[Row]) -> tuple[Column, ...]:
    """Return the columns of a row type, in order."""
    info = msgspec.inspect.type_info(row)
    if not isinstance(info, msgspec.inspect.StructType):
        raise TypeError(f"{row!r} is no row type")
    return tuple(_column(field) for field in info.fields)


class RowTable:
    """The SQL of one physical table: create, load, write, delete.

    `adds` names a column that a write adds to instead of replacing it (a running total).
    """

    def __init__(
        self,
        name: str,
        columns: tuple[Column, ...],
        key: tuple[str, ...],
        *,
        row: type[Row] | None = None,
        indexes: tuple[Index, ...] = (),
        fillfactor: int = 100,
        adds: str | None = None,
    ) -> None:
        self.name = name
        self._columns = columns
        self.key = key
        self._indexes = indexes
        self._fillfactor = fillfactor
        self._names = ", ".join(column.name for column in columns)
        self._encoders = tuple(_COPY_TEXT[column.sql_type] for column in columns)
        self._free_texts = tuple(n for n, column in enumerate(columns) if column.sql_type == "text" and column.free)
        self._json_columns = tuple(number for number, column in enumerate(columns) if column.sql_type == "json")
        types = {column.name: column.sql_type for column in columns}
        recordset = ", ".join(f"{column.name} {column.sql_type}" for column in columns)
        key_recordset = ", ".join(f"unnest(${number}::{types[name]}[])" for number, name in enumerate(key, 1))
        on_key = " AND ".join(f"t.{name} = k.{name}" for name in key)
        rows_of_keys = f"ROWS FROM ({key_recordset}) AS k ({', '.join(key)})"
        changes = ", ".join(
            f"{column.name} = "
            + ("t.{0} + excluded.{0}" if column.name == adds else "excluded.{0}").format(column.name)
            for column in columns
            if column.name not in key
        )
        conflict = f"ON CONFLICT ({', '.join(key)}) DO " + (f"UPDATE SET {changes}" if changes else "NOTHING")
        self._insert_few = (
            f"INSERT INTO {name} AS t ({self._names})"
            f" SELECT {self._names} FROM json_to_recordset($1::json) AS r ({recordset})"
        )
        self._write_few = f"{self._insert_few} {conflict}"
        self._insert_stage = (
            f"INSERT INTO {name} AS t ({self._names}) SELECT {self._names} FROM pg_temp.stage_{name} {conflict}"
        )
        self._load = f"SELECT row_to_json(t)::text FROM {rows_of_keys} JOIN {name} AS t ON {on_key}"
        self._delete = f"DELETE FROM {name} AS t USING {rows_of_keys} WHERE {on_key}"
        self._decode = None if row is None else msgspec.json.Decoder(row).decode
        self._staged_in: Connection | None = None

    @property
    def column_names(self) -> list[str]:
        """The columns, in order."""
        return [column.name for column in self._columns]

    def create(self, cursor: Cursor) -> None:
        """Create the table with its key, without secondary indexes."""
        definitions = [
            f"{column.name} {_STORED_TYPES.get(column.sql_type, column.sql_type)}"
            + ("" if column.nullable else " NOT NULL")
            for column in self._columns
        ]
        cursor.execute(
            f"CREATE TABLE {self.name} ({', '.join(definitions)}, PRIMARY KEY ({', '.join(self.key)}))"
            f" WITH (fillfactor = {self._fillfactor}, autovacuum_vacuum_scale_factor = 0.05,"
            " autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05)"
        )

    def create_indexes(self, cursor: Cursor) -> None:
        """Create the secondary indexes that are not there yet: late, for they make a build a fifth slower."""
        for number, index in enumerate(self._indexes, 1):
            where = f" WHERE {index.where}" if index.where else ""
            cursor.execute(
                f"CREATE INDEX IF NOT EXISTS {self.name}_i{number} ON {self.name} ({', '.join(index.columns)}){where}"
            )

    def drop(self, cursor: Cursor) -> None:
        """Drop the table."""
        cursor.execute(f"DROP TABLE IF EXISTS {self.name}")

    def load(self, cursor: Cursor, keys: Collection[Key]) -> Iterator[Any]:
        """Yield the rows of those keys that there are."""
        if self._decode is None:
            raise TypeError(f"{self.name} has no row type")
        execute_prepared(cursor, self._load, [list(values) for values in zip(*keys, strict=True)])
        for (text,) in cursor:
            yield self._decode(text)

    def delete(self, cursor: Cursor, keys: Collection[Key]) -> None:
        """Delete the rows of those keys that there are."""
        write_prepared(cursor, self._delete, [list(values) for values in zip(*keys, strict=True)])

    def write(self, cursor: Cursor, rows: Collection[Row]) -> None:
        """Insert rows, or replace those that have their keys."""
        if len(rows) <= FEW_ROWS:
            write_prepared(cursor, self._write_few, (msgspec.json.encode(rows).decode(),))
            return
        if self._staged_in is not cursor.connection:
            cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS stage_{self.name} (LIKE {self.name})")
            self._staged_in = cursor.connection
        cursor.execute(f"TRUNCATE pg_temp.stage_{self.name}")
        self._copy(cursor, f"pg_temp.stage_{self.name}", map(msgspec.structs.astuple, rows))
        cursor.execute(self._insert_stage)

    def append_new(self, cursor: Cursor, rows: Collection[Row]) -> bool:
        """Insert rows whose keys are new as far as anybody knows; where one is not, insert none and return false."""
        cursor.execute("SAVEPOINT appended")
        try:
            self._copy(cursor, self.name, map(msgspec.structs.astuple, rows))
        except psycopg2.errors.UniqueViolation:
            cursor.execute("ROLLBACK TO SAVEPOINT appended")
            return False
        cursor.execute("RELEASE SAVEPOINT appended")
        return True

    def append(self, cursor: Cursor, rows: Collection[Row]) -> None:
        """Insert rows whose keys are new."""
        if len(rows) <= FEW_ROWS:
            write_prepared(cursor, self._insert_few, (msgspec.json.encode(rows).decode(),))
        else:
            self._copy(cursor, self.name, map(msgspec.structs.astuple, rows))

    def add(self, cursor: Cursor, sums: dict[Key, int]) -> None:
        """Add to the running totals of those keys.

        In one order always: of two transactions that add to the same totals, as those of two partitions may, one waits
        for the other, and neither for ever.
        """
        names = [column.name for column in self._columns]
        rows = [dict(zip(names, (*key, amount), strict=True)) for key, amount in sorted(sums.items())]
        write_prepared(cursor, self._write_few, (msgspec.json.encode(rows).decode(),))

    def forget_stage(self) -> None:
        """Take note that a rollback may have undone the making of the stage."""
        self._staged_in = None

    def _copy(self, cursor: Cursor, target: str, rows: Iterable[tuple[Any, ...]]) -> None:
        values = list(rows)
        text = self._csv(values)
        form = _CSV
        if text is None:
            text, form = self._text(values), ""
        cursor.copy_expert(f"COPY {target} ({self._names}) FROM STDIN {form}", io.BytesIO(text), _COPY_BUFFER)

    def _csv(self, rows: Sequence[tuple[Any, ...]]) -> bytes | None:
        """Return rows as CSV made by a JSON encoder, a third of the time that `_text` takes; `None` where that fails.

        A JSON array without its brackets is a line of CSV, but for escapes other than of quote and backslash: those of
        control characters.
        """
        texts = self._free_texts
        if not "".join([row[number] or "" for row in rows for number in texts]).isprintable():
            return None
        lines = _encode_lines([self._with_json_as_text(row) for row in rows] if self._json_columns else rows)
        return lines[1:-2].replace(b"]\n[", b"\n")

    def _with_json_as_text(self, row: tuple[Any, ...]) -> list[Any]:
        values = list(row)
        for number in self._json_columns:
            if values[number] is not None:
                values[number] = _encode(values[number]).decode()
        return values

    def _text(self, rows: Sequence[tuple[Any, ...]]) -> bytes:
        """Return rows in the text format of COPY."""
        encoders = self._encoders
        return "\n".join(
            ["\t".join([encode(value) for encode, value in zip(encoders, row, strict=True)]) for row in rows]
        ).encode()


def _column(field: msgspec.inspect.Field) -> Column:
    nullable = False
    info = field.type
    if isinstance(info, msgspec.inspect.UnionType):
        nullable = info.includes_none
        others = [option for option in info.types if not isinstance(option, msgspec.inspect.NoneType)]
        info = others[0] if len(others) == 1 else info
    if isinstance(info, msgspec.inspect.LiteralType):
        texts = all(isinstance(value, str) for value in info.values)
        return Column(field.name, "text" if texts else "bigint", nullable, free=False)
    return Column(field.name, next((sql for kind, sql in _SQL_TYPES if isinstance(info, kind)), "json"), nullable)


def _text(value: str | None) -> str:
    if value is None:
        return "\\N"
    if "\\" in value or "\n" in value or "\t" in value or "\r" in value:
        return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    return value


def _integer(value: int | None) -> str:
    return "\\N" if value is None else str(value)


def _boolean(value: bool | None) -> str:
    return "\\N" if value is None else "t" if value else "f"


def _instant(value: datetime | date | None) -> str:
    return "\\N" if value is None else value.isoformat()


def _json(value: Any) -> str:
    return "\\N" if value is None else msgspec.json.encode(value).decode().replace("\\", "\\\\")


_COPY_TEXT: dict[str, Callable[[Any], str]] = {
    "text": _text,
    "boolean": _boolean,
    "bigint": _integer,
    "timestamptz": _instant,
    "date": _instant,
    "json": _json,
}
