"""When an incident is over, each case that it caused is told (SUPPORT_POLICY R15)."""

from collections.abc import Iterator, Sequence

from commands.policies.policy import Intent, Policy
from domain.incident import IncidentResolved, TicketLinked
from domain.recorded import RecordedEvent


def announce_resolution(cause: RecordedEvent, incident: Sequence[RecordedEvent]) -> Iterator[Intent]:
    """Ask for one announcement a linked case. None is linked after the resolution: the incident refuses it."""
    event = cause.event
    if not isinstance(event, IncidentResolved):
        return
    for linked in (recorded.event for recorded in incident):
        if isinstance(linked, TicketLinked):
            yield Intent(
                command="announce-incident-resolution",
                subject=f"{event.incident_id} on {linked.ticket_id}",
                data={"ticket": linked.ticket_id, "incident_id": event.incident_id, "text": event.text},
                once=True,
            )


ANNOUNCE_RESOLUTION = Policy(
    name="incident resolution", on=(IncidentResolved,), react=announce_resolution, reads_stream=True
)
