"""Making and revoking API keys, as commands of the desk's own people."""

from typing import Any

import msgspec
import uuid_utils

from commands.dispatch import Dispatcher, own_request
from domain.api_key import Role
from infra.access.api_keys import digest_of, new_secret

CALLER = "keys"


class NewKey(msgspec.Struct, frozen=True):
    """A key that was just made: the only moment in which its secret is known."""

    key_id: str
    secret: str


def create_key(
    dispatcher: Dispatcher,
    name: str,
    role: Role,
    *,
    customer_id: str | None = None,
    requests_per_minute: int | None = None,
) -> NewKey:
    """Make a key and return it with its secret. Raises a `Refusal` of `domain.api_key`, or `UnknownCustomer`."""
    secret, key_id = new_secret(), str(uuid_utils.uuid7())
    data: dict[str, Any] = {
        "key_id": key_id,
        "name": name,
        "role": role,
        "digest": digest_of(secret),
        "customer_id": customer_id,
        "requests_per_minute": requests_per_minute,
    }
    _send(dispatcher, "create-api-key", data)
    return NewKey(key_id, secret)


def revoke_key(dispatcher: Dispatcher, key_id: str, reason: str | None = None) -> None:
    """Revoke a key; one that was revoked before stays so. Raises `UnknownApiKey`."""
    _send(dispatcher, "revoke-api-key", {"key_id": key_id, "reason": reason})


def _send(dispatcher: Dispatcher, command: str, data: dict[str, Any]) -> None:
    dispatcher.execute(own_request(command, data, CALLER))
