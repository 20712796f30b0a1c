"""R15, R17, R20: escalated to a team, put on the roadmap, another way offered, caused by an incident."""

from collections.abc import Callable
from datetime import datetime

import pytest

from domain.ticket.commands import TicketCommand
from domain.ticket.events import (
    AlternativeProposed,
    EnhancementPlanned,
    IncidentResolutionAnnounced,
    TicketEscalated,
    TicketEvent,
    TicketLinkedToIncident,
)
from domain.ticket.refusals import TicketIsClosed, TicketNotOpened
from tests.domain.ticket.cases import (
    OTHER_WORDS,
    WORDS,
    after,
    alternative_proposed,
    call_logged,
    call_scheduled,
    category_set,
    cause_ruled,
    clocks_after,
    closed,
    complexity_set,
    emergency_accepted,
    emergency_declined,
    emergency_requested,
    enhancement_planned,
    escalated,
    incident_linked,
    nov,
    opened,
    resolution_announced,
    resolved,
    scope_decided,
    ticket,
    urgency_set,
    waits_for_customer,
    work_corrected,
    work_voided,
)

OPENING = nov(23, 9)
NOW = nov(23, 10)
OPEN = (opened(OPENING),)
CLOSED = (*OPEN, resolved(OPENING), closed(OPENING))
STATES = (OPEN, (*OPEN, waits_for_customer(OPENING)), (*OPEN, resolved(OPENING)))

Step = tuple[TicketCommand, TicketEvent, TicketCommand]
STEPS: list[Step] = [
    (
        escalated(NOW),
        TicketEscalated(occurred_at=NOW, ticket_id="t1", customer_id="c1", team="engineering", reason=WORDS),
        escalated(NOW, "production"),
    ),
    (
        escalated(NOW),
        TicketEscalated(occurred_at=NOW, ticket_id="t1", customer_id="c1", team="engineering", reason=WORDS),
        escalated(NOW, reason=OTHER_WORDS),
    ),
    (
        enhancement_planned(NOW),
        EnhancementPlanned(occurred_at=NOW, ticket_id="t1", customer_id="c1", target_period="2027-Q1"),
        enhancement_planned(NOW, "2027-Q2"),
    ),
    (
        alternative_proposed(NOW),
        AlternativeProposed(occurred_at=NOW, ticket_id="t1", customer_id="c1", text=WORDS),
        alternative_proposed(NOW, OTHER_WORDS),
    ),
    (
        incident_linked(NOW),
        TicketLinkedToIncident(occurred_at=NOW, ticket_id="t1", customer_id="c1", incident_id="i1"),
        incident_linked(NOW, "i2"),
    ),
    (
        resolution_announced(NOW),
        IncidentResolutionAnnounced(occurred_at=NOW, ticket_id="t1", customer_id="c1", incident_id="i1", text=WORDS),
        resolution_announced(NOW, "i2"),
    ),
]


@pytest.mark.parametrize("history", STATES)
@pytest.mark.parametrize("step", STEPS)
def test_a_step_is_recorded_once_and_another_one_is_another(history: tuple[TicketCommand, ...], step: Step) -> None:
    command, event, other = step
    given = after(*history)
    given.when(command).then(event)
    done = given.having(command)
    done.when(command).then_nothing()
    assert [type(each) for each in done.when(other).events] == [type(event)]


@pytest.mark.parametrize("step", STEPS)
def test_a_step_moves_no_clock(step: Step) -> None:
    assert clocks_after(*OPEN, step[0]) == clocks_after(*OPEN)


def test_each_alternative_is_offered_once_and_the_roadmap_can_go_back() -> None:
    both = after(*OPEN, alternative_proposed(NOW), alternative_proposed(NOW, OTHER_WORDS))
    both.when(alternative_proposed(NOW)).then_nothing()
    moved = after(*OPEN, enhancement_planned(NOW), enhancement_planned(NOW, "2027-Q2"))
    assert [type(each) for each in moved.when(enhancement_planned(NOW)).events] == [EnhancementPlanned]


@pytest.mark.parametrize("command", [escalated(NOW), enhancement_planned(NOW), alternative_proposed(NOW)])
def test_a_closed_ticket_takes_no_further_steps(command: TicketCommand) -> None:
    after(*CLOSED).when(command).then_refused(TicketIsClosed)


@pytest.mark.parametrize("command", [incident_linked(NOW), resolution_announced(NOW)])
def test_a_closed_ticket_can_be_found_to_come_of_an_incident(command: TicketCommand) -> None:
    assert len(after(*CLOSED).when(command).events) == 1


COMMANDS: list[Callable[[datetime], TicketCommand]] = [
    escalated, urgency_set, complexity_set, category_set, emergency_requested, emergency_accepted, emergency_declined,
    cause_ruled, scope_decided, lambda now: call_scheduled(now, now), lambda now: call_logged(now, now),
    lambda now: work_corrected(now, 60), work_voided, enhancement_planned, alternative_proposed, incident_linked,
    resolution_announced,
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_there_has_to_be_a_ticket(command: Callable[[datetime], TicketCommand]) -> None:
    ticket.given().when(command(NOW)).then_refused(TicketNotOpened)
