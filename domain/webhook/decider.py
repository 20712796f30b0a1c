"""Who is told of events by the desk itself: what a webhook may become, and which secrets sign for it."""

import re
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import assert_never

from msgspec.structs import replace

from domain.event import Value
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
from domain.webhook.events import (
    DeliveriesDropped,
    DeliveriesRetried,
    WebhookCreated,
    WebhookDeleted,
    WebhookDisabled,
    WebhookEnabled,
    WebhookEvent,
    WebhookReplayed,
    WebhookSecretRotated,
    WebhookUpdated,
)
from domain.webhook.refusals import TooManySecrets, UrlNotSecure, WebhookExists, WebhookIsDeleted, WebhookNotCreated

_HOST_OF_HTTP = re.compile(r"http://(?:\[([^\]/]*)\]|([^/:?#]*))")

MOST_SECRETS = 4
"""How many secrets sign at a time, the newest included: each adds a signature to every message."""


class FormerSecret(Value, frozen=True, kw_only=True):
    """An earlier secret, which signs until then."""

    generation: int
    until: datetime


class Webhook(Value, frozen=True, kw_only=True):
    """A webhook as its last event left it; `created` is its first endpoint, which a repeated creation names."""

    webhook_id: str
    endpoint: Endpoint
    created: Endpoint
    generation: int = 1
    former: tuple[FormerSecret, ...] = ()
    disabled: bool = False
    deleted: bool = False

    def generations(self, now: datetime) -> tuple[int, ...]:
        """Return the generations of the secrets that sign at an instant, the newest first."""
        return (self.generation, *(each.generation for each in reversed(self.former) if now < each.until))


def decide(command: WebhookCommand, state: Webhook | None) -> list[WebhookEvent]:
    """Decide a command; a repeat leads to nothing, but for rotations, replays and retries, which are asked for anew.

    Raises a `Refusal` of `domain.webhook.refusals`.
    """
    if isinstance(command, CreateWebhook):
        return _create(command, state)
    if state is None:
        raise WebhookNotCreated("the webhook has not been created")
    if isinstance(command, DeleteWebhook):
        deleted = WebhookDeleted(occurred_at=command.now, webhook_id=state.webhook_id, reason=command.reason)
        return [] if state.deleted else [deleted]
    if state.deleted:
        raise WebhookIsDeleted(f"webhook {state.webhook_id} is deleted")
    return _decide(command, state)


def _decide(command: WebhookCommand, state: Webhook) -> list[WebhookEvent]:
    now, webhook_id = command.now, state.webhook_id
    match command:
        case UpdateWebhook():
            return _update(command, state)
        case RotateWebhookSecret():
            return _rotate(command, state)
        case DisableWebhook():
            disabled = WebhookDisabled(occurred_at=now, webhook_id=webhook_id, cause="asked", reason=command.reason)
            return [] if state.disabled else [disabled]
        case GiveWebhookUp():
            if state.disabled or command.url != state.endpoint.url:
                return []  # what failed is not what is sent to now
            given_up = WebhookDisabled(
                occurred_at=now, webhook_id=webhook_id, cause=command.cause, reason=command.reason
            )
            return [given_up]
        case EnableWebhook():
            enabled = WebhookEnabled(occurred_at=now, webhook_id=webhook_id, skips_missed=command.skips_missed)
            return [enabled] if state.disabled else []
        case ReplayWebhook():
            return [WebhookReplayed(occurred_at=now, webhook_id=webhook_id, after=command.after)]
        case RetryDeliveries():
            return [DeliveriesRetried(occurred_at=now, webhook_id=webhook_id, positions=command.positions)]
        case DropDeliveries():
            dropped = DeliveriesDropped(
                occurred_at=now, webhook_id=webhook_id, positions=command.positions, reason=command.reason
            )
            return [dropped]
        case CreateWebhook() | DeleteWebhook():
            raise TypeError(f"{type(command).__name__} was decided before")
        case _ as never:
            assert_never(never)


def _create(command: CreateWebhook, state: Webhook | None) -> list[WebhookEvent]:
    endpoint = command.endpoint
    if state is not None:
        if endpoint in (state.created, state.endpoint):
            return []
        raise WebhookExists(f"webhook {command.webhook_id} has another endpoint")
    _check_url(endpoint.url)
    created = WebhookCreated(
        occurred_at=command.now,
        webhook_id=command.webhook_id,
        url=endpoint.url,
        types=endpoint.types,
        customer_id=endpoint.customer_id,
        label=endpoint.label,
    )
    return [created]


def _update(command: UpdateWebhook, state: Webhook) -> list[WebhookEvent]:
    endpoint = command.endpoint
    if endpoint == state.endpoint:
        return []
    _check_url(endpoint.url)
    updated = WebhookUpdated(
        occurred_at=command.now,
        webhook_id=state.webhook_id,
        url=endpoint.url,
        types=endpoint.types,
        customer_id=endpoint.customer_id,
        label=endpoint.label,
    )
    return [updated]


def _rotate(command: RotateWebhookSecret, state: Webhook) -> list[WebhookEvent]:
    if command.overlap_seconds and len(state.generations(command.now)) >= MOST_SECRETS:
        raise TooManySecrets(f"{MOST_SECRETS} secrets sign now; with overlap_seconds 0 the earlier ones end at once")
    rotated = WebhookSecretRotated(
        occurred_at=command.now,
        webhook_id=state.webhook_id,
        generation=state.generation + 1,
        former_until=command.now + timedelta(seconds=command.overlap_seconds),
    )
    return [rotated]


def _check_url(url: str) -> None:
    plain = _HOST_OF_HTTP.match(url)
    if url.startswith("https://") or (plain and _is_this_machine(plain[1] or plain[2])):
        return
    raise UrlNotSecure("the address must begin with https; http is taken for localhost only")


def _is_this_machine(host: str) -> bool:
    """Return whether a host's name or address, as written, is this machine's own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def evolve(state: Webhook | None, event: WebhookEvent) -> Webhook:
    """Fold one event; never refuses. The first one is `WebhookCreated`."""
    if isinstance(event, WebhookCreated):
        endpoint = _endpoint(event)
        return Webhook(webhook_id=event.webhook_id, endpoint=endpoint, created=endpoint)
    if state is None:
        raise LookupError(f"{type(event).__name__} precedes WebhookCreated")
    match event:
        case WebhookUpdated():
            return replace(state, endpoint=_endpoint(event))
        case WebhookSecretRotated():
            return replace(state, generation=event.generation, former=_former(state, event))
        case WebhookDisabled():
            return replace(state, disabled=True)
        case WebhookEnabled():
            return replace(state, disabled=False)
        case WebhookDeleted():
            return replace(state, deleted=True)
        case WebhookReplayed() | DeliveriesRetried() | DeliveriesDropped():
            return state  # they are about what is sent, not about what may be decided
        case _ as never:
            assert_never(never)


def _endpoint(event: WebhookCreated | WebhookUpdated) -> Endpoint:
    return Endpoint(url=event.url, types=event.types, customer_id=event.customer_id, label=event.label)


def _former(state: Webhook, event: WebhookSecretRotated) -> tuple[FormerSecret, ...]:
    """Return the secrets that still sign after a rotation; those whose time is over are forgotten."""
    kept = [
        FormerSecret(generation=each.generation, until=min(each.until, event.former_until))
        for each in (*state.former, FormerSecret(generation=state.generation, until=event.former_until))
    ]
    return tuple(each for each in kept if event.occurred_at < each.until)
