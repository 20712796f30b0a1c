"""What was said of a work entry and of how its case is billed? The facts behind a line of a statement, in order."""

from collections.abc import Collection, Iterable, Sequence

from domain.event import Event
from domain.recorded import RecordedEvent
from domain.subscription.events import WorkRated, WorkRerated, WorkRevised
from domain.tags import tag_of
from domain.ticket.events import (
    CategoryChanged,
    CauseRuled,
    EmergencyAccepted,
    EmergencyDeclined,
    ScopeDecided,
    TicketOpened,
    WorkCorrected,
    WorkLogged,
    WorkVoided,
)
from domain.ticket.scope import default_scope
from projections.reading import Json
from projections.wording import spoken


def facts_of(records: Sequence[RecordedEvent], entry_id: str, named: Collection[int]) -> list[Json]:
    """Return what the entry's billing follows from, by position.

    `records` are the events of its subscription and of the cases that it stood on, in order of position. A decision
    counts while the entry stands on the case, and the first case's also before (B4). Of the ratings anew, of which
    there may be many, those are told that the draws name.
    """
    return [
        {
            "position": record.position or 0,
            "occurred_at": record.event.occurred_at,
            "type": tag_of(type(record.event)),
            "says": says,
        }
        for record, says in _said(records, entry_id, named)
    ]


def _said(
    records: Sequence[RecordedEvent], entry_id: str, named: Collection[int]
) -> Iterable[tuple[RecordedEvent, str]]:
    stands_on = next((_case_of(each.event, entry_id) for each in records if _case_of(each.event, entry_id)), None)
    for record in records:
        event = record.event
        if isinstance(event, WorkRevised) and event.entry_id == entry_id and event.ticket_id != stands_on:
            stands_on = event.ticket_id
            yield record, f"it moved to case {event.case_number} and keeps its class until that gets a decision"
        elif isinstance(event, WorkRerated) and record.position in named:
            yield record, f"it draws otherwise since {event.caused_by} arrived or changed"
        elif (says := _of_entry(event, entry_id)) or (says := _of_case(event, stands_on)):
            yield record, says


def _case_of(event: Event, entry_id: str) -> str | None:
    """The case that an entry was logged on."""
    return event.ticket_id if isinstance(event, WorkLogged | WorkRated) and event.entry_id == entry_id else None


def _of_entry(event: Event, entry_id: str) -> str | None:
    match event:
        case WorkLogged() if event.entry_id == entry_id:
            return f"{event.agent} logged {spoken(event.duration_seconds)}"
        case WorkCorrected() if event.entry_id == entry_id:
            former = spoken(event.former_duration_seconds)
            return f"corrected from {former} to {spoken(event.duration_seconds)}: {event.reason.text}"
        case WorkVoided() if event.entry_id == entry_id:
            return f"voided: {event.reason.text}"
        case _:
            return None


def _of_case(event: Event, ticket_id: str | None) -> str | None:
    """What decides the class of all work on a case (B4)."""
    if getattr(event, "ticket_id", None) != ticket_id:
        return None
    match event:
        case TicketOpened() | CategoryChanged():
            return f"the case is {event.category}, {default_scope(event.category)} by default"
        case ScopeDecided():
            return f"decided as {event.scope}: {event.reason.text}"
        case EmergencyAccepted():
            return f"accepted as an emergency, pending a ruling: {event.reason.text}"
        case EmergencyDeclined():
            return f"declined as an emergency: {event.reason.text}"
        case CauseRuled():
            return f"ruled {event.scope.replace('_', ' ')}: {event.reason.text}"
        case _:
            return None
