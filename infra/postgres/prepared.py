"""Statements that are planned once a session: to plan one anew takes longer than to write a few rows by it."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

_prepared: WeakKeyDictionary[Connection, dict[str, str]] = WeakKeyDictionary()


class DeferringCursor(Cursor):
    """A cursor that holds back what `write_prepared` is given, so that many writes make one round trip.

    What is held back comes after everything else that the cursor executes meanwhile, up to `send_deferred`.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._deferred: list[bytes] = []

    def defer(self, statement: bytes) -> None:
        """Hold a statement back, its values filled in."""
        self._deferred.append(statement)

    def send_deferred(self) -> None:
        """Execute what was held back, in its order. Raises psycopg2's errors of the first that fails."""
        if self._deferred:
            statements, self._deferred = self._deferred, []
            self.execute(b"; ".join(statements))


def execute_prepared(cursor: Cursor, statement: str, values: Sequence[object]) -> None:
    """Execute a statement whose parameters are `$1`, `$2`, …; the session prepares it the first time.

    A rollback does not undo that. Raises psycopg2's errors.
    """
    cursor.execute(_call(cursor, statement, values), values)


def write_prepared(cursor: Cursor, statement: str, values: Sequence[object]) -> None:
    """Do the same with a statement whose result nobody reads, later where the cursor holds such statements back."""
    call = _call(cursor, statement, values)
    if isinstance(cursor, DeferringCursor):
        cursor.defer(cursor.mogrify(call, values))
    else:
        cursor.execute(call, values)


def _call(cursor: Cursor, statement: str, values: Sequence[object]) -> str:
    names = _prepared.setdefault(cursor.connection, {})
    name = names.get(statement)
    if name is None:
        name = f"prepared_{len(names)}"
        cursor.execute(f"PREPARE {name} AS {statement}")
        names[statement] = name
    return f"EXECUTE {name} ({', '.join(['%s'] * len(values))})"
