"""Commands about webhooks. What they make of the deliveries themselves, the process that delivers reads in the log."""

from collections.abc import Mapping
from typing import Any

import uuid_utils

from commands.application import Evolve
from commands.errors import UnknownWebhook
from commands.handlers.streams import existing_customer
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import Stream, UnitOfWork
from domain.webhook import decider as webhooks
from domain.webhook.commands import (
    CreateWebhook,
    DeleteWebhook,
    DisableWebhook,
    DropDeliveries,
    EnableWebhook,
    Endpoint,
    GiveWebhookUp,
    ReplayWebhook,
    RetryDeliveries,
    RotateWebhookSecret,
    UpdateWebhook,
    WebhookCommand,
)
from domain.webhook.decider import Webhook

STREAMS = "webhook-"
"""What the id of a webhook's stream begins with."""

EVOLVE_WEBHOOK: Evolve[Webhook] = webhooks.evolve


def create_webhook(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Send events to an address. Result: `webhook_id`, `secret_generation`. Refused: `webhook_exists`."""
    webhook_id = data.get("webhook_id") or str(uuid_utils.uuid7())
    stream = work.stream(f"{STREAMS}{webhook_id}", EVOLVE_WEBHOOK, is_new="webhook_id" not in data)
    command = CreateWebhook(now=work.now, webhook_id=webhook_id, endpoint=_endpoint(work, data))
    return _decide(work, stream, command, created=True)


def update_webhook(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Send otherwise. Refused: `webhook_deleted`."""
    stream = _named(work, data)
    return _decide(work, stream, UpdateWebhook(now=work.now, endpoint=_endpoint(work, data)))


def rotate_webhook_secret(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Sign with a new secret. Result: `webhook_id`, `secret_generation`. Refused: `too_many_webhook_secrets`."""
    command = RotateWebhookSecret(now=work.now, overlap_seconds=data["overlap_seconds"])
    return _decide(work, _named(work, data), command)


def disable_webhook(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Send nothing for the time being. Refused: `webhook_deleted`."""
    return _decide(work, _named(work, data), DisableWebhook(now=work.now, reason=data["reason"]))


def give_webhook_up(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Stop sending to an address that is gone, or has failed for too long: the desk's own command."""
    command = GiveWebhookUp(now=work.now, url=data["url"], cause=data["cause"], reason=data["reason"])
    return _decide(work, _named(work, data), command)


def enable_webhook(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Send again. Refused: `webhook_deleted`."""
    command = EnableWebhook(now=work.now, skips_missed=data["missed"] == "skip")
    return _decide(work, _named(work, data), command)


def delete_webhook(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Never send again; one that was deleted before stays so."""
    return _decide(work, _named(work, data), DeleteWebhook(now=work.now, reason=data.get("reason")))


def replay_webhook(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Send what was sent again. Refused: `webhook_deleted`."""
    return _decide(work, _named(work, data), ReplayWebhook(now=work.now, after=data["after"]))


def retry_deliveries(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Try parked deliveries anew. Refused: `webhook_deleted`."""
    command = RetryDeliveries(now=work.now, positions=tuple(sorted(data.get("positions", ()))))
    return _decide(work, _named(work, data), command)


def drop_deliveries(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Forget parked deliveries. Refused: `webhook_deleted`."""
    positions = tuple(sorted(data.get("positions", ())))
    command = DropDeliveries(now=work.now, positions=positions, reason=data.get("reason"))
    return _decide(work, _named(work, data), command)


def _named(work: UnitOfWork, data: Mapping[str, Any]) -> Stream[Webhook]:
    stream = work.stream(f"{STREAMS}{data['webhook']}", EVOLVE_WEBHOOK)
    if stream.state is None:
        raise UnknownWebhook(f"there is no webhook {data['webhook']!r}", pointer="/webhook")
    return stream


def _endpoint(work: UnitOfWork, data: Mapping[str, Any]) -> Endpoint:
    customer_id = data.get("customer_id")
    if customer_id is not None:
        existing_customer(work, customer_id)
    return Endpoint(
        url=data["url"],
        types=tuple(sorted(data.get("types", ()))),
        customer_id=customer_id,
        label=data.get("label"),
    )


def _decide(work: UnitOfWork, stream: Stream[Webhook], command: WebhookCommand, *, created: bool = False) -> Outcome:
    work.expect(stream)
    stream.add(webhooks.decide(command, stream.state))
    webhook_id = stream.id.removeprefix(STREAMS)
    result: dict[str, Any] = {"webhook_id": webhook_id}
    if stream.state is not None and isinstance(command, CreateWebhook | RotateWebhookSecret):
        result["secret_generation"] = stream.state.generation
    return Outcome(stream=stream, location=f"/v1/webhooks/{webhook_id}", result=result, created=created)
