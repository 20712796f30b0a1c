"""The desk that a command of the shell works on."""

from collections.abc import Iterator
from contextlib import contextmanager

from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from api import compose
from commands.dispatch import Dispatcher
from commands.handlers.catalogue import HANDLERS
from infra.config import Config


@contextmanager
def existing_desk() -> Iterator[tuple[Dispatcher, Connection]]:
    """Give what carries commands out at the desk of the environment, and a connection to it."""
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        compose.prepare(config, url)
        with (
            compose.application(config, url) as application,
            compose.connection_pool(config, url, size=2) as pool,
            pool.connection() as connection,
        ):
            yield Dispatcher(application, compose.clock(config, pool), HANDLERS), connection
