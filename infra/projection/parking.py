"""Where are the parked keys of a build kept? The table `parked_events`, written with the rows and the position."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class
from psycopg2.extras import execute_values

from infra.projection.builds import Build
from projections.parking import ParkedEvent, ParkedKey, Parking

_MINE = "view = %(view)s AND build = %(build)s AND part = %(part)s AND key = %(key)s AND dropped_at IS NULL"


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """A parked key of the build that readers see, or of one in the making, as an operator is told of it.

    `position`, `type` and `stream_id` are of the event that failed, `queued` counts those behind it.
    """

    view: str
    build: int
    part: str
    key: str
    position: int
    type: str
    stream_id: str
    error: str
    traceback: str
    attempts: int
    parked_at: Any
    queued: int
    dropped_at: Any = None

    @property
    def name(self) -> str:
        """The key as people write it: its values, or the stream after `stream:`."""
        return name_of(parse_key(self.key))


def name_of(key: ParkedKey) -> str:
    """Return a key as people write it."""
    return f"stream:{key}" if isinstance(key, str) else "/".join(map(str, key))


def parse_key(text: str) -> ParkedKey:
    """Return the key that `parked_events` has as JSON."""
    value = msgspec.json.decode(text)
    return value if isinstance(value, str) else tuple(value)


def load(cursor: Cursor, build: Build) -> Parking:
    """Return what is parked in a build."""
    return Parking(parked_keys(cursor, build))


def parked_keys(cursor: Cursor, build: Build) -> Sequence[tuple[str, ParkedKey]]:
    """Return the parts and keys that are parked in a build, in the order of the events that failed."""
    cursor.execute(
        "SELECT part, key FROM parked_events WHERE view = %s AND build = %s AND dropped_at IS NULL"
        " GROUP BY part, key ORDER BY min(position), part, key",
        (build.view, build.build),
    )
    return [(part, parse_key(key)) for part, key in cursor.fetchall()]


def add(cursor: Cursor, build: Build, events: Iterable[ParkedEvent], *, attempts: int = 1) -> None:
    """Put events into the queues of their keys."""
    execute_values(
        cursor,
        "INSERT INTO parked_events (view, build, part, key, position, error, traceback, attempts) VALUES %s",
        [
            (
                build.view,
                build.build,
                each.part,
                _key_text(each.key),
                each.at.position,
                _storable(each.error),
                _storable(each.traceback),
                attempts if each.error is not None else 0,
            )
            for each in events
        ],
    )


def positions(cursor: Cursor, build: Build, part: str, key: ParkedKey) -> tuple[list[int], int]:
    """Return the positions that queue for a key, in order, and how often the first one has been tried."""
    cursor.execute(
        f"SELECT position, attempts FROM parked_events WHERE {_MINE} ORDER BY position", _of(build, part, key)
    )
    rows = cursor.fetchall()
    return [int(position) for position, _ in rows], int(rows[0][1]) if rows else 0


def clear(cursor: Cursor, build: Build, part: str, key: ParkedKey) -> None:
    """Empty the queue of a key."""
    cursor.execute(f"DELETE FROM parked_events WHERE {_MINE}", _of(build, part, key))


def drop(cursor: Cursor, build: Build, part: str, key: ParkedKey, dropped: Sequence[int]) -> None:
    """Give events up: the view will never show them."""
    cursor.execute(
        f"UPDATE parked_events SET dropped_at = clock_timestamp() WHERE {_MINE} AND position = ANY (%(positions)s)",
        {**_of(build, part, key), "positions": list(dropped)},
    )


def parked(connection: Connection, *, dropped: bool = False, log: Connection | None = None) -> list[Parked]:
    """Return all parked keys of all views by the first event of each, or the events that were dropped.

    `log` is a connection to the log's database, where that is another one.
    """
    columns = ("view", "build", "part", "key", "position", "error", "traceback", "attempts", "parked_at", "dropped_at")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(f'p.{column}' for column in columns)}, p.queued FROM ("
            "SELECT *, count(*) OVER mine - 1 AS queued, row_number() OVER mine_in_order AS number FROM parked_events"
            f" WHERE dropped_at IS {'NOT ' if dropped else ''}NULL"
            " WINDOW mine AS (PARTITION BY view, build, part, key), mine_in_order AS (mine ORDER BY position)"
            f") AS p {'' if dropped else 'WHERE p.number = 1'}"
            " ORDER BY p.view, p.build, p.position, p.part, p.key"
        )
        rows = [dict(zip((*columns, "queued"), row, strict=True)) for row in cursor]
    with (log or connection).cursor() as cursor:
        positions = [row["position"] for row in rows]
        cursor.execute("SELECT position, type, stream_id FROM events WHERE position = ANY (%s)", (positions,))
        events = {position: {"type": tag, "stream_id": stream_id} for position, tag, stream_id in cursor}
    return [
        Parked(**{**row, **events[row["position"]], "error": row["error"] or "", "traceback": row["traceback"] or ""})
        for row in rows
        if row["position"] in events
    ]


def _of(build: Build, part: str, key: ParkedKey) -> dict[str, object]:
    return {"view": build.view, "build": build.build, "part": part, "key": _key_text(key)}


def _key_text(key: ParkedKey) -> str:
    return msgspec.json.encode(key).decode()


def _storable(text: str | None) -> str | None:
    """PostgreSQL takes neither a NUL nor a lone surrogate, which may be just what the handler stumbled over."""
    return None if text is None else text.replace("\0", "\\0").encode(errors="backslashreplace").decode()
