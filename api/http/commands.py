"""`POST /v1/commands/<command>` and the batch of them."""

from typing import Any

from flask import Blueprint, Response, request

from api.http.access.gate import charge_batch, check_command
from api.http.access.identity import identity
from api.http.access.own import confine_command
from api.http.batch import answer_batch
from api.http.correlation import correlation_id, traceparent
from api.http.problems.types import INVALID_HEADER
from api.http.replies import JSON, ProblemRaised, json_reply
from api.http.requests import check_acceptable, expected_version, idempotency_key, read_json
from api.http.services import Services
from api.http.webhook_secrets import COMMANDS as MAKING_SECRETS
from api.http.webhook_secrets import with_secret
from commands.answers import Answer, etag
from commands.dispatch import Request
from commands.problems import UNKNOWN_COMMAND
from commands.wire.batch import read_batch
from commands.wire.catalogue import COMMAND_TYPES
from commands.wire.headers import LONGEST_BATCH, LONGEST_BODY
from infra.webhooks.secrets import WebhookSecrets


def commands_blueprint(services: Services) -> Blueprint:
    """Return the routes of commands."""
    blueprint = Blueprint("commands", __name__)
    secrets = WebhookSecrets(services.connections)

    def execute(command: str, data: Any, key: str | None, if_match: int | None) -> Answer:
        known = COMMAND_TYPES.get(command)
        if known is None:
            raise ProblemRaised(UNKNOWN_COMMAND, f"there is no command {command!r}")
        check_command(command)
        loaded = known.load(data)
        confine_command(services.connections, loaded)
        who = identity()
        makes_secret = command in MAKING_SECRETS
        if makes_secret:
            secrets.prepare()  # what could fail, fails before anything is done
        answer = services.commands.execute(
            Request(
                command=command,
                data=loaded,
                fingerprint=known.fingerprint(data),
                caller=who.caller,
                actor=who.actor,
                correlation_id=correlation_id(),
                traceparent=traceparent(),
                idempotency_key=key,
                if_match=if_match,
            )
        )
        return with_secret(secrets, answer) if makes_secret else answer

    @blueprint.post("/v1/commands/<command>")
    def one_command(command: str) -> Response:
        if command not in COMMAND_TYPES:
            raise ProblemRaised(UNKNOWN_COMMAND, f"there is no command {command!r}")
        check_acceptable(JSON)
        key, if_match = idempotency_key(), expected_version()
        answer = execute(command, read_json(LONGEST_BODY), key, if_match)
        headers = {"ETag": etag(answer.etag_version), "Location": answer.location}
        if answer.replayed:
            headers["Idempotency-Replayed"] = "true"
        return json_reply(answer.body, status=answer.status, headers=headers)

    @blueprint.post("/v1/commands")
    def many_commands() -> Response:
        check_acceptable(JSON)
        for name in ("Idempotency-Key", "If-Match"):
            if name in request.headers:
                raise ProblemRaised(
                    INVALID_HEADER, f"{name} of a batch stands in each of its commands, not in a header"
                )
        commands = read_batch(read_json(LONGEST_BATCH))
        charge_batch(services, len(commands))
        return json_reply(answer_batch(commands, execute))

    return blueprint
