"""Commands about one case."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

import uuid_utils

from commands.handlers.articles import check_citable
from commands.handlers.personal import person, personal, personal_or_none
from commands.handlers.streams import EVOLVE_TICKET, existing_customer, ticket_named
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import Stream, UnitOfWork
from domain.clocks.levels import ServiceLevels
from domain.personal import Personal
from domain.ticket import decide as tickets
from domain.ticket.commands import (
    AddNote,
    AddReply,
    AssignTicket,
    CloseTicket,
    EmergencyRequest,
    EscalateTicket,
    LogCall,
    OpenTicket,
    PlanEnhancement,
    ProposeAlternative,
    ReopenTicket,
    ResolveTicket,
    ResumeTicket,
    ScheduleCall,
    SetComplexity,
    SetUrgency,
    TicketCommand,
    WaitForCustomer,
    WaitForPartner,
)
from domain.ticket.events import ErrorReport, TicketResolved
from domain.ticket.state import Ticket


class Facts(TypedDict):
    """What every command on a case needs from outside."""

    now: datetime
    levels: ServiceLevels


def facts(work: UnitOfWork, settings: Settings) -> Facts:
    """Return the desk's clock and what the case's clocks count by, and hold the append to the latter."""
    levels, guards = settings.service_levels()
    work.guard(guards)
    return {"now": work.now, "levels": levels}


def ticket_outcome(stream: Stream[Ticket], result: Mapping[str, Any] | None = None) -> Outcome:
    """Return the outcome of a command on a case that exists."""
    return Outcome(
        stream=stream, location=f"/v1/tickets/{stream.id.removeprefix('ticket-')}", result=dict(result or {})
    )


def open_ticket(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Open a case. Result: `ticket_id` and `case_number`. Refused: `wrong_emergency_kind`."""
    customer_id = data["customer_id"]
    existing_customer(work, customer_id)
    ticket_id = str(uuid_utils.uuid7())
    case_number = work.next_case_number()
    stream: Stream[Ticket] = work.stream(f"ticket-{ticket_id}", EVOLVE_TICKET, customer_id=customer_id, is_new=True)
    work.claim("case_number", case_number, stream.id)
    error, emergency = data.get("error"), data.get("emergency")
    command = OpenTicket(
        **facts(work, settings),
        ticket_id=ticket_id,
        case_number=case_number,
        customer_id=customer_id,
        requester=person(data["requester"]),
        category=data["category"],
        subject=personal(data["subject"]),
        description=personal(data["description"]),
        channel=data.get("channel", "api"),
        urgency=data.get("urgency", "normal"),
        complexity=data.get("complexity", "basic"),
        product=data.get("product"),
        goal=personal_or_none(data.get("goal")),
        error=None
        if error is None
        else ErrorReport(
            noticed_at=error["noticed_at"],
            conditions=personal(error["conditions"]),
            expected_behaviour=personal(error["expected_behaviour"]),
        ),
        requested_for=data.get("requested_for"),
        emergency=None if emergency is None else EmergencyRequest(kind=emergency["kind"], symptom=emergency["symptom"]),
    )
    stream.add(tickets.decide(command, None))
    return Outcome(
        stream=stream,
        location=f"/v1/tickets/{ticket_id}",
        result={"ticket_id": ticket_id, "case_number": case_number},
        created=True,
    )


def _decide(work: UnitOfWork, data: Mapping[str, Any], command: TicketCommand) -> Outcome:
    stream, state = ticket_named(work, data["ticket"])
    stream.add(tickets.decide(command, state))
    return ticket_outcome(stream)


def assign_ticket(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Put an agent in charge. Refused: `ticket_closed`."""
    return _decide(work, data, AssignTicket(**facts(work, settings), agent=data["agent"]))


def escalate_ticket(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Pass the case to a team of senior resources. Refused: `ticket_closed`."""
    command = EscalateTicket(**facts(work, settings), team=data["team"], reason=personal(data["reason"]))
    return _decide(work, data, command)


def set_urgency(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Say how urgent the case is. Refused: `ticket_closed`."""
    return _decide(work, data, SetUrgency(**facts(work, settings), urgency=data["urgency"]))


def set_complexity(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Say how complex the case is. Refused: `ticket_closed`."""
    return _decide(work, data, SetComplexity(**facts(work, settings), complexity=data["complexity"]))


def schedule_call(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Arrange a phone call. Refused: `ticket_closed`."""
    return _decide(work, data, ScheduleCall(**facts(work, settings), **_call(data)))


def log_call(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Record a phone call that took place. Refused: `call_before_receipt`, `call_in_future`."""
    return _decide(work, data, LogCall(**facts(work, settings), **_call(data)))


class _Call(TypedDict):
    at: datetime
    with_whom: Personal
    note: Personal | None


def _call(data: Mapping[str, Any]) -> _Call:
    return {"at": data["at"], "with_whom": personal(data["with"]), "note": personal_or_none(data.get("note"))}


def plan_enhancement(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Put the enhancement on the roadmap. Refused: `ticket_closed`."""
    return _decide(work, data, PlanEnhancement(**facts(work, settings), target_period=data["target_period"]))


def propose_alternative(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Offer another way. Refused: `ticket_closed`."""
    return _decide(work, data, ProposeAlternative(**facts(work, settings), text=personal(data["text"])))


def add_reply(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Add a message of the customer or of staff. Refused: `ticket_closed`."""
    return _decide(
        work,
        data,
        AddReply(
            **facts(work, settings),
            author_role=data["author"]["role"],
            author=person(data["author"]),
            body=personal(data["body"]),
        ),
    )


def add_note(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Add a remark that no clock counts."""
    return _decide(
        work,
        data,
        AddNote(
            **facts(work, settings),
            author_role=data["author"]["role"],
            author=person(data["author"]),
            body=personal(data["body"]),
        ),
    )


def wait_for_customer(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Wait for the customer. Refused: `ticket_closed`, `ticket_resolved`."""
    return _decide(
        work,
        data,
        WaitForCustomer(**facts(work, settings), reason=personal(data["reason"])),
    )


def wait_for_partner(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Wait for a partner. Refused: `ticket_closed`, `ticket_resolved`."""
    return _decide(
        work,
        data,
        WaitForPartner(
            **facts(work, settings),
            reason=personal(data["reason"]),
            partner=data.get("partner"),
        ),
    )


def resume_ticket(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """End the waiting."""
    return _decide(
        work,
        data,
        ResumeTicket(**facts(work, settings), reason=personal_or_none(data.get("reason"))),
    )


def resolve_ticket(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Say that the request is dealt with; the article that says how must be one that can be read (R24).

    Refused: `ticket_closed`, `ticket_resolved` (with another resolution), `article_retired`.
    """
    command = ResolveTicket(
        **facts(work, settings), resolution=personal(data["resolution"]), article=data.get("article")
    )
    outcome = _decide(work, data, command)
    resolved = any(isinstance(event, TicketResolved) for event in outcome.stream.pending)
    if resolved and command.article is not None:
        check_citable(work, command.article)
    return outcome


def reopen_ticket(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Take a resolved or closed case up again."""
    return _decide(
        work,
        data,
        ReopenTicket(**facts(work, settings), reason=personal(data["reason"])),
    )


def close_ticket(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """End a case. Refused: `ticket_not_resolved`."""
    return _decide(
        work,
        data,
        CloseTicket(**facts(work, settings), reason=personal_or_none(data.get("reason"))),
    )
