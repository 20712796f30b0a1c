"""Which tables does a view live in, and how far have they come? The bookkeeping of builds.

A build is one set of tables of a view, filled from position 0. Readers use the tables' plain names, which are views of
SQL on the live build; a switch replaces those and the bookkeeping in one transaction, so that a reader sees one build
or the other, whole. Before the first switch they show no rows: the view as it stood at position 0.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - it is a class

from infra.postgres.prepared import execute_prepared
from infra.projection import brought_back, partitions
from infra.projection.build_tables import BuildTables, make_tables, show
from infra.reporting.views import follow_switch
from projections.view import View

BuildState = Literal["building", "ready", "live"]
FedBy = Literal["log", "kafka"]

_COLUMNS = "view, build, version, position, live, state, epoch, fed_by"


class PositionMoved(Exception):
    """The build is not where its runner left it: another one moved it, or it is gone. Nothing was written."""


class Build(msgspec.Struct, frozen=True):
    """One build of a view, as the bookkeeping has it.

    `epoch` rises when somebody beside its runner has changed its rows. Where Kafka feeds it, `position` is the lowest
    over the partitions, each of which has a place of its own (infra/projection/partitions.py).
    """

    view: str
    build: int
    version: int
    position: int
    live: bool
    state: BuildState
    epoch: int = 0
    fed_by: FedBy = "log"


def live_build(cursor: Cursor, view: View) -> Build | None:
    """Return the build of a view that readers see, whatever its version."""
    return _one(cursor, "WHERE view = %s AND live", (view.name,))


def fed_by_kafka(cursor: Cursor) -> list[str]:
    """Return the names of the views whose rows, as readers see them here, come by Kafka."""
    cursor.execute("SELECT view FROM projections WHERE live AND fed_by = 'kafka' ORDER BY view")
    return [name for (name,) in cursor.fetchall()]


def unfinished_build(cursor: Cursor, view: View, fed_by: FedBy = "log") -> Build | None:
    """Return the newest build of this version of a view that was begun and never went live."""
    return _one(
        cursor,
        "WHERE view = %s AND version = %s AND fed_by = %s AND NOT live AND state <> 'ready'"
        " ORDER BY build DESC LIMIT 1",
        (view.name, view.version, fed_by),
    )


def build_numbered(cursor: Cursor, view: View, build: int) -> Build | None:
    """Return a build of a view by its number."""
    return _one(cursor, "WHERE view = %s AND build = %s", (view.name, build))


def may_build(cursor: Cursor, view: View, *, with_others: bool = False) -> bool:
    """Return whether this session may build the view now; if so, no other may until `built` or its end.

    `with_others`: but for those who ask the same way, the workers that build it together.
    """
    lock = "pg_try_advisory_lock_shared" if with_others else "pg_try_advisory_lock"
    cursor.execute(f"SELECT {lock}(hashtextextended(current_schema() || %s, 0))", (_building(view),))
    row = cursor.fetchone()
    return row is not None and bool(row[0])


def built(cursor: Cursor, view: View, *, with_others: bool = False) -> None:
    """Let other sessions build the view again, if this one kept them from it."""
    unlock = "pg_advisory_unlock_shared" if with_others else "pg_advisory_unlock"
    cursor.execute(f"SELECT {unlock}(hashtextextended(current_schema() || %s, 0))", (_building(view),))


def note_following(cursor: Cursor, view: View) -> None:
    """Let others know, until this session ends, that a projector follows this version of a view."""
    cursor.execute("SELECT pg_advisory_lock_shared(hashtextextended(current_schema() || %s, 0))", (_following(view),))


def is_followed(cursor: Cursor, view: View) -> bool:
    """Return whether the session of a projector that follows this version of a view is there now."""
    key = (_following(view),)
    cursor.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || %s, 0))", key)
    return cursor.fetchone() != (True,)


def begin_build(cursor: Cursor, view: View, fed_by: FedBy = "log") -> Build:
    """Create the tables of a new build, at position 0, seen by nobody; the first of all shows readers an empty view."""
    cursor.execute("SELECT nextval('projection_build')")
    build = int((cursor.fetchone() or (0,))[0])
    tables = make_tables(cursor, view, build)
    if live_build(cursor, view) is None:
        show(cursor, tables, "WHERE false")
    cursor.execute(
        "INSERT INTO projections (view, build, version, fed_by) VALUES (%s, %s, %s, %s)",
        (view.name, build, view.version, fed_by),
    )
    return Build(view.name, build, view.version, 0, live=False, state="building", fed_by=fed_by)


def advance(cursor: Cursor, build: Build, old: int, new: int) -> None:
    """Move a build's position in the caller's transaction; its row stays locked until that ends.

    Raises `PositionMoved` unless it stood at `old`, so that two runners never both apply an event, was (or was not)
    live as `build` says, so that the runner of a replaced build learns of the switch, and is in the same epoch.
    """
    cursor.execute(
        "UPDATE projections SET position = %s, updated_at = clock_timestamp()"
        " WHERE view = %s AND build = %s AND position = %s AND live = %s AND epoch = %s",
        (new, build.view, build.build, old, build.live, build.epoch),
    )
    if cursor.rowcount != 1:
        raise PositionMoved(f"build {build.build} of view {build.view} is not at position {old}")


def advance_together(cursor: Cursor, builds: Sequence[Build], new: int) -> set[str]:
    """Move the builds that stand as `Build` says, of so many views, as `advance` does; return the views of those moved.

    One that another transaction holds is not waited for.
    """
    execute_prepared(
        cursor,
        "WITH held AS ("
        "  SELECT p.view, p.build FROM projections p"
        "  JOIN json_to_recordset($1::json)"
        "    AS b (view text, build bigint, position bigint, live boolean, epoch bigint)"
        "  ON (p.view, p.build, p.position, p.live, p.epoch) = (b.view, b.build, b.position, b.live, b.epoch)"
        "  FOR UPDATE OF p SKIP LOCKED"
        ") UPDATE projections p SET position = $2, updated_at = clock_timestamp() FROM held"
        " WHERE p.view = held.view AND p.build = held.build RETURNING p.view",
        (msgspec.json.encode(builds).decode(), new),
    )
    return {view for (view,) in cursor}


def begin_epoch(cursor: Cursor, build: Build) -> Build:
    """Let the transaction change rows of a build beside its runner, which waits, and then finds its build moved.

    Returns the build as it is now; raises `PositionMoved` if it is gone.
    """
    cursor.execute(
        f"UPDATE projections SET epoch = epoch + 1 WHERE view = %s AND build = %s RETURNING {_COLUMNS}",
        (build.view, build.build),
    )
    row = cursor.fetchone()
    if row is None:
        raise PositionMoved(f"build {build.build} of view {build.view} is gone")
    partitions.begin_epoch(cursor, build.view)
    return Build(*row)


def wait_for_locks(cursor: Cursor) -> None:
    """Let the transaction wait for a lock only so long that those who wait behind it hardly notice."""
    cursor.execute("SET LOCAL lock_timeout = '200ms'")


def lock_live(cursor: Cursor, view: View) -> int:
    """Hold the live build where it is until the transaction ends, and return its position (0: there is none).

    Where Kafka feeds it, that is the furthest that readers may have seen of it: the highest over the partitions.
    """
    cursor.execute("SELECT build, position FROM projections WHERE view = %s AND live FOR UPDATE", (view.name,))
    row = cursor.fetchone()
    if row is None:
        return 0
    build, position = row
    return max([int(position), *(place.position for place in partitions.held(cursor, view.name, int(build)))])


def switch(cursor: Cursor, view: View, build: Build) -> Build:
    """Show readers this build from the end of the transaction on, and note that it is live.

    One that the log feeds in place of Kafka's brings the view back to the log.
    """
    cursor.execute(
        "UPDATE projections SET live = false, state = 'ready', updated_at = clock_timestamp() WHERE view = %s AND live"
        " RETURNING fed_by",
        (view.name,),
    )
    if ("kafka",) in cursor.fetchall() and build.fed_by == "log":
        brought_back.note(cursor, view.name)
    cursor.execute(
        "UPDATE projections SET live = true, state = 'live', error = NULL, updated_at = clock_timestamp()"
        f" WHERE view = %s AND build = %s RETURNING {_COLUMNS}",
        (view.name, build.build),
    )
    row = cursor.fetchone()
    if row is None:
        raise PositionMoved(f"build {build.build} of view {build.view} is gone")
    partitions.begin_epoch(cursor, view.name)
    show(cursor, BuildTables(view, build.build))
    follow_switch(cursor, view.name)
    return Build(*row)


def hide(cursor: Cursor, view: View) -> Build | None:
    """Let no build of a view be live in this database any more, and return the one that was; its tables stay.

    Whoever feeds it finds that out at the next batch.
    """
    live = live_build(cursor, view)
    if live is not None:
        cursor.execute(
            "UPDATE projections SET live = false, state = 'ready', updated_at = clock_timestamp()"
            " WHERE view = %s AND live",
            (view.name,),
        )
        partitions.begin_epoch(cursor, view.name)
        if live.fed_by == "kafka":
            brought_back.note(cursor, view.name)
    return live


def kept_build(cursor: Cursor, view: View) -> Build | None:
    """Return the build that readers saw before the last switch, where it has not been dropped."""
    return _one(
        cursor, "WHERE view = %s AND NOT live AND state = 'ready' ORDER BY updated_at DESC LIMIT 1", (view.name,)
    )


def unseen_builds(cursor: Cursor, view: View, *, spare: FedBy | None = None) -> list[int]:
    """Return the builds that readers do not see beside the one that they do: kept ones, and unfinished ones.

    `spare` leaves out unfinished ones that are fed so.
    """
    cursor.execute(
        "SELECT build FROM projections WHERE view = %(view)s AND NOT live"
        " AND (state = 'ready' OR fed_by IS DISTINCT FROM %(spare)s)"
        " AND (state = 'ready' OR EXISTS (SELECT FROM projections WHERE view = %(view)s AND live)) ORDER BY build",
        {"view": view.name, "spare": spare},
    )
    return [int(build) for (build,) in cursor.fetchall()]


def size_of(cursor: Cursor, build: int) -> int:
    """Return the bytes that a build's tables and indexes take on disk."""
    cursor.execute(
        "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c"
        " WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'"
        " AND c.relname ~ ('_b' || %s || '$')",
        (str(build),),
    )
    row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def drop_build(cursor: Cursor, view: View, build: int) -> None:
    """Drop the tables of a build, those that an older version of the code made included, and forget it."""
    cursor.execute("DELETE FROM projections WHERE view = %s AND build = %s AND NOT live", (view.name, build))
    cursor.execute(
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace"
        " AND c.relkind = 'r' AND c.relname ~ ('_b' || %s || '$')",
        (str(build),),
    )
    for (name,) in cursor.fetchall():
        # With the view of SQL that shows no rows, where there has been no switch yet: `begin_build` makes it again.
        cursor.execute(f"DROP TABLE {name} CASCADE")


def _building(view: View) -> str:
    return f": build of view {view.name}"


def _following(view: View) -> str:
    return f": version {view.version} of view {view.name} is followed"


def _one(cursor: Cursor, where: str, values: tuple[object, ...]) -> Build | None:
    cursor.execute(f"SELECT {_COLUMNS} FROM projections {where}", values)
    row = cursor.fetchone()
    return None if row is None else Build(*row)
