"""Questions that look beyond the queue: what is ahead, what waits, what customers were told."""

from typing import Any, get_args

from api.http.parameters import FlagParameter, ListParameters
from api.http.queries.query import Asked, Query, choose, page_of
from api.http.shapes.common import Page
from api.http.shapes.notices import NoticeShape
from api.http.shapes.tickets import PauseShape, UpcomingItem
from commands.wire.fields import Choice, Identifier, Line
from domain.rating.months import local_date
from domain.ticket.events import AwaitedParty
from projections import notice, pause, queue, upcoming
from projections.reading import position_of

LONGEST_AGENT = 128


class UpcomingParameters(ListParameters):
    """Whose cases."""

    customer = Identifier()
    agent = Line(longest=LONGEST_AGENT)


class PausesParameters(UpcomingParameters):
    """Which waiting cases."""

    waiting_for = Choice(get_args(AwaitedParty))
    flagged = FlagParameter(
        metadata={"description": "true: only those that wait for a partner although the customer has written."}
    )


class NoticesParameters(ListParameters):
    """Which notices."""

    customer = Identifier()
    kind = Choice(get_args(notice.NoticeKind))


def _upcoming(asked: Asked) -> Any:
    position_of(asked.connection, queue.VIEW.name)  # from here on all reads see one state
    wanted = asked.parameters
    today = local_date(asked.now(), asked.zone())
    filters = upcoming.UpcomingFilters(**choose(wanted, "customer", "agent"))
    return page_of(upcoming.page(asked.connection, filters, today, cursor=wanted.get("cursor"), limit=wanted["limit"]))


def _pauses(asked: Asked) -> Any:
    wanted = asked.parameters
    filters = pause.PauseFilters(**choose(wanted, "waiting_for", "customer", "agent", "flagged"))
    now = asked.now()
    return page_of(pause.page(asked.connection, filters, now, cursor=wanted.get("cursor"), limit=wanted["limit"]))


def _notices(asked: Asked) -> Any:
    wanted = asked.parameters
    filters = notice.NoticeFilters(**choose(wanted, "customer", "kind"))
    return page_of(notice.page(asked.connection, filters, cursor=wanted.get("cursor"), limit=wanted["limit"]))


QUERIES = (
    Query(
        path="/v1/upcoming",
        name="upcoming",
        summary="Open tickets requested for today or a later date, soonest first.",
        views=(queue.VIEW.name,),
        parameters=UpcomingParameters(),
        shapes=(Page[UpcomingItem],),
        answer=_upcoming,
    ),
    Query(
        path="/v1/pauses",
        name="pauses",
        summary="Tickets that wait, for whom and how long, the longest first.",
        views=(pause.VIEW.name,),
        parameters=PausesParameters(),
        shapes=(Page[PauseShape],),
        answer=_pauses,
    ),
    Query(
        path="/v1/notices",
        name="notices",
        summary="What the desk tells customers by itself, the newest first.",
        views=(notice.VIEW.name,),
        parameters=NoticesParameters(),
        shapes=(Page[NoticeShape],),
        answer=_notices,
    ),
)
