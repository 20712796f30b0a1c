"""Which widespread issues are there, and what was said of them? With the public status (SUPPORT_POLICY R15)."""

from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.event import Value
from domain.incident import IncidentDeclared, IncidentResolved, IncidentUpdatePosted, TicketLinked
from domain.recorded import RecordedEvent
from projections.reading import MOST_ITEMS, Json, Page, cut, decode_cursor, filtered, position_of, select, without_nulls
from projections.view import Index, Row, Table, View

IncidentState = Literal["open", "resolved"]

RESOLVED_SHOWN = timedelta(days=7)
"""How long the public status tells of an incident that is over."""


class News(Value, frozen=True, kw_only=True):
    """What was said of an incident at an instant."""

    posted_at: datetime
    text: str


class IncidentRow(Row, frozen=True, kw_only=True):
    """An incident as its last event left it; `ticket_count` cases are linked with it."""

    incident_id: str
    title: str
    text: str
    state: IncidentState = "open"
    declared_at: datetime
    updates: tuple[News, ...] = ()
    resolved_at: datetime | None = None
    resolution: str | None = None
    ticket_count: int = 0
    version: int
    position: int


class LinkedTicketRow(Row, frozen=True, kw_only=True):
    """A case that an incident caused."""

    incident_id: str
    ticket_id: str
    case_number: str
    linked_at: datetime
    position: int


incidents = Table(
    "incident",
    IncidentRow,
    key=("incident_id",),
    indexes=(Index(("declared_at", "incident_id")), Index(("resolved_at",))),
)
linked_tickets = Table(
    "incident_ticket", LinkedTicketRow, key=("incident_id", "ticket_id"), indexes=(Index(("ticket_id",)),)
)
VIEW = View("incident", version=1, tables=(incidents, linked_tickets))


@incidents.begin(IncidentDeclared)
def declared(event: IncidentDeclared, at: RecordedEvent) -> IncidentRow:
    """It is known."""
    return IncidentRow(
        incident_id=event.incident_id,
        title=event.title,
        text=event.text.text,
        declared_at=event.occurred_at,
        version=at.originator_version,
        position=at.position or 0,
    )


def _moved(row: IncidentRow, at: RecordedEvent, **changes: Any) -> IncidentRow:
    return replace(row, version=at.originator_version, position=at.position or 0, **changes)


@incidents.on(IncidentUpdatePosted)
def update_posted(row: IncidentRow, event: IncidentUpdatePosted, at: RecordedEvent) -> IncidentRow:
    """The news, newest last."""
    return _moved(row, at, updates=(*row.updates, News(posted_at=event.occurred_at, text=event.text.text)))


@incidents.on(TicketLinked)
def ticket_counted(row: IncidentRow, _: TicketLinked, at: RecordedEvent) -> IncidentRow:
    """One case more."""
    return _moved(row, at, ticket_count=row.ticket_count + 1)


@incidents.on(IncidentResolved)
def resolved(row: IncidentRow, event: IncidentResolved, at: RecordedEvent) -> IncidentRow:
    """It is over."""
    return _moved(row, at, state="resolved", resolved_at=event.occurred_at, resolution=event.text.text)


@linked_tickets.begin(TicketLinked)
def ticket_linked(event: TicketLinked, at: RecordedEvent) -> LinkedTicketRow:
    """The case, to be found from the incident and the other way round."""
    return LinkedTicketRow(
        incident_id=event.incident_id,
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        linked_at=event.occurred_at,
        position=at.position or 0,
    )


class IncidentFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which incidents; a field left out asks for all. `ticket` is the id of a linked case."""

    state: IncidentState | None = None
    ticket: str | None = None


_CONDITIONS: dict[str, str] = {
    "state": "state = %(state)s",
    "ticket": "incident_id IN (SELECT incident_id FROM incident_ticket WHERE %(ticket)s IN (ticket_id, case_number))",
}
_PUBLIC = ("incident_id", "title", "text", "state", "declared_at", "updates", "resolved_at", "resolution")


def shape(row: IncidentRow) -> Json:
    """An incident as staff see it."""
    return without_nulls(msgspec.structs.asdict(row))


def public_shape(row: IncidentRow) -> Json:
    """An incident as everybody sees it: nothing of the cases it caused."""
    return without_nulls({name: getattr(row, name) for name in _PUBLIC})


def find(connection: Connection, incident_id: str) -> Json | None:
    """Return an incident with the first of its cases, in the order they were linked."""
    rows = select(connection, IncidentRow, "FROM incident t WHERE incident_id = %s", (incident_id,))
    if not rows:
        return None
    linked = select(
        connection,
        LinkedTicketRow,
        "FROM incident_ticket t WHERE incident_id = %s ORDER BY position LIMIT %s",
        (incident_id, MOST_ITEMS),
    )
    tickets = [{"ticket_id": each.ticket_id, "case_number": each.case_number} for each in linked]
    return {**shape(rows[0]), "tickets": tickets}


def page(connection: Connection, filters: IncidentFilters, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return incidents, the one declared last first. Raises `InvalidCursor`."""
    position = position_of(connection, VIEW.name)
    values, conditions = filtered(filters, _CONDITIONS)
    values["limit"] = limit + 1
    if cursor is not None:
        values["declared_at"], values["incident_id"] = decode_cursor(cursor, tuple[datetime, str])
        conditions.append("(declared_at, incident_id) < (%(declared_at)s, %(incident_id)s)")
    rows = select(
        connection,
        IncidentRow,
        f"FROM incident t WHERE {' AND '.join(conditions) or 'true'}"
        " ORDER BY declared_at DESC, incident_id DESC LIMIT %(limit)s",
        values,
    )
    return cut(rows, limit, lambda row: (row.declared_at, row.incident_id), shape, position)


def status(connection: Connection, now: datetime) -> Json:
    """Return what everybody may know: open incidents, and those resolved in the last days, newest first."""
    position = position_of(connection, VIEW.name)
    values = {"since": now - RESOLVED_SHOWN, "limit": MOST_ITEMS}
    order = "ORDER BY declared_at DESC, incident_id DESC LIMIT %(limit)s"
    running = select(connection, IncidentRow, f"FROM incident t WHERE state = 'open' {order}", values)
    over = select(connection, IncidentRow, f"FROM incident t WHERE resolved_at > %(since)s {order}", values)
    return {
        "state": "disrupted" if running else "operational",
        "incidents": [public_shape(row) for row in running],
        "resolved": [public_shape(row) for row in over],
        "as_of_position": position,
    }
