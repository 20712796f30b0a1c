"""Which views has somebody brought back from Kafka to the log? Their workers leave them alone until told otherwise.

It is kept in the database that readers saw the Kafka-fed build in, and outlives the builds.
"""

from datetime import datetime

from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class


def note(cursor: Cursor, view: str) -> None:
    """Note that Kafka no longer feeds what readers see of a view, by somebody's decision."""
    cursor.execute(
        "INSERT INTO brought_back (view) VALUES (%s) ON CONFLICT (view) DO UPDATE SET at = excluded.at", (view,)
    )


def forget(cursor: Cursor, view: str) -> bool:
    """Let workers take the view again; return whether it had been brought back."""
    cursor.execute("DELETE FROM brought_back WHERE view = %s", (view,))
    return cursor.rowcount > 0


def since(cursor: Cursor, view: str) -> datetime | None:
    """Return when the view was brought back; None where Kafka may feed it."""
    cursor.execute("SELECT at FROM brought_back WHERE view = %s", (view,))
    row = cursor.fetchone()
    return None if row is None else row[0]
