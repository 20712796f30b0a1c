"""Tables as they stood at an earlier position: rows changed, made, deleted and set aside since, under any key."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime

import msgspec
import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.event import Event
from domain.recorded import RecordedEvent
from infra.postgres.pool import connect
from projections.folding import fold_work, work_for
from projections.parking import Parking
from projections.past import mended
from projections.reading import as_of, select
from projections.view import Journal, Row, Table, View

AT = datetime(2026, 11, 2, 17, tzinfo=UTC)


class Put(Event, frozen=True, kw_only=True):
    """A thing has a value; nothing takes it away, 13 is more than the handler can take."""

    shelf: str
    place: int
    value: int | None


class ThingRow(Row, frozen=True, kw_only=True):
    shelf: str
    place: int
    value: int
    note: str = 'it\'s 100 % "so"'
    position: int


class PutRow(Row, frozen=True, kw_only=True):
    position: int
    value: int | None


things = Table("thing", ThingRow, key=("shelf", "place"))
puts = Journal("put", PutRow, key=("position",))
VIEW = View("things", version=1, tables=(things,), journals=(puts,))


@things.on_each(Put, keys=lambda event: [(event.shelf, event.place)])
def put(_: ThingRow | None, event: Put, at: RecordedEvent, __: object) -> ThingRow | None:
    if event.value == 13:
        raise ValueError("bad luck")
    if event.value is None:
        return None
    return ThingRow(shelf=event.shelf, place=event.place, value=event.value, position=at.position or 0)


@puts.on(Put)
def noted(event: Put, at: RecordedEvent) -> Iterator[PutRow]:
    yield PutRow(position=at.position or 0, value=event.value)


HISTORY = [
    ("a", 1, 10),
    ("a", 2, 20),
    ("b", 1, 30),
    ("a", 1, 11),
    ("b", 1, None),
    ("a", 3, 40),
    ("a", 2, 13),
    ("a", 2, 21),
    ("b", 1, 31),
    ("a", 3, None),
]
RECORDS = [
    RecordedEvent(
        f"shelf-{shelf}", number, Put(occurred_at=AT, shelf=shelf, place=place, value=value), b"{}", number, AT
    )
    for number, (shelf, place, value) in enumerate(HISTORY, 1)
]


def rows_at(position: int) -> list[ThingRow]:
    """Return the rows that a projector would have left."""
    parking = Parking()
    work, _ = work_for(things, RECORDS[:position], parking)
    rows = fold_work(things, work, {}, parking)
    return sorted((row for row in rows.values() if isinstance(row, ThingRow)), key=lambda row: (row.shelf, row.place))


@pytest.fixture
def connection(postgres_dsn: str, schema: str) -> Iterator[Connection]:
    with closing(connect(postgres_dsn, schema)) as connection, connection.cursor() as cursor:
        cursor.execute(
            f'CREATE SCHEMA "{schema}"; CREATE TABLE thing (shelf text, place bigint, value bigint, note text,'
            " position bigint, PRIMARY KEY (shelf, place)); CREATE TABLE put (position bigint, value bigint)"
        )
        cursor.execute(
            "INSERT INTO thing SELECT * FROM json_populate_recordset(NULL::thing, %s)",
            (msgspec.json.encode(rows_at(len(RECORDS))).decode(),),
        )
        cursor.execute(
            "INSERT INTO put SELECT n, NULL FROM generate_series(1, %s) n",
            (len(RECORDS),),
        )
        connection.commit()
        yield connection


def test_every_position_is_told_as_it_was(connection: Connection) -> None:
    told = []
    for position in range(len(RECORDS) + 1):
        with as_of(connection, position, mended([VIEW], RECORDS, position)):
            rows = select(connection, ThingRow, "FROM thing t ORDER BY shelf, place")
            assert rows == rows_at(position)
            assert len(select(connection, PutRow, "FROM put t WHERE position > %s", (0,))) == position
        told.append(rows)
    assert told[2] != told[3] != told[4] != told[5] != told[6], "each step shows"
    assert [row.value for row in told[8] if row.place == 2] == [20], "what was set aside stayed as it was"


def test_what_is_read_afterwards_is_of_now(connection: Connection) -> None:
    with pytest.raises(KeyError), as_of(connection, 1, mended([VIEW], RECORDS, 1)):
        raise KeyError
    assert select(connection, ThingRow, "FROM thing t ORDER BY shelf, place") == rows_at(len(RECORDS))
