"""The data of commands about a case."""

from typing import get_args

from commands.wire.customers import LONGEST_NAME, LONGEST_REASON, PersonData
from commands.wire.fields import Choice, Day, Email, Identifier, Instant, Line, Part, Text, WholeNumber
from commands.wire.schema import WireSchema
from domain.customer import Product
from domain.ticket.events import Category, Complexity, EmergencyKind, Symptom, Urgency

LONGEST_SUBJECT = 500
LONGEST_BODY = 100_000
LONGEST_AGENT = 128


def ticket_field() -> Identifier:
    """Which case a command is about."""
    return Identifier(required=True, metadata={"description": "A ticket id or a case number.", "example": "C-000123"})


def reason_field() -> Text:
    """Why, in the words of whoever says so."""
    return Text(longest=LONGEST_REASON, required=True)


def agent_field() -> Line:
    """Who of the staff."""
    return Line(longest=LONGEST_AGENT, required=True)


class ErrorData(WireSchema):
    """What a suspected error needs to be found (SUPPORT_POLICY R4)."""

    noticed_at = Instant(required=True)
    conditions = Text(longest=LONGEST_BODY, required=True)
    expected_behaviour = Text(longest=LONGEST_BODY, required=True)


class EmergencyData(WireSchema):
    """That emergency support is asked for (SUPPORT_POLICY R10, R11, R13)."""

    kind = Choice(get_args(EmergencyKind), required=True)
    symptom = Choice(get_args(Symptom), required=True)


class OpenTicket(WireSchema):
    """A customer's request is received (SUPPORT_POLICY R1-R4)."""

    customer_id = Identifier(required=True)
    requester = Part(PersonData, required=True)
    category = Choice(get_args(Category), required=True)
    subject = Line(longest=LONGEST_SUBJECT, required=True)
    description = Text(longest=LONGEST_BODY, required=True)
    product = Choice(get_args(Product))
    urgency = Choice(get_args(Urgency), metadata={"description": "normal where it is left out."})
    complexity = Choice(get_args(Complexity), metadata={"description": "basic where it is left out."})
    goal = Text(longest=LONGEST_BODY)
    error = Part(ErrorData)
    requested_for = Day(metadata={"description": "The date the request is for (SUPPORT_POLICY R18)."})
    emergency = Part(EmergencyData)
    channel = Identifier(metadata={"description": "How it came in; api where it is left out.", "example": "phone"})


class AuthorData(WireSchema):
    """Who wrote something, on whose side."""

    role = Choice(("requester", "staff"), required=True)
    name = Line(longest=LONGEST_NAME, required=True)
    email = Email(required=True)


class AddReply(WireSchema):
    """Something written to the other side (SUPPORT_POLICY T3)."""

    ticket = ticket_field()
    author = Part(AuthorData, required=True)
    body = Text(longest=LONGEST_BODY, required=True)


class AddNote(AddReply):
    """Something noted that no clock counts as a reply."""


class AssignTicket(WireSchema):
    """An agent takes charge of the case."""

    ticket = ticket_field()
    agent = agent_field()


class SetUrgency(WireSchema):
    """The case is more or less urgent than was said (SUPPORT_POLICY R8, T6)."""

    ticket = ticket_field()
    urgency = Choice(get_args(Urgency), required=True)


class SetComplexity(WireSchema):
    """The case is simpler or more complex than was said (SUPPORT_POLICY R19, T6)."""

    ticket = ticket_field()
    complexity = Choice(get_args(Complexity), required=True)


class SetCategory(WireSchema):
    """The case is about something else than was said; its work is billed by it (SUPPORT_POLICY R2, B4, T6)."""

    ticket = ticket_field()
    category = Choice(get_args(Category), required=True)


class ScheduleCall(WireSchema):
    """A phone call is arranged (SUPPORT_POLICY R7)."""

    class Meta(WireSchema.Meta):
        """A name that Python keeps for itself."""

        include = {"with": Line(longest=LONGEST_NAME, required=True, metadata={"description": "Who is called."})}  # noqa: RUF012

    ticket = ticket_field()
    at = Instant(required=True)
    note = Text(longest=LONGEST_BODY)


class LogCall(ScheduleCall):
    """A phone call took place; it counts as a response at its own instant (SUPPORT_POLICY R7, T7)."""


class PlanEnhancement(WireSchema):
    """The enhancement stands on the roadmap (SUPPORT_POLICY R20)."""

    ticket = ticket_field()
    target_period = Line(longest=100, required=True, metadata={"description": "As staff put it: a month, a quarter."})


class ProposeAlternative(WireSchema):
    """Another way to what the customer wants is offered (SUPPORT_POLICY R20)."""

    ticket = ticket_field()
    text = Text(longest=LONGEST_BODY, required=True)


class TicketReason(WireSchema):
    """A step of the case that needs nothing but its reason."""

    ticket = ticket_field()
    reason = reason_field()


class EscalateTicket(TicketReason):
    """The case needs a team of senior resources (SUPPORT_POLICY R17)."""

    team = Line(longest=LONGEST_AGENT, required=True)


class WaitForCustomer(TicketReason):
    """The case cannot go on before the customer has answered (SUPPORT_POLICY R16)."""


class WaitForPartner(TicketReason):
    """The case cannot go on before a partner has answered (SUPPORT_POLICY R17)."""

    partner = Line(longest=LONGEST_NAME)


class ResumeTicket(TicketReason):
    """The waiting is over (SUPPORT_POLICY T4)."""


class LogWork(WireSchema):
    """An agent worked on the case for that long (SUPPORT_POLICY B1)."""

    ticket = ticket_field()
    entry_id = Identifier(metadata={"description": "Made by the desk where it is left out."})
    agent = agent_field()
    started_at = Instant(required=True)
    duration_seconds = WholeNumber(least=1, most=86_400, required=True)
    activity = Line(longest=LONGEST_SUBJECT, required=True)
    note = Text(longest=LONGEST_BODY)


class ResolveTicket(WireSchema):
    """The request is dealt with, as far as staff know."""

    ticket = ticket_field()
    resolution = Text(longest=LONGEST_BODY, required=True)
    article = Identifier(metadata={"description": "An article that the resolution cites."})


class ReopenTicket(TicketReason):
    """The matter was not settled after all."""


class CloseTicket(TicketReason):
    """The case is over; it needs to be resolved (SUPPORT_POLICY T4)."""
