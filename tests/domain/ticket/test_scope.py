"""B4, R22, R23: how the work on a case is billed, by its category, its emergency and what staff decided."""

from typing import Any

import pytest
from msgspec.structs import replace

from domain.subscription.events import WorkClass
from domain.ticket.case import Entry
from domain.ticket.commands import TicketCommand
from domain.ticket.decide import decide
from domain.ticket.events import (
    CategoryChanged,
    CauseRuled,
    EmergencyAccepted,
    EmergencyDeclined,
    EmergencyRequested,
    ScopeDecided,
    TicketEvent,
    WorkCorrected,
    WorkVoided,
)
from domain.ticket.scope import WorkFacts, purpose_of, work_class, work_facts
from domain.ticket.state import Ticket, evolve
from tests.domain.ticket.cases import (
    WORDS,
    after,
    cause_ruled,
    emergency_accepted,
    emergency_declined,
    nov,
    opened,
    scope_decided,
    work_logged,
)

NOW = nov(23, 10)
OF: dict[str, Any] = {"occurred_at": NOW, "ticket_id": "t1", "customer_id": "c1"}

REQUESTED = EmergencyRequested(kind="business_hours", symptom="website_down", **OF)
ACCEPTED = EmergencyAccepted(reason=WORDS, **OF)
DECLINED = EmergencyDeclined(reason=WORDS, **OF)
IN_SCOPE = CauseRuled(scope="in_scope", reason=WORDS, **OF)
OUT_OF_SCOPE = CauseRuled(scope="out_of_scope", reason=WORDS, **OF)
INCLUDED = ScopeDecided(scope="included", reason=WORDS, **OF)
BILLABLE = ScopeDecided(scope="billable", reason=WORDS, **OF)
WAIVED = ScopeDecided(scope="waived", reason=WORDS, **OF)


def case(*events: TicketEvent, category: str = "how_to") -> Ticket:
    state = after(opened(NOW, category=category), work_logged(NOW)).state
    assert state is not None
    for event in events:
        state = evolve(state, event)
    return state


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((), "included"),
        ((BILLABLE,), "billable"),
        ((BILLABLE, INCLUDED), "included"),
        ((WAIVED,), "waived"),
        ((WAIVED, BILLABLE), "billable"),
        ((REQUESTED,), "included"),
        ((REQUESTED, DECLINED), "included"),
        ((REQUESTED, ACCEPTED), "pending"),
        ((REQUESTED, ACCEPTED, BILLABLE), "pending"),
        ((REQUESTED, ACCEPTED, WAIVED), "waived"),
        ((REQUESTED, ACCEPTED, DECLINED, BILLABLE), "billable"),
        ((REQUESTED, ACCEPTED, IN_SCOPE), "included"),
        ((REQUESTED, ACCEPTED, OUT_OF_SCOPE), "emergency"),
        ((REQUESTED, ACCEPTED, OUT_OF_SCOPE, IN_SCOPE), "included"),
        ((REQUESTED, ACCEPTED, OUT_OF_SCOPE, INCLUDED), "emergency"),
        ((REQUESTED, ACCEPTED, OUT_OF_SCOPE, WAIVED), "waived"),
        ((REQUESTED, ACCEPTED, OUT_OF_SCOPE, WAIVED, INCLUDED), "emergency"),
        ((CategoryChanged(category="new_feature", **OF),), "billable"),
        ((INCLUDED, CategoryChanged(category="new_feature", **OF)), "included"),
    ],
)
def test_the_class_of_work_is_that_of_the_first_rule_that_holds(
    events: tuple[TicketEvent, ...], expected: WorkClass
) -> None:
    state = case(*events)
    assert work_class(state) == expected
    assert work_facts(state)["e1"].work_class == expected


def test_the_facts_of_an_entry_follow_its_corrections_and_its_void() -> None:
    corrected = WorkCorrected(entry_id="e1", duration_seconds=60, former_duration_seconds=900, reason=WORDS, **OF)
    voided = WorkVoided(entry_id="e1", former_duration_seconds=60, reason=WORDS, **OF)
    facts = WorkFacts(
        ticket_id="t1",
        case_number="C-000001",
        duration_seconds=60,
        voided=True,
        work_class="included",
        purpose="maintenance",
    )
    assert work_facts(case(corrected, voided)) == {"e1": facts}


@pytest.mark.parametrize(
    ("category", "purpose"),
    [
        ("how_to", "maintenance"),
        ("enhancement", "enhancement"),
        ("design_change", "enhancement"),
        ("third_party_customisation", "enhancement"),
        ("third_party_training", "maintenance"),
    ],
)
def test_a_budget_counts_work_by_the_category_of_its_case(category: Any, purpose: str) -> None:
    assert purpose_of(category) == purpose
    assert work_facts(case(BILLABLE, category=category))["e1"].purpose == purpose


def with_entry_moved_here(state: Ticket) -> Ticket:
    """The case with an entry that another one sent, classed and purposed there."""
    entry = Entry(
        entry_id="moved",
        agent="bo",
        started_at=NOW,
        logged_seconds=60,
        duration_seconds=60,
        activity="support",
        kept_class="emergency",
        kept_purpose="enhancement",
    )
    return replace(state, case=replace(state.case, entries=(entry,)))


def moved_here(*events: TicketEvent) -> Ticket:
    """A case that an entry moved to, after which these events came."""
    state = with_entry_moved_here(case(REQUESTED))
    for event in events:
        state = evolve(state, event)
    return state


@pytest.mark.parametrize("event", [CategoryChanged(category="other", **OF), DECLINED])
def test_an_entry_that_moved_here_keeps_its_class_without_a_decision(event: TicketEvent) -> None:
    facts = work_facts(moved_here(event))["moved"]
    assert (facts.work_class, facts.purpose) == ("emergency", "enhancement")


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((WAIVED,), "waived"),
        ((ACCEPTED,), "pending"),
        ((ACCEPTED, DECLINED), "included"),
        ((ACCEPTED, IN_SCOPE), "included"),
    ],
)
def test_a_decision_on_the_case_holds_for_what_moved_here_too(events: tuple[TicketEvent, ...], expected: str) -> None:
    facts = work_facts(moved_here(*events))["moved"]
    assert (facts.work_class, facts.purpose) == (expected, "maintenance")


@pytest.mark.parametrize(
    ("events", "command", "decision"),
    [
        ((BILLABLE,), scope_decided(NOW), ScopeDecided),
        ((ACCEPTED,), emergency_accepted(NOW), EmergencyAccepted),
        ((ACCEPTED, OUT_OF_SCOPE), cause_ruled(NOW), CauseRuled),
    ],
)
def test_a_decision_said_again_is_one_for_what_has_moved_here_since(
    events: tuple[TicketEvent, ...], command: TicketCommand, decision: type[TicketEvent]
) -> None:
    stands = case(REQUESTED, *events)
    assert decide(command, stands) == []
    (event,) = decide(command, with_entry_moved_here(stands))
    assert type(event) is decision
    decided = evolve(with_entry_moved_here(stands), event)
    assert work_facts(decided)["moved"].work_class == work_class(decided)
    assert decide(command, decided) == []


def test_a_decline_said_again_decides_nothing_of_what_has_moved_here() -> None:
    assert decide(emergency_declined(NOW), with_entry_moved_here(case(REQUESTED, DECLINED))) == []
