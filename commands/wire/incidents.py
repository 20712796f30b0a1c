"""The data of commands about widespread incidents."""

from commands.wire.fields import Identifier, Line, Text
from commands.wire.schema import WireSchema
from commands.wire.tickets import LONGEST_BODY, LONGEST_SUBJECT, ticket_field


def incident_field() -> Identifier:
    """Which incident a command is about."""
    return Identifier(required=True, metadata={"description": "The incident's id."})


class DeclareIncident(WireSchema):
    """A widespread issue is made known (SUPPORT_POLICY R15)."""

    incident_id = Identifier(metadata={"description": "Made by the desk where it is left out."})
    title = Line(longest=LONGEST_SUBJECT, required=True)
    text = Text(longest=LONGEST_BODY, required=True, metadata={"description": "For everybody to read."})


class PostIncidentUpdate(WireSchema):
    """There is news of an incident for everybody."""

    incident = incident_field()
    text = Text(longest=LONGEST_BODY, required=True)


class LinkIncident(WireSchema):
    """A case is one of those that an incident caused; its customer is told when that is over."""

    ticket = ticket_field()
    incident = incident_field()


class ResolveIncident(WireSchema):
    """An incident is over."""

    incident = incident_field()
    text = Text(longest=LONGEST_BODY, metadata={"description": "How it ended, for everybody to read."})
