"""A projector in a process of its own, started when told to, so that a benchmark can count its time alone."""

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection

import psutil

from infra.logging import configure_logging
from infra.postgres.pool import connect
from infra.projection.positions import ViewPositions
from infra.projection.projector import Projector
from projections.catalogue import VIEWS

_SPAWN = multiprocessing.get_context("spawn")
_PATIENCE_SECONDS = 3_600.0


@contextmanager
def projecting(url: str, schema: str, views: Sequence[str]) -> Iterator[psutil.Process]:
    """Run a projector of these views; give its process once it is about to begin."""
    ours, theirs = _SPAWN.Pipe()
    child = _SPAWN.Process(target=_project, args=(theirs, url, schema, tuple(views)), daemon=True)
    child.start()
    ours.recv()
    process = psutil.Process(child.pid)
    process.cpu_times()
    try:
        ours.send("begin")
        yield process
    finally:
        ours.close()
        child.join()


def _project(told: Connection, url: str, schema: str, names: Sequence[str]) -> None:
    configure_logging("project")
    projector = Projector(url, schema, [view for view in VIEWS if view.name in names])
    told.send("ready")
    try:
        told.recv()
        projector.start()
        told.recv()
    except EOFError:
        projector.stop()


def wait_for(url: str, schema: str, views: Sequence[str], position: int) -> None:
    """Return when readers of these views see the event at a position."""
    positions = ViewPositions(url, schema)
    positions.start()
    try:
        if not positions.wait_for(views, position, _PATIENCE_SECONDS):
            raise TimeoutError(f"the views did not reach position {position}")
    finally:
        positions.stop()


def drop_views(url: str, schema: str) -> None:
    """Throw all views away."""
    with closing(connect(url, schema)) as connection, connection, connection.cursor() as cursor:
        cursor.execute("DELETE FROM projections")
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace"
            " AND relkind = 'r' AND relname ~ '_b[0-9]+$'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {table} CASCADE")
