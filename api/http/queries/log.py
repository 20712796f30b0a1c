"""Questions about the log itself, the desk's settings, and how far the views have come."""

from typing import Any

import structlog

from api.http.cloud_events import cloud_event
from api.http.parameters import DEFAULT_ROWS, MOST_ROWS, AsOfParameters, NumberParameter
from api.http.queries.query import Asked, Query
from api.http.shapes.common import Page
from api.http.shapes.log import CloudEvent, ProjectionsPage, SettingVersion
from commands.wire.fields import Choice, Line
from commands.wire.json_text import GREATEST_INTEGER
from domain.tags import EVENT_TYPES
from infra.feed import head_position, read_page
from infra.kafka.relay.standing import standing
from infra.postgres.pool import UNREACHABLE
from projections import progress, setting

log = structlog.get_logger()


class EventsParameters(AsOfParameters):
    """From where in the log, and what of it."""

    after = NumberParameter(
        least=0, most=GREATEST_INTEGER, load_default=0, metadata={"description": "The position after which to begin."}
    )
    limit = NumberParameter(
        least=1, most=MOST_ROWS, load_default=DEFAULT_ROWS, metadata={"description": "The most items of a page."}
    )
    type = Choice(tuple(EVENT_TYPES))
    stream = Line(longest=200, metadata={"example": "customer-alpine-lodge"})


def _events(asked: Asked) -> Any:
    wanted = asked.parameters
    page = read_page(
        asked.connection,
        int(wanted["after"]),
        wanted["limit"],
        tag=wanted.get("type"),
        stream_id=wanted.get("stream"),
        up_to=wanted.get("as_of_position"),
    )
    body: dict[str, Any] = {
        "items": [cloud_event(each) for each in page.events],
        "as_of_position": page.head,
    }
    if page.more:
        body["next"] = str(page.events[-1].position)
    return body


def _settings(asked: Asked) -> Any:
    return setting.published(asked.connection)


def _projections(asked: Asked) -> Any:
    items = progress.of_views(asked.connection)
    if (other := asked.services.views_database) is not None:
        items = [{**item, "database": "desk"} for item in items]
        try:
            with other.connections.connection() as connection:
                elsewhere = progress.of_views_elsewhere(connection, asked.connection)
        except UNREACHABLE as error:
            log.warning("the database for views cannot be reached", error=str(error).strip())
        else:
            items += [{**item, "database": "views"} for item in elsewhere]
    body: dict[str, Any] = {"items": items, "as_of_position": head_position(asked.connection)}
    if (relay := standing(asked.connection)) is not None:
        body["relay"] = relay
    return body


QUERIES = (
    Query(
        path="/v1/projections",
        name="projections",
        summary="How far each view has come, and the relay to Kafka.",
        views=(),
        shapes=(ProjectionsPage,),
        answer=_projections,
    ),
    Query(
        path="/v1/settings",
        name="settings",
        summary="All versions of all settings of the desk: calendars, SLA policy, plans.",
        views=(setting.VIEW.name,),
        parameters=AsOfParameters(),
        shapes=(Page[SettingVersion],),
        answer=_settings,
    ),
    Query(
        path="/v1/events",
        name="events",
        summary="The log itself, in order; `next` is the `after` of the next page.",
        views=(),
        parameters=EventsParameters(),
        shapes=(Page[CloudEvent],),
        answer=_events,
        next_is="after",
        of_log=True,
    ),
)
