"""What tests of several packages share: a real PostgreSQL, and a fresh schema in it for each test."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from secrets import token_hex

import hypothesis
import psycopg2
import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from infra.postgres.data_folder import CLOSING
from infra.postgres.migrations import migrate
from infra.reporting.role import RIGHTS_LOCK
from tests.broker import encrypted_kafka, guarded_kafka, kafka, kafka_addresses, kafka_bootstrap, shared_broker

__all__ = ["encrypted_kafka", "guarded_kafka", "kafka", "kafka_addresses", "kafka_bootstrap"]

# how long an example takes is the machine's affair: no test has a bound in time
hypothesis.settings.register_profile("caselog", deadline=None)
hypothesis.settings.load_profile("caselog")

ROOT = Path(__file__).parents[1]
_LONGEST = (
    "tests/e2e/test_import_of_the_real_file.py",
    "tests/e2e/test_kafka_killed.py",
    "tests/e2e",
    "tests/api/http/test_contract.py",
    "tests/infra/kafka",
    "tests/api/cli",
    "tests/infra",
    "tests/docs",
    "tests/deploy",
)
"""Files and folders that take long, the longest first; all others come after them, in their own order."""
_server_key = pytest.StashKey["SharedServer"]()
_numbers = count(1)


class SharedServer:
    """An embedded server in a process that ends with this one, however this one ends, kill -9 included.

    The process holds the read end of a pipe; when the last writer is gone it stops the server and removes its data.
    """

    def __init__(self) -> None:
        script = Path(__file__).with_name("postgres_for_tests.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.dsn = self._process.stdout.readline().strip()
        if not self.dsn:
            self.stop()
            pytest.exit("the tests' PostgreSQL did not start; its error is above", returncode=3)

    def stop(self) -> None:
        """Wait until the server has gone and its data is removed."""
        self._process.communicate()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: a long file at the end would run alone, while other workers have nothing to do."""
    items.sort(key=lambda item: _rank(item.nodeid))


def _rank(node_id: str) -> int:
    return next((rank for rank, each in enumerate(_LONGEST) if node_id.startswith(each)), len(_LONGEST))


def pytest_configure_node(node: object) -> None:
    """Under xdist all workers use one server and one broker, which the controlling process owns."""
    config = node.config  # type: ignore[attr-defined]
    server = config.stash.setdefault(_server_key, None) or SharedServer()
    config.stash[_server_key] = server
    node.workerinput["postgres_dsn"] = server.dsn  # type: ignore[attr-defined]
    node.workerinput["kafka"] = shared_broker(config).serve()  # type: ignore[attr-defined]
    node.workerinput["java_options"] = shared_broker(config).java_options()  # type: ignore[attr-defined]


def pytest_configure(config: pytest.Config) -> None:
    """In a worker of xdist, let the brokers that tests start take what the shared one has prepared."""
    options = getattr(config, "workerinput", {}).get("java_options")
    if options is not None:
        os.environ.setdefault("JDK_JAVA_OPTIONS", options)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The controlling process stops what its workers used."""
    shared_broker(config).stop()
    server = config.stash.get(_server_key, None)
    if server is not None:
        server.stop()


@pytest.fixture(scope="session")
def postgres_dsn(request: pytest.FixtureRequest) -> str:
    """libpq URL of a PostgreSQL 18 server of this test run, its superuser's, with an empty database."""
    shared = getattr(request.config, "workerinput", {}).get("postgres_dsn")
    if isinstance(shared, str):
        return shared
    server = request.config.stash.get(_server_key, None) or SharedServer()
    request.config.stash[_server_key] = server
    return server.dsn


@contextmanager
def _new_schema(postgres_dsn: str) -> Iterator[str]:
    name = f"test_{token_hex(4)}_{next(_numbers)}"
    yield name
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            # a session that a test left in a transaction must not hang the run
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid IN (SELECT pid FROM pg_locks JOIN pg_class ON pg_class.oid = relation"
            " JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = %s) AND pid <> pg_backend_pid()",
            (name,),
        )
        cursor.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE')
        cursor.execute(f'DROP SCHEMA IF EXISTS "{name}_reporting" CASCADE')
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (f"{name}_reporting",))
        if cursor.fetchone() is not None:
            cursor.execute(RIGHTS_LOCK)
            cursor.execute(f'DROP OWNED BY "{name}_reporting"; DROP ROLE "{name}_reporting"')


@pytest.fixture
def schema(postgres_dsn: str) -> Iterator[str]:
    """A schema name that nothing exists under yet; whatever the test makes there is dropped after it."""
    with _new_schema(postgres_dsn) as name:
        yield name


@pytest.fixture
def schema_elsewhere(postgres_dsn: str) -> Iterator[str]:
    """Another one, which `caselog restore` makes."""
    with _new_schema(postgres_dsn) as name:
        yield name


@pytest.fixture
def database(postgres_dsn: str, schema: str) -> str:
    """libpq URL of a server in which `schema` has been migrated."""
    migrate(postgres_dsn, schema)
    return postgres_dsn


@pytest.fixture
def other_database(postgres_dsn: str) -> Iterator[str]:
    """libpq URL of a second database of the server, in which there is nothing."""
    name = f"other_{token_hex(4)}"
    with closing(psycopg2.connect(postgres_dsn)) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            yield make_dsn(**{**parse_dsn(postgres_dsn), "dbname": name})
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
def limited(postgres_dsn: str, schema: str) -> Iterator[str]:
    """URL of an account of a server that belongs to others: it may make schemas and no roles."""
    account = f"account_{token_hex(4)}"
    with closing(psycopg2.connect(postgres_dsn)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE ROLE {account} LOGIN PASSWORD 'limited'")
            cursor.execute(f"GRANT CREATE ON DATABASE caselog TO {account}")
            cursor.execute(CLOSING.replace("TO caselog", f"TO {account}"))
            yield make_dsn(re.sub(r"passfile=[^&]*&", "", postgres_dsn), user=account, password="limited")
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f"DROP OWNED BY {account} CASCADE; DROP ROLE {account}")
