"""What the log holds of one case and of what it was judged and billed by; for auditors, over HTTP and from a shell.

Nothing here waits for a view: an answer is of the log's head at the time of the question.
"""

from collections.abc import Sequence

import msgspec
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from commands.errors import UnknownTicket
from domain.business_time import ALWAYS, ROUND_THE_CLOCK
from domain.calendar import CalendarPublished, compiled
from domain.clocks.explain import History, evolve_history
from domain.clocks.levels import Calendars
from domain.recorded import RecordedEvent
from domain.ticket.events import TicketEvent, TicketOpened
from infra.feed import head_position, holder_of, read_streams
from projections.moment import Moment, until


class CaseFile(msgspec.Struct, frozen=True):
    """A case: its own events, and those of its customer's subscription (none without one), all up to `head`."""

    ticket_id: str
    case_number: str
    records: list[RecordedEvent]
    billing: list[RecordedEvent]
    head: int


def events_of_case(connection: Connection, name: str, position: int | None = None) -> list[RecordedEvent]:
    """Return all events of a case by its id or case number, up to a position where one is given.

    Raises `UnknownTicket`.
    """
    stream_id = holder_of(connection, "case_number", name) or f"ticket-{name}"
    records = read_streams(connection, [stream_id])
    if position is not None:
        records = [each for each in records if (each.position or 0) <= position]
    if not records or not isinstance(records[0].event, TicketOpened):
        raise UnknownTicket(f"there is no ticket {name!r}")
    return records


def read_case(connection: Connection, name: str, head: int | None = None) -> CaseFile:
    """Return a case with what is billed to its customer, up to the log's head or an earlier position of it.

    Raises `UnknownTicket`.
    """
    head = head_position(connection) if head is None else head
    records = events_of_case(connection, name, head)
    opened = records[0].event if records else None
    if not isinstance(opened, TicketOpened):
        raise UnknownTicket(f"there is no ticket {name!r}")
    subscription = holder_of(connection, "live_subscription", opened.customer_id)
    billing = [] if subscription is None else read_streams(connection, [subscription])
    return CaseFile(
        opened.ticket_id, opened.case_number, records, [each for each in billing if (each.position or 0) <= head], head
    )


def stood(records: Sequence[RecordedEvent], name: str, moment: Moment) -> list[RecordedEvent]:
    """Return the events of a case until a moment; of a version that it has. Raises `UnknownTicket`."""
    if not records:
        raise UnknownTicket(f"there is no ticket {name!r}")
    last = records[-1].originator_version
    if moment.version is not None and moment.version > last:
        raise UnknownTicket(f"the ticket {name!r} has no version {moment.version}; its last is {last}")
    found = until(records, moment)
    if not found:
        raise UnknownTicket(f"there was no ticket {name!r} {moment}")
    return found


def calendar_records(connection: Connection, names: Sequence[str]) -> list[RecordedEvent]:
    """Return the publications of calendars, in order."""
    return read_streams(connection, [f"calendar-{name}" for name in names])


def history_of(records: Sequence[RecordedEvent]) -> History | None:
    """Return the clocks that events of a case tell, with all their former instances."""
    history: History | None = None
    for record in records:
        if isinstance(record.event, TicketEvent):
            history = evolve_history(history, record.event, record.position or 0)
    return history


def calendars_of(records: Sequence[RecordedEvent]) -> Calendars:
    """Return the calendars that were published, ready to count with, and the round-the-clock one as version 0."""
    found = {
        (each.event.calendar, each.event.version): compiled(each.event)
        for each in records
        if isinstance(each.event, CalendarPublished)
    }
    return {(ROUND_THE_CLOCK, 0): ALWAYS, **found}
