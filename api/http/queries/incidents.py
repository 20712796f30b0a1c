"""Questions about widespread incidents, by staff and by everybody."""

from typing import Any, get_args

from api.http.parameters import ListParameters
from api.http.queries.query import Asked, Query, choose, page_of
from api.http.shapes.common import Page
from api.http.shapes.incidents import IncidentItem, IncidentShape, StatusShape
from commands.errors import UnknownIncident
from commands.wire.fields import Choice, Identifier
from projections import incident


class IncidentsParameters(ListParameters):
    """Which incidents."""

    state = Choice(get_args(incident.IncidentState))
    ticket = Identifier(metadata={"description": "Those that caused this case: a ticket id or a case number."})


def _incidents(asked: Asked) -> Any:
    wanted = asked.parameters
    filters = incident.IncidentFilters(**choose(wanted, "state", "ticket"))
    return page_of(incident.page(asked.connection, filters, cursor=wanted.get("cursor"), limit=wanted["limit"]))


def _incident(asked: Asked) -> Any:
    found = incident.find(asked.connection, asked.path["incident"])
    if found is None:
        raise UnknownIncident(f"there is no incident {asked.path['incident']!r}")
    return found


def _status(asked: Asked) -> Any:
    return incident.status(asked.connection, asked.now())


QUERIES = (
    Query(
        path="/v1/incidents",
        name="incidents",
        summary="Incidents, the one declared last first.",
        views=(incident.VIEW.name,),
        parameters=IncidentsParameters(),
        shapes=(Page[IncidentItem],),
        answer=_incidents,
    ),
    Query(
        path="/v1/incidents/<incident>",
        name="incident",
        summary="One incident with the tickets it caused: 500 at most, `ticket_count` tells how many there are.",
        views=(incident.VIEW.name,),
        shapes=(IncidentShape,),
        answer=_incident,
        failures=(UnknownIncident,),
        tagged=True,
    ),
    Query(
        path="/v1/status",
        name="status",
        summary="The public status: incidents that are open, and those resolved in the last seven days.",
        views=(incident.VIEW.name,),
        shapes=(StatusShape,),
        answer=_status,
    ),
)
