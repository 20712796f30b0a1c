"""Commands that decide how work on a case is billed: one append to the case and to the customer's subscription."""

from collections.abc import Mapping
from typing import Any

from commands.handlers.personal import personal
from commands.handlers.settlement import settle_work
from commands.handlers.streams import ticket_named
from commands.handlers.tickets import facts, ticket_outcome
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import UnitOfWork
from domain.ticket import decide as tickets
from domain.ticket.commands import (
    DecideEmergency,
    DecideScope,
    RequestEmergency,
    RuleCause,
    SetCategory,
    TicketCommand,
)


def set_category(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Say what the case is about, by which its work is billed and budgeted (B4, R23). Refused: `ticket_closed`."""
    return _decide(work, data, SetCategory(**facts(work, settings), category=data["category"]))


def request_emergency(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Ask for emergency support on an open case (R10-R13).

    Refused: `wrong_emergency_kind`, `emergency_stands`, `ticket_closed`, `ticket_resolved`.
    """
    command = RequestEmergency(**facts(work, settings), kind=data["kind"], symptom=data["symptom"])
    return _decide(work, data, command)


def decide_emergency(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Grant emergency support or decline it (R11).

    Refused: `emergency_not_requested`, `emergency_not_eligible`, `cause_ruled`.
    """
    command = DecideEmergency(**facts(work, settings), accepted=data["accepted"], reason=personal(data["reason"]))
    return _decide(work, data, command)


def rule_cause(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Say whether the emergency's cause was inside the agreement (R14, R25). Refused: `emergency_not_accepted`."""
    return _decide(work, data, RuleCause(**facts(work, settings), scope=data["scope"], reason=personal(data["reason"])))


def decide_scope(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Say how work on the case is billed (R22)."""
    return _decide(
        work, data, DecideScope(**facts(work, settings), scope=data["scope"], reason=personal(data["reason"]))
    )


def _decide(work: UnitOfWork, data: Mapping[str, Any], command: TicketCommand) -> Outcome:
    stream, before = ticket_named(work, data["ticket"])
    stream.add(tickets.decide(command, before))
    settle_work(work, (before, stream))
    return ticket_outcome(stream)
