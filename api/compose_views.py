"""The database for views that Kafka feeds, where it is another one than the desk's own."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from api.http.services import ViewsDatabase
from infra.config import Config
from infra.postgres.migrations import migrate
from infra.postgres.pool import ConnectionPool, DatabaseUnavailable
from infra.projection.positions import ViewPositions

DESK, ELSEWHERE = "desk", "views"
"""What the databases are called that views live in."""

log = structlog.get_logger()


def other_url(config: Config, url: str) -> str | None:
    """Return the URL of the database for views; nothing where that is the desk's own, whose URL is given."""
    return None if config.views_url in {None, url} else config.views_url


def places(config: Config, url: str) -> list[tuple[str, str]]:
    """Return the databases that views live in, the desk's own first: what people call each, and its URL.

    That for views is brought up to date. Raises `MigrationError`, and `DatabaseUnavailable` where it cannot be reached.
    """
    other = other_url(config, url)
    if other is None:
        return [(DESK, url)]
    migrate(other, config.schema)
    return [(DESK, url), (ELSEWHERE, other)]


@contextmanager
def views_database(config: Config, url: str) -> Iterator[tuple[ViewsDatabase, ConnectionPool] | tuple[None, None]]:
    """Give what reads the database for views, if there is one. It may come later, and go: the desk goes on without."""
    other = other_url(config, url)
    if other is None:
        yield None, None
        return
    try:
        migrate(other, config.schema)
    except DatabaseUnavailable as error:
        log.warning("the database for views cannot be reached; the desk's own is read", error=str(error).strip())
    pool = ConnectionPool(
        other,
        config.schema,
        config.pool_size,
        config.pool_wait_ms / 1000,
        statement_seconds=config.statement_timeout_ms / 1000,
    )
    positions = ViewPositions(other, config.schema)
    positions.start()
    try:
        yield ViewsDatabase(pool, positions), pool
    finally:
        positions.stop()
        pool.close()
