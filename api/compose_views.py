"""The database for views that Kafka feeds, where it is another one than the desk's own."""

import structlog

from infra.config import Config
from infra.postgres.migrations import migrate

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
