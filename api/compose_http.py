"""Which parts is a worker of the HTTP interface made of?"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.util import Finalize

import structlog

from api import compose
from api.compose_commands import commands
from api.compose_views import other_url
from api.http.access.tokens import Tokens
from api.http.services import Services, ViewsDatabase
from api.http.streaming.limits import Limits
from commands.lookups import Settings
from commands.policies.policy import POLICIES
from infra.access.api_keys import KeyRing
from infra.access.rate_limits import RateLimits
from infra.awaited_clock import AwaitedClock
from infra.clock import TestClock
from infra.config import Config, ConfigError
from infra.kafka.names import Names
from infra.metrics.exposition import Metrics
from infra.postgres.migrations import migrate
from infra.postgres.pool import ConnectionPool, DatabaseUnavailable
from infra.projection.positions import ViewPositions
from projections.catalogue import VIEWS

log = structlog.get_logger()


@contextmanager
def api_services(config: Config, url: str) -> Iterator[Services]:
    """Give what a worker of the HTTP interface uses."""
    with ExitStack() as stack:
        stack.enter_context(compose.traces(config, "api"))
        app = stack.enter_context(compose.application(config, url, statement_timeout_ms=config.statement_timeout_ms))
        pool = stack.enter_context(
            compose.connection_pool(config, url, statement_seconds=config.statement_timeout_ms / 1000)
        )
        positions = stack.enter_context(compose.view_positions(config, url))
        elsewhere, lends_elsewhere = stack.enter_context(_views_database(config, url))
        desk_clock = compose.clock(config, pool)
        yield Services(
            commands=commands(app, desk_clock),
            connections=pool,
            views=positions,
            clock=desk_clock,
            views_database=elsewhere,
            metrics=Metrics(pool, lends_elsewhere),
            keys=KeyRing(pool),
            rate_limits=RateLimits(pool),
            tokens=_tokens(config),
            requests_per_minute=config.requests_per_minute,
            test_clock=AwaitedClock(
                desk_clock,
                settings=Settings(app),
                pool=pool,
                positions=positions,
                followers=[*(view.name for view in VIEWS), POLICIES],
            )
            if isinstance(desk_clock, TestClock)
            else None,
            environment=config.environment,
            most_waiting=max(1, config.threads // 2),
            streams=Limits(at_once=max(1, config.threads // 4)),
            access_log=config.access_log,
            kafka=config.kafka,
            kafka_names=Names(config.schema),
        )


def _tokens(config: Config) -> Tokens | None:
    if config.jwt_issuer is None or config.jwt_audience is None or config.jwt_jwks is None:
        return None
    return Tokens(issuer=config.jwt_issuer, audience=config.jwt_audience, jwks=config.jwt_jwks)


def worker_services(config: Config) -> Services:
    """Return the services of a worker process of the HTTP interface, which close when it ends.

    The process that started it has put the database's URL into its environment (`handed_down`).
    """
    if config.database_url is None:
        raise ConfigError({"CASELOG_DATABASE_URL": "a worker is started by `caselog api`, which sets it"})
    stack = ExitStack()
    services = stack.enter_context(api_services(config, config.database_url))
    # `atexit` does not run in the processes of multiprocessing.
    Finalize(None, stack.close, exitpriority=10)
    return services


@contextmanager
def _views_database(config: Config, url: str) -> Iterator[tuple[ViewsDatabase, ConnectionPool] | tuple[None, None]]:
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
