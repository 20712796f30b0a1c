"""What is ahead, what waits, and what customers were told, over HTTP (SUPPORT_POLICY R16-R18, R21, R23)."""

from datetime import timedelta
from typing import Any

import pytest

from tests.api.http.conftest import Api, pointers_of
from tests.api.http.shapes import fits
from tests.api.http.test_queries import STAFF, log_work

CUSTOMER = {"role": "requester", "name": "Ann Lee", "email": "ann@example.com"}


def ids(page: Any) -> list[str]:
    return [item["ticket_id"] for item in page["items"]]


def in_days(api: Api, days: int) -> str:
    """A date counted from today in Denver."""
    return (api.clock.now() - timedelta(hours=7) + timedelta(days=days)).date().isoformat()


def test_tickets_for_a_future_date_are_upcoming_soonest_first_until_they_are_resolved(api: Api) -> None:
    customer = api.customer()
    api.ticket(customer)
    later, soon, today = (api.ticket(customer, requested_for=in_days(api, days))["ticket_id"] for days in (9, 2, 0))
    api.done("assign-ticket", ticket=soon, agent="jo")
    page = fits("upcoming", api.answer("/v1/upcoming", customer=customer))
    assert ids(page) == [today, soon, later]
    assert page["items"][1]["requested_for"] == in_days(api, 2)
    assert ids(api.answer("/v1/upcoming", customer=customer, agent="jo")) == [soon]
    api.done("resolve-ticket", ticket=later, resolution="Done early")
    assert ids(api.answer("/v1/upcoming", customer=customer)) == [today, soon]


def test_a_date_has_passed_when_its_day_is_over_in_the_desks_zone(api: Api) -> None:
    customer = api.customer()
    ticket = api.ticket(customer, requested_for=in_days(api, 1))["ticket_id"]
    midnight = (api.clock.now() - timedelta(hours=7)).replace(hour=0, minute=0, second=0, microsecond=0)
    api.clock.instant = midnight + timedelta(days=2, hours=7, microseconds=-1)
    assert ids(api.answer("/v1/upcoming", customer=customer)) == [ticket]
    api.clock.forward(microseconds=1)
    assert ids(api.answer("/v1/upcoming", customer=customer)) == []


def test_upcoming_tickets_are_read_page_by_page(api: Api) -> None:
    customer = api.customer()
    day = in_days(api, 3)
    opened = [api.ticket(customer, requested_for=day)["ticket_id"] for _ in range(3)]
    first = api.answer("/v1/upcoming", customer=customer, limit=2)
    second = api.answer("/v1/upcoming", customer=customer, limit=2, cursor=first["next"])
    assert ids(first) + ids(second) == opened
    assert "next" not in second


def test_tickets_that_wait_are_listed_by_how_long_they_have_waited(api: Api) -> None:
    customer = api.customer()
    first, second = (api.ticket(customer)["ticket_id"] for _ in range(2))
    api.done("wait-for-partner", ticket=first, reason="They look into it", partner="Channel Ltd")
    api.clock.forward(minutes=10)
    api.done("wait-for-customer", ticket=second, reason="Which rate?")
    api.clock.forward(minutes=5)
    page = fits("pauses", api.answer("/v1/pauses", customer=customer))
    assert ids(page) == [first, second]
    assert [item["waiting_seconds"] for item in page["items"]] == [900, 300]
    assert (page["items"][0]["partner"], page["items"][0]["reason"]) == ("Channel Ltd", "They look into it")
    assert ids(api.answer("/v1/pauses", customer=customer, waiting_for="customer")) == [second]
    turn = api.answer("/v1/pauses", customer=customer, limit=1)
    assert ids(api.answer("/v1/pauses", customer=customer, limit=1, cursor=turn["next"])) == [second]


def test_a_ticket_that_waits_for_a_partner_although_the_customer_has_written_is_flagged(api: Api) -> None:
    customer = api.customer()
    written, silent = (api.ticket(customer)["ticket_id"] for _ in range(2))
    for ticket in (written, silent):
        api.done("wait-for-partner", ticket=ticket, reason="They look into it")
    api.clock.forward(minutes=10)
    api.done("add-reply", ticket=written, author=CUSTOMER, body="Any news?")
    (item,) = fits("pauses", api.answer("/v1/pauses", customer=customer, flagged="true"))["items"]
    assert item["ticket_id"] == written
    assert item["written_since"] == f"{api.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    assert ids(api.answer("/v1/pauses", customer=customer, flagged="false")) == [silent]
    api.done("add-reply", ticket=written, author=STAFF, body="Not yet.")
    assert ids(api.answer("/v1/pauses", customer=customer, flagged="true")) == []
    assert set(ids(api.answer("/v1/pauses", customer=customer))) == {written, silent}


def test_a_customers_reply_ends_the_waiting_for_it(api: Api) -> None:
    customer = api.customer()
    ticket = api.ticket(customer)["ticket_id"]
    api.done("wait-for-customer", ticket=ticket, reason="Which rate?")
    api.done("add-reply", ticket=ticket, author=CUSTOMER, body="All of them.")
    assert ids(api.answer("/v1/pauses", customer=customer)) == []


def test_an_exhausted_allowance_and_a_budgets_threshold_are_noticed(api: Api) -> None:
    customer = api.customer()
    api.done(
        "set-budget", customer_id=customer, cadence="monthly", scope="all", amount_cents=300_00, starts_on="2026-11-01"
    )
    api.happen("note-budget-use", customer_id=customer)
    ticket = api.ticket(customer)["ticket_id"]
    api.clock.forward(hours=1)
    log_work(api, ticket, 3_600)
    subscription = api.answer(f"/v1/customers/{customer}/subscription")
    for _ in range(2):
        api.happen("notice-exhaustion", subscription_id=subscription["subscription_id"], month=subscription["month"])
    page = fits("notices", api.answer("/v1/notices", customer=customer))
    assert [item["kind"] for item in page["items"]] == ["allowance_exhausted", "budget_threshold"]
    exhausted, threshold = page["items"]
    assert exhausted["month"] == subscription["month"]
    assert (threshold["threshold_percent"], threshold["actual_cents"]) == (50, 150_00)
    by_kind = api.answer("/v1/notices", customer=customer, kind="budget_threshold")
    assert by_kind["items"] == [threshold]
    first = api.answer("/v1/notices", customer=customer, limit=1)
    assert api.answer("/v1/notices", customer=customer, limit=1, cursor=first["next"])["items"] == [threshold]


@pytest.mark.parametrize(
    ("path", "parameters", "wrong"),
    [
        ("/v1/upcoming", {"customer": "a b", "agent": ""}, {"/customer", "/agent"}),
        ("/v1/pauses", {"waiting_for": "godot", "flagged": "yes"}, {"/waiting_for", "/flagged"}),
        ("/v1/notices", {"kind": "rumour", "limit": "0"}, {"/kind", "/limit"}),
    ],
)
def test_every_wrong_parameter_is_named(api: Api, path: str, parameters: dict[str, str], wrong: set[str]) -> None:
    assert pointers_of(api.get(path, **parameters)) == wrong
