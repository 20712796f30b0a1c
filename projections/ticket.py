"""What is a case now? One row a case, as detail and for search."""

from datetime import date, datetime
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from domain.event import Value
from domain.recorded import RecordedEvent
from domain.subscription.events import WorkClass
from domain.ticket.events import (
    AlternativeProposed,
    CallLogged,
    CallScheduled,
    Category,
    CategoryChanged,
    CauseRuled,
    CauseScope,
    Complexity,
    ComplexityChanged,
    CustomerReminded,
    CustomerReplied,
    EmergencyAccepted,
    EmergencyDeclined,
    EmergencyKind,
    EmergencyRequested,
    EnhancementPlanned,
    IncidentResolutionAnnounced,
    NoteAdded,
    ScopeDecided,
    ScopeDecision,
    ServiceLevelBreached,
    ServiceLevelsChanged,
    StaffReplied,
    Symptom,
    TicketAssigned,
    TicketClosed,
    TicketEscalated,
    TicketEvent,
    TicketLinkedToIncident,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResumed,
    Urgency,
    UrgencyChanged,
    WaitingStarted,
    WorkCorrected,
    WorkLogged,
    WorkVoided,
)
from domain.ticket.scope import class_by, default_scope
from domain.ticket.split_merge_events import (
    MovedEntry,
    TicketAbsorbed,
    TicketMerged,
    TicketSplit,
    TicketSplitOff,
)
from projections.reading import Json, without_nulls
from projections.ticket_status import TicketStatus, absorbed_status, split_off_status, touched, waiting_status
from projections.view import Index, Row, Table, View

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
    cause: CauseScope | None = None


class Link(Value, frozen=True, kw_only=True):
    """Another case that this one was split from or into, or merged with (R3)."""

    kind: LinkKind
    ticket_id: str
    case_number: str


class TicketRow(Row, frozen=True, kw_only=True):
    """A case as its last event left it. `version` is its stream's, `position` that event's in the log.

    `work_class` is that of its work by the case itself (B4), `scope` what staff decided of it. `error_told`: the
    request gave the details of an error (R4).
    """

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
    work_class: WorkClass
    scope: ScopeDecision | None = None
    worked_seconds: int = 0
    error_told: bool = False
    details_missing: bool = False
    target_period: str | None = None
    incidents: tuple[str, ...] = ()
    resolution: str | None = None
    article: str | None = None
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
        error_told=event.error is not None,
        details_missing=event.details_missing,
        version=at.originator_version,
        position=at.position or 0,
    )


def _moved(row: TicketRow, at: RecordedEvent, **changes: Any) -> TicketRow:
    return replace(row, version=at.originator_version, position=at.position or 0, **changes)


def _classed(row: TicketRow, at: RecordedEvent, **changes: Any) -> TicketRow:
    """What its class of work depends on has changed (B4)."""
    row = _moved(row, at, **changes)
    emergency = row.emergency
    work_class = class_by(
        category=row.category,
        decision=row.scope,
        is_emergency=emergency is not None and emergency.state == "accepted",
        cause=None if emergency is None else emergency.cause,
    )
    return replace(row, work_class=work_class)


@ticket.on(EmergencyRequested)
def emergency_requested(row: TicketRow, event: EmergencyRequested, at: RecordedEvent) -> TicketRow:
    """Emergency support is asked for."""
    return _moved(row, at, emergency=Emergency(kind=event.kind, symptom=event.symptom, state="requested"))


@ticket.on(EmergencyAccepted)
def emergency_accepted(row: TicketRow, _: EmergencyAccepted, at: RecordedEvent) -> TicketRow:
    """It is one; what its work costs waits for the ruling."""
    return _classed(row, at, emergency=row.emergency and replace(row.emergency, state="accepted"))


@ticket.on(EmergencyDeclined)
def emergency_declined(row: TicketRow, _: EmergencyDeclined, at: RecordedEvent) -> TicketRow:
    """It is none."""
    return _classed(row, at, emergency=row.emergency and replace(row.emergency, state="declined"))


@ticket.on(CauseRuled)
def cause_ruled(row: TicketRow, event: CauseRuled, at: RecordedEvent) -> TicketRow:
    """What its work costs is known, until it is ruled otherwise (R25)."""
    return _classed(row, at, emergency=row.emergency and replace(row.emergency, cause=event.scope))


@ticket.on(ScopeDecided)
def scope_decided(row: TicketRow, event: ScopeDecided, at: RecordedEvent) -> TicketRow:
    """Staff say how its work is billed (R22)."""
    return _classed(row, at, scope=event.scope)


@ticket.on(UrgencyChanged)
def urgency_changed(row: TicketRow, event: UrgencyChanged, at: RecordedEvent) -> TicketRow:
    """It is as urgent as that."""
    return _moved(row, at, urgency=event.urgency)


@ticket.on(ComplexityChanged)
def complexity_changed(row: TicketRow, event: ComplexityChanged, at: RecordedEvent) -> TicketRow:
    """It is as complex as that."""
    return _moved(row, at, complexity=event.complexity)


@ticket.on(CategoryChanged)
def category_changed(row: TicketRow, event: CategoryChanged, at: RecordedEvent) -> TicketRow:
    """It is about that; a technical error wants its details (R4)."""
    missing = event.category == "technical_error" and not row.error_told
    return _classed(row, at, category=event.category, details_missing=missing)


@ticket.on(TicketEscalated)
def escalated(row: TicketRow, event: TicketEscalated, at: RecordedEvent) -> TicketRow:
    """A team has it."""
    return _moved(row, at, team=event.team, status=touched(row.status))


@ticket.on(TicketAssigned)
def assigned(row: TicketRow, event: TicketAssigned, at: RecordedEvent) -> TicketRow:
    """An agent has it."""
    return _moved(row, at, assignee=event.agent, status=touched(row.status))


@ticket.on(StaffReplied, CallLogged)
def staff_replied(row: TicketRow, _: StaffReplied | CallLogged, at: RecordedEvent) -> TicketRow:
    """Staff have begun."""
    return _moved(row, at, status=touched(row.status))


@ticket.on(WorkLogged)
def work_logged(row: TicketRow, event: WorkLogged, at: RecordedEvent) -> TicketRow:
    """Time worked adds up, whatever is billed."""
    return _moved(row, at, status=touched(row.status), worked_seconds=row.worked_seconds + event.duration_seconds)


@ticket.on(WorkCorrected)
def work_corrected(row: TicketRow, event: WorkCorrected, at: RecordedEvent) -> TicketRow:
    """Time counts as last corrected."""
    more = event.duration_seconds - event.former_duration_seconds
    return _moved(row, at, worked_seconds=row.worked_seconds + more)


@ticket.on(WorkVoided)
def work_voided(row: TicketRow, event: WorkVoided, at: RecordedEvent) -> TicketRow:
    """What was not worked does not count."""
    return _moved(row, at, worked_seconds=row.worked_seconds - event.former_duration_seconds)


@ticket.on(EnhancementPlanned)
def enhancement_planned(row: TicketRow, event: EnhancementPlanned, at: RecordedEvent) -> TicketRow:
    """It stands on the roadmap (R20)."""
    return _moved(row, at, target_period=event.target_period)


@ticket.on(TicketLinkedToIncident)
def linked_to_incident(row: TicketRow, event: TicketLinkedToIncident, at: RecordedEvent) -> TicketRow:
    """An incident caused it (R15)."""
    return _moved(row, at, incidents=(*row.incidents, event.incident_id))


@ticket.on(WaitingStarted)
def waiting_started(row: TicketRow, event: WaitingStarted, at: RecordedEvent) -> TicketRow:
    """It waits for somebody else."""
    return _moved(row, at, status=waiting_status(event))


@ticket.on(TicketResumed)
def resumed(row: TicketRow, _: TicketResumed, at: RecordedEvent) -> TicketRow:
    """It goes on."""
    return _moved(row, at, status="open")


@ticket.on(TicketReopened)
def reopened(row: TicketRow, _: TicketReopened, at: RecordedEvent) -> TicketRow:
    """It was not settled after all."""
    return _moved(row, at, status="open", resolution=None, article=None, resolved_at=None, closed_at=None)


@ticket.on(TicketResolved)
def resolved(row: TicketRow, event: TicketResolved, at: RecordedEvent) -> TicketRow:
    """It is dealt with, maybe as an article says (R24)."""
    resolution = event.resolution.text
    return _moved(
        row, at, status="resolved", resolution=resolution, article=event.article, resolved_at=event.occurred_at
    )


@ticket.on(TicketClosed)
def closed(row: TicketRow, event: TicketClosed, at: RecordedEvent) -> TicketRow:
    """It is over."""
    return _moved(row, at, status="closed", closed_at=event.occurred_at)


@ticket.on(
    CustomerReplied,
    NoteAdded,
    CallScheduled,
    AlternativeProposed,
    IncidentResolutionAnnounced,
    CustomerReminded,
    ServiceLevelsChanged,
    ServiceLevelBreached,
)
def noted(row: TicketRow, _: TicketEvent, at: RecordedEvent) -> TicketRow:
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


def _lasting(entries: tuple[MovedEntry, ...]) -> int:
    return sum(entry.duration_seconds for entry in entries if not entry.voided)


def shape(row: TicketRow) -> Json:
    """The `ticket` of the HTTP contract."""
    fields = without_nulls(msgspec.structs.asdict(row))
    fields["class"] = fields.pop("work_class")
    fields["links"] = [
        *(msgspec.structs.asdict(link) for link in row.links),
        *({"kind": "incident", "incident_id": incident_id} for incident_id in row.incidents),
        *({"kind": "article", "article_id": article_id} for article_id in (row.article,) if article_id is not None),
    ]
    del fields["error_told"]
    return fields
