"""What has to be done next? Open cases by urgency, then in the order received (SUPPORT_POLICY R8)."""

from datetime import date, datetime

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.recorded import RecordedEvent
from domain.ticket.events import (
    CallLogged,
    Category,
    CategoryChanged,
    CauseRuled,
    Complexity,
    ComplexityChanged,
    CustomerReplied,
    EmergencyAccepted,
    EmergencyDeclined,
    EmergencyRequested,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    TicketAssigned,
    TicketClosed,
    TicketEscalated,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    Urgency,
    UrgencyChanged,
    WaitingStarted,
    WorkLogged,
)
from domain.ticket.split_merge_events import TicketAbsorbed, TicketMerged, TicketSplitOff
from projections.pending import Pending, begun, follow, next_due
from projections.reading import Json, Page, cut, decode_cursor, filtered, position_of, select, without_nulls
from projections.ticket import Emergency, Requester
from projections.ticket_status import TicketStatus, absorbed_status, split_off_status, touched, waiting_status
from projections.view import Index, Row, Table, View

_RANKS: dict[str, int] = {"high": 3, "normal": 4, "low": 5}
_LAST_EMERGENCY = 2


class QueueRow(Row, frozen=True, kw_only=True):
    """A case as the queue shows it. Ended cases stay, not `open`, because they can be reopened."""

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
    received_at: datetime
    workable_from: datetime
    requested_for: date | None = None
    emergency: Emergency | None = None
    rank: int
    clocks: Pending
    open: bool = True


queue = Table(
    "queue",
    QueueRow,
    key=("ticket_id",),
    indexes=(
        Index(("rank", "received_at", "length(case_number)", "case_number"), where="open"),
        Index(
            ("requested_for", "received_at", "length(case_number)", "case_number"),
            where="open AND requested_for IS NOT NULL",
        ),
    ),
    fillfactor=70,
)
VIEW = View("queue", version=2, tables=(queue,))


def rank(urgency: Urgency, emergency: Emergency | None) -> int:
    """A case's place by R8: 1 accepted emergency, 2 requested emergency, 3 high, 4 normal, 5 low."""
    if emergency is not None and emergency.state != "declined":
        return 1 if emergency.state == "accepted" else 2
    return _RANKS[urgency]


@queue.begin(TicketOpened)
def opened(event: TicketOpened, _: RecordedEvent) -> QueueRow:
    """A case stands in the queue from its receipt; before `workable_from` it is not workable yet (R12)."""
    return QueueRow(
        ticket_id=event.ticket_id,
        case_number=event.case_number,
        customer_id=event.customer_id,
        requester=Requester(name=event.requester.name.text, email=event.requester.email.text),
        category=event.category,
        subject=event.subject.text,
        urgency=event.urgency,
        complexity=event.complexity,
        status="new",
        received_at=event.received_at,
        workable_from=event.workable_from,
        requested_for=event.requested_for,
        rank=rank(event.urgency, None),
        clocks=begun(event),
    )


@queue.on(EmergencyRequested)
def emergency_requested(row: QueueRow, event: EmergencyRequested, _: RecordedEvent) -> QueueRow:
    """A requested emergency goes before all others but accepted ones."""
    return _emergency(row, Emergency(kind=event.kind, symptom=event.symptom, state="requested"))


@queue.on(EmergencyAccepted)
def emergency_accepted(row: QueueRow, event: EmergencyAccepted, _: RecordedEvent) -> QueueRow:
    """An accepted emergency goes before all others."""
    row = replace(row, clocks=follow(row.clocks, event))
    return _emergency(row, row.emergency and replace(row.emergency, state="accepted"))


@queue.on(EmergencyDeclined)
def emergency_declined(row: QueueRow, event: EmergencyDeclined, _: RecordedEvent) -> QueueRow:
    """A declined one stands by its urgency again."""
    row = replace(row, clocks=follow(row.clocks, event))
    return _emergency(row, row.emergency and replace(row.emergency, state="declined"))


@queue.on(CauseRuled)
def cause_ruled(row: QueueRow, event: CauseRuled, _: RecordedEvent) -> QueueRow:
    """It stays an emergency, whatever it costs."""
    return _emergency(row, row.emergency and replace(row.emergency, cause=event.scope))


def _emergency(row: QueueRow, emergency: Emergency | None) -> QueueRow:
    return replace(row, emergency=emergency, rank=rank(row.urgency, emergency))


@queue.on(UrgencyChanged)
def urgency_changed(row: QueueRow, event: UrgencyChanged, _: RecordedEvent) -> QueueRow:
    """It moves to the place of its urgency (R8)."""
    return replace(
        row, urgency=event.urgency, rank=rank(event.urgency, row.emergency), clocks=follow(row.clocks, event)
    )


@queue.on(ComplexityChanged)
def complexity_changed(row: QueueRow, event: ComplexityChanged, _: RecordedEvent) -> QueueRow:
    """It stays in its place, with other deadlines (R19)."""
    return replace(row, complexity=event.complexity, clocks=follow(row.clocks, event))


@queue.on(CategoryChanged)
def category_changed(row: QueueRow, event: CategoryChanged, _: RecordedEvent) -> QueueRow:
    """It stays in its place, with other deadlines (R2)."""
    return replace(row, category=event.category, clocks=follow(row.clocks, event))


@queue.on(TicketEscalated)
def escalated(row: QueueRow, event: TicketEscalated, _: RecordedEvent) -> QueueRow:
    """The team's filter finds it from now on."""
    return replace(row, team=event.team, status=touched(row.status))


@queue.on(TicketAssigned)
def assigned(row: QueueRow, event: TicketAssigned, _: RecordedEvent) -> QueueRow:
    """The agent's filter finds it from now on."""
    return replace(row, assignee=event.agent, status=touched(row.status))


@queue.on(WorkLogged)
def work_logged(row: QueueRow, _: WorkLogged, __: RecordedEvent) -> QueueRow:
    """Work shows that it is no longer new."""
    return replace(row, status="open") if row.status == "new" else row


@queue.on(StaffReplied)
def staff_replied(row: QueueRow, event: StaffReplied, _: RecordedEvent) -> QueueRow:
    """An answer meets the response deadlines."""
    return replace(row, status=touched(row.status), clocks=follow(row.clocks, event))


@queue.on(CallLogged)
def called(row: QueueRow, event: CallLogged, _: RecordedEvent) -> QueueRow:
    """A call is an answer to what was written before it (T7)."""
    return replace(row, status=touched(row.status), clocks=follow(row.clocks, event))


@queue.on(WaitingStarted)
def waiting_started(row: QueueRow, event: WaitingStarted, _: RecordedEvent) -> QueueRow:
    """A waiting case stays in its place, marked."""
    return replace(row, status=waiting_status(event), clocks=follow(row.clocks, event))


@queue.on(TicketResumed)
def resumed(row: QueueRow, event: TicketResumed, _: RecordedEvent) -> QueueRow:
    """It is with staff again."""
    return replace(row, status="open", clocks=follow(row.clocks, event))


@queue.on(TicketReopened)
def reopened(row: QueueRow, event: TicketReopened, _: RecordedEvent) -> QueueRow:
    """It comes back to its old place: receipt does not change."""
    return replace(row, status="open", clocks=follow(row.clocks, event), open=True)


@queue.on(TicketResolved)
def resolved(row: QueueRow, event: TicketResolved, _: RecordedEvent) -> QueueRow:
    """It leaves the queue."""
    return replace(row, status="resolved", clocks=follow(row.clocks, event), open=False)


@queue.on(TicketClosed)
def closed(row: QueueRow, _: TicketClosed, __: RecordedEvent) -> QueueRow:
    """It stays out of the queue."""
    return replace(row, status="closed", open=False)


@queue.on(CustomerReplied, ServiceLevelsChanged, ServiceLevelBreached)
def deadlines_moved(
    row: QueueRow, event: CustomerReplied | ServiceLevelsChanged | ServiceLevelBreached, _: RecordedEvent
) -> QueueRow:
    """Another deadline may be the next."""
    clocks = follow(row.clocks, event)
    return row if clocks is row.clocks else replace(row, clocks=clocks)


@queue.on(TicketSplitOff)
def split_off(row: QueueRow, event: TicketSplitOff, _: RecordedEvent) -> QueueRow:
    """It stands where the case it was taken out of stands, by receipt."""
    return replace(row, status=split_off_status(row.status, event), clocks=follow(row.clocks, event))


@queue.on(TicketAbsorbed)
def absorbed(row: QueueRow, event: TicketAbsorbed, _: RecordedEvent) -> QueueRow:
    """It keeps its place; the other case may have a message that is due earlier."""
    return replace(row, status=absorbed_status(row.status, event), clocks=follow(row.clocks, event))


@queue.on(TicketMerged)
def merged(row: QueueRow, event: TicketMerged, _: RecordedEvent) -> QueueRow:
    """It leaves the queue for good: another case goes on for it."""
    return replace(row, status="merged", clocks=follow(row.clocks, event), open=False)


class QueueFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Whose part of the queue is asked for; a field left out asks for all.

    `workable_at` leaves out what becomes workable only after that instant (R12); a standing emergency never waits.
    """

    agent: str | None = None
    team: str | None = None
    customer: str | None = None
    workable_at: datetime | None = None


_CONDITIONS: dict[str, str] = {
    "agent": "assignee = %(agent)s",
    "team": "team = %(team)s",
    "customer": "customer_id = %(customer)s",
    "workable_at": f"(workable_from <= %(workable_at)s OR rank <= {_LAST_EMERGENCY})",
}
_ORDER = "rank, received_at, length(case_number), case_number"


def shape(row: QueueRow) -> Json:
    """A queue item of the HTTP contract."""
    due = next_due(row.clocks)
    fields = without_nulls(msgspec.structs.asdict(row))
    del fields["clocks"], fields["open"]
    if due is not None:
        fields["next_due"] = {"clock": due.clock, "due_at": due.due_at}
    return fields


def page(connection: Connection, filters: QueueFilters, *, cursor: str | None = None, limit: int = 50) -> Page:
    """Return open cases in the order they are to be handled. Raises `InvalidCursor`."""
    position = position_of(connection, VIEW.name)
    values, conditions = filtered(filters, _CONDITIONS)
    values["limit"] = limit + 1
    if cursor is not None:
        place = decode_cursor(cursor, tuple[int, datetime, int, str])
        values |= dict(zip(("rank", "received_at", "length", "case_number"), place, strict=True))
        conditions.append(f"({_ORDER}) > (%(rank)s, %(received_at)s, %(length)s, %(case_number)s)")
    rows = select(
        connection,
        QueueRow,
        f"FROM queue t WHERE {' AND '.join(['open', *conditions])} ORDER BY {_ORDER} LIMIT %(limit)s",
        values,
    )
    return cut(rows, limit, _place, shape, position)


def _place(row: QueueRow) -> tuple[object, ...]:
    return row.rank, row.received_at, len(row.case_number), row.case_number
