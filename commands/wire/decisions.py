"""The data of commands that decide how a case is billed: emergencies, causes, scope, corrections of work."""

from typing import get_args

from commands.wire.fields import Choice, Flag, Identifier, WholeNumber
from commands.wire.tickets import EmergencyData, TicketReason, ticket_field
from domain.ticket.events import CauseScope, ScopeDecision


class RequestEmergency(EmergencyData):
    """An open case turns out to be an emergency (SUPPORT_POLICY R10-R13)."""

    ticket = ticket_field()


class DecideEmergency(TicketReason):
    """Emergency support is granted or declined; may be revised until the cause is ruled (SUPPORT_POLICY R11)."""

    accepted = Flag(required=True)


class RuleCause(TicketReason):
    """The emergency's cause was inside or outside the agreement; may be ruled again (SUPPORT_POLICY R14, R25)."""

    scope = Choice(get_args(CauseScope), required=True)


class DecideScope(TicketReason):
    """How work on the case is billed, whatever its category says (SUPPORT_POLICY R22, B4)."""

    scope = Choice(get_args(ScopeDecision), required=True)


class CorrectWork(TicketReason):
    """An entry took longer or shorter than was logged (SUPPORT_POLICY B1)."""

    entry_id = Identifier(required=True)
    duration_seconds = WholeNumber(least=1, most=86_400, required=True)


class VoidWork(TicketReason):
    """An entry should not have been logged; it stays void for good (SUPPORT_POLICY B1)."""

    entry_id = Identifier(required=True)
