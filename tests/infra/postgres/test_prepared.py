"""Statements prepared once a session, and writes that a cursor holds back."""

from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.postgres.pool import connect
from infra.postgres.prepared import DeferringCursor, execute_prepared, write_prepared

INSERT = "INSERT INTO words (word, weight) VALUES ($1, $2)"
COUNT = "SELECT count(*) FROM words WHERE weight < $1"


@pytest.fixture
def connection(database: str, schema: str) -> Iterator[Connection]:
    """A connection to a schema with a table of words."""
    with closing(connect(database, schema)) as opened:
        with opened, opened.cursor() as cursor:
            cursor.execute("CREATE TABLE words (word text PRIMARY KEY, weight bigint CHECK (weight > 0))")
        yield opened


def count(cursor: DeferringCursor) -> int:
    execute_prepared(cursor, COUNT, (1_000,))
    [(found,)] = cursor.fetchall()
    return int(found)


def test_held_back_writes_come_at_the_end_in_their_order_with_their_texts_untouched(connection: Connection) -> None:
    words = ["a; DROP TABLE words", "100 % '%s'", "back\\slash 'quoted'", "ünïcode"]
    with connection, connection.cursor(cursor_factory=DeferringCursor) as cursor:
        for weight, word in enumerate(words, 1):
            write_prepared(cursor, INSERT, (word, weight))
        assert count(cursor) == 0
        cursor.send_deferred()
        assert count(cursor) == len(words)
        cursor.send_deferred()  # nothing is sent twice
        cursor.execute("SELECT word FROM words ORDER BY weight")
        assert [word for (word,) in cursor] == words


def test_the_first_write_that_fails_is_told_and_none_after_it_is_done(connection: Connection) -> None:
    with connection.cursor(cursor_factory=DeferringCursor) as cursor:
        write_prepared(cursor, INSERT, ("good", 1))
        write_prepared(cursor, INSERT, ("bad", 0))
        write_prepared(cursor, INSERT, ("after", 2))
        with pytest.raises(psycopg2.errors.CheckViolation):
            cursor.send_deferred()
        connection.rollback()
        cursor.send_deferred()
        assert count(cursor) == 0
    with connection.cursor() as plain:  # what was prepared outlives the rollback; a plain cursor writes at once
        write_prepared(plain, INSERT, ("good", 1))
        plain.execute("SELECT word FROM words")
        assert plain.fetchall() == [("good",)]
