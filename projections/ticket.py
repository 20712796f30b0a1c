"""What is a case now? One row a case, as detail and for search."""

from datetime import date, datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.event import Value
from domain.recorded import RecordedEvent
from domain.ticket.events import (
    Category,
    Complexity,
    CustomerReplied,
    EmergencyDeclined,
    EmergencyKind,
    EmergencyRequested,
    NoteAdded,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    Symptom,
    TicketAssigned,
    TicketClosed,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    Urgency,
    WaitingStarted,
    WorkLogged,
)
from domain.ticket.scope import default_scope
from domain.ticket.split_merge_events import (
    InheritedWaiting,
    MovedEntry,
    TicketAbsorbed,
    TicketMerged,
    TicketSplit,
    TicketSplitOff,
)
from projections.reading import Json, Page, cut, decode_cursor, position_of, select, without_nulls
from projections.view import Index, Row, Table, View

TicketStatus = Literal["new", "open", "waiting_customer", "waiting_partner", "resolved", "closed", "merged"]

LinkKind = Literal["split_into", "split_from", "merged_into", "merged_from"]


class Requester(Value, frozen=True, kw_only=True):
    """Who asked."""

    name: str
    email: str


class Emergency(Value, frozen=True, kw_only=True):
    """Emergency support asked for, and what became of it."""

    kind: EmergencyKind
    symptom: Symptom
    state: Literal["requested", "accepted", "declined"]
    cause: Literal["in_scope", "out_of_scope"] | None = None


class Link(Value, frozen=True, kw_only=True):
    """Another case that this one was split from or into, or merged with (R3)."""

    kind: LinkKind
    ticket_id: str
    case_number: str


class TicketRow(Row, frozen=True, kw_only=True):
    """A case as its last event left it. `version` is its stream's, `position` that event's in the log."""

    ticket_id: str
    case_number: str
    customer_id: str
    requester: Requester
    category: Category
    subject: str
    urgency: Urgency
    complexity: Complexity
    status: TicketStatus
    assignee: str | None = None
    team: str | None = None
    channel: str
    product: str | None = None
    received_at: datetime
    workable_from: datetime
    requested_for: date | None = None
    emergency: Emergency | None = None
    work_class: str
    worked_seconds: int = 0
    details_missing: bool = False
    resolution: str | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None
    links: tuple[Link, ...] = ()
    version: int
    position: int


ticket = Table(
    "ticket",
    TicketRow,
    key=("ticket_id",),
    indexes=(
        Index(("case_number",)),
        Index(("received_at", "ticket_id")),
        Index(("customer_id", "received_at", "ticket_id")),
    ),
)
VIEW = View("ticket", version=2, tables=(ticket,))


@ticket.begin(TicketOpened)
def opened(event: TicketOpened, at: RecordedEvent) -> TicketRow:
    """A case begins as `new`."""
    return TicketRow(
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        customer_id=event.customer_id,
        requester=Requester(name=event.requester.name.text, email=event.requester.email.text),
        category=event.category,
        subject=event.subject.text,
        urgency=event.urgency,
        complexity=event.complexity,
        status="new",
        channel=event.channel,
        product=event.product,
        received_at=event.received_at,
        workable_from=event.workable_from,
        requested_for=event.requested_for,
        work_class=default_scope(event.category),
        details_missing=event.details_missing,
        version=at.originator_version,
        position=at.position or 0,
    )


def touched(status: TicketStatus) -> TicketStatus:
    """The status once staff have done something: a case is new until first assigned, answered or worked on."""
    return "open" if status == "new" else status


def _moved(row: TicketRow, at: RecordedEvent, **changes: Any) -> TicketRow:
    return replace(row, version=at.originator_version, position=at.position or 0, **changes)


@ticket.on(EmergencyRequested)
def emergency_requested(row: TicketRow, event: EmergencyRequested, at: RecordedEvent) -> TicketRow:
    """Emergency support is asked for."""
    return _moved(row, at, emergency=Emergency(kind=event.kind, symptom=event.symptom, state="requested"))


@ticket.on(EmergencyDeclined)
def emergency_declined(row: TicketRow, _: EmergencyDeclined, at: RecordedEvent) -> TicketRow:
    """It is none."""
    return _moved(row, at, emergency=row.emergency and replace(row.emergency, state="declined"))


@ticket.on(TicketAssigned)
def assigned(row: TicketRow, event: TicketAssigned, at: RecordedEvent) -> TicketRow:
    """An agent has it."""
    return _moved(row, at, assignee=event.agent, status=touched(row.status))


@ticket.on(StaffReplied)
def staff_replied(row: TicketRow, _: StaffReplied, at: RecordedEvent) -> TicketRow:
    """Staff have begun."""
    return _moved(row, at, status=touched(row.status))


@ticket.on(WorkLogged)
def work_logged(row: TicketRow, event: WorkLogged, at: RecordedEvent) -> TicketRow:
    """Time worked adds up as logged, whatever is billed."""
    return _moved(row, at, status=touched(row.status), worked_seconds=row.worked_seconds + event.duration_seconds)


@ticket.on(WaitingStarted)
def waiting_started(row: TicketRow, event: WaitingStarted, at: RecordedEvent) -> TicketRow:
    """It waits for somebody else."""
    return _moved(row, at, status=waiting_status(event))


def waiting_status(event: WaitingStarted | InheritedWaiting) -> TicketStatus:
    """The status that says whom a case waits for."""
    return "waiting_customer" if event.waiting_for == "customer" else "waiting_partner"


@ticket.on(TicketResumed)
def resumed(row: TicketRow, _: TicketResumed, at: RecordedEvent) -> TicketRow:
    """It goes on."""
    return _moved(row, at, status="open")


@ticket.on(TicketReopened)
def reopened(row: TicketRow, _: TicketReopened, at: RecordedEvent) -> TicketRow:
    """It was not settled after all."""
    return _moved(row, at, status="open", resolution=None, resolved_at=None, closed_at=None)


@ticket.on(TicketResolved)
def resolved(row: TicketRow, event: TicketResolved, at: RecordedEvent) -> TicketRow:
    """It is dealt with."""
    return _moved(row, at, status="resolved", resolution=event.resolution.text, resolved_at=event.occurred_at)


@ticket.on(TicketClosed)
def closed(row: TicketRow, event: TicketClosed, at: RecordedEvent) -> TicketRow:
    """It is over."""
    return _moved(row, at, status="closed", closed_at=event.occurred_at)


@ticket.on(CustomerReplied, NoteAdded, ServiceLevelsChanged, ServiceLevelBreached)
def noted(
    row: TicketRow,
    _: CustomerReplied | NoteAdded | ServiceLevelsChanged | ServiceLevelBreached,
    at: RecordedEvent,
) -> TicketRow:
    """Nothing of the row changes but where its stream stands."""
    return _moved(row, at)


@ticket.on(TicketSplit)
def split(row: TicketRow, event: TicketSplit, at: RecordedEvent) -> TicketRow:
    """A topic has left it, with the time that was worked on it."""
    link = Link(kind="split_into", ticket_id=event.into_ticket_id, case_number=event.into_case_number)
    worked = row.worked_seconds - event.moved_seconds
    return _moved(row, at, links=(*row.links, link), worked_seconds=worked)


@ticket.on(TicketSplitOff)
def split_off(row: TicketRow, event: TicketSplitOff, at: RecordedEvent) -> TicketRow:
    """It has what it was taken out with."""
    link = Link(kind="split_from", ticket_id=event.from_ticket_id, case_number=event.from_case_number)
    worked = row.worked_seconds + _lasting(event.entries)
    status = split_off_status(row.status, event)
    return _moved(row, at, links=(*row.links, link), worked_seconds=worked, status=status)


@ticket.on(TicketMerged)
def merged(row: TicketRow, event: TicketMerged, at: RecordedEvent) -> TicketRow:
    """Another case goes on for it, and has its work."""
    link = Link(kind="merged_into", ticket_id=event.into_ticket_id, case_number=event.into_case_number)
    worked = row.worked_seconds - event.moved_seconds
    return _moved(row, at, links=(*row.links, link), worked_seconds=worked, status="merged")


@ticket.on(TicketAbsorbed)
def absorbed(row: TicketRow, event: TicketAbsorbed, at: RecordedEvent) -> TicketRow:
    """It goes on for another case too."""
    link = Link(kind="merged_from", ticket_id=event.from_ticket_id, case_number=event.from_case_number)
    worked = row.worked_seconds + _lasting(event.entries)
    status = absorbed_status(row.status, event)
    return _moved(row, at, links=(*row.links, link), worked_seconds=worked, status=status)


def split_off_status(status: TicketStatus, event: TicketSplitOff) -> TicketStatus:
    """The status of a case taken out of another: it waits where that one does, and staff have begun where they had."""
    if event.waiting is not None:
        return waiting_status(event.waiting)
    answered = any(each.ended_at is not None for each in event.clocks)
    return touched(status) if answered or event.entries else status


def absorbed_status(status: TicketStatus, event: TicketAbsorbed) -> TicketStatus:
    """The status of a case that goes on for another: it was worked on where that one was."""
    return touched(status) if event.entries else status


def _lasting(entries: tuple[MovedEntry, ...]) -> int:
    return sum(entry.duration_seconds for entry in entries if not entry.voided)


def shape(row: TicketRow) -> Json:
    """The `ticket` of the HTTP contract."""
    fields = without_nulls(msgspec.structs.asdict(row))
    fields["class"] = fields.pop("work_class")
    fields["links"] = [msgspec.structs.asdict(link) for link in row.links]
    return fields


def find(connection: Connection, ticket_or_case_number: str) -> TicketRow | None:
    """Return a case by its id or case number."""
    rows = select(
        connection,
        TicketRow,
        "FROM ticket t WHERE ticket_id = %(key)s OR case_number = %(key)s ORDER BY ticket_id = %(key)s DESC LIMIT 1",
        {"key": ticket_or_case_number},
    )
    return rows[0] if rows else None


class TicketFilters(msgspec.Struct, frozen=True, kw_only=True):
    """What a search for cases asks for; a field left out asks for all.

    `text` is found anywhere in case number, subject, or the requester's name and address, in either case of letters.
    """

    customer: str | None = None
    status: TicketStatus | None = None
    agent: str | None = None
    team: str | None = None
    category: Category | None = None
    urgency: Urgency | None = None
    received_from: datetime | None = None
    received_before: datetime | None = None
    text: str | None = None


_CONDITIONS: dict[str, str] = {
    "customer": "customer_id = %(customer)s",
    "status": "status = %(status)s",
    "agent": "assignee = %(agent)s",
    "team": "team = %(team)s",
    "category": "category = %(category)s",
    "urgency": "urgency = %(urgency)s",
    "received_from": "received_at >= %(received_from)s",
    "received_before": "received_at < %(received_before)s",
    "text": "concat_ws(E'\\n', case_number, subject, requester ->> 'name', requester ->> 'email') ILIKE %(text)s",
}


def search(connection: Connection, filters: TicketFilters, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return cases, those received last first. Raises `InvalidCursor`."""
    position = position_of(connection, VIEW.name)
    values: dict[str, object] = {**msgspec.structs.asdict(filters), "limit": limit + 1}
    conditions = [_CONDITIONS[name] for name, value in values.items() if value is not None and name in _CONDITIONS]
    if filters.text is not None:
        values["text"] = f"%{_literally(filters.text)}%"
    if cursor is not None:
        values["received_at"], values["ticket_id"] = decode_cursor(cursor, tuple[datetime, str])
        conditions.append("(received_at, ticket_id) < (%(received_at)s, %(ticket_id)s)")
    rows = select(
        connection,
        TicketRow,
        f"FROM ticket t WHERE {' AND '.join(conditions) or 'true'}"
        " ORDER BY received_at DESC, ticket_id DESC LIMIT %(limit)s",
        values,
    )
    return cut(rows, limit, _place, shape, position)


def _literally(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _place(row: TicketRow) -> tuple[object, ...]:
    return row.received_at, row.ticket_id
