"""How does a reporting view become a file? Streamed from one snapshot, whole or not at all.

CSV and NDJSON are what PostgreSQL writes; Parquet is made of its CSV by pyarrow (the optional extra `export`), a
batch at a time. Rows come in the order of the view's key, so that two exports of the same state are the same file.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, Literal

import msgspec

from infra.reporting.copying import CopyStream
from infra.reporting.formulas import as_text_in_sql
from infra.reporting.snapshot import Snapshot, snapshot
from projections.reporting.catalogue import VERSION
from projections.reporting.view import Column, ReportingView

Format = Literal["parquet", "csv", "ndjson"]
Progress = Callable[[int], None]
"""Told of so many rows more."""

_CHUNK_BYTES = 1 << 20
_ROWS_A_GROUP = 1 << 17


class ExtraMissing(Exception):
    """A library that an optional extra brings is not installed."""


class NotWritten(Exception):
    """A file cannot be written; the message says why."""


class Exported(msgspec.Struct, frozen=True):
    """What was written: how many rows, and up to which event of the log they tell."""

    rows: int
    position: int


def export_view(
    dsn: str, schema: str, view: ReportingView, path: Path, form: Format, progress: Progress = lambda _: None
) -> Exported:
    """Write all rows of a view to a file, in a snapshot; memory does not grow with their number.

    A file of that name is replaced when the new one is complete, and stays as it is if it never is. Raises
    `ExtraMissing`, `NotWritten`, and as `snapshot`.
    """
    if form == "parquet":
        parquet_writing()  # before anything is asked of the database
    with snapshot(dsn, schema, [view]) as seen, replacing(path) as file:
        if form == "parquet":
            rows = _parquet(seen, view, file, progress)
        else:
            rows = _text(seen, _csv(view) if form == "csv" else _ndjson(view), file, progress)
    return Exported(rows, seen.position)


def row_count(dsn: str, schema: str, view: ReportingView) -> int:
    """Return how many rows there are now."""
    with snapshot(dsn, schema, [view]) as seen, seen.connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {view.name}")
        return int((cursor.fetchone() or (0,))[0])


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write that takes the place of `path` at the end, on disk then; after an error it is gone."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        unfinished.unlink(missing_ok=True)  # of a killed process that had our number
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except BaseException as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise NotWritten(f"{path} cannot be written: {error.strerror or error}") from error
        raise


def _select(view: ReportingView, expression: Callable[[Column], str] = lambda column: column.name) -> str:
    columns = ", ".join(f"{expression(column)} AS {column.name}" for column in view.columns)
    return f"SELECT {columns} FROM {view.name} v ORDER BY {', '.join(f'v.{name}' for name in view.key)}"


def _csv(view: ReportingView) -> str:
    """Return the statement for CSV as RFC 4180 has it: instants by RFC 3339, true and false, nothing for null.

    A text that a spreadsheet would take for a formula is marked as one (`infra.reporting.formulas`).
    """

    def told(column: Column) -> str:
        if column.type == "text":
            return as_text_in_sql(f"v.{column.name}")
        return f"v.{column.name}::text" if column.type == "boolean" else _instant(column)

    return f"COPY ({_select(view, told)}) TO STDOUT (FORMAT csv, HEADER)"


def _instant(column: Column) -> str:
    """Return the expression of a column, an instant's as RFC 3339 in UTC."""
    if column.type != "timestamptz":
        return f"v.{column.name}"
    return f"to_char(v.{column.name} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


def _ndjson(view: ReportingView) -> str:
    """Return the statement for one JSON object a line, its instants in UTC.

    JSON has no control characters as such, so that a CSV with two of them for quote and delimiter is plain lines.
    """
    return (
        f"COPY (SELECT row_to_json(r) FROM ({_select(view, _instant)}) r)"
        r" TO STDOUT (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"
    )


def _text(seen: Snapshot, statement: str, file: IO[bytes], progress: Progress) -> int:
    with CopyStream(seen.connection, statement) as copy:
        while chunk := copy.stream.read(_CHUNK_BYTES):
            file.write(chunk)
            progress(chunk.count(b"\n"))
        return copy.finish()


def _parquet(seen: Snapshot, view: ReportingView, file: IO[bytes], progress: Progress) -> int:
    arrow, csv, parquet = parquet_writing()
    types = {
        "text": arrow.string(),
        "bigint": arrow.int64(),
        "boolean": arrow.bool_(),
        "timestamptz": arrow.timestamp("us", tz="UTC"),
        "date": arrow.date32(),
    }
    told = {
        "caselog.view": view.name,
        "caselog.position": str(seen.position),
        "caselog.views_version": str(VERSION),
        "caselog.comment": view.comment,
    }
    fields = [
        arrow.field(column.name, types[column.type], metadata={"comment": column.comment}) for column in view.columns
    ]
    form = arrow.schema(fields, metadata=told)
    statement = f"COPY ({_select(view)}) TO STDOUT (FORMAT csv, HEADER)"
    with (
        CopyStream(seen.connection, statement) as copy,
        parquet.ParquetWriter(file, form, compression="zstd") as writer,
    ):
        reader = csv.open_csv(
            copy.stream,
            read_options=csv.ReadOptions(block_size=_CHUNK_BYTES),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types={column.name: types[column.type] for column in view.columns},
                true_values=["t"],
                false_values=["f"],
                null_values=[""],  # unquoted; an empty text is quoted
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        waiting: list[Any] = []
        for batch in reader:
            waiting.append(batch)
            progress(batch.num_rows)
            if sum(each.num_rows for each in waiting) >= _ROWS_A_GROUP:
                writer.write_table(arrow.Table.from_batches(waiting).cast(form))
                waiting = []
        if waiting:
            writer.write_table(arrow.Table.from_batches(waiting).cast(form))
        return copy.finish()


def parquet_writing() -> tuple[Any, Any, Any]:
    """Return pyarrow with the modules that read CSV and write Parquet. Raises `ExtraMissing`."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.csv"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise ExtraMissing(
            "Parquet needs the extra `export`, which is not installed: pip install 'caselog[export]'; --format csv and"
            " ndjson do without"
        ) from error
