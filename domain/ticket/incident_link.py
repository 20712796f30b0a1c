"""A case that a widespread incident caused: linked with it, told of its end (R15). A closed one is told as well."""

from domain.ticket.commands import AnnounceIncidentResolution, LinkIncident
from domain.ticket.events import IncidentResolutionAnnounced, TicketEvent, TicketLinkedToIncident
from domain.ticket.guards import of
from domain.ticket.state import Ticket


def link(command: LinkIncident, state: Ticket) -> list[TicketEvent]:
    """Each incident once."""
    if command.incident_id in state.case.incidents:
        return []
    return [TicketLinkedToIncident(**of(command, state), incident_id=command.incident_id)]


def announce_resolution(command: AnnounceIncidentResolution, state: Ticket) -> list[TicketEvent]:
    """Each incident's end once; whoever asks knows that the case is linked with it."""
    if command.incident_id in state.case.announced:
        return []
    return [IncidentResolutionAnnounced(**of(command, state), incident_id=command.incident_id, text=command.text)]
