from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from domain.incident import (
    OVER,
    DeclareIncident,
    Incident,
    IncidentCommand,
    IncidentDeclared,
    IncidentEvent,
    IncidentExists,
    IncidentIsResolved,
    IncidentNotDeclared,
    IncidentResolved,
    IncidentUpdatePosted,
    LinkTicket,
    PostIncidentUpdate,
    ResolveIncident,
    TicketLinked,
    decide,
    evolve,
)
from domain.personal import Personal
from tests.spec import Decider

incident: Decider[IncidentCommand, Incident, IncidentEvent] = Decider(decide, evolve)

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 13, tzinfo=UTC)

DECLARE = DeclareIncident(now=NOW, incident_id="i-1", title="Searches fail", text=Personal("We look into it."))
DECLARED = IncidentDeclared(
    occurred_at=NOW, incident_id="i-1", title="Searches fail", text=Personal("We look into it.")
)
POST = PostIncidentUpdate(now=LATER, text=Personal("The cause is found."))
POSTED = IncidentUpdatePosted(occurred_at=LATER, incident_id="i-1", text=Personal("The cause is found."))
LINK = LinkTicket(now=LATER, ticket_id="t-1", case_number="C-000001")
LINKED = TicketLinked(occurred_at=LATER, incident_id="i-1", ticket_id="t-1", case_number="C-000001")
RESOLVE = ResolveIncident(now=LATER, text=Personal("Searches work."))
RESOLVED = IncidentResolved(occurred_at=LATER, incident_id="i-1", text=Personal("Searches work."))


def test_an_incident_is_declared_once() -> None:
    incident.given().when(DECLARE).then(DECLARED)
    incident.given(DECLARED, POSTED, RESOLVED).when(replace(DECLARE, now=LATER)).then_nothing()


@pytest.mark.parametrize(
    "other", [replace(DECLARE, title="Bookings fail"), replace(DECLARE, text=Personal("We know."))]
)
def test_an_id_stands_for_one_incident(other: DeclareIncident) -> None:
    incident.given(DECLARED).when(other).then_refused(IncidentExists)


def test_news_is_posted_and_what_was_said_last_is_no_news() -> None:
    incident.given(DECLARED).when(POST).then(POSTED)
    incident.given(DECLARED, POSTED).when(POST).then_nothing()
    incident.given(DECLARED).when(replace(POST, text=DECLARED.text)).then_nothing()


def test_what_was_said_earlier_can_be_news_again() -> None:
    again = replace(POST, text=DECLARED.text)
    incident.given(DECLARED, POSTED).when(again).then(replace(POSTED, text=DECLARED.text))


def test_cases_are_linked_one_after_the_other() -> None:
    incident.given(DECLARED).when(LINK).then(LINKED)
    incident.given(DECLARED, LINKED).when(replace(LINK, ticket_id="t-2")).then(replace(LINKED, ticket_id="t-2"))


def test_an_incident_is_resolved_with_its_text_or_the_desks_own() -> None:
    incident.given(DECLARED).when(RESOLVE).then(RESOLVED)
    incident.given(DECLARED).when(ResolveIncident(now=LATER)).then(replace(RESOLVED, text=OVER))


@pytest.mark.parametrize("again", [RESOLVE, ResolveIncident(now=LATER), replace(POST, text=RESOLVED.text)])
def test_what_a_resolved_incident_has_may_be_asked_for_again(again: IncidentCommand) -> None:
    incident.given(DECLARED, LINKED, RESOLVED).when(again).then_nothing()


@pytest.mark.parametrize("more", [POST, LINK, replace(RESOLVE, text=Personal("It went away."))])
def test_nothing_is_added_to_a_resolved_incident(more: IncidentCommand) -> None:
    incident.given(DECLARED, RESOLVED).when(more).then_refused(IncidentIsResolved)


@pytest.mark.parametrize("command", [POST, LINK, RESOLVE])
def test_an_incident_begins_with_its_declaration(command: IncidentCommand) -> None:
    incident.given().when(command).then_refused(IncidentNotDeclared)
