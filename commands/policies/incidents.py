"""When an incident is over, each case that it caused is told (SUPPORT_POLICY R15)."""

from collections.abc import Iterator, Sequence

from commands.policies.policy import Intent, Policy
from domain.incident import IncidentResolved, TicketLinked
from domain.recorded import RecordedEvent


def announce_resolution(_cause: RecordedEvent, incident: Sequence[RecordedEvent]) -> Iterator[Intent]:
    """Ask for one announcement a linked case, once the incident is resolved, in whatever order the two became known."""
    events = [recorded.event for recorded in incident]
    resolution = next((event for event in events if isinstance(event, IncidentResolved)), None)
    if resolution is None:
        return
    for event in events:
        if isinstance(event, TicketLinked):
            yield Intent(
                command="announce-incident-resolution",
                subject=f"{event.incident_id} on {event.ticket_id}",
                data={"ticket": event.ticket_id, "incident_id": event.incident_id, "text": resolution.text},
                once=True,
            )


ANNOUNCE_RESOLUTION = Policy(
    name="incident resolution", on=(IncidentResolved, TicketLinked), react=announce_resolution, reads_stream=True
)
