"""What is a build made of? One set of tables, and the plain names that readers use, which are views of SQL on them."""

from collections.abc import Iterator
from typing import Any

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from infra.projection.tables import Column, RowTable, columns_of
from projections.view import Journal, Table, Total, View


class BuildTables:
    """The physical tables of one build of a view."""

    def __init__(self, view: View, build: int) -> None:
        self.rows: list[tuple[Table[Any], RowTable]] = [(table, _row_table(table, build)) for table in view.tables]
        self.journals: list[tuple[Journal[Any], RowTable, list[tuple[Total, RowTable]]]] = [
            (
                journal,
                _row_table(journal, build),
                [(total, _total_table(journal, total, build)) for total in journal.totals],
            )
            for journal in view.journals
        ]

    def named(self) -> Iterator[tuple[str, RowTable]]:
        """Yield each table with the plain name that readers use."""
        for table, row_table in self.rows:
            yield table.name, row_table
        for journal, row_table, totals in self.journals:
            yield journal.name, row_table
            for total, total_table in totals:
                yield total.name, total_table


def make_tables(cursor: Cursor, view: View, build: int) -> BuildTables:
    """Create the tables of a build that has been made elsewhere, for its rows to be copied into."""
    tables = BuildTables(view, build)
    for _, table in tables.named():
        table.create(cursor)
    return tables


def open_restored(cursor: Cursor, tables: BuildTables) -> None:
    """Index the tables of a build that has been copied, and let readers see them; the bookkeeping has it as live."""
    for _, table in tables.named():
        table.create_indexes(cursor)
    show(cursor, tables)


def show(cursor: Cursor, tables: BuildTables, where: str = "") -> None:
    """Let the plain names mean these tables. Columns may have changed, so the old views of SQL go first."""
    for name, table in tables.named():
        cursor.execute(f"DROP VIEW IF EXISTS {name}")
        cursor.execute(f"CREATE VIEW {name} AS SELECT * FROM {table.name} {where}")


def _row_table(part: Table[Any] | Journal[Any], build: int) -> RowTable:
    return RowTable(
        f"{part.name}_b{build}",
        columns_of(part.row),
        part.key,
        row=part.row,
        indexes=part.indexes,
        fillfactor=part.fillfactor,
    )


def _total_table(journal: Journal[Any], total: Total, build: int) -> RowTable:
    columns = {column.name: column for column in columns_of(journal.row)}
    chosen = tuple(Column(name, columns[name].sql_type, nullable=False) for name in (*total.by, total.amount))
    return RowTable(f"{total.name}_b{build}", chosen, total.by, fillfactor=75, adds=total.amount)
