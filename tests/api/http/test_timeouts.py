"""What takes the database too long is given up with a clear word, and has changed nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg2
import pytest

from api import compose, compose_http
from api.http.app import create_app
from api.keys import create_key
from commands.wire.examples import EXAMPLES
from infra.config import Config
from infra.metrics.instruments import COMMANDS
from infra.projection.projector import Projector
from projections.catalogue import VIEWS
from tests.api.http.conftest import json_of, problem_of

ONE = "/v1/commands/register-customer"


class Desk:
    """An API as it is composed, which gives a statement 300 ms, and a session of somebody else that can hold locks."""

    def __init__(self, dsn: str, schema: str, parts: ExitStack) -> None:
        config = Config.from_environment(
            {"CASELOG_DATABASE_URL": dsn, "CASELOG_SCHEMA": schema, "CASELOG_STATEMENT_TIMEOUT_MS": "300"}
        )
        compose.prepare(config, dsn)
        projector = Projector(dsn, schema, VIEWS)
        projector.start()
        parts.callback(projector.stop)
        services = parts.enter_context(compose_http.api_services(config, dsn))
        self.app = create_app(services)
        self.client = self.app.test_client()
        self._bearer = f"Bearer {create_key(config, dsn, name='test', role='manager')}"
        self.client.environ_base["HTTP_AUTHORIZATION"] = self._bearer
        self._dsn, self._schema = dsn, schema

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Hold a table as a forgotten session of an operator may."""
        with closing(psycopg2.connect(self._dsn)) as session, session.cursor() as cursor:
            cursor.execute(f'LOCK TABLE "{self._schema}"."{table}" IN ACCESS EXCLUSIVE MODE')
            yield
            session.rollback()

    def tables_of(self, view: str) -> list[str]:
        with closing(psycopg2.connect(self._dsn)) as session, session.cursor() as cursor:
            cursor.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = %s AND tablename LIKE %s",
                (self._schema, f"{view}%"),
            )
            return [name for (name,) in cursor.fetchall()]


@pytest.fixture
def desk(postgres_dsn: str, schema: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("CASELOG_DATA", str(Path("/nonexistent")))
    with ExitStack() as parts:
        yield Desk(postgres_dsn, schema, parts)


def test_a_command_that_meets_a_lock_is_given_up_and_its_key_is_free(desk: Desk) -> None:
    data = EXAMPLES["register-customer"] | {"customer_id": "patient"}
    head = json_of(desk.client.get("/health/ready"))["position"]
    with desk.locked("log_head"):
        answer = desk.client.post(ONE, json=data, headers={"Idempotency-Key": "k"})
        assert problem_of(answer, 503)["code"] == "timed_out"
        assert int(answer.headers["Retry-After"]) >= 1
    assert json_of(desk.client.get("/health/ready"))["position"] == head
    again = desk.client.post(ONE, json=data, headers={"Idempotency-Key": "k"})
    assert again.status_code == 201
    assert "Idempotency-Replayed" not in again.headers


def test_many_that_meet_a_lock_at_once_are_all_given_up(desk: Desk) -> None:
    """They are one group, or few: those are not tried one by one, or the last would wait for all of them."""

    def send(number: int) -> str:
        client = desk.app.test_client()
        client.environ_base.update(desk.client.environ_base)
        data = EXAMPLES["register-customer"] | {"customer_id": f"one-of-many-{number}"}
        code: str = problem_of(client.post(ONE, json=data), 503)["code"]
        return code

    with desk.locked("log_head"), ThreadPoolExecutor(12) as threads:
        assert set(threads.map(send, range(12))) == {"timed_out"}
    again = desk.client.post(ONE, json=EXAMPLES["register-customer"] | {"customer_id": "one-of-many-0"})
    assert again.status_code == 201, "nothing of the first was recorded"


def test_a_query_that_takes_too_long_is_given_up_and_the_next_is_answered(desk: Desk) -> None:
    done = desk.client.post(ONE, json=EXAMPLES["register-customer"] | {"customer_id": "seen"})
    path = f"/v1/customers?min_position={json_of(done)['position']}&wait_ms=20000"
    assert desk.client.get(path).status_code == 200
    (table,) = desk.tables_of("customer_")
    with desk.locked(table):
        answer = desk.client.get("/v1/customers")
        assert problem_of(answer, 503)["code"] == "timed_out"
        assert int(answer.headers["Retry-After"]) >= 1
    assert desk.client.get("/v1/customers").status_code == 200


def test_a_batch_does_not_wait_for_each_of_its_commands(desk: Desk) -> None:
    commands = [
        {"command": "register-customer", "data": EXAMPLES["register-customer"] | {"customer_id": f"batch-{number}"}}
        for number in range(5)
    ]
    tried = COMMANDS.labels("register-customer", "unavailable")
    before = tried._value.get()
    with desk.locked("log_head"):
        answers = json_of(desk.client.post("/v1/commands", json={"commands": commands}))["answers"]
    assert [answer["problem"]["code"] for answer in answers] == ["timed_out"] * len(commands)
    assert tried._value.get() == before + 1
