"""The composition root: which parts a process is made of, put together from its configuration."""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

from commands.application import CaselogApplication
from commands.founding import found_desk
from commands.ports import Clock
from domain.desk import Desk
from infra.clock import SystemClock, TestClock
from infra.config import Config, ConfigError
from infra.log.factory import environment_of
from infra.postgres.data_folder import DataFolderInUse, EmbeddedServerError
from infra.postgres.embedded import EmbeddedServer
from infra.postgres.migrations import migrate
from infra.postgres.pool import ConnectionPool
from infra.projection.positions import ViewPositions

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
            **environment_of(url, config.schema),
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


def traces(config: Config, process: str) -> AbstractContextManager[None]:
    """Give the process a tracer where the configuration names a collector."""
    if not config.traces_endpoint:
        return nullcontext()
    from infra.otlp import traces_sent  # noqa: PLC0415 - the extra `tracing` need not be installed

    return traces_sent(config.traces_endpoint, config.traces_ratio, process)


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
