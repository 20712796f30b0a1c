"""Rows reach a table as they are, whichever way they are written."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.postgres.pool import connect
from infra.projection.tables import FEW_ROWS, Column, RowTable, columns_of
from projections.view import Key, Row


class AnyRow(Row, frozen=True):
    """A row with a column of each type."""

    number: int
    text: str
    other: str | None
    flag: bool
    at: datetime | None
    day: date
    parts: tuple[dict[str, str], ...] | None


TABLE = RowTable("any_b1", columns_of(AnyRow), ("number",), row=AnyRow)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12) | st.sampled_from(
    ["", "null", "\\N", "\\.", '"', "a,b", "]\n[", "x\ty", "\u2028", "é", '\\"', "{}"]
)


def row(number: int, **values: Any) -> AnyRow:
    usual = {"text": "t", "other": None, "flag": True, "at": None, "day": date(2026, 11, 2), "parts": None}
    return AnyRow(number=number, **{**usual, **values})


FILLING = [row(-number) for number in range(1, FEW_ROWS + 2)]
"""So many that rows go by COPY."""

ROWS: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(
        dict,
        text=TEXTS,
        other=st.none() | TEXTS,
        flag=st.booleans(),
        at=st.none() | st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
        parts=st.none() | st.lists(st.dictionaries(TEXTS, TEXTS, max_size=2), max_size=2).map(tuple),
    ),
    max_size=4,
)


@pytest.fixture
def table(connection: Connection) -> Iterator[RowTable]:
    connection.autocommit = False
    with connection.cursor() as cursor:
        TABLE.create(cursor)
        yield TABLE
    connection.rollback()
    TABLE.forget_stage()


@given(ROWS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("way", ["append", "append_new", "write", "write few"])
def test_what_is_written_is_what_is_read(table: RowTable, connection: Connection, way: str, drawn: list[Any]) -> None:
    rows = [row(number, **values) for number, values in enumerate(drawn)]
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE any_b1")
        getattr(table, way.split(maxsplit=1)[0])(cursor, rows if way == "write few" else [*rows, *FILLING])
        read = list(table.load(cursor, [(each.number,) for each in rows])) if rows else []
    assert sorted(read, key=lambda each: each.number) == rows


def test_rows_that_are_new_as_far_as_is_known_replace_those_that_are_there(
    table: RowTable, connection: Connection
) -> None:
    with connection.cursor() as cursor:
        assert table.append_new(cursor, FILLING)
        again = [row(each.number, text="anew") for each in FILLING]
        assert not table.append_new(cursor, again)
        table.write(cursor, again)
        (first,) = table.load(cursor, [(FILLING[0].number,)])
    assert first.text == "anew"


def test_transactions_that_add_to_the_same_totals_wait_for_each_other_and_not_for_ever(
    database: str, schema: str
) -> None:
    """As those of two partitions of a Kafka-fed view do, each having met the totals in an order of its own."""
    columns = (Column("account", "text", nullable=False), Column("amount", "bigint", nullable=False))
    totals = RowTable("totals", columns, ("account",), adds="amount")
    accounts: list[Key] = [(f"account {number}",) for number in range(300)]
    with closing(connect(database, schema)) as connection, connection, connection.cursor() as cursor:
        totals.create(cursor)

    def add(order: list[Key]) -> None:
        with closing(connect(database, schema)) as connection:
            for _ in range(20):
                with connection, connection.cursor() as cursor:
                    totals.add(cursor, dict.fromkeys(order, 1))

    with ThreadPoolExecutor(2) as workers:
        adding = [workers.submit(add, order) for order in (accounts, accounts[::-1])]
        for each in adding:
            each.result()
    with closing(connect(database, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT amount FROM totals")
        assert cursor.fetchall() == [(40,)]
