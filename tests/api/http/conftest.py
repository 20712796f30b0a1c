"""The HTTP interface over a whole desk: real log, real views kept by a real projector, and a clock that a test sets."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from itertools import count
from secrets import token_hex
from typing import Any

import msgspec
import psycopg2
import pytest
import uuid_utils
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from api.http.app import create_app
from api.http.document.answers import done
from api.http.problems.command_failures import FAILURES, problem_types_of
from api.http.services import Services
from commands.application import CaselogApplication
from commands.dispatch import Dispatcher, Request
from commands.founding import found_desk
from commands.handlers.catalogue import HANDLERS
from commands.wire.examples import EXAMPLES
from domain.api_key import Role
from infra.access.api_keys import KeyRing, digest_of, new_secret
from infra.access.rate_limits import RateLimits
from infra.log.factory import environment_of
from infra.metrics.exposition import Metrics
from infra.metrics.measured import MeasuredCommands
from infra.postgres.migrations import migrate
from infra.postgres.pool import ConnectionPool
from infra.projection.positions import ViewPositions
from infra.projection.projector import Projector
from projections.catalogue import VIEWS
from tests.api.http.shapes import held_to_its_shapes

MONDAY = datetime(2026, 11, 2, 17, 0, tzinfo=UTC)
"""10:00 in Denver on a working day."""


class StandingClock:
    """The desk's clock in a test."""

    def __init__(self, now: datetime) -> None:
        self.instant = now

    def now(self) -> datetime:
        return self.instant

    def forward(self, **span: float) -> datetime:
        self.instant += timedelta(**span)
        return self.instant


class Api:
    """A desk as its clients see it."""

    def __init__(self, services: Services, clock: StandingClock, commands: Dispatcher, schema: str) -> None:
        self.services = services
        self._numbers = count(1)
        self.position = 0
        self.app = held_to_its_shapes(create_app(services))
        self.schema = schema
        self._commands = commands
        self.clock = clock
        self.secret = self.key("manager")
        self.client: FlaskClient = self.client_with(self.secret)

    def key(self, role: Role, customer_id: str | None = None, requests_per_minute: int | None = None) -> str:
        """Create an API key and return its secret."""
        secret = new_secret()
        self.happen(
            "create-api-key",
            key_id=str(uuid_utils.uuid7()),
            name=f"the {role}",
            role=role,
            digest=digest_of(secret),
            customer_id=customer_id,
            requests_per_minute=requests_per_minute,
        )
        return secret

    def client_of(self, services: Services) -> FlaskClient:
        """Return a manager's client of an application of its own, over other services."""
        client = held_to_its_shapes(create_app(services)).test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {self.secret}"
        return client

    def client_with(self, bearer: str) -> FlaskClient:
        """Return a client that sends a key or token with every request."""
        client = self.app.test_client()
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {bearer}"
        return client

    def client_as(self, role: Role, customer_id: str | None = None) -> FlaskClient:
        """Return a client with a new key of a role."""
        return self.client_with(self.key(role, customer_id))

    def post(self, command: str, data: Any, **headers: str) -> TestResponse:
        """Send a command; header names are written with underscores."""
        answer = self.client.post(
            f"/v1/commands/{command}",
            data=msgspec.json.encode(data),
            content_type="application/json",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        if answer.status_code in {200, 201}:
            self.position = max(self.position, json_of(answer)["position"])
            assert answer.status_code in done(command), "a status that the document does not tell"
        elif command in FAILURES:
            codes = {(kind.status, kind.code) for kind in problem_types_of(command)}
            assert (answer.status_code, json_of(answer)["code"]) in codes, "a failure that the document does not tell"
        return answer

    def done(self, command: str, **data: Any) -> Any:
        """Send a command that is expected to be carried out, and return its answer."""
        answer = self.post(command, data)
        assert answer.status_code in {200, 201}, answer.text
        return json_of(answer)

    def happen(self, command: str, **data: Any) -> None:
        """Carry out a command that no client can send: of the timekeeper, of a policy."""
        answer = self._commands.execute(
            Request(command=command, data=data, fingerprint="", caller="desk", actor="desk", correlation_id="a test")
        )
        self.position = max(self.position, msgspec.json.decode(answer.body)["position"])

    def get(self, path: str, **parameters: Any) -> TestResponse:
        """Ask a question, of views that have seen everything sent through here."""
        if path.startswith("/v1/"):
            parameters = {"min_position": self.position, "wait_ms": 10_000, **parameters}
        return self.client.get(path, query_string={name: str(value) for name, value in parameters.items()})

    def answer(self, path: str, **parameters: Any) -> Any:
        """Ask a question that is expected to be answered, and return the answer."""
        answer = self.get(path, **parameters)
        assert answer.status_code == 200, answer.text
        return json_of(answer)

    def customer(self, **terms: Any) -> str:
        """Register a customer whose subscription began with the month."""
        customer_id = f"customer-{next(self._numbers)}"
        self.done("register-customer", **EXAMPLES["register-customer"] | {"customer_id": customer_id})
        starts_on = self.clock.now().date().replace(day=1).isoformat()
        self.done("start-subscription", customer_id=customer_id, plan="standard", starts_on=starts_on, terms=terms)
        return customer_id

    def ticket(self, customer_id: str, **other: Any) -> Any:
        """Open a case and return the answer's `result`."""
        request = {
            "requester": {"name": "Ann Lee", "email": "ann@example.com"},
            "category": "how_to",
            "subject": "Rates",
            "description": "How do I change a rate?",
        }
        return self.done("open-ticket", customer_id=customer_id, **request | other)["result"]


def json_of(answer: TestResponse) -> Any:
    """Return an answer's JSON, which must be one, of its declared type."""
    assert answer.content_type in {"application/json", "application/problem+json"}
    return msgspec.json.decode(answer.data)


def problem_of(answer: TestResponse, status: int) -> Any:
    """Return the problem document of an answer, which must be a sound one with that status."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    problem = json_of(answer)
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["correlation_id"] == answer.headers["X-Correlation-Id"]
    assert set(problem) <= {"type", "title", "status", "detail", "code", "errors", "correlation_id"}
    return problem


def pointers_of(answer: TestResponse) -> set[str]:
    """Return which fields a refused request is told to be wrong in."""
    return {error["pointer"] for error in problem_of(answer, 422)["errors"]}


@pytest.fixture(scope="module")
def api(postgres_dsn: str) -> Iterator[Api]:
    """A desk in Denver for the tests of one module; each works on customers of its own."""
    schema = f"test_{token_hex(6)}"
    migrate(postgres_dsn, schema)
    clock = StandingClock(MONDAY)
    with ExitStack() as parts:
        parts.callback(_drop, postgres_dsn, schema)
        application = parts.enter_context(CaselogApplication(environment_of(postgres_dsn, schema)))
        found_desk(application, now=clock.now(), zone="America/Denver", currency="USD")
        pool = parts.enter_context(closing(ConnectionPool(postgres_dsn, schema, size=4)))
        projector, views = Projector(postgres_dsn, schema, VIEWS), ViewPositions(postgres_dsn, schema)
        for part in (projector, views):
            part.start()
            parts.callback(part.stop)
        commands = Dispatcher(application, clock, HANDLERS)
        services = Services(
            commands=MeasuredCommands(commands),
            connections=pool,
            views=views,
            clock=clock,
            metrics=Metrics(pool),
            keys=KeyRing(pool),
            rate_limits=RateLimits(pool),
        )
        desk = Api(services, clock, commands, schema)
        assert views.wait_for([view.name for view in VIEWS], desk.position, 30), "the views were never built"
        yield desk


def _drop(dsn: str, schema: str) -> None:
    with closing(psycopg2.connect(dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
