"""Where is a case, by its id, its number, or what is known of it?"""

from datetime import datetime

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.ticket.events import Category, Urgency
from projections.reading import Page, cut, decode_cursor, filtered, position_of, select
from projections.ticket import VIEW, TicketRow, shape
from projections.ticket_status import TicketStatus


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
    values, conditions = filtered(filters, _CONDITIONS)
    values["limit"] = limit + 1
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
