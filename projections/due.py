"""What has the timekeeper to do, and when? Each stream's next such instant, and the settings its clocks count by."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.business_time import whole_second
from domain.recorded import RecordedEvent
from domain.subscription import agenda as agendas
from domain.subscription.agenda import Agenda
from domain.subscription.events import (
    GrantExpired,
    HourPackPurchased,
    MonthStarted,
    SubscriptionCancelled,
    SubscriptionEvent,
    SubscriptionStarted,
)
from domain.ticket.events import (
    CallLogged,
    CategoryChanged,
    ComplexityChanged,
    CustomerReminded,
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
from projections.pending import Pending, begun, follow, next_due
from projections.reading import select
from projections.view import Index, Key, Row, Table, View

DueKind = Literal["ticket", "subscription"]


class DueRow(Row, frozen=True, kw_only=True):
    """A stream that the timekeeper watches. `record_at` is when it has something to record; left out while nothing.

    A deadline is missed once the second it falls due in has passed (T7); a reminder is due, a month begins and a grant
    expires at the instant itself. `clocks` and `remind_at` are those of a case, `agenda` is a subscription's. `running`
    is false while a case is resolved or closed. `imported` names the import that brought the stream.
    """

    stream_id: str
    kind: DueKind
    customer_id: str
    record_at: datetime | None
    running: bool = True
    imported: str | None = None
    clocks: Pending = ()
    remind_at: datetime | None = None
    agenda: Agenda | None = None


def _stream(event: TicketEvent | SubscriptionEvent) -> Sequence[Key]:
    if isinstance(event, TicketEvent):
        return ((f"ticket-{event.ticket_id}",),)
    return ((f"subscription-{event.subscription_id}",),)


due = Table(
    "due",
    DueRow,
    key=("stream_id",),
    keys=_stream,
    indexes=(
        Index(("record_at", "stream_id"), where="running AND record_at IS NOT NULL"),
        Index(("kind",), where="running"),
    ),
    fillfactor=70,
)
VIEW = View("due", version=3, tables=(due,))


@due.begin(TicketOpened)
def opened(event: TicketOpened, at: RecordedEvent) -> DueRow:
    """A case's clocks run from its receipt."""
    row = DueRow(
        stream_id=at.originator_id,
        kind="ticket",
        customer_id=event.customer_id,
        record_at=None,
        imported=at.metadata.imported,
    )
    return _with_clocks(row, begun(event))


@due.on(StaffReplied, CustomerReplied)
def replied(row: DueRow, event: StaffReplied | CustomerReplied, _: RecordedEvent) -> DueRow:
    """Replies meet or start deadlines."""
    return _with_clocks(row, follow(row.clocks, event))


@due.on(CallLogged)
def called(row: DueRow, event: CallLogged, _: RecordedEvent) -> DueRow:
    """A call meets deadlines too, and may show that another had begun (T7)."""
    return _with_clocks(row, follow(row.clocks, event))


@due.on(UrgencyChanged, ComplexityChanged, CategoryChanged)
def traits_changed(
    row: DueRow, event: UrgencyChanged | ComplexityChanged | CategoryChanged, _: RecordedEvent
) -> DueRow:
    """Other targets, other deadlines (T6)."""
    return _with_clocks(row, follow(row.clocks, event))


@due.on(EmergencyAccepted, EmergencyDeclined)
def emergency_decided(row: DueRow, event: EmergencyAccepted | EmergencyDeclined, _: RecordedEvent) -> DueRow:
    """The deadlines of an emergency count, or no longer (T3)."""
    return _with_clocks(row, follow(row.clocks, event))


@due.on(WaitingStarted)
def waiting(row: DueRow, event: WaitingStarted, _: RecordedEvent) -> DueRow:
    """Waiting suspends deadlines; the customer, if it waits for that, will be reminded (R16)."""
    return _reminding(row, follow(row.clocks, event), event.remind_at)


@due.on(CustomerReminded)
def reminded(row: DueRow, event: CustomerReminded, _: RecordedEvent) -> DueRow:
    """The customer will be reminded again, or was for the last time (R16)."""
    return _reminding(row, row.clocks, event.remind_at)


@due.on(TicketResumed)
def resumed(row: DueRow, event: TicketResumed, _: RecordedEvent) -> DueRow:
    """Deadlines go on; nobody is waited for."""
    return _reminding(row, follow(row.clocks, event), None)


@due.on(ServiceLevelsChanged, ServiceLevelBreached)
def recorded(row: DueRow, event: ServiceLevelsChanged | ServiceLevelBreached, _: RecordedEvent) -> DueRow:
    """What the timekeeper recorded is not due again."""
    return _with_clocks(row, follow(row.clocks, event))


@due.on(TicketResolved, TicketClosed)
def ended(row: DueRow, event: TicketResolved | TicketClosed, _: RecordedEvent) -> DueRow:
    """Nothing falls due while a case is resolved."""
    return replace(_reminding(row, follow(row.clocks, event), None), running=False)


@due.on(TicketSplitOff)
def split_off(row: DueRow, event: TicketSplitOff, _: RecordedEvent) -> DueRow:
    """Deadlines and reminders go on as those of the case it was taken out of (T9)."""
    return _reminding(row, follow(row.clocks, event), event.waiting.remind_at if event.waiting else None)


@due.on(TicketAbsorbed)
def absorbed(row: DueRow, event: TicketAbsorbed, _: RecordedEvent) -> DueRow:
    """A message of the other case may have to be answered earlier (T9)."""
    return _with_clocks(row, follow(row.clocks, event))


@due.on(TicketMerged)
def merged(row: DueRow, event: TicketMerged, _: RecordedEvent) -> DueRow:
    """Nothing falls due on it any more (T9)."""
    return replace(_reminding(row, follow(row.clocks, event), None), running=False)


@due.on(TicketReopened)
def reopened(row: DueRow, event: TicketReopened, _: RecordedEvent) -> DueRow:
    """Its clocks go on."""
    return replace(_with_clocks(row, follow(row.clocks, event)), running=True)


@due.on_each(SubscriptionStarted, keys=_stream)
def subscribed(row: DueRow | None, event: SubscriptionStarted, at: RecordedEvent, _: Key) -> DueRow:
    """The first month begins with the subscription; one that follows another takes over its grants."""
    if row is not None and row.agenda is not None:
        return _following(row, agendas.follow(row.agenda, event))
    begins = DueRow(
        stream_id=at.originator_id,
        kind="subscription",
        customer_id=event.customer_id,
        record_at=None,
        imported=at.metadata.imported,
    )
    return _following(begins, agendas.begun(event))


@due.on(SubscriptionCancelled, MonthStarted, HourPackPurchased, GrantExpired)
def went_on(
    row: DueRow, event: SubscriptionCancelled | MonthStarted | HourPackPurchased | GrantExpired, _: RecordedEvent
) -> DueRow:
    """A month ends when the next one begins, and grants expire; what was recorded is not due again."""
    if row.agenda is None:
        raise LookupError(f"{row.stream_id} is no subscription's stream")
    return _following(row, agendas.follow(row.agenda, event))


def _with_clocks(row: DueRow, clocks: Pending) -> DueRow:
    return row if clocks is row.clocks else _reminding(row, clocks, row.remind_at)


def _reminding(row: DueRow, clocks: Pending, remind_at: datetime | None) -> DueRow:
    first = next_due(clocks)
    missed_at = None if first is None or first.due_at is None else whole_second(first.due_at) + timedelta(seconds=1)
    instants = [at for at in (missed_at, remind_at) if at is not None]
    return replace(row, clocks=clocks, remind_at=remind_at, record_at=min(instants, default=None))


def _following(row: DueRow, agenda: Agenda) -> DueRow:
    return row if agenda is row.agenda else replace(row, agenda=agenda, record_at=agenda.next_due)


_NOT_IMPORTED_BY = "(imported IS NULL OR imported <> ALL (%(imports)s::text[]))"


def items(
    connection: Connection,
    now: datetime,
    *,
    limit: int,
    after: tuple[datetime, str] | None = None,
    excluding_imports: Sequence[str] = (),
) -> list[DueRow]:
    """Return streams with something to record, earliest first; `after` is the place of the last one seen before.

    `excluding_imports` leaves out what these imports brought.
    """
    conditions = ["running AND record_at IS NOT NULL", "record_at <= %(now)s", _NOT_IMPORTED_BY]
    values: dict[str, object] = {"now": now, "limit": limit, "imports": list(excluding_imports)}
    if after is not None:
        conditions.append("(record_at, stream_id) > (%(after_instant)s, %(after_stream)s)")
        values["after_instant"], values["after_stream"] = after
    return select(
        connection,
        DueRow,
        f"FROM due t WHERE {' AND '.join(conditions)} ORDER BY record_at, stream_id LIMIT %(limit)s",
        values,
    )


def by_other_settings(
    connection: Connection,
    policy_version: int,
    calendar_versions: Mapping[str, int],
    *,
    limit: int,
    after: str = "",
    excluding_imports: Sequence[str] = (),
) -> list[DueRow]:
    """Return running cases with a clock that counts by another version than those in force, by stream id.

    `after` is the last stream id seen before. Whether such a clock has to change is for the case to decide (T6).
    """
    return select(
        connection,
        DueRow,
        f"FROM due t WHERE running AND kind = 'ticket' AND stream_id > %(after)s AND {_NOT_IMPORTED_BY} AND EXISTS ("
        " SELECT FROM json_to_recordset(t.clocks)"
        " AS c (calendar text, calendar_version integer, policy_version integer)"
        " WHERE policy_version <> %(policy)s OR calendar_version <> (%(calendars)s::json ->> calendar)::integer"
        ") ORDER BY stream_id LIMIT %(limit)s",
        {
            "after": after,
            "imports": list(excluding_imports),
            "limit": limit,
            "policy": policy_version,
            "calendars": msgspec.json.encode(dict(calendar_versions)).decode(),
        },
    )
