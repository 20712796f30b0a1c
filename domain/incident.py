"""Widespread issues: declared, told of while they last, linked with their cases, resolved (SUPPORT_POLICY R15)."""

from domain.event import Event
from domain.personal import Personal


class IncidentDeclared(Event, frozen=True, kw_only=True):
    """A widespread issue is known; the public status shows it."""

    incident_id: str
    title: str
    text: Personal


class IncidentUpdatePosted(Event, frozen=True, kw_only=True):
    """There is news of it for everybody."""

    incident_id: str
    text: Personal


class TicketLinked(Event, frozen=True, kw_only=True):
    """A case is one of those that the incident caused; its customer is told when it is over."""

    incident_id: str
    ticket_id: str
    case_number: str


class IncidentResolved(Event, frozen=True, kw_only=True):
    """The issue is over."""

    incident_id: str
    text: Personal
