"""Statements that are planned once a session: to plan one anew takes longer than to write a few rows by it."""

from collections.abc import Sequence
from weakref import WeakKeyDictionary

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

_prepared: WeakKeyDictionary[Connection, dict[str, str]] = WeakKeyDictionary()


def execute_prepared(cursor: Cursor, statement: str, values: Sequence[object]) -> None:
    """Execute a statement whose parameters are `$1`, `$2`, …; the session prepares it the first time.

    A rollback does not undo that. Raises psycopg2's errors.
    """
    names = _prepared.setdefault(cursor.connection, {})
    name = names.get(statement)
    if name is None:
        name = f"prepared_{len(names)}"
        cursor.execute(f"PREPARE {name} AS {statement}")
        names[statement] = name
    cursor.execute(f"EXECUTE {name} ({', '.join(['%s'] * len(values))})", values)
