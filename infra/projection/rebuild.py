"""How does a view get a new build? Filled from position 0 beside the one that readers see, then switched."""

import threading
from collections.abc import Callable
from contextlib import closing, suppress

from psycopg2.errors import LockNotAvailable
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.postgres.pool import connect
from infra.projection.builds import (
    Build,
    begin_build,
    built,
    drop_build,
    live_build,
    may_build,
    retired_builds,
    unfinished_build,
    wait_for_locks,
)
from infra.projection.feed import MOST_EVENTS, read_batch
from infra.projection.runner import BuildRunner, view_connection
from projections.view import View

BETWEEN_SWITCHES_SECONDS = 0.5
"""How long readers are left in peace after a switch that found the view in use."""


class BuiltElsewhere(Exception):
    """Another process is building this view now."""


class NewerVersion(Exception):
    """Readers see a build by a newer version of the code; an older one must not take its place unasked."""


def rebuild(
    dsn: str,
    schema: str,
    view: View,
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    stopping: threading.Event | None = None,
    resume: bool = True,
    most_events: int = MOST_EVENTS,
) -> Build | None:
    """Build a view from position 0, switch readers to it in one transaction, and drop the build that it replaces.

    `progress` is called with events done and events there are. The projector may run meanwhile; it goes on with the
    new build. Interrupted (`stopping`, then `None` is returned, or by any error), the unfinished build stays and the
    next call goes on with it, unless `resume` is false. Raises `BuiltElsewhere`, `DatabaseUnavailable`, and psycopg2's
    errors.
    """
    stopping = stopping or threading.Event()
    with (
        closing(view_connection(dsn, schema, view)) as connection,
        closing(connect(dsn, schema, application_name=f"caselog {schema} rebuild reader")) as reader,
    ):
        reader.autocommit = True
        runner = BuildRunner(connection, view, _build_to_run(connection, view, resume=resume))
        indexed = False
        while not stopping.is_set():
            batch = read_batch(reader, runner.position, most_events)
            if batch.position > runner.position:
                runner.apply(batch)
                progress(runner.position, max(log_position(reader), runner.position))
                continue
            if not indexed:
                runner.create_indexes()
                indexed = True
            elif finish(connection, runner):
                progress(runner.position, runner.position)
                return runner.build
            else:
                stopping.wait(BETWEEN_SWITCHES_SECONDS)
    return None


def open_build(connection: Connection, view: View) -> Build:
    """Return the build that a projector has to bring forward: the live one, or one to replace an older version's.

    Raises `BuiltElsewhere` where that is being made by another process, `NewerVersion`.
    """
    with connection, connection.cursor() as cursor:
        live = live_build(cursor, view)
    if live is not None and live.version == view.version:
        return live
    if live is not None and live.version > view.version:
        raise NewerVersion(f"view {view.name} is live in version {live.version}, this code has {view.version}")
    return _build_to_run(connection, view, resume=True)


def finish(connection: Connection, runner: BuildRunner) -> bool:
    """Switch readers to a build that has caught up, and drop those before it.

    A switch has to wait for those who read the view now, and whoever comes meanwhile waits behind it. So it waits a
    moment only; false says that it is to be tried again. Tables that are still read are dropped after a later switch.
    """
    try:
        runner.go_live()
    except LockNotAvailable:
        return False
    with connection, connection.cursor() as cursor:
        built(cursor, runner.view)
    with suppress(LockNotAvailable), connection, connection.cursor() as cursor:
        wait_for_locks(cursor)
        for build in retired_builds(cursor, runner.view):
            drop_build(cursor, runner.view, build)
    return True


def log_position(connection: Connection) -> int:
    """Return the position of the log's last event, 0 in an empty log."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT position FROM log_head")
        row = cursor.fetchone()
    return 0 if row is None else int(row[0])


def _build_to_run(connection: Connection, view: View, *, resume: bool) -> Build:
    with connection, connection.cursor() as cursor:
        if not may_build(cursor, view):
            raise BuiltElsewhere(f"view {view.name} is being built by another process")
        unfinished = unfinished_build(cursor, view)
        if unfinished is not None and resume:
            return unfinished
        return begin_build(cursor, view)
