"""Widespread issues: declared, told of while they last, linked with their cases, resolved (SUPPORT_POLICY R15)."""

from datetime import datetime
from typing import assert_never

from msgspec.structs import replace

from domain.event import Event, Value
from domain.personal import Personal
from domain.refusal import Refusal


class IncidentDeclared(Event, frozen=True, kw_only=True):
    """A widespread issue is known; the public status shows it."""

    incident_id: str
    title: str
    text: Personal


class IncidentUpdatePosted(Event, frozen=True, kw_only=True):
    """There is news of it for everybody."""

    incident_id: str
    text: Personal


class TicketLinked(Event, frozen=True, kw_only=True):
    """A case is one of those that the incident caused; its customer is told when it is over."""

    incident_id: str
    ticket_id: str
    case_number: str


class IncidentResolved(Event, frozen=True, kw_only=True):
    """The issue is over."""

    incident_id: str
    text: Personal


class DeclareIncident(Value, frozen=True, kw_only=True):
    """Make a widespread issue known."""

    now: datetime
    incident_id: str
    title: str
    text: Personal


class PostIncidentUpdate(Value, frozen=True, kw_only=True):
    """Tell everybody what is new."""

    now: datetime
    text: Personal


class LinkTicket(Value, frozen=True, kw_only=True):
    """Say that the incident caused a case that is not linked with it yet.

    The case records it in the same append, and knows whether it has: an incident can have more cases than should be
    folded into its state.
    """

    now: datetime
    ticket_id: str
    case_number: str


class ResolveIncident(Value, frozen=True, kw_only=True):
    """Say that the issue is over; without `text` in the desk's own words."""

    now: datetime
    text: Personal | None = None


IncidentCommand = DeclareIncident | PostIncidentUpdate | LinkTicket | ResolveIncident
IncidentEvent = IncidentDeclared | IncidentUpdatePosted | TicketLinked | IncidentResolved

OVER = Personal("The incident is resolved.")
"""What is said of an incident that is resolved without a word."""


class Incident(Value, frozen=True, kw_only=True):
    """An incident. `news` is what was said of it last; `resolution` is there once it is over."""

    incident_id: str
    declared: IncidentDeclared
    news: Personal
    resolution: Personal | None = None


class IncidentNotDeclared(Refusal):
    """An incident begins with its declaration; there is none under that id."""

    code = "incident_not_declared"
    pointer = "/incident"


class IncidentExists(Refusal):
    """The id names an incident that was declared in other words; news of it is posted as an update."""

    code = "incident_exists"
    pointer = "/incident_id"


class IncidentIsResolved(Refusal):
    """The incident is over; what comes after it is another one (R15)."""

    code = "incident_resolved"
    pointer = "/incident"


def decide(command: IncidentCommand, state: Incident | None) -> list[IncidentEvent]:
    """Decide a command; a repeat of a request leads to nothing. Raises a `Refusal` of this module."""
    if isinstance(command, DeclareIncident):
        return _declare(command, state)
    if state is None:
        raise IncidentNotDeclared("the incident has not been declared")
    match command:
        case PostIncidentUpdate():
            return _post(command, state)
        case LinkTicket():
            return _link(command, state)
        case ResolveIncident():
            return _resolve(command, state)
        case _ as never:
            assert_never(never)


def _declare(command: DeclareIncident, state: Incident | None) -> list[IncidentEvent]:
    if state is None:
        return [
            IncidentDeclared(
                occurred_at=command.now, incident_id=command.incident_id, title=command.title, text=command.text
            )
        ]
    if (command.title, command.text) == (state.declared.title, state.declared.text):
        return []
    raise IncidentExists(f"incident {command.incident_id} was declared in other words")


def _post(command: PostIncidentUpdate, state: Incident) -> list[IncidentEvent]:
    """What was said last is no news."""
    if command.text == state.news:
        return []
    _refuse_resolved(state)
    return [IncidentUpdatePosted(occurred_at=command.now, incident_id=state.incident_id, text=command.text)]


def _link(command: LinkTicket, state: Incident) -> list[IncidentEvent]:
    _refuse_resolved(state)
    return [
        TicketLinked(
            occurred_at=command.now,
            incident_id=state.incident_id,
            ticket_id=command.ticket_id,
            case_number=command.case_number,
        )
    ]


def _resolve(command: ResolveIncident, state: Incident) -> list[IncidentEvent]:
    """A resolution without words is any resolution: it asks for nothing that is not so."""
    if state.resolution is not None and command.text in (None, state.resolution):
        return []
    _refuse_resolved(state)
    return [IncidentResolved(occurred_at=command.now, incident_id=state.incident_id, text=command.text or OVER)]


def _refuse_resolved(state: Incident) -> None:
    if state.resolution is not None:
        raise IncidentIsResolved(f"incident {state.incident_id} is resolved")


def evolve(state: Incident | None, event: IncidentEvent) -> Incident:
    """Fold one event; never refuses. The first one is `IncidentDeclared`."""
    if isinstance(event, IncidentDeclared):
        return Incident(incident_id=event.incident_id, declared=event, news=event.text)
    if state is None:
        raise LookupError(f"{type(event).__name__} precedes IncidentDeclared")
    match event:
        case IncidentUpdatePosted():
            return replace(state, news=event.text)
        case TicketLinked():
            return state
        case IncidentResolved():
            return replace(state, news=event.text, resolution=event.text)
        case _ as never:
            assert_never(never)
