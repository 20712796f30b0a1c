"""What has the timekeeper to do, and when? Each stream's next due instant, and the settings its clocks count by."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec
from msgspec.structs import replace
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from domain.recorded import RecordedEvent
from domain.subscription.events import MonthStarted, SubscriptionStarted
from domain.ticket.events import (
    CustomerReplied,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    TicketClosed,
    TicketEvent,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    WaitingStarted,
)
from projections.pending import Pending, begun, follow, next_due
from projections.reading import select
from projections.view import Index, Key, Row, Table, View

DueKind = Literal["ticket", "subscription"]


class DueRow(Row, frozen=True, kw_only=True):
    """A stream that something falls due for. `due_at` is left out while nothing can (paused, resolved).

    `clocks` are those of a case; `running` is false while it is resolved or closed. `imported` names the import that
    brought the stream.
    """

    stream_id: str
    kind: DueKind
    customer_id: str
    due_at: datetime | None
    running: bool = True
    imported: str | None = None
    clocks: Pending = ()


def _stream(event: TicketEvent | SubscriptionStarted | MonthStarted) -> Sequence[Key]:
    if isinstance(event, TicketEvent):
        return ((f"ticket-{event.ticket_id}",),)
    return ((f"subscription-{event.subscription_id}",),)


due = Table(
    "due",
    DueRow,
    key=("stream_id",),
    keys=_stream,
    indexes=(Index(("due_at", "stream_id"), where="running AND due_at IS NOT NULL"), Index(("kind",), where="running")),
    fillfactor=70,
)
VIEW = View("due", version=1, tables=(due,))


@due.begin(TicketOpened)
def opened(event: TicketOpened, at: RecordedEvent) -> DueRow:
    """A case's clocks run from its receipt."""
    row = DueRow(
        stream_id=at.originator_id,
        kind="ticket",
        customer_id=event.customer_id,
        due_at=None,
        imported=at.metadata.imported,
    )
    return _with_clocks(row, begun(event))


@due.on(StaffReplied, CustomerReplied, WaitingStarted, TicketResumed)
def moved(
    row: DueRow, event: StaffReplied | CustomerReplied | WaitingStarted | TicketResumed, _: RecordedEvent
) -> DueRow:
    """Replies meet or start deadlines, waiting suspends them."""
    return _with_clocks(row, follow(row.clocks, event))


@due.on(ServiceLevelsChanged, ServiceLevelBreached)
def recorded(row: DueRow, event: ServiceLevelsChanged | ServiceLevelBreached, _: RecordedEvent) -> DueRow:
    """What the timekeeper recorded is not due again."""
    return _with_clocks(row, follow(row.clocks, event))


@due.on(TicketResolved, TicketClosed)
def ended(row: DueRow, event: TicketResolved | TicketClosed, _: RecordedEvent) -> DueRow:
    """Nothing falls due while a case is resolved."""
    return replace(_with_clocks(row, follow(row.clocks, event)), running=False)


@due.on(TicketReopened)
def reopened(row: DueRow, event: TicketReopened, _: RecordedEvent) -> DueRow:
    """Its clocks go on."""
    return replace(_with_clocks(row, follow(row.clocks, event)), running=True)


@due.begin(SubscriptionStarted)
def subscribed(event: SubscriptionStarted, at: RecordedEvent) -> DueRow:
    """The first month begins with the subscription."""
    return DueRow(
        stream_id=at.originator_id,
        kind="subscription",
        customer_id=event.customer_id,
        due_at=event.starts_at,
        imported=at.metadata.imported,
    )


@due.on(MonthStarted)
def month_started(row: DueRow, event: MonthStarted, _: RecordedEvent) -> DueRow:
    """The next month begins when this one ends."""
    return replace(row, due_at=event.ends_at)


def _with_clocks(row: DueRow, clocks: Pending) -> DueRow:
    if clocks is row.clocks:
        return row
    first = next_due(clocks)
    return replace(row, clocks=clocks, due_at=None if first is None else first.due_at)


_NOT_IMPORTED_BY = "(imported IS NULL OR imported <> ALL (%(imports)s::text[]))"


def items(
    connection: Connection,
    now: datetime,
    *,
    limit: int,
    after: tuple[datetime, str] | None = None,
    excluding_imports: Sequence[str] = (),
) -> list[DueRow]:
    """Return streams with something to record, earliest due first; `after` is the place of the last one seen before.

    `excluding_imports` leaves out what these imports brought. A deadline is missed once the second it falls due in has
    passed (T7), a month begins at its instant.
    """
    conditions = [
        "running AND due_at IS NOT NULL",
        "due_at <= %(now)s",
        "(kind <> 'ticket' OR due_at < date_trunc('second', %(now)s))",
        _NOT_IMPORTED_BY,
    ]
    values: dict[str, object] = {"now": now, "limit": limit, "imports": list(excluding_imports)}
    if after is not None:
        conditions.append("(due_at, stream_id) > (%(after_due)s, %(after_stream)s)")
        values["after_due"], values["after_stream"] = after
    return select(
        connection,
        DueRow,
        f"FROM due t WHERE {' AND '.join(conditions)} ORDER BY due_at, stream_id LIMIT %(limit)s",
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
