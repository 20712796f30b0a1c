"""Keys that programs and people show to the API: who is asking, in which role, and for which customer."""

from datetime import datetime
from typing import Literal, assert_never

from msgspec.structs import replace

from domain.event import Event, Value
from domain.refusal import Refusal

Role = Literal["requester", "agent", "manager", "auditor", "reporting", "service"]
"""What somebody may do is a matter of the role alone; a requester's is bound to one customer."""


class ApiKeyCreated(Event, frozen=True, kw_only=True):
    """Whoever shows the secret with that digest (SHA-256, hexadecimal) is known from now on.

    The secret itself is kept nowhere. `requests_per_minute` is the key's own quota, 0 for none; else the service's.
    """

    key_id: str
    name: str
    role: Role
    digest: str
    customer_id: str | None = None
    requests_per_minute: int | None = None


class ApiKeyRevoked(Event, frozen=True, kw_only=True):
    """The secret opens nothing any more, for good."""

    key_id: str
    reason: str | None = None


class CreateApiKey(Value, frozen=True, kw_only=True):
    """Let a secret be known."""

    now: datetime
    key_id: str
    name: str
    role: Role
    digest: str
    customer_id: str | None = None
    requests_per_minute: int | None = None


class RevokeApiKey(Value, frozen=True, kw_only=True):
    """Let a secret be worth nothing."""

    now: datetime
    reason: str | None = None


ApiKeyCommand = CreateApiKey | RevokeApiKey
ApiKeyEvent = ApiKeyCreated | ApiKeyRevoked


class ApiKey(Value, frozen=True, kw_only=True):
    """A key, as it was made, and whether it has been revoked since."""

    created: ApiKeyCreated
    revoked_at: datetime | None = None


class CustomerRequired(Refusal):
    """A requester's key is bound to one customer."""

    code = "customer_required"
    pointer = "/customer_id"


class CustomerNotAllowed(Refusal):
    """Only a requester's key is bound to a customer."""

    code = "customer_not_allowed"
    pointer = "/customer_id"


class ApiKeyExists(Refusal):
    """The id names another key."""

    code = "api_key_exists"
    pointer = "/key_id"


class ApiKeyNotCreated(Refusal):
    """A key begins with its creation; there is none under that id."""

    code = "api_key_not_created"
    pointer = "/key_id"


def decide(command: ApiKeyCommand, state: ApiKey | None) -> list[ApiKeyEvent]:
    """Decide a command; a repeat of a request leads to nothing. Raises a `Refusal` of this module."""
    match command:
        case CreateApiKey():
            return _create(command, state)
        case RevokeApiKey():
            if state is None:
                raise ApiKeyNotCreated("the key has not been created")
            if state.revoked_at is not None:
                return []
            return [ApiKeyRevoked(occurred_at=command.now, key_id=state.created.key_id, reason=command.reason)]
        case _ as never:
            assert_never(never)


def _create(command: CreateApiKey, state: ApiKey | None) -> list[ApiKeyEvent]:
    if command.role == "requester" and command.customer_id is None:
        raise CustomerRequired("a requester's key needs the customer that it is for")
    if command.role != "requester" and command.customer_id is not None:
        raise CustomerNotAllowed(f"a key of role {command.role} is for all customers")
    created = ApiKeyCreated(
        occurred_at=command.now,
        key_id=command.key_id,
        name=command.name,
        role=command.role,
        digest=command.digest,
        customer_id=command.customer_id,
        requests_per_minute=command.requests_per_minute,
    )
    if state is None:
        return [created]
    if replace(created, occurred_at=state.created.occurred_at) == state.created:
        return []
    raise ApiKeyExists(f"key {command.key_id} is another")


def evolve(state: ApiKey | None, event: ApiKeyEvent) -> ApiKey:
    """Fold one event; never refuses. The first one is `ApiKeyCreated`."""
    if isinstance(event, ApiKeyCreated):
        return ApiKey(created=event)
    if state is None:
        raise LookupError(f"{type(event).__name__} precedes ApiKeyCreated")
    match event:
        case ApiKeyRevoked():
            return replace(state, revoked_at=event.occurred_at)
        case _ as never:
            assert_never(never)
