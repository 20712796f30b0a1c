from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

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
from domain.webhook.decider import MOST_SECRETS, Webhook, decide, evolve
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
from tests.spec import Decider

webhook: Decider[WebhookCommand, Webhook, WebhookEvent] = Decider(decide, evolve)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
URL = "https://crm.example.com/caselog"
FIRST = Endpoint(url=URL, types=("TicketOpened.v1",), customer_id="alpine", label="The CRM")
SECOND = Endpoint(url="https://crm.example.com/v2")
CREATE = CreateWebhook(now=NOW, webhook_id="crm", endpoint=FIRST)
CREATED = WebhookCreated(
    occurred_at=NOW, webhook_id="crm", url=URL, types=("TicketOpened.v1",), customer_id="alpine", label="The CRM"
)
UPDATE = UpdateWebhook(now=NOW, endpoint=SECOND)
UPDATED = WebhookUpdated(occurred_at=NOW, webhook_id="crm", url="https://crm.example.com/v2")
ROTATE = RotateWebhookSecret(now=NOW, overlap_seconds=86_400)
ROTATED = WebhookSecretRotated(occurred_at=NOW, webhook_id="crm", generation=2, former_until=NOW + DAY)
DISABLE = DisableWebhook(now=NOW, reason="it moves")
DISABLED = WebhookDisabled(occurred_at=NOW, webhook_id="crm", cause="asked", reason="it moves")
GIVE_UP = GiveWebhookUp(now=NOW, url=URL, cause="gone", reason="it answered 410")
GIVEN_UP = WebhookDisabled(occurred_at=NOW, webhook_id="crm", cause="gone", reason="it answered 410")
ENABLE = EnableWebhook(now=NOW)
ENABLED = WebhookEnabled(occurred_at=NOW, webhook_id="crm")
DELETE = DeleteWebhook(now=NOW, reason="no more")
DELETED = WebhookDeleted(occurred_at=NOW, webhook_id="crm", reason="no more")


def test_a_webhook_is_created_once() -> None:
    webhook.given().when(CREATE).then(CREATED)
    webhook.given(CREATED).when(CREATE).then_nothing()
    webhook.given(CREATED, UPDATED).when(CREATE).then_nothing()
    webhook.given(CREATED, UPDATED).when(replace(CREATE, endpoint=SECOND)).then_nothing()
    webhook.given(CREATED, DELETED).when(CREATE).then_nothing()


@pytest.mark.parametrize(
    "other", [{"url": "https://other.example.com/"}, {"types": ()}, {"customer_id": None}, {"label": "Another"}]
)
def test_an_id_stands_for_one_webhook(other: dict[str, object]) -> None:
    another = replace(CREATE, endpoint=replace(FIRST, **other))
    webhook.given(CREATED).when(another).then_refused(WebhookExists)
    webhook.given(CREATED, DELETED).when(another).then_refused(WebhookExists)


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("https://crm.example.com", True),
        ("https://10.0.0.1/", True),  # where it may be sent is for the process that sends
        ("http://localhost:9000/hook", True),
        ("http://127.0.0.1:9000/hook", True),
        ("http://127.9.9.9/", True),
        ("http://[::1]:9000/", True),
        ("http://crm.example.com/", False),
        ("http://10.0.0.1/", False),
        ("http://localhost.example.com/", False),
        ("ftp://crm.example.com/", False),
    ],
)
def test_events_are_sent_by_https_and_by_http_to_this_machine_alone(url: str, taken: bool) -> None:
    create = webhook.given().when(replace(CREATE, endpoint=Endpoint(url=url)))
    update = webhook.given(CREATED).when(UpdateWebhook(now=NOW, endpoint=Endpoint(url=url)))
    if taken:
        create.then(WebhookCreated(occurred_at=NOW, webhook_id="crm", url=url))
        update.then(WebhookUpdated(occurred_at=NOW, webhook_id="crm", url=url))
    else:
        create.then_refused(UrlNotSecure)
        update.then_refused(UrlNotSecure)


def test_a_webhook_is_updated_to_what_it_is_not_already() -> None:
    webhook.given(CREATED).when(UPDATE).then(UPDATED)
    webhook.given(CREATED, UPDATED).when(UPDATE).then_nothing()


def test_each_rotation_makes_the_next_secret() -> None:
    webhook.given(CREATED).when(ROTATE).then(ROTATED)
    webhook.given(CREATED, ROTATED).when(ROTATE).then(replace(ROTATED, generation=3))


def signing(*events: WebhookEvent, at: datetime) -> tuple[int, ...]:
    state = webhook.given(CREATED, *events).state
    assert state is not None
    return state.generations(at)


def test_the_earlier_secret_signs_beside_the_new_one_until_its_time_is_over() -> None:
    assert signing(at=NOW) == (1,)
    assert signing(ROTATED, at=NOW + DAY - timedelta(microseconds=1)) == (2, 1)
    assert signing(ROTATED, at=NOW + DAY) == (2,)


def test_a_later_rotation_may_shorten_the_time_of_earlier_secrets_and_never_lengthens_it() -> None:
    at_once = replace(ROTATED, generation=3, occurred_at=NOW, former_until=NOW)
    assert signing(ROTATED, at_once, at=NOW) == (3,)
    later = replace(ROTATED, generation=3, former_until=NOW + 7 * DAY)
    assert signing(ROTATED, later, at=NOW) == (3, 2, 1)
    assert signing(ROTATED, later, at=NOW + DAY) == (3, 2)


def test_only_a_few_secrets_sign_at_a_time() -> None:
    many = webhook.given(CREATED).having(*[ROTATE] * (MOST_SECRETS - 1))
    many.when(ROTATE).then_refused(TooManySecrets)
    at_once = replace(ROTATED, generation=MOST_SECRETS + 1, former_until=NOW)
    many.when(replace(ROTATE, overlap_seconds=0)).then(at_once)
    a_day_later = replace(ROTATED, occurred_at=NOW + DAY, generation=MOST_SECRETS + 1, former_until=NOW + 2 * DAY)
    many.when(replace(ROTATE, now=NOW + DAY)).then(a_day_later)


def test_a_webhook_is_disabled_and_enabled_once() -> None:
    webhook.given(CREATED).when(DISABLE).then(DISABLED)
    webhook.given(CREATED, DISABLED).when(DISABLE).then_nothing()
    webhook.given(CREATED, DISABLED).when(ENABLE).then(ENABLED)
    skipping = replace(ENABLE, skips_missed=True)
    webhook.given(CREATED, GIVEN_UP).when(skipping).then(replace(ENABLED, skips_missed=True))
    webhook.given(CREATED).when(ENABLE).then_nothing()
    webhook.given(CREATED, DISABLED, ENABLED).when(ENABLE).then_nothing()


def test_an_address_is_given_up_if_it_is_still_the_one_that_failed() -> None:
    webhook.given(CREATED).when(GIVE_UP).then(GIVEN_UP)
    webhook.given(CREATED, UPDATED).when(GIVE_UP).then_nothing()
    webhook.given(CREATED, DISABLED).when(GIVE_UP).then_nothing()


def test_deliveries_are_asked_for_again_as_often_as_somebody_does() -> None:
    replayed = WebhookReplayed(occurred_at=NOW, webhook_id="crm", after=42)
    webhook.given(CREATED, replayed).when(ReplayWebhook(now=NOW, after=42)).then(replayed)
    retried = DeliveriesRetried(occurred_at=NOW, webhook_id="crm", positions=(42,))
    webhook.given(CREATED, retried).when(RetryDeliveries(now=NOW, positions=(42,))).then(retried)
    dropped = DeliveriesDropped(occurred_at=NOW, webhook_id="crm", positions=(42,), reason="known")
    webhook.given(CREATED, dropped).when(DropDeliveries(now=NOW, positions=(42,), reason="known")).then(dropped)


def test_a_webhook_is_deleted_once_and_nothing_is_done_with_it_after_that() -> None:
    webhook.given(CREATED).when(DELETE).then(DELETED)
    webhook.given(CREATED, DELETED).when(DELETE).then_nothing()
    others: tuple[WebhookCommand, ...] = (
        UPDATE,
        ROTATE,
        DISABLE,
        GIVE_UP,
        ENABLE,
        ReplayWebhook(now=NOW, after=0),
        RetryDeliveries(now=NOW),
        DropDeliveries(now=NOW),
    )
    for command in others:
        webhook.given(CREATED, DELETED).when(command).then_refused(WebhookIsDeleted)
        webhook.given().when(command).then_refused(WebhookNotCreated)
    webhook.given().when(DELETE).then_refused(WebhookNotCreated)
