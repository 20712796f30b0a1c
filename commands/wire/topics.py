"""The data of commands that keep to one topic a case: split and merge."""

from typing import get_args

from commands.wire.fields import Choice, Identifier, Line, Many, Text, WholeNumber
from commands.wire.json_text import GREATEST_INTEGER
from commands.wire.schema import WireSchema
from commands.wire.tickets import LONGEST_BODY, LONGEST_SUBJECT, ticket_field
from domain.ticket.events import Category

MOST_MOVED = 1_000


class SplitTicket(WireSchema):
    """A second topic is taken out of a case into one of its own (SUPPORT_POLICY R3, T9)."""

    ticket = ticket_field()
    subject = Line(longest=LONGEST_SUBJECT, required=True)
    description = Text(longest=LONGEST_BODY, required=True)
    category = Choice(get_args(Category), required=True)
    entry_ids = Many(
        Identifier(),
        most=MOST_MOVED,
        distinct=True,
        metadata={"description": "The work entries that go with the new case."},
    )
    reply_positions = Many(
        WholeNumber(least=1, most=GREATEST_INTEGER),
        most=MOST_MOVED,
        distinct=True,
        metadata={"description": "The replies and notes that go with it, by their positions in the log."},
    )


class MergeTicket(WireSchema):
    """A case is about the same as another, which goes on for both (SUPPORT_POLICY R3, T9)."""

    ticket = ticket_field()
    into = Identifier(
        required=True,
        metadata={"description": "The ticket id or case number of the one that goes on.", "example": "C-000122"},
    )
