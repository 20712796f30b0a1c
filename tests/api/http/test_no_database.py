"""Without its database the service says so, with a time to try again, and goes on as soon as it is back."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from secrets import token_hex

import psycopg2
import pytest
from psycopg2.extensions import make_dsn

from api.http.services import Services
from commands.application import CaselogApplication
from commands.dispatch import Dispatcher
from commands.founding import found_desk
from commands.handlers.catalogue import HANDLERS
from commands.wire.examples import EXAMPLES
from infra.access.api_keys import KeyRing
from infra.access.rate_limits import RateLimits
from infra.log.factory import environment_of
from infra.metrics.exposition import Metrics
from infra.postgres.migrations import migrate
from infra.postgres.pool import ConnectionPool
from infra.projection.positions import ViewPositions
from tests.api.http.conftest import MONDAY, Api, StandingClock, json_of, problem_of

SCHEMA = "caselog"


class Outage:
    """A database of its own that can be shut to everybody and opened again."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self.name = f"outage_{token_hex(4)}"
        self.dsn = make_dsn(dsn, dbname=self.name)

    def execute(self, *statements: str) -> None:
        with closing(psycopg2.connect(self._dsn)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement.format(name=self.name))

    def begin(self) -> None:
        self.execute(
            "ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        )

    def end(self) -> None:
        self.execute("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")


@pytest.fixture
def outage(postgres_dsn: str) -> Iterator[Outage]:
    database = Outage(postgres_dsn)
    database.execute("CREATE DATABASE {name}")
    migrate(database.dsn, SCHEMA)
    yield database
    database.execute("DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def api(outage: Outage) -> Iterator[Api]:
    clock = StandingClock(MONDAY)
    with ExitStack() as parts:
        environment = environment_of(outage.dsn, SCHEMA)
        application = parts.enter_context(CaselogApplication(environment))
        found_desk(application, now=clock.now(), zone="America/Denver", currency="USD")
        pool = parts.enter_context(closing(ConnectionPool(outage.dsn, SCHEMA, size=2)))
        views = ViewPositions(outage.dsn, SCHEMA)
        views.start()
        parts.callback(views.stop)
        dispatcher = Dispatcher(application, clock, HANDLERS)
        services = Services(
            commands=dispatcher,
            connections=pool,
            views=views,
            clock=clock,
            metrics=Metrics(pool),
            keys=KeyRing(pool),
            rate_limits=RateLimits(pool),
        )
        yield Api(services, clock, dispatcher, SCHEMA)


def test_an_outage_is_told_and_survived(api: Api, outage: Outage) -> None:
    data = EXAMPLES["register-customer"]
    assert api.post("register-customer", data | {"customer_id": "before"}).status_code == 201

    outage.begin()
    for answer in (
        api.post("register-customer", data | {"customer_id": "during"}, Idempotency_Key="k"),
        api.client.get("/v1/events"),
        api.client.get("/v1/queue"),
        api.client.get("/v1/tickets/C-000001/history"),
        api.client.get("/health/ready"),
    ):
        assert problem_of(answer, 503)["code"] in {"unavailable", "outcome_unknown"}
        assert int(answer.headers["Retry-After"]) >= 1
        assert outage.name not in answer.text
    assert api.client.get("/health/live").status_code == 200
    assert api.client.get("/openapi.json").status_code == 200
    still_named = api.post("log-work", {})
    assert problem_of(still_named, 422)["code"] == "invalid_data"

    outage.end()
    again = api.post("register-customer", data | {"customer_id": "during"}, Idempotency_Key="k")
    assert again.status_code == 201
    assert json_of(api.client.get("/health/ready"))["status"] == "ready"
    streams = {item["subject"] for item in json_of(api.client.get("/v1/events?limit=500"))["items"]}
    assert {"customer-before", "customer-during"} <= streams
