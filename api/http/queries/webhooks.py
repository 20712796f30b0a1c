"""Questions about webhooks and how their deliveries go."""

from typing import Any, get_args

from api.http.parameters import PageParameters
from api.http.queries.query import Asked, Query, choose, page_of
from api.http.shapes.common import Page
from api.http.shapes.webhooks import WebhookShape, WebhookWithParked
from commands.errors import UnknownWebhook
from commands.wire.fields import Choice
from infra.webhooks.standing import parked, standings
from projections import webhook


class WebhooksParameters(PageParameters):
    """Which webhooks."""

    state = Choice(
        get_args(webhook.WebhookState), metadata={"description": "Those that are not deleted where it is left out."}
    )


def _webhooks(asked: Asked) -> Any:
    wanted = asked.parameters
    filters = webhook.WebhookFilters(**choose(wanted, "state"))
    page = webhook.page(asked.connection, filters, cursor=wanted.get("cursor"), limit=wanted["limit"])
    known = standings(asked.connection, [item["webhook_id"] for item in page.items])
    for item in page.items:
        if (standing := known.get(item["webhook_id"])) is not None:
            item["deliveries"] = standing
    return page_of(page)


def _webhook(asked: Asked) -> Any:
    webhook_id = asked.path["webhook"]
    found = webhook.find(asked.connection, webhook_id)
    if found is None:
        raise UnknownWebhook(f"there is no webhook {webhook_id!r}")
    item = webhook.shape(found)
    known = standings(asked.connection, [webhook_id])
    if webhook_id in known:
        item["deliveries"] = known[webhook_id]
    return {**item, "parked": parked(asked.connection, webhook_id)}


QUERIES = (
    Query(
        path="/v1/webhooks",
        name="webhooks",
        summary="Webhooks by id, and how their deliveries go.",
        views=(webhook.VIEW.name,),
        parameters=WebhooksParameters(),
        shapes=(Page[WebhookShape],),
        of_desk=True,
        answer=_webhooks,
    ),
    Query(
        path="/v1/webhooks/<webhook>",
        name="webhook",
        summary="One webhook with what was given up of its deliveries, a deleted one too.",
        views=(webhook.VIEW.name,),
        shapes=(WebhookWithParked,),
        of_desk=True,
        answer=_webhook,
        failures=(UnknownWebhook,),
        tagged=True,
    ),
)
