"""Which cases wait, for whom, and since when? The report of pauses (SUPPORT_POLICY R16, R17).

A case is flagged where it waits for a partner although the customer has written and nobody has answered: such a
message ends no waiting (T4), so it is easily overlooked.
"""

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.business_time import whole_second
from domain.recorded import RecordedEvent
from domain.ticket.events import (
    AwaitedParty,
    CallLogged,
    CustomerReminded,
    CustomerReplied,
    StaffReplied,
    TicketAssigned,
    TicketClosed,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
)
from domain.ticket.split_merge_events import TicketAbsorbed, TicketMerged, TicketSplitOff
from projections.reading import Json, Page, cut, decode_cursor, filtered, position_of, select, without_nulls
from projections.view import Index, Row, Table, View


class PauseRow(Row, frozen=True, kw_only=True):
    """A case, with its waiting where it waits: `since` it waits for that party (and partner).

    `unanswered` is when the customer wrote what staff have not answered, beside the request itself; `written_since` is
    the first of them. `remind_at` is when the customer's next reminder is due, `reminders` how many there were.
    """

    ticket_id: str
    case_number: str
    customer_id: str
    subject: str
    assignee: str | None = None
    waiting_for: AwaitedParty | None = None
    partner: str | None = None
    reason: str | None = None
    since: datetime | None = None
    remind_at: datetime | None = None
    reminders: int = 0
    unanswered: tuple[datetime, ...] = ()
    written_since: datetime | None = None


pauses = Table(
    "pause",
    PauseRow,
    key=("ticket_id",),
    indexes=(Index(("since", "ticket_id"), where="waiting_for IS NOT NULL"),),
)
VIEW = View("pause", version=1, tables=(pauses,))


@pauses.begin(TicketOpened)
def opened(event: TicketOpened, _: RecordedEvent) -> PauseRow:
    """A case begins with staff."""
    return PauseRow(
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        customer_id=event.customer_id,
        subject=event.subject.text,
    )


@pauses.on(TicketAssigned)
def assigned(row: PauseRow, event: TicketAssigned, _: RecordedEvent) -> PauseRow:
    """Whom to ask."""
    return replace(row, assignee=event.agent)


@pauses.on(WaitingStarted)
def waiting_started(row: PauseRow, event: WaitingStarted, _: RecordedEvent) -> PauseRow:
    """For the same party the pause goes on, whatever the reason."""
    goes_on = (row.waiting_for, row.partner) == (event.waiting_for, event.partner)
    return replace(
        row,
        waiting_for=event.waiting_for,
        partner=event.partner,
        reason=event.reason.text,
        since=row.since if goes_on else event.occurred_at,
        remind_at=event.remind_at,
        reminders=row.reminders if goes_on else 0,
    )


@pauses.on(CustomerReminded)
def reminded(row: PauseRow, event: CustomerReminded, _: RecordedEvent) -> PauseRow:
    """It still waits."""
    return replace(row, reminders=event.number, remind_at=event.remind_at)


@pauses.on(TicketResumed, TicketReopened, TicketClosed, TicketMerged)
def waits_no_more(
    row: PauseRow, _: TicketResumed | TicketReopened | TicketClosed | TicketMerged, __: RecordedEvent
) -> PauseRow:
    """It is with staff, or over."""
    return _ended(row)


@pauses.on(TicketResolved)
def resolved(row: PauseRow, _: TicketResolved, __: RecordedEvent) -> PauseRow:
    """A resolution answers whatever the customer wrote (T3)."""
    return _ended(_unanswered(row, ()))


@pauses.on(CustomerReplied)
def customer_replied(row: PauseRow, event: CustomerReplied, _: RecordedEvent) -> PauseRow:
    """Somebody should answer."""
    return _unanswered(row, (*row.unanswered, whole_second(event.occurred_at)))


@pauses.on(StaffReplied)
def staff_replied(row: PauseRow, _: StaffReplied, __: RecordedEvent) -> PauseRow:
    """Answered; the waiting goes on (T4)."""
    return _unanswered(row, ())


@pauses.on(CallLogged)
def call_logged(row: PauseRow, event: CallLogged, _: RecordedEvent) -> PauseRow:
    """A call answers what had been written until then (T7)."""
    return _unanswered(row, tuple(each for each in row.unanswered if each > whole_second(event.at)))


@pauses.on(TicketSplitOff)
def split_off(row: PauseRow, event: TicketSplitOff, _: RecordedEvent) -> PauseRow:
    """A case taken out of another waits as that one does, since the same instant (T9)."""
    row = _unanswered(row, event.unanswered)
    waiting = event.waiting
    if waiting is None:
        return row
    running = [pause.started_at for pause in event.pauses if pause.ended_at is None]
    return replace(
        row,
        waiting_for=waiting.waiting_for,
        partner=waiting.partner,
        reason=waiting.reason.text,
        since=running[-1] if running else event.occurred_at,
        remind_at=waiting.remind_at,
        reminders=waiting.reminders,
    )


@pauses.on(TicketAbsorbed)
def absorbed(row: PauseRow, event: TicketAbsorbed, _: RecordedEvent) -> PauseRow:
    """What the customer wrote on either case stands here (T9)."""
    return _unanswered(row, event.unanswered)


def _ended(row: PauseRow) -> PauseRow:
    return replace(row, waiting_for=None, partner=None, reason=None, since=None, remind_at=None, reminders=0)


def _unanswered(row: PauseRow, messages: tuple[datetime, ...]) -> PauseRow:
    return replace(row, unanswered=messages, written_since=messages[0] if messages else None)


class PauseFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which waiting cases; a field left out asks for all. `flagged` asks for those to look at, or for the others."""

    waiting_for: AwaitedParty | None = None
    customer: str | None = None
    agent: str | None = None
    flagged: bool | None = None


_FLAGGED = "(waiting_for = 'partner' AND written_since IS NOT NULL)"
_CONDITIONS: dict[str, str] = {
    "waiting_for": "waiting_for = %(waiting_for)s",
    "customer": "customer_id = %(customer)s",
    "agent": "assignee = %(agent)s",
    "flagged": f"{_FLAGGED} = %(flagged)s",
}


def shape(row: PauseRow, now: datetime) -> Json:
    """A waiting case, with how long it has waited by `now`."""
    fields: dict[str, Any] = {
        name: getattr(row, name)
        for name in ("ticket_id", "case_number", "customer_id", "subject", "assignee", "waiting_for", "partner")
    }
    if row.since is not None:
        fields |= {"since": row.since, "waiting_seconds": max(0, int((now - row.since).total_seconds()))}
    fields |= {"reason": row.reason, "reminders": row.reminders, "remind_at": row.remind_at}
    fields |= {"customer_has_written": row.written_since is not None, "written_since": row.written_since}
    fields["flagged"] = row.waiting_for == "partner" and row.written_since is not None
    return without_nulls(fields)


def page(
    connection: Connection, filters: PauseFilters, now: datetime, *, cursor: str | None = None, limit: int = 50
) -> Page:
    """Return cases that wait, the one that has waited longest first. Raises `InvalidCursor`."""
    position = position_of(connection, VIEW.name)
    values, conditions = filtered(filters, _CONDITIONS)
    values["limit"] = limit + 1
    if cursor is not None:
        values["since"], values["ticket_id"] = decode_cursor(cursor, tuple[datetime, str])
        conditions.append("(since, ticket_id) > (%(since)s, %(ticket_id)s)")
    rows = select(
        connection,
        PauseRow,
        f"FROM pause t WHERE {' AND '.join(['waiting_for IS NOT NULL', *conditions])}"
        " ORDER BY since, ticket_id LIMIT %(limit)s",
        values,
    )
    return cut(rows, limit, lambda row: (row.since, row.ticket_id), lambda row: shape(row, now), position)
