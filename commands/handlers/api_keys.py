"""Commands about API keys. Nobody can send them over the wire: whoever has a shell on the desk's machine makes keys."""

from collections.abc import Mapping
from typing import Any

from commands.application import Evolve
from commands.errors import UnknownApiKey
from commands.handlers.streams import existing_customer
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import Stream, UnitOfWork
from domain import api_key
from domain.api_key import ApiKey, CreateApiKey, RevokeApiKey

CLAIM = "api_key"
"""Kind of the claim by which a secret's digest leads to its key, as long as the key has not been revoked."""

EVOLVE_API_KEY: Evolve[ApiKey] = api_key.evolve


def create_api_key(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Let a secret be known by its digest. Refused: `customer_required`, `customer_not_allowed`, `api_key_exists`."""
    stream = _key(work, data["key_id"])
    customer_id = data.get("customer_id")
    if customer_id is not None:
        existing_customer(work, customer_id)
    command = CreateApiKey(
        now=work.now,
        key_id=data["key_id"],
        name=data["name"],
        role=data["role"],
        digest=data["digest"],
        customer_id=customer_id,
        requests_per_minute=data.get("requests_per_minute"),
    )
    stream.add(api_key.decide(command, stream.state))
    if stream.pending:
        work.claim(CLAIM, command.digest, stream.id)
    return _outcome(stream, created=True)


def revoke_api_key(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Let a key's secret open nothing any more. A key that was revoked before stays so."""
    stream = _key(work, data["key_id"])
    if stream.state is None:
        raise UnknownApiKey(f"there is no key {data['key_id']!r}", pointer="/key_id")
    stream.add(api_key.decide(RevokeApiKey(now=work.now, reason=data.get("reason")), stream.state))
    if stream.pending:
        work.release(CLAIM, stream.state.created.digest, stream.id)
    return _outcome(stream)


def _key(work: UnitOfWork, key_id: str) -> Stream[ApiKey]:
    return work.stream(f"api-key-{key_id}", EVOLVE_API_KEY)


def _outcome(stream: Stream[ApiKey], *, created: bool = False) -> Outcome:
    key_id = stream.id.removeprefix("api-key-")
    return Outcome(stream=stream, location="", result={"key_id": key_id}, created=created)
