"""What staff decide of a case reaches the bill in the same append: emergencies, scope, category, corrections."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from commands.dispatch import Handler
from commands.handlers.catalogue import HANDLERS
from domain.subscription.events import WorkRated, WorkRevised
from domain.tags import tag_of
from domain.ticket.refusals import CauseIsRuled, EntryIsVoid, TicketIsClosed, UnknownEntry
from tests.desk import PERSON, Desk, body_of

Rival = Callable[[Handler, Callable[[], object]], Handler]

SATURDAY = datetime(2026, 11, 8, 5, 10, tzinfo=UTC)
"""22:10 on Saturday the 7th in Denver."""

WHY: dict[str, Any] = {"reason": "for a reason"}


def log_work(desk: Desk, ticket: str, minutes: int, entry_id: str = "w-1") -> Any:
    started_at = desk.clock.instant
    desk.clock.forward(minutes=minutes)
    return body_of(
        desk.send(
            "log-work",
            ticket=ticket,
            entry_id=entry_id,
            agent="kim",
            started_at=started_at,
            duration_seconds=minutes * 60,
            activity="research",
        )
    )


def types_of(answer: Any) -> list[str]:
    return [event["type"] for event in body_of(answer)["events"]]


def draws(desk: Desk, customer: str, entry_id: str = "w-1") -> list[tuple[str, int]]:
    """Where the entry's time was last taken from, in source and cents."""
    stream = desk.application.event_log.holder("live_subscription", customer)
    assert stream is not None
    *_, last = [
        each.event
        for each in desk.events(stream)
        if isinstance(each.event, WorkRated | WorkRevised) and each.event.entry_id == entry_id
    ]
    return [(draw.source, draw.amount_cents) for draw in last.draws]


@pytest.fixture
def emergency(desk: Desk, customer: str) -> str:
    """Return the id of a case whose emergency was accepted on a Saturday night, with 90 minutes of work (example 3)."""
    desk.clock.instant = SATURDAY
    ticket = desk.ticket(customer, emergency={"kind": "after_hours", "symptom": "website_down"})
    desk.send("decide-emergency", ticket=ticket, accepted=True, **WHY)
    log_work(desk, ticket, 90)
    return ticket


def test_the_work_of_an_accepted_emergency_is_held_until_its_cause_is_ruled(
    desk: Desk, customer: str, emergency: str
) -> None:
    assert draws(desk, customer) == [("hold", 450_00)]
    answer = desk.send("rule-cause", ticket=emergency, scope="out_of_scope", **WHY)
    assert types_of(answer)[-2:] == ["CauseRuled.v1", "WorkRevised.v1"]
    assert draws(desk, customer) == [("emergency", 450_00)]
    desk.send("rule-cause", ticket=emergency, scope="in_scope", **WHY)
    assert draws(desk, customer) == [("allowance", 0), ("on_demand", 75_00)]


def test_a_ruling_again_changes_nothing_and_one_after_it_no_decision(desk: Desk, emergency: str) -> None:
    desk.send("rule-cause", ticket=emergency, scope="out_of_scope", **WHY)
    assert types_of(desk.send("rule-cause", ticket=emergency, scope="out_of_scope", **WHY)) == []
    with pytest.raises(CauseIsRuled):
        desk.send("decide-emergency", ticket=emergency, accepted=False, **WHY)


def test_work_before_an_acceptance_is_held_too_and_a_decline_lets_go_of_it(desk: Desk, customer: str) -> None:
    ticket = desk.ticket(customer)
    log_work(desk, ticket, 30)
    assert draws(desk, customer) == [("allowance", 0)]
    desk.send("request-emergency", ticket=ticket, kind="business_hours", symptom="booking_down")
    desk.send("decide-emergency", ticket=ticket, accepted=True, **WHY)
    assert draws(desk, customer) == [("hold", 150_00)]
    answer = desk.send("decide-emergency", ticket=ticket, accepted=False, **WHY)
    assert types_of(answer) == ["EmergencyDeclined.v2", "WorkRevised.v1"]
    assert draws(desk, customer) == [("allowance", 0)]


@pytest.mark.parametrize(
    ("command", "data", "expected"),
    [
        ("decide-scope", {"scope": "billable", **WHY}, ("on_demand", 75_00)),
        ("decide-scope", {"scope": "waived", **WHY}, ("waived", 0)),
        ("set-category", {"category": "new_feature"}, ("on_demand", 75_00)),
    ],
)
def test_a_decision_on_the_scope_rates_all_work_of_the_case_anew(
    desk: Desk, customer: str, ticket: str, command: str, data: dict[str, Any], expected: tuple[str, int]
) -> None:
    log_work(desk, ticket, 30)
    log_work(desk, ticket, 30, "w-2")
    answer = desk.send(command, ticket=ticket, **data)
    assert types_of(answer)[1:].count("WorkRevised.v1") == 2
    assert draws(desk, customer) == draws(desk, customer, "w-2") == [expected]
    assert types_of(desk.send(command, ticket=ticket, **data)) == []


def test_a_decision_on_a_case_without_work_needs_no_subscription(desk: Desk) -> None:
    customer = body_of(desk.send("register-customer", name="Anew", contacts=[PERSON], products=["website"]))
    ticket = desk.ticket(customer["result"]["customer_id"])
    assert types_of(desk.send("decide-scope", ticket=ticket, scope="waived", **WHY)) == ["ScopeDecided.v1"]


def test_work_is_put_right_and_made_void_after_the_case_is_closed(desk: Desk, customer: str, ticket: str) -> None:
    log_work(desk, ticket, 90)
    desk.send("resolve-ticket", ticket=ticket, resolution="Done")
    desk.send("close-ticket", ticket=ticket)
    answer = body_of(desk.send("correct-work", ticket=ticket, entry_id="w-1", duration_seconds=1800, **WHY))
    assert [event["type"] for event in answer["events"]] == ["WorkCorrected.v1", "WorkRevised.v1"]
    assert answer["result"]["entry_id"] == "w-1"
    assert [(draw["source"], draw["seconds"]) for draw in answer["result"]["draws"]] == [("allowance", 1800)]
    assert body_of(desk.send("void-work", ticket=ticket, entry_id="w-1", **WHY))["result"]["draws"] == []
    with pytest.raises(EntryIsVoid):
        desk.send("correct-work", ticket=ticket, entry_id="w-1", duration_seconds=60, **WHY)
    with pytest.raises(UnknownEntry):
        desk.send("void-work", ticket=ticket, entry_id="w-9", **WHY)


def test_what_is_given_back_of_a_closed_month_is_told_beside_the_draws_that_stand(
    desk: Desk, customer: str, ticket: str
) -> None:
    rated = log_work(desk, ticket, 90)["events"][-1]["position"]
    desk.clock.forward(days=40)
    desk.send("close-period", customer_id=customer, period="2026-11")
    answer = body_of(desk.send("correct-work", ticket=ticket, entry_id="w-1", duration_seconds=4500, **WHY))
    revised = answer["events"][-1]["position"]
    assert [(draw["source"], draw["seconds"], draw["positions"]) for draw in answer["result"]["draws"]] == [
        ("allowance", 3600, [rated]),
        ("on_demand", 1800, [rated]),
    ]
    (credit,) = answer["result"]["credits"]
    assert (credit["source"], credit["seconds"], credit["amount_cents"]) == ("on_demand", 900, 37_50)
    assert credit["positions"] == [rated, revised]
    gone = body_of(desk.send("void-work", ticket=ticket, entry_id="w-1", **WHY))
    assert [(credit["source"], credit["seconds"]) for credit in gone["result"]["credits"]] == [
        ("on_demand", 1800),
        ("allowance", 3600),
    ]
    again = desk.send("void-work", ticket=ticket, entry_id="w-1", **WHY)
    assert body_of(again)["result"] == gone["result"]


def test_work_that_a_rival_logs_under_way_is_of_the_class_that_was_decided(
    desk: Desk, customer: str, ticket: str, rival: Rival
) -> None:
    log_work(desk, ticket, 30)
    overtaken = desk.dispatcher_with(
        {"decide-scope": rival(HANDLERS["decide-scope"], lambda: log_work(desk, ticket, 15, "w-2"))}
    )
    desk.send("decide-scope", via=overtaken, ticket=ticket, scope="waived", **WHY)
    assert draws(desk, customer) == draws(desk, customer, "w-2") == [("waived", 0)]


STEPS: list[tuple[str, dict[str, Any], str]] = [
    ("escalate-ticket", {"team": "engineering", **WHY}, "TicketEscalated.v1"),
    ("set-urgency", {"urgency": "high"}, "UrgencyChanged.v1"),
    ("set-complexity", {"complexity": "complex"}, "ComplexityChanged.v1"),
    ("schedule-call", {"at": SATURDAY, "with": "Ada Guest"}, "CallScheduled.v1"),
    ("plan-enhancement", {"target_period": "2027-Q1"}, "EnhancementPlanned.v1"),
    ("propose-alternative", {"text": "The export has it."}, "AlternativeProposed.v1"),
]


@pytest.mark.parametrize(("command", "data", "event"), STEPS)
def test_a_step_of_a_case_is_recorded_once_and_refused_once_it_is_closed(
    desk: Desk, ticket: str, command: str, data: dict[str, Any], event: str
) -> None:
    assert types_of(desk.send(command, ticket=ticket, **data)) == [event]
    assert types_of(desk.send(command, ticket=ticket, **data)) == []
    desk.send("resolve-ticket", ticket=ticket, resolution="Done")
    desk.send("close-ticket", ticket=ticket)
    with pytest.raises(TicketIsClosed):
        desk.send(command, ticket=ticket, **data)


def test_a_call_is_logged_with_its_own_instant(desk: Desk, ticket: str) -> None:
    at = desk.clock.instant
    desk.clock.forward(hours=1)
    call_data: dict[str, Any] = {"at": at, "with": "Ada Guest", "note": "All is well"}
    desk.send("log-call", ticket=ticket, **call_data)
    call = desk.events(f"ticket-{ticket}")[-1].event
    assert tag_of(type(call)) == "CallLogged.v1"
    assert call.occurred_at - timedelta(hours=1) == getattr(call, "at", None)


def test_the_policy_says_when_a_customer_is_reminded(desk: Desk, ticket: str) -> None:
    reminders = {"after_seconds": 3600, "every_seconds": 3600, "most": 1}
    targets: list[Any] = [{"when": {}, "clock": "resolution", "target_seconds": None, "calendar": "24x7"}]
    desk.send("publish-sla-policy", policy="standard", targets=targets, reminders=reminders)
    desk.send("wait-for-customer", ticket=ticket, **WHY)
    desk.clock.forward(hours=5)
    answer = desk.send("record-due-ticket", id=ticket)
    assert "CustomerReminded.v1" in types_of(answer)
    assert types_of(desk.send("record-due-ticket", id=ticket)) == []
