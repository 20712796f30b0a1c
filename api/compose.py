"""The composition root: which parts a process is made of, put together from its configuration."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from multiprocessing.util import Finalize

import msgspec

from api.compose_views import views_database
from api.http.access.tokens import Tokens
from api.http.cloud_events import cloud_event
from api.http.services import Services
from api.http.streaming.limits import Limits
from commands.application import CaselogApplication
from commands.dispatch import Commands, Dispatcher
from commands.founding import found_desk
from commands.handlers.catalogue import HANDLERS
from commands.lookups import Settings
from commands.policies.catalogue import ALL_POLICIES
from commands.policies.policy import POLICIES
from commands.ports import Clock
from domain.desk import Desk
from infra.access.api_keys import KeyRing
from infra.access.rate_limits import RateLimits
from infra.awaited_clock import AwaitedClock
from infra.caretaker import Caretaker
from infra.clock import SystemClock, TestClock, clock_channel
from infra.config import Config, ConfigError
from infra.kafka.names import Names
from infra.leadership import Leadership
from infra.metrics.exposition import Metrics
from infra.metrics.measured import MeasuredCommands
from infra.policies import PolicyRunner
from infra.postgres.data_folder import DataFolderInUse, EmbeddedServerError
from infra.postgres.embedded import EmbeddedServer
from infra.postgres.migrations import migrate
from infra.postgres.pool import ConnectionPool
from infra.projection.listening import Listener
from infra.projection.positions import ViewPositions
from infra.timekeeper import Timekeeper
from infra.tracing import TracedCommands, tracer
from infra.webhooks.courier import Courier
from infra.webhooks.schedule import Schedule
from projections.catalogue import VIEWS

DATABASE_URL = "CASELOG_DATABASE_URL"
DATABASE_URL_FILE = "CASELOG_DATABASE_URL_FILE"


@contextmanager
def database(config: Config, *, existing: bool = False) -> Iterator[str]:
    """Give the URL of the desk's database for as long as it is needed.

    It is the configured server; else the embedded one of the data folder, which is started, and stopped at the end,
    unless another process runs it. One that a killed process left running is taken over, and stopped as well.
    `existing` asks for one that has been made before: a question must not make a desk where there is none. Raises
    `EmbeddedServerError`.
    """
    if existing and config.database_url is None and not (config.data_folder / "cluster").exists():
        raise EmbeddedServerError(f"there is no desk in {config.data_folder}: set CASELOG_DATA to the folder of one")
    if config.database_url is not None:
        yield config.database_url
        return
    server = EmbeddedServer(config.data_folder)
    try:
        server.start()
    except DataFolderInUse:
        url = EmbeddedServer.find(config.data_folder)
        if url is None:
            raise
        yield url
        return
    try:
        yield server.url
    finally:
        server.stop()


def application(config: Config, url: str, *, statement_timeout_ms: int = 0) -> CaselogApplication:
    """Return the write side over the log of the desk. Statements that somebody waits for are given up after a while."""
    return CaselogApplication(
        {
            "PERSISTENCE_MODULE": "infra.log",
            "CASELOG_DATABASE_URL": url,
            "CASELOG_SCHEMA": config.schema,
            "CASELOG_POOL_SIZE": str(config.pool_size),
            "CASELOG_POOL_WAIT_MS": str(config.pool_wait_ms),
            "CASELOG_STATEMENT_TIMEOUT_MS": str(statement_timeout_ms),
        }
    )


def clock(config: Config, pool: ConnectionPool) -> Clock:
    """Return the desk's clock."""
    return TestClock(pool) if config.test_clock else SystemClock()


def prepare(config: Config, url: str) -> Desk:
    """Bring the schema up to date and found the desk if it is new.

    Raises `MigrationError`, or `ConfigError` where the environment asks for another zone or currency than the desk has.
    """
    migrate(url, config.schema)
    with application(config, url) as app, connection_pool(config, url) as pool:
        desk = found_desk(app, now=clock(config, pool).now(), zone=config.zone, currency=config.currency)
    asked = {"CASELOG_ZONE": (config.zone, desk.zone), "CASELOG_CURRENCY": (config.currency, desk.currency)}
    problems = {
        variable: f"this desk was created with {has}, which never changes (another desk: another CASELOG_SCHEMA)"
        for variable, (wanted, has) in asked.items()
        if os.environ.get(variable) and wanted != has
    }
    if problems:
        raise ConfigError(problems)
    return desk


def commands(app: CaselogApplication, desk_clock: Clock) -> Commands:
    """Return what carries commands out, measured, and traced where the process has a tracer."""
    measured = MeasuredCommands(Dispatcher(app, desk_clock, HANDLERS))
    made = tracer()
    return measured if made is None else TracedCommands(measured, made)


def traces(config: Config, process: str) -> AbstractContextManager[None]:
    """Give the process a tracer where the configuration names a collector."""
    if not config.traces_endpoint:
        return nullcontext()
    from infra.otlp import traces_sent  # noqa: PLC0415 - the extra `tracing` need not be installed

    return traces_sent(config.traces_endpoint, config.traces_ratio, process)


@contextmanager
def timekeeper(config: Config, url: str) -> Iterator[Caretaker]:
    """Give what runs by itself, ready to run: the timekeeper and the policies."""
    with ExitStack() as stack:
        app = stack.enter_context(application(config, url))
        pool = stack.enter_context(connection_pool(config, url, size=4))
        positions = stack.enter_context(view_positions(config, url))
        desk_clock = clock(config, pool)
        stack.enter_context(traces(config, "timekeeper"))
        dispatcher = commands(app, desk_clock)
        keeper = Timekeeper(
            dispatcher=dispatcher,
            settings=Settings(app),
            clock=desk_clock,
            pool=pool,
            positions=positions,
            leadership=Leadership(url, config.schema, "timekeeper"),
            forget_answers=app.event_log.forget_answers,
        )
        policies = PolicyRunner(
            url,
            config.schema,
            ALL_POLICIES,
            application=app,
            dispatcher=dispatcher,
            pool=pool,
        )
        listeners = []
        if config.test_clock:
            listeners.append(
                Listener(
                    url,
                    config.schema,
                    [clock_channel(config.schema)],
                    refresh=lambda _: keeper.wake(),
                    notified=lambda _: keeper.wake(),
                    poll_seconds=30,  # whoever waits for it tells it again and again
                    name="test clock",
                )
            )
        yield Caretaker(keeper, policies, listeners)


@contextmanager
def courier(config: Config, url: str) -> Iterator[Courier]:
    """Give what sends events to webhooks, ready to run."""
    with ExitStack() as stack:
        app = stack.enter_context(application(config, url))
        pool = stack.enter_context(connection_pool(config, url, size=8))
        desk_clock = clock(config, pool)
        stack.enter_context(traces(config, "deliver"))
        yield Courier(
            url,
            config.schema,
            pool=pool,
            commands=commands(app, desk_clock),
            clock=desk_clock,
            body=lambda recorded: msgspec.json.encode(cloud_event(recorded)),
            schedule=Schedule(config.webhook_retry_seconds),
            allowed=config.webhook_networks,
            timeout_seconds=config.webhook_timeout_ms / 1_000,
        )


@contextmanager
def api_services(config: Config, url: str) -> Iterator[Services]:
    """Give what a worker of the HTTP interface uses."""
    with ExitStack() as stack:
        stack.enter_context(traces(config, "api"))
        app = stack.enter_context(application(config, url, statement_timeout_ms=config.statement_timeout_ms))
        pool = stack.enter_context(connection_pool(config, url, statement_seconds=config.statement_timeout_ms / 1000))
        positions = stack.enter_context(view_positions(config, url))
        elsewhere, lends_elsewhere = stack.enter_context(views_database(config, url))
        desk_clock = clock(config, pool)
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


def environment_of_children(url: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of processes that find the database by its URL, whatever this one found it by."""
    kept = {name: value for name, value in environment.items() if name != DATABASE_URL_FILE}
    return {**kept, DATABASE_URL: url}


@contextmanager
def handed_down(url: str, environment: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Let processes that are started meanwhile have an environment, and find the database by it."""
    before = dict(os.environ)
    os.environ.update(environment_of_children(url, environment))
    os.environ.pop(DATABASE_URL_FILE, None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def view_positions(config: Config, url: str) -> Iterator[ViewPositions]:
    """Give the positions of the views, kept up to date by a thread."""
    positions = ViewPositions(url, config.schema)
    positions.start()
    try:
        yield positions
    finally:
        positions.stop()


@contextmanager
def connection_pool(
    config: Config, url: str, size: int | None = None, statement_seconds: float | None = None
) -> Iterator[ConnectionPool]:
    """Give a pool of connections to the desk's schema."""
    pool = ConnectionPool(
        url,
        config.schema,
        size or config.pool_size,
        config.pool_wait_ms / 1000,
        statement_seconds=statement_seconds,
    )
    try:
        yield pool
    finally:
        pool.close()
