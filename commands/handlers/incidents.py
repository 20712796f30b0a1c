"""Commands about widespread incidents (SUPPORT_POLICY R15)."""

from collections.abc import Mapping
from typing import Any

import uuid_utils

from commands.application import Evolve
from commands.errors import UnknownIncident
from commands.handlers.personal import personal, personal_or_none
from commands.handlers.streams import ticket_named
from commands.handlers.tickets import facts, ticket_outcome
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import Stream, UnitOfWork
from domain import incident as incidents
from domain.incident import DeclareIncident, Incident, LinkTicket, PostIncidentUpdate, ResolveIncident
from domain.ticket import decide as tickets
from domain.ticket.commands import LinkIncident
from domain.ticket.events import TicketLinkedToIncident

EVOLVE_INCIDENT: Evolve[Incident] = incidents.evolve


def declare_incident(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Make an incident known. Result: `incident_id`. Refused: `incident_exists`."""
    incident_id = data.get("incident_id") or str(uuid_utils.uuid7())
    stream = work.stream(f"incident-{incident_id}", EVOLVE_INCIDENT, is_new="incident_id" not in data)
    work.expect(stream)
    command = DeclareIncident(now=work.now, incident_id=incident_id, title=data["title"], text=personal(data["text"]))
    stream.add(incidents.decide(command, stream.state))
    return _outcome(stream, {"incident_id": incident_id}, created=True)


def post_incident_update(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Tell what is new. Refused: `incident_resolved`."""
    stream = incident_named(work, data["incident"])
    work.expect(stream)
    stream.add(incidents.decide(PostIncidentUpdate(now=work.now, text=personal(data["text"])), stream.state))
    return _outcome(stream)


def link_incident(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Say that an incident caused a case: one append to both. Refused: `incident_resolved`."""
    ticket_stream, ticket = ticket_named(work, data["ticket"])
    stream = incident_named(work, data["incident"])
    case = ticket.case.opened
    incident_id = stream.id.removeprefix("incident-")
    ticket_stream.add(tickets.decide(LinkIncident(**facts(work, settings), incident_id=incident_id), ticket))
    if any(isinstance(event, TicketLinkedToIncident) for event in ticket_stream.pending):
        link = LinkTicket(now=work.now, ticket_id=case.ticket_id, case_number=case.case_number)
        stream.add(incidents.decide(link, stream.state))
    return ticket_outcome(ticket_stream, {"incident_id": incident_id})


def resolve_incident(work: UnitOfWork, _settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Say that the incident is over. Refused: `incident_resolved` (with another text)."""
    stream = incident_named(work, data["incident"])
    work.expect(stream)
    command = ResolveIncident(now=work.now, text=personal_or_none(data.get("text")))
    stream.add(incidents.decide(command, stream.state))
    return _outcome(stream)


def incident_named(work: UnitOfWork, incident_id: str) -> Stream[Incident]:
    """Load the stream of an incident that was declared. Raises `UnknownIncident`."""
    stream = work.stream(f"incident-{incident_id}", EVOLVE_INCIDENT)
    if stream.state is None:
        raise UnknownIncident(f"there is no incident {incident_id!r}", pointer="/incident")
    return stream


def _outcome(stream: Stream[Incident], result: dict[str, Any] | None = None, *, created: bool = False) -> Outcome:
    incident_id = stream.id.removeprefix("incident-")
    return Outcome(
        stream=stream,
        location=f"/v1/incidents/{incident_id}",
        result=result or {"incident_id": incident_id},
        created=created,
    )
