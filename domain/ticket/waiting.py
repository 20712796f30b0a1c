"""Waiting for the customer or a partner, and the reminders of who is waited for (R16, R17, T4)."""

from collections.abc import Iterator
from datetime import datetime

from domain.business_time import BeyondCalendar, BusinessTime, whole_second
from domain.clocks import record
from domain.clocks.levels import ServiceLevels
from domain.personal import Personal
from domain.ticket.commands import Command, ResumeTicket, WaitForCustomer, WaitForPartner
from domain.ticket.events import AwaitedParty, CustomerReminded, TicketEvent, TicketResumed, WaitingStarted
from domain.ticket.guards import of, refuse_closed, refuse_resolved
from domain.ticket.state import Ticket, Waiting


def wait(
    command: WaitForCustomer | WaitForPartner, state: Ticket, party: AwaitedParty, partner: str | None
) -> list[TicketEvent]:
    """Waiting for another party, partner or reason is a switch; for the same party the pause goes on.

    Raises TicketIsClosed and TicketIsResolved.
    """
    refuse_closed(state)
    refuse_resolved(state)
    asked = (party, partner, command.reason)
    if isinstance(state, Waiting) and (state.waiting_for, state.partner, state.reason) == asked:
        return []
    event = WaitingStarted(
        **of(command, state),
        waiting_for=party,
        reason=command.reason,
        partner=partner,
        remind_at=_remind_at(command, state) if party == "customer" else None,
    )
    return [record.with_deadlines(event, state.case.clocks, command.levels)]


def _remind_at(command: WaitForCustomer | WaitForPartner, state: Ticket) -> datetime | None:
    if isinstance(state, Waiting) and state.waiting_for == "customer":
        return state.remind_at
    reminders = command.levels.at(command.now).reminders
    if reminders.most == 0:
        return None
    return _due(command.levels.desk_calendar(command.now), whole_second(command.now), reminders.after_seconds)


def resume(command: ResumeTicket, state: Ticket) -> list[TicketEvent]:
    """A case that does not wait needs no resuming. Raises TicketIsClosed."""
    refuse_closed(state)
    return [resumed(command, state, command.reason)] if isinstance(state, Waiting) else []


def resumed(command: Command, state: Ticket, reason: Personal | None) -> TicketResumed:
    """`resolution` goes on."""
    event = TicketResumed(**of(command, state), reason=reason)
    return record.with_deadlines(event, state.case.clocks, command.levels)


def reminders_due(state: Ticket, now: datetime, levels: ServiceLevels) -> Iterator[CustomerReminded]:
    """The reminders that fell due by `now` and are not recorded, in order, each once (R16).

    They are counted by the settings in force when the waiting began, the next one from when the last was due.
    """
    if not isinstance(state, Waiting) or state.remind_at is None:
        return
    since = state.case.clocks.pauses[-1].started_at
    settings, calendar = levels.at(since).reminders, levels.desk_calendar(since)
    due: datetime | None = state.remind_at
    number = state.reminders
    while due is not None and due <= now:
        number += 1
        following = None if number >= settings.most else _due(calendar, due, settings.every_seconds)
        yield CustomerReminded(
            occurred_at=now,
            ticket_id=state.case.ticket_id,
            customer_id=state.case.customer_id,
            number=number,
            due_at=due,
            remind_at=following,
        )
        due = following


def _due(calendar: BusinessTime, since: datetime, seconds: int) -> datetime | None:
    """No reminder is due beyond the years that a calendar has."""
    try:
        return calendar.due(since, seconds)
    except BeyondCalendar:
        return None
