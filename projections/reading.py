"""How is a view read? Rows decoded to their types, pages with opaque cursors, and the position that an answer is of."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import msgspec
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from projections.view import Row

R = TypeVar("R", bound=Row)
T = TypeVar("T")

Json = dict[str, Any]
"""A JSON object as its fields, with instants and dates still as such."""

MOST_ITEMS = 500
"""The largest page."""


class InvalidCursor(ValueError):
    """The text is no cursor of this list."""


class Page(msgspec.Struct, frozen=True):
    """Items of a list in its order. `next` asks for those after them; it is left out at the end.

    `as_of_position`: the items show the events up to there, and none after it.
    """

    items: list[Json]
    as_of_position: int
    next: str | None = None


class Mended(msgspec.Struct, frozen=True):
    """What is read in place of a table, by its name: a query with named values."""

    table: str
    query: str
    values: Mapping[str, object]


class _Past(msgspec.Struct, frozen=True):
    position: int
    tables: bytes


_pasts: WeakKeyDictionary[Connection, _Past] = WeakKeyDictionary()


@contextmanager
def as_of(connection: Connection, position: int, tables: Sequence[Mended]) -> Iterator[None]:
    """Let the queries of a transaction read other rows than the tables', and tell this position for the views'."""
    with connection.cursor() as cursor:
        named = [
            each.table.encode() + b" AS NOT MATERIALIZED (" + cursor.mogrify(each.query, each.values) + b")"
            for each in tables
        ]
    _pasts[connection] = _Past(position, b"WITH " + b", ".join(named) + b" " if named else b"")
    try:
        yield
    finally:
        del _pasts[connection]


def execute(cursor: Cursor, query: str, values: Sequence[object] | Mapping[str, object] = ()) -> None:
    """Execute a SELECT on tables of views, as they are or as they were."""
    past = _pasts.get(cursor.connection)
    if past is None:
        cursor.execute(query, values)
    else:
        cursor.execute(past.tables + cursor.mogrify(query, values))


def position_of(connection: Connection, *views: str) -> int:
    """Return the position that readers of all these views see, 0 where one has never been built.

    On an idle connection it begins a transaction whose later reads all see the views as of then.
    """
    if (past := _pasts.get(connection)) is not None:
        return past.position
    fresh = connection.info.transaction_status == TRANSACTION_STATUS_IDLE and not connection.autocommit
    begin = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; " if fresh else ""
    with connection.cursor() as cursor:
        cursor.execute(
            begin + "SELECT min(coalesce(p.position, 0)) FROM unnest(%s::text[]) AS v (name)"
            " LEFT JOIN projections p ON p.view = v.name AND p.live",
            (list(views),),
        )
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def furthest_of(connection: Connection, *views: str) -> int:
    """Return the position after which no event can be in the rows of any of these views.

    Where Kafka feeds a view, rows of some customers may be ahead of its position, the lowest over the partitions.
    """
    position = position_of(connection, *views)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(v.position) FROM view_partitions v JOIN projections p USING (view, build)"
            " WHERE p.live AND p.view = ANY (%s)",
            (list(views),),
        )
        row = cursor.fetchone()
    return position if row is None or row[0] is None else max(position, int(row[0]))


def select(
    connection: Connection, row: type[R], query: str, values: Sequence[object] | Mapping[str, object] = ()
) -> list[R]:
    """Return the rows of a query `FROM … WHERE …` on the table `t`."""
    with connection.cursor() as cursor:
        execute(cursor, f"SELECT row_to_json(t)::text {query}", values)
        decode = msgspec.json.Decoder(row).decode
        return [decode(text) for (text,) in cursor]


def filtered(filters: msgspec.Struct, conditions: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the values of filters by their names, and the conditions in SQL on those that are given.

    `conditions` has that of each filter by its name; what is done with a filter that has none is its list's own affair.
    """
    values = msgspec.structs.asdict(filters)
    return values, [conditions[name] for name, value in values.items() if value is not None and name in conditions]


def cut(
    rows: Sequence[R], limit: int, place: Callable[[R], tuple[object, ...]], shape: Callable[[R], Json], position: int
) -> Page:
    """Return a page of at most `limit` items from rows read with one more than that."""
    more = len(rows) > limit
    shown = rows[:limit]
    return Page([shape(row) for row in shown], position, encode_cursor(place(shown[-1])) if more else None)


def encode_cursor(place: tuple[object, ...]) -> str:
    """Return the opaque text for the place of the last item shown."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def decode_cursor(cursor: str, shape: type[T]) -> T:
    """Return the place that a cursor stands for. Raises `InvalidCursor`."""
    try:
        text = urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        return msgspec.json.decode(text, type=shape)
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor("this is no cursor of this list") from error


def without_nulls(fields: Json) -> Json:
    """Return an object without the fields that are null."""
    return {name: value for name, value in fields.items() if value is not None}
