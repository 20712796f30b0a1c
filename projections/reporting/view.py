"""How is a reporting view declared? Columns, each with its type, its expression and its meaning, over tables of views.

A reporting view is a view of SQL in the schema `<desk>_reporting`. In its expressions `$ticket` stands for the table
`ticket` of the build that readers see, `$events` for the log. Every column is cast to its type, so that what a job
reads keeps its type whatever a table does.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

SqlType = Literal["text", "bigint", "boolean", "timestamptz", "date"]


class Column(msgspec.Struct, frozen=True):
    """A column: its name, type, expression and meaning. Money is in cents, time in seconds, an instant in UTC."""

    name: str
    type: SqlType
    expression: str
    comment: str


class ReportingView(msgspec.Struct, frozen=True):
    """A view of SQL: what a row is, its columns, and what they are selected from.

    `sources` names the tables of views that `select_from` reads, each with the view that it belongs to; `key` the
    columns that tell rows apart, in the order that an export has them in.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    select_from: str
    sources: Mapping[str, str]
    key: tuple[str, ...]

    @property
    def query(self) -> str:
        """Return the query that the view stands for, its tables still by their plain names."""
        selected = ",\n".join(f"    ({each.expression})::{each.type} AS {each.name}" for each in self.columns)
        return f"SELECT\n{selected}\n{self.select_from.strip()}"


def fingerprint(views: Iterable[ReportingView]) -> str:
    """Return what changes with the name or the type of any column of any of the views."""
    shape = [(view.name, [(column.name, column.type) for column in view.columns]) for view in views]
    return hashlib.sha256(msgspec.json.encode(sorted(shape))).hexdigest()[:16]


def plain(names: str, type_: SqlType, comments: Sequence[str], table: str = "t") -> tuple[Column, ...]:
    """Return columns of one type that are columns of a table: names in a row, a meaning for each."""
    return tuple(
        Column(name, type_, f"{table}.{name}", comment) for name, comment in zip(names.split(), comments, strict=True)
    )
