"""The test clock over HTTP: forward only, told by the ready answer, there only where the desk runs with one."""

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.http.app import create_app
from api.http.services import Services
from domain.api_key import ApiKey, ApiKeyCreated
from infra.access.rate_limits import RateLimits
from infra.awaited_clock import StillBehind
from infra.clock import TestClock
from infra.postgres.pool import ConnectionPool
from tests.api.http.conftest import json_of, pointers_of, problem_of


class Late(TestClock):
    """A clock whose timekeeper does not keep up."""

    def set(self, instant: datetime) -> None:
        super().set(instant)
        raise StillBehind("the timekeeper does not run")


class Manager:
    """Takes whoever comes for a manager: this is about the clock."""

    def find(self, _secret: str) -> ApiKey:
        return ApiKey(
            created=ApiKeyCreated(
                occurred_at=datetime.now(UTC), key_id="k-1", name="the manager", role="manager", digest=""
            )
        )


@pytest.fixture
def pool(database: str, schema: str) -> Iterator[ConnectionPool]:
    with closing(ConnectionPool(database, schema, size=2)) as connections:
        yield connections


def client_of(pool: ConnectionPool, clock: TestClock) -> FlaskClient:
    services = Services(
        commands=None,  # type: ignore[arg-type]
        connections=pool,
        views=None,  # type: ignore[arg-type]
        clock=clock,
        metrics=None,  # type: ignore[arg-type]
        keys=Manager(),
        rate_limits=RateLimits(pool),
        test_clock=clock,
    )
    client = create_app(services).test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = "Bearer any"
    return client


def set_to(client: FlaskClient, now: Any) -> Any:
    return client.post("/v1/test-clock", json={"now": now})


def test_the_clock_is_set_forward_and_every_answer_goes_by_it(pool: ConnectionPool) -> None:
    client = client_of(pool, TestClock(pool))
    instant = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    answer = set_to(client, instant.isoformat())
    assert answer.status_code == 200
    assert datetime.fromisoformat(json_of(answer)["now"]) == instant
    ready = json_of(client.get("/health/ready"))
    assert ready["test_clock"] is True
    assert datetime.fromisoformat(ready["now"]) == instant


def test_the_clock_is_not_turned_back(pool: ConnectionPool) -> None:
    client = client_of(pool, TestClock(pool))
    instant = datetime.now(UTC) + timedelta(days=3)
    set_to(client, instant.isoformat())
    answer = set_to(client, (instant - timedelta(seconds=1)).isoformat())
    assert problem_of(answer, 422)["code"] == "clock_backwards"
    assert set_to(client, instant.isoformat()).status_code == 200


@pytest.mark.parametrize("wrong", ["tomorrow", "2026-12-01T00:00:00", 5, None])
def test_what_is_no_instant_is_refused(pool: ConnectionPool, wrong: Any) -> None:
    assert pointers_of(set_to(client_of(pool, TestClock(pool)), wrong)) == {"/now"}


def test_work_that_is_not_done_in_time_is_told_and_may_be_waited_for_again(pool: ConnectionPool) -> None:
    answer = set_to(client_of(pool, Late(pool)), (datetime.now(UTC) + timedelta(days=3)).isoformat())
    assert problem_of(answer, 503)["code"] == "clock_still_behind"
    assert answer.headers["Retry-After"]
