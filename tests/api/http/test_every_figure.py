"""Every figure of a statement and of a clock leads to events, and these are of the customer or the case."""

from typing import Any

import pytest

from tests.api.http.conftest import Api
from tests.api.http.test_queries import STAFF, log_work
from tests.projections.linked import figures_of, without_events


@pytest.fixture(scope="module")
def worked(api: Api) -> Any:
    """A customer with a pack, and a case with work beyond the allowance, an emergency, a pause and a missed target."""
    customer = api.customer(allowance_seconds=900)
    ticket = api.ticket(customer, urgency="high")["ticket_id"]
    api.clock.forward(hours=3)
    api.done("buy-hours", customer_id=customer, hours=5)
    log_work(api, ticket, 5_400)
    api.done("decide-scope", ticket=ticket, scope="billable", reason="A wish")
    api.done("wait-for-customer", ticket=ticket, reason="Which rate?")
    pending = api.ticket(customer, emergency={"kind": "business_hours", "symptom": "booking_down"})["ticket_id"]
    api.clock.forward(hours=1)
    api.done("decide-emergency", ticket=pending, accepted=True, reason="No page")
    log_work(api, pending, 1_800)
    api.done("add-reply", ticket=ticket, author=STAFF, body="Which rate?")
    api.clock.forward(hours=1)
    return {"customer": customer, "ticket": ticket}


def events_at(api: Api, positions: set[int]) -> dict[int, Any]:
    """The events at some positions, from the feed."""
    found = {}
    for position in positions:
        (event,) = api.answer("/v1/events", after=position - 1, limit=1)["items"]
        assert event["position"] == position
        found[position] = event
    return found


def positions_in(answer: Any) -> set[int]:
    return {position for _, _, positions in figures_of(answer) for position in positions or ()}


def test_every_figure_of_a_statement_leads_to_events_of_its_customer(api: Api, worked: Any) -> None:
    statement = api.answer(f"/v1/customers/{worked['customer']}/statement", period="2026-11")
    assert without_events(statement) == []
    assert statement["totals"]["packs_cents"] > 0
    assert statement["totals"]["hold_cents"] + statement["totals"]["emergency_cents"] > 0
    subscription = api.answer(f"/v1/customers/{worked['customer']}/subscription")["subscription_id"]
    for event in events_at(api, positions_in(statement)).values():
        assert event["subject"] == f"subscription-{subscription}"


def test_every_figure_of_a_clock_leads_to_events_of_its_case(api: Api, worked: Any) -> None:
    sla = api.answer(f"/v1/tickets/{worked['ticket']}/sla")
    assert without_events(sla) == []
    assert {clock["clock"] for clock in sla["clocks"]} >= {"first_response", "resolution"}
    for event in events_at(api, positions_in(sla)).values():
        assert event["subject"] == f"ticket-{worked['ticket']}"


@pytest.mark.parametrize("show", ["due_soon", "breaches"])
def test_every_figure_of_the_overview_leads_to_events_of_a_case(api: Api, worked: Any, show: str) -> None:
    overview = api.answer("/v1/sla", customer=worked["customer"], show=show)
    assert overview["items"]
    assert without_events(overview) == []
    for event in events_at(api, positions_in(overview)).values():
        assert event["subject"].startswith("ticket-")


def test_what_explains_a_line_names_an_event_for_each_fact_and_each_draw(api: Api, worked: Any) -> None:
    path = f"/v1/customers/{worked['customer']}/statement"
    entry = api.answer(path, period="2026-11")["entries"][0]["entry_id"]
    explained = api.answer(f"{path}/explain", period="2026-11", entry=entry)
    assert explained["facts"]
    assert explained["draws"]
    assert without_events({name: explained[name] for name in ("facts", "draws", "credits")}) == []
