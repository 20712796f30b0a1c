"""Questions about cases: the queue, the search, one case now and as it stood, its clocks."""

from typing import Any, get_args

from marshmallow import ValidationError, validates_schema

from api.case_file import events_of_case, stood
from api.http.cloud_events import cloud_event
from api.http.parameters import AsOfParameters, FlagParameter, InstantParameter, ListParameters, NumberParameter
from api.http.queries.query import Asked, Query, choose, page_of
from api.http.shapes.common import Page
from api.http.shapes.log import CloudEvent
from api.http.shapes.tickets import QueueItem, TicketShape
from commands.errors import UnknownTicket
from commands.wire.fields import Choice, Identifier, Line
from commands.wire.headers import GREATEST_VERSION
from commands.wire.json_text import GREATEST_INTEGER
from domain.ticket.events import Category, Urgency
from projections import queue, ticket, ticket_queries
from projections.folding import fold
from projections.moment import Moment
from projections.ticket import TicketRow
from projections.ticket_status import TicketStatus

LONGEST_LABEL = 128
_MOMENTS = ("as_of", "version", "position")


class QueueParameters(ListParameters):
    """Whose part of the queue."""

    agent = Line(longest=LONGEST_LABEL)
    team = Line(longest=LONGEST_LABEL)
    customer = Identifier()
    workable_now = FlagParameter(metadata={"description": "true: only what may be worked on now (R12)."})


class TicketsParameters(ListParameters):
    """Which cases."""

    customer = Identifier()
    status = Choice(get_args(TicketStatus))
    agent = Line(longest=LONGEST_LABEL)
    team = Line(longest=LONGEST_LABEL)
    category = Choice(get_args(Category))
    urgency = Choice(get_args(Urgency))
    received_from = InstantParameter()
    received_before = InstantParameter()
    text = Line(longest=200, metadata={"description": "Part of the case number, the subject or the requester."})


class HistoryParameters(AsOfParameters):
    """Up to where; with one of them the answer is the ticket as it stood then."""

    as_of = InstantParameter(metadata={"description": "The ticket as it stood at that instant."})
    version = NumberParameter(least=1, most=GREATEST_VERSION, metadata={"description": "The ticket at that version."})
    position = NumberParameter(
        least=1, most=GREATEST_INTEGER, metadata={"description": "The ticket as of that position of the log."}
    )

    @validates_schema(skip_on_field_errors=False)
    def _one_of_them(self, data: dict[str, Any], **_: Any) -> None:
        given = [name for name in _MOMENTS if name in data]
        if len(given) > 1:
            raise ValidationError({name: ["must be given alone, not together with another"] for name in given})


def _queue(asked: Asked) -> Any:
    wanted = asked.parameters
    workable_at = asked.now() if wanted.get("workable_now") else None
    filters = queue.QueueFilters(**choose(wanted, "agent", "team", "customer"), workable_at=workable_at)
    return page_of(queue.page(asked.connection, filters, cursor=wanted.get("cursor"), limit=wanted["limit"]))


def _tickets(asked: Asked) -> Any:
    wanted = asked.parameters
    filters = ticket_queries.TicketFilters(
        **choose(
            wanted,
            "customer",
            "status",
            "agent",
            "team",
            "category",
            "urgency",
            "received_from",
            "received_before",
            "text",
        )
    )
    return page_of(ticket_queries.search(asked.connection, filters, cursor=wanted.get("cursor"), limit=wanted["limit"]))


def find_ticket(asked: Asked) -> TicketRow:
    """Return the case that the address names by id or case number. Raises `UnknownTicket`."""
    row = ticket_queries.find(asked.connection, asked.path["ticket"])
    if row is None:
        raise UnknownTicket(f"there is no ticket {asked.path['ticket']!r}")
    return row


def _ticket(asked: Asked) -> Any:
    return ticket.shape(find_ticket(asked))


def _history(asked: Asked) -> Any:
    name, moment = asked.path["ticket"], Moment(**choose(asked.parameters, *_MOMENTS))
    position = asked.parameters.get("as_of_position")
    events = events_of_case(asked.connection, name, position)
    if moment != Moment():
        (row,) = fold(ticket.VIEW, stood(events, name, moment)).rows(ticket.ticket)
        return ticket.shape(row)
    return {"items": [cloud_event(each) for each in events], "as_of_position": position or events[-1].position}


QUERIES = (
    Query(
        path="/v1/queue",
        name="queue",
        summary="Open tickets by urgency, then in the order received.",
        views=(queue.VIEW.name,),
        parameters=QueueParameters(),
        shapes=(Page[QueueItem],),
        answer=_queue,
    ),
    Query(
        path="/v1/tickets",
        name="tickets",
        summary="Tickets searched for, those received last first.",
        views=(ticket.VIEW.name,),
        parameters=TicketsParameters(),
        shapes=(Page[TicketShape],),
        answer=_tickets,
    ),
    Query(
        path="/v1/tickets/<ticket>",
        name="ticket",
        summary="One ticket as it is now.",
        views=(ticket.VIEW.name,),
        shapes=(TicketShape,),
        answer=_ticket,
        failures=(UnknownTicket,),
        tagged=True,
    ),
    Query(
        path="/v1/tickets/<ticket>/history",
        name="history",
        summary="Every event of a ticket in order, or the ticket as it stood then.",
        views=(),
        parameters=HistoryParameters(),
        shapes=(Page[CloudEvent], TicketShape),
        answer=_history,
        failures=(UnknownTicket,),
        item=lambda wanted: None if choose(wanted, *_MOMENTS) else CloudEvent,
    ),
)
