"""Are promises to customers kept? The clocks of each case with their history, breaches, and what falls due soon."""

from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.clocks.explain import History, due_positions, evolve_history, readings
from domain.clocks.levels import Calendars
from domain.recorded import RecordedEvent
from domain.sla_policy import ClockName
from domain.ticket.events import (
    CallLogged,
    CategoryChanged,
    ComplexityChanged,
    CustomerReplied,
    EmergencyAccepted,
    EmergencyDeclined,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    TicketClosed,
    TicketEvent,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    UrgencyChanged,
    WaitingStarted,
)
from domain.ticket.split_merge_events import TicketAbsorbed, TicketMerged, TicketSplitOff
from projections import setting
from projections.reading import Json, Page, cut, decode_cursor, execute, filtered, position_of, select, without_nulls
from projections.view import Index, Key, Row, Table, View


class SlaRow(Row, frozen=True, kw_only=True):
    """The clocks of a case; those of `history` carry the positions of the events that moved them.

    `next_due_at` is the earliest instant still to be met or missed, `running` says that the case has not ended.
    """

    ticket_id: str
    case_number: str
    customer_id: str
    received_at: datetime
    history: History | None
    next_due_at: datetime | None = None
    running: bool = True
    position: int


class BreachRow(Row, frozen=True, kw_only=True):
    """A target that was missed: once per case, clock, instance and target (SUPPORT_POLICY T7)."""

    ticket_id: str
    clock: ClockName
    instance: int
    target_seconds: int
    customer_id: str
    due_at: datetime
    breached_at: datetime
    calendar: str
    calendar_version: int
    policy_version: int
    position: int


sla = Table(
    "sla",
    SlaRow,
    key=("ticket_id",),
    # not on next_due_at: it changes with every reply, and running cases are few
    indexes=(Index(("ticket_id",), where="running"), Index(("case_number",))),
    fillfactor=70,
)
breaches = Table(
    "sla_breach",
    BreachRow,
    key=("ticket_id", "clock", "instance", "target_seconds"),
    indexes=(Index(("breached_at", "position")), Index(("customer_id", "breached_at", "position"))),
)
VIEW = View("sla", version=5, tables=(sla, breaches))


@sla.begin(TicketOpened)
def opened(event: TicketOpened, at: RecordedEvent) -> SlaRow:
    """The clocks start with the receipt (T3)."""
    position = at.position or 0
    history = evolve_history(None, event, position)
    return SlaRow(
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        customer_id=event.customer_id,
        received_at=event.received_at,
        history=history,
        next_due_at=None if history is None else history.clocks.next_due_at,
        position=position,
    )


@sla.on(StaffReplied, CustomerReplied, WaitingStarted, TicketResumed)
def moved(
    row: SlaRow, event: StaffReplied | CustomerReplied | WaitingStarted | TicketResumed, at: RecordedEvent
) -> SlaRow:
    """Replies and waiting start, stop and pause clocks (T3, T4)."""
    return _moved(row, event, at, running=row.running)


@sla.on(CallLogged)
def called(row: SlaRow, event: CallLogged, at: RecordedEvent) -> SlaRow:
    """A call is a response at its own instant (T7)."""
    return _moved(row, event, at, running=row.running)


@sla.on(UrgencyChanged, ComplexityChanged, CategoryChanged)
def traits_changed(
    row: SlaRow, event: UrgencyChanged | ComplexityChanged | CategoryChanged, at: RecordedEvent
) -> SlaRow:
    """Other targets count from now on (T6)."""
    return _moved(row, event, at, running=row.running)


@sla.on(EmergencyAccepted, EmergencyDeclined)
def emergency_decided(row: SlaRow, event: EmergencyAccepted | EmergencyDeclined, at: RecordedEvent) -> SlaRow:
    """The targets of an emergency count, or no longer (T3, T6)."""
    return _moved(row, event, at, running=row.running)


@sla.on(ServiceLevelsChanged, ServiceLevelBreached, TicketReopened)
def set_anew(
    row: SlaRow, event: ServiceLevelsChanged | ServiceLevelBreached | TicketReopened, at: RecordedEvent
) -> SlaRow:
    """New segments, and targets missed (T6, T7)."""
    return _moved(row, event, at, running=row.running or isinstance(event, TicketReopened))


@sla.on(TicketResolved, TicketClosed)
def ended(row: SlaRow, event: TicketResolved | TicketClosed, at: RecordedEvent) -> SlaRow:
    """While resolved nothing falls due (T6); closing gives the verdict (T7)."""
    return _moved(row, event, at, running=False)


@sla.on(TicketSplitOff, TicketAbsorbed)
def taken_over(row: SlaRow, event: TicketSplitOff | TicketAbsorbed, at: RecordedEvent) -> SlaRow:
    """Clocks go on from another case; a message of another case counts for this one's (T9)."""
    return _moved(row, event, at, running=row.running)


@sla.on(TicketMerged)
def merged(row: SlaRow, event: TicketMerged, at: RecordedEvent) -> SlaRow:
    """Its clocks are cancelled; the breaches stay (T9)."""
    return _moved(row, event, at, running=False)


def _moved(row: SlaRow, event: TicketEvent, at: RecordedEvent, *, running: bool) -> SlaRow:
    position = at.position or 0
    history = evolve_history(row.history, event, position)
    due = None if history is None else history.clocks.next_due_at
    return replace(row, history=history, next_due_at=due, running=running, position=position)


def _breach(event: ServiceLevelBreached) -> Iterable[Key]:
    return [(event.ticket_id, event.clock, event.instance, event.target_seconds)]


@breaches.on_each(ServiceLevelBreached, keys=_breach)
def breached(_: BreachRow | None, event: ServiceLevelBreached, at: RecordedEvent, __: Key) -> BreachRow:
    """A breach stays, whatever follows."""
    return BreachRow(
        ticket_id=event.ticket_id,
        clock=event.clock,
        instance=event.instance,
        target_seconds=event.target_seconds,
        customer_id=event.customer_id,
        due_at=event.due_at,
        breached_at=event.breached_at,
        calendar=event.calendar,
        calendar_version=event.calendar_version,
        policy_version=event.policy_version,
        position=at.position or 0,
    )


def find(connection: Connection, ticket_or_case_number: str) -> SlaRow | None:
    """Return the clocks of a case by its id or case number."""
    rows = select(
        connection,
        SlaRow,
        "FROM sla t WHERE ticket_id = %(key)s OR case_number = %(key)s ORDER BY ticket_id = %(key)s DESC LIMIT 1",
        {"key": ticket_or_case_number},
    )
    return rows[0] if rows else None


def shape(row: SlaRow, calendars: Calendars, now: datetime) -> Json:
    """The `sla of a ticket` of the HTTP contract as of `now`."""
    clocks = [] if row.history is None else readings(row.history, calendars, now)
    return {"ticket_id": row.ticket_id, "clocks": msgspec.to_builtins(clocks, builtin_types=(datetime,))}


def of_ticket(connection: Connection, ticket_or_case_number: str, now: datetime) -> Json | None:
    """Return the clocks of a case as of `now`, each with its reasons; `None` if there is no such case."""
    row = find(connection, ticket_or_case_number)
    return None if row is None else shape(row, setting.calendars(connection), now)


class SlaFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which breaches or deadlines are asked for; a field left out asks for all."""

    customer: str | None = None
    clock: ClockName | None = None
    before: datetime | None = None


def missed(connection: Connection, filters: SlaFilters, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return breaches, the latest first; `before` is compared with when each happened. Raises `InvalidCursor`."""
    position = position_of(connection, VIEW.name)
    values, conditions = filtered(filters, _BREACH_CONDITIONS)
    values["limit"] = limit + 1
    if cursor is not None:
        values["breached_at"], values["position"] = decode_cursor(cursor, tuple[datetime, int])
        conditions.append("(breached_at, position) < (%(breached_at)s, %(position)s)")
    rows = select(
        connection,
        BreachRow,
        f"FROM sla_breach t WHERE {' AND '.join(conditions) or 'true'}"
        " ORDER BY breached_at DESC, position DESC LIMIT %(limit)s",
        values,
    )
    return cut(rows, limit, lambda row: (row.breached_at, row.position), msgspec.structs.asdict, position)


_BREACH_CONDITIONS: dict[str, str] = {
    "customer": "customer_id = %(customer)s",
    "clock": "clock = %(clock)s",
    "before": "breached_at < %(before)s",
}


def count_missed(connection: Connection, filters: SlaFilters) -> int:
    """Return how many breaches there are."""
    values, conditions = filtered(filters, _BREACH_CONDITIONS)
    return _count(connection, f"sla_breach t WHERE {' AND '.join(conditions) or 'true'}", values)


def count_due_soon(connection: Connection, filters: SlaFilters) -> int:
    """Return how many running cases have a deadline."""
    values, conditions = filtered(filters, _DUE_CONDITIONS)
    return _count(connection, f"sla t WHERE {' AND '.join([_HAS_DEADLINE, *conditions])}", values)


def _count(connection: Connection, rows: str, values: Json) -> int:
    with connection.cursor() as cursor:
        execute(cursor, f"SELECT count(*) FROM {rows}", values)
        return int((cursor.fetchone() or (0,))[0])


def due_soon(connection: Connection, filters: SlaFilters, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return running cases by their next deadline; `before` is compared with that. Raises `InvalidCursor`."""
    position = position_of(connection, VIEW.name)
    values, conditions = filtered(filters, _DUE_CONDITIONS)
    values["limit"] = limit + 1
    if cursor is not None:
        values["due_at"], values["ticket_id"] = decode_cursor(cursor, tuple[datetime, str])
        conditions.append("(next_due_at, ticket_id) > (%(due_at)s, %(ticket_id)s)")
    where = " AND ".join([_HAS_DEADLINE, *conditions])
    rows = select(
        connection, SlaRow, f"FROM sla t WHERE {where} ORDER BY next_due_at, ticket_id LIMIT %(limit)s", values
    )
    return cut(rows, limit, lambda row: (row.next_due_at, row.ticket_id), _due_item, position)


_HAS_DEADLINE = "running AND next_due_at IS NOT NULL"
_DUE_CONDITIONS: dict[str, str] = {"customer": "customer_id = %(customer)s", "before": "next_due_at < %(before)s"}


def _due_item(row: SlaRow) -> Json:
    running = () if row.history is None else row.history.clocks.running
    due = min(
        (each for each in running if each.pending_due_at is not None), key=lambda each: each.due_at or row.received_at
    )
    return without_nulls(
        {
            "ticket_id": row.ticket_id,
            "case_number": row.case_number,
            "customer_id": row.customer_id,
            "clock": due.clock,
            "instance": due.number,
            "due_at": due.due_at,
            "target_seconds": due.target_seconds,
            "positions": due_positions(due, row.history.clocks.pauses_of(due.clock)) if row.history else (),
        }
    )
