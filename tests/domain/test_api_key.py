from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from domain.api_key import (
    ApiKey,
    ApiKeyCommand,
    ApiKeyCreated,
    ApiKeyEvent,
    ApiKeyExists,
    ApiKeyNotCreated,
    ApiKeyRevoked,
    CreateApiKey,
    CustomerNotAllowed,
    CustomerRequired,
    RevokeApiKey,
    decide,
    evolve,
)
from tests.spec import Decider

key: Decider[ApiKeyCommand, ApiKey, ApiKeyEvent] = Decider(decide, evolve)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CREATE = CreateApiKey(now=NOW, key_id="k-1", name="crm", role="service", digest="ab" * 32, requests_per_minute=600)
CREATED = ApiKeyCreated(
    occurred_at=NOW, key_id="k-1", name="crm", role="service", digest="ab" * 32, requests_per_minute=600
)
REVOKE = RevokeApiKey(now=NOW + timedelta(days=1), reason="lost")
REVOKED = ApiKeyRevoked(occurred_at=NOW + timedelta(days=1), key_id="k-1", reason="lost")


def test_a_key_is_created_with_the_digest_of_its_secret() -> None:
    key.given().when(CREATE).then(CREATED)


def test_the_same_key_again_later_is_nothing_new() -> None:
    key.given(CREATED).when(replace(CREATE, now=NOW + timedelta(hours=1))).then_nothing()


def test_another_key_under_the_same_id_is_refused() -> None:
    key.given(CREATED).when(replace(CREATE, digest="cd" * 32)).then_refused(ApiKeyExists)


def test_a_requester_is_bound_to_a_customer() -> None:
    key.given().when(replace(CREATE, role="requester")).then_refused(CustomerRequired)
    (created,) = key.given().when(replace(CREATE, role="requester", customer_id="alpine")).events
    assert isinstance(created, ApiKeyCreated)
    assert created.customer_id == "alpine"


@pytest.mark.parametrize("role", ["agent", "manager", "auditor", "reporting", "service"])
def test_no_other_role_is_bound_to_a_customer(role: str) -> None:
    key.given().when(replace(CREATE, role=role, customer_id="alpine")).then_refused(CustomerNotAllowed)


def test_a_key_is_revoked_once() -> None:
    key.given(CREATED).when(REVOKE).then(REVOKED)
    key.given(CREATED, REVOKED).when(replace(REVOKE, reason="again")).then_nothing()


def test_a_revoked_key_does_not_come_back() -> None:
    key.given(CREATED, REVOKED).when(CREATE).then_nothing()
    assert key.given(CREATED, REVOKED).state == ApiKey(created=CREATED, revoked_at=REVOKED.occurred_at)


def test_there_is_nothing_to_revoke_where_no_key_was_created() -> None:
    key.given().when(REVOKE).then_refused(ApiKeyNotCreated)
