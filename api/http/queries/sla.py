"""Questions about service levels: the clocks of a case and why they stand so, breaches, and what falls due soon."""

from collections.abc import Mapping
from typing import Any, get_args

from marshmallow import ValidationError, validates_schema

from api.http.parameters import InstantParameter, ListParameters
from api.http.queries.query import Asked, Query, choose, page_of
from api.http.shapes.common import Page, Shape
from api.http.shapes.sla import BreachShape, DueShape, SlaOverview, TicketSla
from commands.errors import UnknownTicket
from commands.wire.field_errors import FieldError, InvalidData
from commands.wire.fields import Choice, Identifier
from domain.sla_policy import ClockName
from projections import setting, sla, ticket


class SlaParameters(ListParameters):
    """Which breaches and deadlines; `show` asks for one of the two lists by itself, page by page."""

    show = Choice(
        ("breaches", "due_soon"),
        metadata={
            "description": "One of the two lists by itself, page by page, or whole as CSV or NDJSON. Left out, the"
            " answer has the first `limit` of each, how many there are, and the cursor to go on from with `show`."
        },
    )
    customer = Identifier()
    clock = Choice(get_args(ClockName), metadata={"description": "Breaches of this clock only."})
    before = InstantParameter(metadata={"description": "Breached, or due, before that instant."})

    @validates_schema(skip_on_field_errors=False)
    def _cursor_of_a_list(self, data: dict[str, Any], **_: Any) -> None:
        if "cursor" in data and "show" not in data:
            raise ValidationError("needs show: each list has cursors of its own", "cursor")
        if "clock" in data and data.get("show") == "due_soon":
            raise ValidationError("applies to breaches only", "clock")


def _ticket_sla(asked: Asked) -> Any:
    found = sla.of_ticket(asked.connection, asked.path["ticket"], asked.now())
    if found is None:
        raise UnknownTicket(f"there is no ticket {asked.path['ticket']!r}")
    return found


def _overview(asked: Asked) -> Any:
    wanted = asked.parameters
    filters = sla.SlaFilters(**choose(wanted, "customer", "clock", "before"))
    cursor, limit = wanted.get("cursor"), wanted["limit"]
    if wanted.get("show") == "breaches":
        return page_of(sla.missed(asked.connection, filters, cursor=cursor, limit=limit))
    if wanted.get("show") == "due_soon":
        return page_of(sla.due_soon(asked.connection, filters, cursor=cursor, limit=limit))
    breaches = sla.missed(asked.connection, filters, limit=limit)
    due_soon = sla.due_soon(asked.connection, filters, limit=limit)
    body: dict[str, Any] = {
        "breaches": breaches.items,
        "breaches_total": sla.count_missed(asked.connection, filters),
        "due_soon": due_soon.items,
        "due_soon_total": sla.count_due_soon(asked.connection, filters),
        "as_of_position": breaches.as_of_position,
    }
    for name, page in (("breaches_next", breaches), ("due_soon_next", due_soon)):
        if page.next is not None:
            body[name] = page.next
    return body


def _item(wanted: Mapping[str, Any]) -> type[Shape]:
    if "show" not in wanted:
        raise InvalidData([FieldError("/show", "is missing: only one of the two lists comes as CSV or NDJSON")])
    return BreachShape if wanted["show"] == "breaches" else DueShape


QUERIES = (
    Query(
        path="/v1/tickets/<ticket>/sla",
        name="ticket-sla",
        summary="The clocks of a ticket now: states, due instants, verdicts, and why.",
        views=(sla.VIEW.name, ticket.VIEW.name, setting.VIEW.name),
        shapes=(TicketSla,),
        answer=_ticket_sla,
        failures=(UnknownTicket,),
    ),
    Query(
        path="/v1/sla",
        name="sla",
        summary="Breaches, the latest first, and running tickets by their next deadline: the start of both, or one.",
        views=(sla.VIEW.name,),
        parameters=SlaParameters(),
        shapes=(SlaOverview, Page[BreachShape], Page[DueShape]),
        answer=_overview,
        item=_item,
    ),
)
