"""A view becomes a file: every row and value of one moment, whole or not at all."""

import csv
import json
import os
import subprocess
import sys
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.errors
import pyarrow  # type: ignore[import-untyped]
import pyarrow.parquet  # type: ignore[import-untyped]
import pytest

from infra.postgres.pool import connect
from infra.reporting.copying import CopyStream
from infra.reporting.export import Format, export_view, row_count
from infra.reporting.login import reporting_url
from infra.reporting.role import install
from infra.reporting.snapshot import NoReportingViews, ViewsApart, snapshot
from infra.reporting.views import reporting_schema
from projections.reporting.catalogue import REPORTING_VIEWS
from projections.reporting.view import ReportingView
from tests.infra.reporting.conftest import ReportingDesk

ROOT = Path(__file__).parents[3]
VIEWS = {view.name: view for view in REPORTING_VIEWS}


def parquet(desk: ReportingDesk, view: ReportingView, path: Path) -> Any:
    exported = export_view(desk.dsn, desk.schema, view, path, "parquet")
    table = pyarrow.parquet.read_table(path)
    assert exported.rows == table.num_rows
    return table


@pytest.mark.parametrize("view", REPORTING_VIEWS, ids=lambda view: view.name)
def test_parquet_csv_and_ndjson_hold_the_rows_of_the_view(
    desk: ReportingDesk, view: ReportingView, tmp_path: Path
) -> None:
    rows = desk.rows(f"SELECT * FROM {view.name} ORDER BY {', '.join(view.key)}")
    assert parquet(desk, view, tmp_path / "a.parquet").to_pylist() == rows
    export_view(desk.dsn, desk.schema, view, tmp_path / "a.ndjson", "ndjson")
    told = [json.loads(line) for line in (tmp_path / "a.ndjson").read_text().splitlines()]
    assert [{name: of_json(view, name, value) for name, value in row.items()} for row in told] == rows
    export_view(desk.dsn, desk.schema, view, tmp_path / "a.csv", "csv")
    with (tmp_path / "a.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [{name: of_csv(view, name, value) for name, value in row.items()} for row in read] == rows
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.csv", "a.ndjson", "a.parquet"]


def of_json(view: ReportingView, name: str, value: Any) -> Any:
    (column,) = [each for each in view.columns if each.name == name]
    if value is None or column.type not in {"timestamptz", "date"}:
        return value
    return date.fromisoformat(value) if column.type == "date" else datetime.fromisoformat(value).astimezone(UTC)


def of_csv(view: ReportingView, name: str, value: str) -> Any:
    types: dict[str, Any] = {
        "timestamptz": datetime.fromisoformat,
        "date": date.fromisoformat,
        "bigint": int,
        "boolean": {"true": True, "false": False}.get,
        "text": str,
    }
    (column,) = [each for each in view.columns if each.name == name]
    return types[column.type](value) if value else None


def test_an_instant_has_one_form_in_csv_and_ndjson(desk: ReportingDesk, tmp_path: Path) -> None:
    forms: tuple[Format, ...] = ("csv", "ndjson")
    for form in forms:
        export_view(desk.dsn, desk.schema, VIEWS["cases"], tmp_path / form, form)
    with (tmp_path / "csv").open(newline="") as file:
        first = next(csv.DictReader(file))["received_at"]
    assert first.endswith("Z")
    assert json.loads((tmp_path / "ndjson").read_text().splitlines()[0])["received_at"] == first


def test_parquet_has_types_and_says_where_it_stands(desk: ReportingDesk, tmp_path: Path) -> None:
    table = parquet(desk, VIEWS["cases"], tmp_path / "cases")
    assert table.schema.field("received_at").type == pyarrow.timestamp("us", tz="UTC")
    assert table.schema.field("worked_seconds").type == pyarrow.int64()
    assert table.schema.field("is_open").type == pyarrow.bool_()
    assert table.schema.field("requested_for").type == pyarrow.date32()
    assert table.schema.field("urgency").metadata == {b"comment": b"low, normal or high"}
    (position,) = [row["position"] for row in desk.rows("SELECT position FROM positions WHERE view = 'cases'")]
    assert table.schema.metadata[b"caselog.position"] == str(position).encode()
    assert table.schema.metadata[b"caselog.view"] == b"cases"


def test_awkward_texts_empty_ones_and_nulls_come_through(desk: ReportingDesk, tmp_path: Path) -> None:
    awkward = ['"', "a,b", "two\nlines", "\\N", "\\", "", "é\u2028", "t", "null"]
    awkward += ["=1+1", "+1", "-1", "@a", "\tx", "\rx", "'t Hooft"]
    with closing(desk.connection()) as connection, connection, connection.cursor() as cursor:
        for number, text in enumerate(awkward):
            cursor.execute(
                f"INSERT INTO customer_b{_build(desk)} VALUES (%s, %s, '[]', '[]', NULL, 1, 1)", (f"z{number:02}", text)
            )
    try:
        view = VIEWS["customers"]
        names = [row["name"] for row in parquet(desk, view, tmp_path / "c.parquet").to_pylist()]
        assert names[-len(awkward) :] == awkward
        export_view(desk.dsn, desk.schema, view, tmp_path / "c.ndjson", "ndjson")
        lines = (tmp_path / "c.ndjson").read_text(encoding="utf-8").split("\n")[:-1]
        assert [json.loads(line)["name"] for line in lines][-len(awkward) :] == awkward
        export_view(desk.dsn, desk.schema, view, tmp_path / "c.csv", "csv")
        with (tmp_path / "c.csv").open(newline="", encoding="utf-8") as file:
            marked = [f"'{text}" if text[:1] and text[:1] in "=+-@\t\r'" else text for text in awkward]
            assert [row["name"] for row in csv.DictReader(file)][-len(awkward) :] == marked
    finally:
        with closing(desk.connection()) as connection, connection, connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM customer_b{_build(desk)} WHERE customer_id LIKE 'z%'")


def _build(desk: ReportingDesk) -> int:
    with closing(desk.connection()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT build FROM projections WHERE view = 'customer' AND live")
        return int((cursor.fetchone() or (0,))[0])


def test_a_view_without_rows_becomes_a_file_without_rows(desk: ReportingDesk, tmp_path: Path) -> None:
    with closing(desk.connection()) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER VIEW {desk.views}.incidents RENAME TO aside")
            cursor.execute(f"CREATE VIEW {desk.views}.incidents AS SELECT * FROM {desk.views}.aside WHERE false")
            try:
                assert parquet(desk, VIEWS["incidents"], tmp_path / "none.parquet").num_rows == 0
                assert export_view(desk.dsn, desk.schema, VIEWS["incidents"], tmp_path / "n.csv", "csv").rows == 0
            finally:
                cursor.execute(f"DROP VIEW {desk.views}.incidents")
                cursor.execute(f"ALTER VIEW {desk.views}.aside RENAME TO incidents")


def test_the_role_of_reporting_jobs_can_export(desk: ReportingDesk, tmp_path: Path) -> None:
    url = reporting_url(desk.dsn, desk.schema, tmp_path / "pgpass")
    assert export_view(url, desk.schema, VIEWS["cases"], tmp_path / "cases.csv", "csv").rows == 6
    assert row_count(url, desk.schema, VIEWS["cases"]) == 6


class FullDisk(Exception):
    pass


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_what_breaks_off_leaves_the_former_file_and_nothing_else(
    desk: ReportingDesk, tmp_path: Path, form: Any
) -> None:
    path = tmp_path / "lines"
    path.write_text("the former one")

    def progress(_: int) -> None:
        raise FullDisk

    with pytest.raises(FullDisk):
        export_view(desk.dsn, desk.schema, VIEWS["ledger_lines"], path, form, progress)
    assert path.read_text() == "the former one"
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_that_goes_away_ends_an_endless_statement(desk: ReportingDesk) -> None:
    endless = "COPY (SELECT generate_series(1, 1000000000000)) TO STDOUT"
    with closing(desk.connection()) as connection:
        with pytest.raises(FullDisk), CopyStream(connection, endless) as copy:
            assert copy.stream.read(2) == b"1\n"
            raise FullDisk
        connection.rollback()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")


def test_a_statement_that_fails_midway_is_an_error_and_no_short_file(desk: ReportingDesk) -> None:
    failing = "COPY (SELECT 1 / (100000 - n) FROM generate_series(1, 200000) n) TO STDOUT"
    fails = pytest.raises(psycopg2.errors.DivisionByZero)
    with closing(desk.connection()) as connection, fails, CopyStream(connection, failing) as copy:
        while copy.stream.read(1 << 16):
            pass
        copy.finish()
    with closing(desk.connection()) as connection, fails, CopyStream(connection, failing) as copy:
        while copy.stream.read(1 << 16):
            pass
        raise ValueError("what was read makes no sense")


def test_views_that_stand_apart_are_waited_for_and_then_told(desk: ReportingDesk) -> None:
    with closing(desk.connection()) as connection:
        with connection, connection.cursor() as cursor:
            cursor.execute("UPDATE projections SET position = position - 1 WHERE view = 'ledger' AND live")
        try:
            both = [VIEWS["statements"], VIEWS["ledger_lines"]]
            with pytest.raises(ViewsApart), snapshot(desk.dsn, desk.schema, both, patience_seconds=0.1):
                pass
            with snapshot(desk.dsn, desk.schema, [VIEWS["statements"]], patience_seconds=0) as seen:
                assert seen.position > 0
        finally:
            with connection, connection.cursor() as cursor:
                cursor.execute("UPDATE projections SET position = position + 1 WHERE view = 'ledger' AND live")


def test_a_desk_without_reporting_views_is_told_what_makes_them(database: str, schema: str) -> None:
    with pytest.raises(NoReportingViews), snapshot(database, schema, [VIEWS["cases"]]):
        pass


_PEAK = """
import resource, sys
from pathlib import Path
from infra.reporting.export import export_view
from projections.reporting.catalogue import REPORTING_VIEWS
dsn, schema, path, form = sys.argv[1:]
(view,) = [each for each in REPORTING_VIEWS if each.name == "event_counts"]
rows = export_view(dsn, schema, view, Path(path), form).rows
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.parametrize(("form", "most_mib"), [("csv", 5), ("parquet", 20)])
def test_memory_does_not_grow_with_the_rows(
    database: str, schema: str, tmp_path: Path, form: str, most_mib: int
) -> None:
    install(database, schema)
    peaks = []
    for rows in (300_000, 1_500_000):
        with (
            closing(connect(database, reporting_schema(schema))) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(
                "CREATE OR REPLACE VIEW event_counts AS SELECT date '2026-11-30' AS day,"
                f" lpad(n::text, 30, 'x') AS type, n::bigint AS events FROM generate_series(1, {rows}) n"
            )
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, database, schema, str(tmp_path / "file"), form],
            cwd=ROOT,
            # Arrow's own pool keeps what was freed for later, more of it the slower its threads are.
            env=os.environ | {"ARROW_DEFAULT_MEMORY_POOL": "system"},
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
        written, peak_mib = map(int, done.stdout.split())
        assert written == rows
        peaks.append(peak_mib)
    assert peaks[1] - peaks[0] < most_mib, peaks
