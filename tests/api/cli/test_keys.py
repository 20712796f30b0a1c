import json
from collections.abc import Iterator
from contextlib import closing

import psycopg2
import pytest

from infra.access.api_keys import KeyRing, digest_of, find_key
from infra.postgres.pool import ConnectionPool
from tests.api.cli.conftest import Cli, CliHere


@pytest.fixture
def pool(database: str, schema: str) -> Iterator[ConnectionPool]:
    with closing(ConnectionPool(database, schema, size=2)) as opened:
        yield opened


def made_by(cli: Cli, *options: str) -> dict[str, str]:
    done = cli("keys", "create", "--json", *options)
    assert done.returncode == 0, done.stderr
    made: dict[str, str] = json.loads(done.stdout)
    return made


def test_a_key_is_made_listed_and_revoked(cli: Cli, pool: ConnectionPool) -> None:
    made = made_by(cli, "--name", "crm", "--role", "service", "--requests-per-minute", "600")
    assert made["secret"].startswith("caselog_")
    with pool.connection() as connection:
        found = find_key(connection, digest_of(made["secret"]))
        assert find_key(connection, digest_of(made["secret"] + "x")) is None
    assert found is not None
    assert (found.created.key_id, found.created.role) == (made["key_id"], "service")

    (row,) = map(json.loads, cli("keys", "list", "--json").stdout.splitlines())
    assert (row["name"], row["requests_per_minute"], row["revoked_at"]) == ("crm", 600, None)

    assert cli("keys", "revoke", made["key_id"], "--reason", "lost").returncode == 0
    with pool.connection() as connection:
        assert find_key(connection, digest_of(made["secret"])) is None
    table = cli("keys", "list").stdout
    assert made["key_id"] in table
    assert "service" in table
    again = cli("keys", "revoke", made["key_id"])
    assert again.returncode == 0


def test_the_secret_is_kept_nowhere(here: CliHere, database: str, schema: str) -> None:
    secret = made_by(here, "--name", "crm", "--role", "agent")["secret"]
    with closing(psycopg2.connect(database)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = %s", (schema,))
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT count(*) FROM "{schema}"."{table}" t WHERE t::text LIKE %s', (f"%{secret[8:]}%",))
            assert cursor.fetchall() == [(0,)], table


def test_no_two_keys_open_under_one_name(here: CliHere) -> None:
    """Events carry the name: it has to say which key it was."""
    first = made_by(here, "--name", "crm", "--role", "service")
    again = here("keys", "create", "--name", "crm", "--role", "manager")
    assert again.returncode == 2
    assert "a key named 'crm' opens already" in again.stderr
    assert here("keys", "revoke", first["key_id"]).returncode == 0
    made_by(here, "--name", "crm", "--role", "manager")


def test_what_cannot_be_is_refused_in_a_sentence(here: CliHere) -> None:
    for options, reason in (
        (("create", "--name", "web", "--role", "requester"), "needs the customer"),
        (("create", "--name", "development", "--role", "agent"), "makes in development"),
        (("create", "--name", "web", "--role", "agent", "--customer", "alpine"), "there is no customer"),
        (("create", "--name", "web", "--role", "requester", "--customer", "nobody"), "there is no customer"),
        (("create", "--name", "a\nb", "--role", "agent"), "printable"),
        (("create", "--name", "web", "--role", "king"), "king"),
        (("revoke", "nothing"), "there is no key"),
    ):
        done = here("keys", *options)
        assert done.returncode == 2, options
        assert reason in done.stderr
        assert "Traceback" not in done.stderr


def test_a_process_forgets_a_revoked_key_in_time_and_keeps_the_rest(here: CliHere, pool: ConnectionPool) -> None:
    made = made_by(here, "--name", "crm", "--role", "agent")
    now = 0.0
    ring = KeyRing(pool, clock=lambda: now)
    known = ring.find(made["secret"])
    assert known is not None
    here("keys", "revoke", made["key_id"])
    now = 1.9
    assert ring.find(made["secret"]) == known
    now = 2.0
    assert ring.find(made["secret"]) is None
    assert ring.find("caselog_") is None
    assert ring.find("caselog_\x00") is None
