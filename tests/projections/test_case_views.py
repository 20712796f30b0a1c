"""Ticket and queue show a case as its decider knows it, whatever it has lived through."""

import random
from collections.abc import Sequence

import pytest

from domain.event import Event
from domain.ticket.events import TicketEvent
from domain.ticket.scope import work_class
from domain.ticket.state import Closed, Open, Resolved, Ticket, Waiting, evolve
from projections import queue, ticket
from projections.folding import fold
from projections.queue import QueueRow
from projections.ticket import TicketRow
from tests.domain.ticket.cases import (
    after,
    call_logged,
    category_set,
    cause_ruled,
    emergency_accepted,
    emergency_declined,
    emergency_requested,
    enhancement_planned,
    escalated,
    incident_linked,
    nov,
    opened,
    scope_decided,
    urgency_set,
    work_corrected,
    work_logged,
    work_voided,
)
from tests.projections.stories import case_story, recorded

NOW = nov(23, 10)


def folded(events: Sequence[Event]) -> Ticket:
    state: Ticket | None = None
    for event in events:
        assert isinstance(event, TicketEvent)
        state = evolve(state, event)
    assert state is not None
    return state


def ticket_row(events: Sequence[Event]) -> TicketRow:
    (row,) = fold(ticket.VIEW, recorded([("ticket-t1", each) for each in events])).rows(ticket.ticket)
    assert isinstance(row, TicketRow)
    return row


def queue_row(events: Sequence[Event]) -> QueueRow:
    (row,) = fold(queue.VIEW, recorded([("ticket-t1", each) for each in events])).rows(queue.queue)
    assert isinstance(row, QueueRow)
    return row


def statuses(state: Ticket) -> set[str]:
    match state:
        case Open():
            return {"new", "open"}
        case Waiting():
            return {f"waiting_{state.waiting_for}"}
        case Resolved():
            return {"resolved"}
        case Closed():
            return {"closed"}
        case _:
            return {"merged"}


@pytest.mark.parametrize("number", range(150))
def test_the_views_show_what_the_decider_knows(number: int) -> None:
    events = list(case_story(number, random.Random(number)))
    state, row, queued = folded(events), ticket_row(events), queue_row(events)
    case = state.case
    assert row.work_class == work_class(state)
    assert row.worked_seconds == sum(each.duration_seconds for each in case.entries if not each.voided)
    assert (row.urgency, row.complexity, row.category) == (case.urgency, case.complexity, case.category)
    assert (row.assignee, row.team) == (case.assignee, case.escalation and case.escalation[0])
    assert (row.target_period, row.incidents) == (case.target_period, case.incidents)
    assert row.scope == (case.scope and case.scope.scope)
    shown, known = row.emergency, case.emergency
    assert (shown is None) == (known is None)
    if shown is not None and known is not None:
        facts = (known.kind, known.symptom, known.state, known.cause)
        assert (shown.kind, shown.symptom, shown.state, shown.cause) == facts
    assert row.status in statuses(state)
    assert row.version == row.position == len(events)
    for name in ("urgency", "complexity", "category", "assignee", "team", "status", "emergency"):
        assert getattr(queued, name) == getattr(row, name)
    assert queued.open == isinstance(state, Open | Waiting)


ASKED = (opened(NOW), emergency_requested(NOW))


def test_the_queue_has_accepted_emergencies_first_then_requested_ones_then_by_urgency() -> None:
    for commands, rank in (
        ((*ASKED, emergency_accepted(NOW)), 1),
        ((*ASKED, emergency_accepted(NOW), cause_ruled(NOW)), 1),
        ((*ASKED, emergency_accepted(NOW), urgency_set(NOW, "low")), 1),
        (ASKED, 2),
        ((*ASKED, urgency_set(NOW)), 2),
        ((opened(NOW), urgency_set(NOW)), 3),
        ((*ASKED, emergency_declined(NOW)), 4),
        ((*ASKED, emergency_accepted(NOW), emergency_declined(NOW), urgency_set(NOW, "low")), 5),
    ):
        assert queue_row(after(*commands).events).rank == rank


def test_a_ticket_shows_its_emergency_with_the_cause_and_the_class_of_its_work() -> None:
    accepted = (*ASKED, emergency_accepted(NOW))
    shown = ticket.shape(ticket_row(after(*accepted).events))
    assert (shown["emergency"].state, shown["emergency"].cause, shown["class"]) == ("accepted", None, "pending")
    ruled = ticket.shape(ticket_row(after(*accepted, cause_ruled(NOW)).events))
    assert (ruled["emergency"].cause, ruled["class"]) == ("out_of_scope", "emergency")
    waived = ticket.shape(ticket_row(after(*accepted, scope_decided(NOW, "waived")).events))
    assert (waived["scope"], waived["class"]) == ("waived", "waived")


def test_worked_time_follows_corrections_and_voids() -> None:
    history = (opened(NOW), work_logged(NOW), work_logged(NOW, entry_id="e2"), work_corrected(NOW, 1800))
    assert ticket_row(after(*history).events).worked_seconds == 2700
    assert ticket_row(after(*history, work_voided(NOW)).events).worked_seconds == 900


def test_what_turns_out_to_be_an_error_wants_its_details() -> None:
    error = category_set(NOW, "technical_error")
    assert ticket_row(after(opened(NOW), error).events).details_missing
    assert not ticket_row(after(opened(NOW), error, category_set(NOW, "how_to")).events).details_missing


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (escalated(NOW), "open"),
        (call_logged(NOW, NOW), "open"),
        (urgency_set(NOW), "new"),
        (incident_linked(NOW), "new"),
    ],
)
def test_a_case_is_new_until_staff_take_it_up(command: object, status: str) -> None:
    events = after(opened(NOW), command).events  # type: ignore[arg-type]
    assert ticket_row(events).status == queue_row(events).status == status


def test_a_planned_enhancement_says_for_when() -> None:
    shown = ticket.shape(ticket_row(after(opened(NOW, category="enhancement"), enhancement_planned(NOW)).events))
    assert shown["target_period"] == "2027-Q1"
