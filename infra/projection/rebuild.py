"""How does a view get a new build? Filled from position 0 beside the one that readers see, compared, then switched."""

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Literal, TypeAlias

import msgspec
from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.feed import head_position
from infra.postgres.pool import connect
from infra.projection.builds import (
    Build,
    begin_build,
    built,
    drop_build,
    hide,
    kept_build,
    live_build,
    may_build,
    size_of,
    unfinished_build,
    unseen_builds,
    wait_for_locks,
)
from infra.projection.comparing import Comparison, Difference, compare
from infra.projection.feed import MOST_EVENTS, read_batch
from infra.projection.runner import BuildRunner
from infra.projection.writer import view_connection
from projections.view import View

BETWEEN_SWITCHES_SECONDS = 0.5
"""How long readers are left in peace after a switch that found the view in use."""

_PATIENCE = 10
"""How often the live build is looked at that is behind the one to compare with it."""

Phase = Literal["building", "indexing", "comparing", "switching"]
Progress: TypeAlias = Callable[[Phase, int, int], None]
"""What a rebuild is at, how much of it is done, and how much there is: events, or tables that are compared."""


class BuiltElsewhere(Exception):
    """Another process is building this view now."""


class NewerVersion(Exception):
    """Readers see a build by a newer version of the code; an older one must not take its place."""


class FedByKafka(Exception):
    """Readers see a build that Kafka feeds: it is for its workers to bring forward, and to replace."""


class NothingKept(Exception):
    """There is no build to switch back to, or none that this code can bring up to the log."""


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a rebuild. Without a `build` it was interrupted, at `position`.

    `comparison` is there if there was a build to compare with, `resumed_at` if an unfinished one was gone on with.
    `is_unchecked`: readers see a build, but it stood behind the unfinished one, and did not move. `parked` counts the
    keys that the new build has set aside. `replaced` is the build that readers saw before.
    """

    build: Build | None
    position: int
    resumed_at: int | None = None
    comparison: Comparison | None = None
    is_unchecked: bool = False
    parked: int = 0
    replaced: Build | None = None


def rebuild(
    dsn: str,
    schema: str,
    view: View,
    *,
    progress: Progress = lambda _phase, _done, _total: None,
    differs: Callable[[Difference], None] = lambda _: None,
    stopping: threading.Event | None = None,
    resume: bool = True,
    switch: bool = True,
    from_kafka: bool = False,
    most_events: int = MOST_EVENTS,
) -> Rebuilt:
    """Build a view from position 0, compare it with the one that readers see, and switch them in one transaction.

    The build that is replaced is kept. The projector may run meanwhile; it goes on with the new one. Interrupted
    (`stopping`, or any error) the unfinished build stays, and the next call goes on with it, unless `resume` is false.
    Without `switch` it is left as a build that has caught up. `differs` is told of each difference. A build that Kafka
    feeds is replaced where `from_kafka` says so, and not compared, for it has no one position. Raises `BuiltElsewhere`,
    `NewerVersion`, `FedByKafka`, `DatabaseUnavailable`, and psycopg2's errors.
    """
    stopping = stopping or threading.Event()
    with (
        closing(view_connection(dsn, schema, view)) as connection,
        closing(connect(dsn, schema, application_name=f"caselog {schema} rebuild reader")) as reader,
    ):
        reader.autocommit = True
        live = _live_of(connection, view, from_kafka=from_kafka)
        runner = BuildRunner(connection, view, _build_to_run(connection, view, resume=resume))
        resumed_at = runner.position or None
        if resumed_at is not None:
            runner.retry_parked()  # by handlers that may have been mended since
        # No further than readers see, until both have been compared at one position.
        compared = live if live is not None and live.fed_by == "log" else None
        until = None if compared is None else compared.position
        _follow(runner, reader, until, progress, stopping, most_events)
        comparison, is_unchecked = None, False
        if compared is not None and not stopping.is_set():
            if _is_behind(reader, compared, runner, stopping):
                comparison = compare(
                    dsn,
                    schema,
                    runner,
                    compared,
                    differs=differs,
                    progress=lambda done, total: progress("comparing", done, total),
                    stopping=stopping,
                )
            else:
                is_unchecked = not stopping.is_set()

        def ended(build: Build | None) -> Rebuilt:
            return Rebuilt(
                build=build,
                position=runner.position,
                resumed_at=resumed_at,
                comparison=comparison,
                is_unchecked=is_unchecked,
                parked=len(runner.parked_keys()),
                replaced=live,
            )

        _follow(runner, reader, None, progress, stopping, most_events)
        if not stopping.is_set():
            progress("indexing", 0, 1)
            runner.create_indexes()
            if not switch:
                return ended(runner.build)
        while not stopping.is_set():
            progress("switching", 0, 1)
            if finish(connection, runner, from_kafka=from_kafka):
                progress("switching", 1, 1)
                return ended(runner.build)
            stopping.wait(BETWEEN_SWITCHES_SECONDS)
            _follow(runner, reader, None, progress, stopping, most_events)
        return ended(None)


def switch_back(dsn: str, schema: str, view: View, *, progress: Progress, stopping: threading.Event) -> Build | None:
    """Let readers see the build again that the last switch replaced, brought up to the log first.

    Returns `None` if interrupted. Raises `NothingKept` and as `rebuild`.
    """
    with (
        closing(view_connection(dsn, schema, view)) as connection,
        closing(connect(dsn, schema, application_name=f"caselog {schema} rebuild reader")) as reader,
    ):
        reader.autocommit = True
        with connection, connection.cursor() as cursor:
            if not may_build(cursor, view):
                raise BuiltElsewhere(f"view {view.name} is being built by another process")
            kept = kept_build(cursor, view)
        if kept is None:
            raise NothingKept(f"no former build of view {view.name} is kept")
        if kept.fed_by == "kafka":
            raise NothingKept(
                f"the former build of view {view.name} was fed by Kafka, whose workers make another one:"
                f" caselog kafka-project --again {view.name}"
            )
        if kept.version != view.version:
            raise NothingKept(
                f"the former build of view {view.name} is of version {kept.version}, which the code of that release"
                f" can bring up to the log; this code has version {view.version}"
            )
        runner = BuildRunner(connection, view, kept)
        while not stopping.is_set():
            _follow(runner, reader, None, progress, stopping, MOST_EVENTS)
            progress("switching", 0, 1)
            if finish(connection, runner, from_kafka=True):
                return runner.build
            stopping.wait(BETWEEN_SWITCHES_SECONDS)
    return None


def drop_unseen(dsn: str, schema: str, view: View) -> tuple[int, int]:
    """Drop the builds of a view that readers do not see; return how many they were, and the bytes they took.

    Raises `BuiltElsewhere`.
    """
    with closing(view_connection(dsn, schema, view)) as connection, connection, connection.cursor() as cursor:
        if not may_build(cursor, view):
            raise BuiltElsewhere(f"view {view.name} is being built by another process")
        builds = unseen_builds(cursor, view)
        size = sum(size_of(cursor, build) for build in builds)
        for build in builds:
            drop_build(cursor, view, build)
    return len(builds), size


def take_back(dsn: str, schema: str, view: View) -> Build | None:
    """Let readers see a view in the desk's own database again, not in `dsn`, and return the build that they saw there.

    It stays until it is dropped.
    """
    with closing(view_connection(dsn, schema, view)) as connection, connection, connection.cursor() as cursor:
        return hide(cursor, view)


def open_build(connection: Connection, view: View) -> Build | None:
    """Return the build that a projector has to bring forward: the live one, or one to be the first.

    `None` where the live one is of an older version of the code, and so to be rebuilt. Raises `BuiltElsewhere` where
    the first is being made by another process, `NewerVersion`, `FedByKafka`.
    """
    live = _live_of(connection, view)
    if live is None:
        return _build_to_run(connection, view, resume=True)
    return live if live.version == view.version else None


def finish(connection: Connection, runner: BuildRunner, *, from_kafka: bool = False) -> bool:
    """Switch readers to a build that has caught up, keep the one that they saw, and drop those before it.

    A switch has to wait for those who read the view now, and whoever comes meanwhile waits behind it. So it waits a
    moment only; false says that it is to be tried again. Tables that are still read are dropped after a later switch.
    Raises `FedByKafka` if readers see a build that Kafka feeds, unless it is to be replaced.
    """
    if not from_kafka:
        _refuse_kafka_fed(_seen(connection, runner.view))
    try:
        runner.go_live()
    except LockNotAvailable:
        return False
    with connection, connection.cursor() as cursor:
        built(cursor, runner.view)
    drop_older(connection, runner.view)
    return True


def drop_older(connection: Connection, view: View) -> None:
    """Drop the builds before the one that is kept; where their tables are still read, a later switch does."""
    with suppress(LockNotAvailable), connection, connection.cursor() as cursor:
        wait_for_locks(cursor)
        kept = kept_build(cursor, view)
        for build in unseen_builds(cursor, view, spare="kafka"):
            if kept is None or build != kept.build:
                drop_build(cursor, view, build)


def _follow(
    runner: BuildRunner,
    reader: Connection,
    until: int | None,
    progress: Progress,
    stopping: threading.Event,
    most_events: int,
) -> None:
    """Bring a build up to a position, or to the end of the log."""
    while not stopping.is_set():
        limit = most_events if until is None else min(most_events, until - runner.position)
        if limit <= 0:
            return
        batch = read_batch(reader, runner.position, limit)
        if batch.position == runner.position:
            return
        runner.apply(batch)
        progress("building", runner.position, max(head_position(reader), runner.position))


def _live_of(connection: Connection, view: View, *, from_kafka: bool = False) -> Build | None:
    live = _seen(connection, view)
    if live is not None and live.version > view.version:
        raise NewerVersion(f"view {view.name} is live in version {live.version}, this code has {view.version}")
    if not from_kafka:
        _refuse_kafka_fed(live)
    return live


def _seen(connection: Connection, view: View) -> Build | None:
    with connection, connection.cursor() as cursor:
        return live_build(cursor, view)


def _refuse_kafka_fed(live: Build | None) -> None:
    if live is not None and live.fed_by == "kafka":
        raise FedByKafka(f"Kafka feeds view {live.view}; `caselog rebuild {live.view}` brings it back to the log")


def _is_behind(reader: Connection, live: Build, runner: BuildRunner, stopping: threading.Event) -> bool:
    """Whether a build is not ahead of the live one. One that is gone on with may be, for a moment."""
    for _ in range(_PATIENCE):
        with reader.cursor() as cursor:
            cursor.execute("SELECT position FROM projections WHERE view = %s AND build = %s", (live.view, live.build))
            row = cursor.fetchone()
        if row is not None and row[0] >= runner.position:
            return True
        if stopping.wait(BETWEEN_SWITCHES_SECONDS):
            break
    return False


def _build_to_run(connection: Connection, view: View, *, resume: bool) -> Build:
    with connection, connection.cursor() as cursor:
        if not may_build(cursor, view):
            raise BuiltElsewhere(f"view {view.name} is being built by another process")
        unfinished = unfinished_build(cursor, view)
        if unfinished is not None and resume:
            return unfinished
        if unfinished is not None:
            drop_build(cursor, view, unfinished.build)
        return begin_build(cursor, view)
