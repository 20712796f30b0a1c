"""Budgets over HTTP: agreed on, used, forecast (SUPPORT_POLICY R23)."""

from typing import Any

import pytest

from tests.api.http.conftest import MONDAY, Api, json_of, pointers_of, problem_of
from tests.api.http.shapes import fits
from tests.api.http.test_queries import log_work


def set_budget(api: Api, customer: str, amount_cents: int, **changes: Any) -> Any:
    data = {"cadence": "monthly", "scope": "all", "starts_on": "2026-11-01"}
    return api.done("set-budget", customer_id=customer, amount_cents=amount_cents, **data | changes)


def budgets(api: Api, customer: str, **parameters: Any) -> list[Any]:
    shown: list[Any] = fits("budget", api.answer(f"/v1/customers/{customer}/budget", **parameters))["budgets"]
    return shown


def note_use(api: Api, customer: str) -> None:
    """What the policy asks for after each change of what is owed."""
    api.happen("note-budget-use", customer_id=customer)


def worked(api: Api, customer: str, seconds: int, **ticket: Any) -> None:
    opened = api.ticket(customer, **ticket)["ticket_id"]
    api.clock.forward(seconds=seconds)
    log_work(api, opened, seconds)


def test_a_budget_is_set_against_what_is_owed_in_its_span(api: Api) -> None:
    customer = api.customer()
    worked(api, customer, 5_400)
    api.done("buy-hours", customer_id=customer, hours=5)
    worked(api, customer, 3_600, category="new_feature")
    answer = set_budget(api, customer, 1_000_00)
    assert [event["type"] for event in answer["events"]] == ["BudgetSet.v1"]
    (budget,) = budgets(api, customer)
    statement = api.answer(f"/v1/customers/{customer}/statement", period="2026-11")
    assert budget["actual_cents"] == statement["totals"]["owed_cents"] == 150_00 + 75_00 + 600_00
    assert budget["remaining_cents"] == 175_00
    assert budget["span"] == {"starts": "2026-11", "ends": "2026-11"}
    days = api.clock.now().day
    assert budget["forecast_cents"] == 150_00 + (2 * 675_00 * 30 + days) // (2 * days)
    assert budget["notices"] == []


def test_maintenance_and_enhancements_have_their_own_budgets_and_make_up_the_whole(api: Api) -> None:
    customer = api.customer()
    for scope in ("maintenance", "enhancement", "all"):
        set_budget(api, customer, 1_000_00, scope=scope)
    worked(api, customer, 3_600, category="new_feature")
    worked(api, customer, 7_200, category="third_party_training")
    worked(api, customer, 5_400, category="how_to")
    actual = {budget["scope"]: budget["actual_cents"] for budget in budgets(api, customer)}
    assert actual == {"maintenance": 150_00 + 300_00 + 75_00, "enhancement": 150_00, "all": 675_00}
    totals = api.answer(f"/v1/customers/{customer}/statement", period="2026-11")["totals"]
    assert totals["owed_cents"] == actual["all"]


def test_each_threshold_of_a_span_is_told_once(api: Api) -> None:
    customer = api.customer()
    set_budget(api, customer, 300_00)
    note_use(api, customer)
    note_use(api, customer)
    (budget,) = budgets(api, customer)
    assert [(each["threshold_percent"], each["actual_cents"]) for each in budget["notices"]] == [(50, 150_00)]
    worked(api, customer, 7_200)
    note_use(api, customer)
    (budget,) = budgets(api, customer)
    assert [each["threshold_percent"] for each in budget["notices"]] == [50, 80, 100]
    history = api.answer("/v1/events", stream=f"budget-{customer}", limit=500)["items"]
    assert [item["type"] for item in history] == ["BudgetSet.v1"] + 3 * ["BudgetThresholdReached.v1"]


def test_noting_the_use_of_no_budget_changes_nothing(api: Api) -> None:
    customer = api.customer()
    note_use(api, customer)
    assert api.answer("/v1/events", stream=f"budget-{customer}")["items"] == []
    assert budgets(api, customer) == []


def test_a_later_budget_is_shown_as_upcoming_until_its_month_and_instead_of_the_former_then(api: Api) -> None:
    customer = api.customer()
    set_budget(api, customer, 500_00, cadence="annual")
    set_budget(api, customer, 200_00, cadence="quarterly", starts_on="2027-01-15")
    now, later = budgets(api, customer)
    assert (now["state"], now["span"]) == ("in_force", {"starts": "2026-11", "ends": "2027-10"})
    assert (later["state"], later["span"]) == ("upcoming", {"starts": "2027-01", "ends": "2027-03"})
    assert now["forecast_cents"] == 2 * 150_00
    assert later["forecast_cents"] == 3 * 150_00
    (then,) = budgets(api, customer, period="2027-02")
    assert (then["state"], then["amount_cents"]) == ("in_force", 200_00)
    assert [each["state"] for each in budgets(api, customer, period="2026-10")] == ["upcoming", "upcoming"]


def test_the_same_budget_again_changes_nothing(api: Api) -> None:
    customer = api.customer()
    data = {
        "customer_id": customer,
        "amount_cents": 1,
        "cadence": "monthly",
        "scope": "all",
        "starts_on": "2026-11-01",
    }
    first, again = api.post("set-budget", data), api.post("set-budget", data)
    assert (first.status_code, first.headers["Location"]) == (201, f"/v1/customers/{customer}/budget")
    assert (again.status_code, json_of(again)["events"]) == (200, [])
    assert api.post("set-budget", data | {"amount_cents": 2}).status_code == 200


def test_nobody_has_no_budget(api: Api) -> None:
    data = {"amount_cents": 1, "cadence": "monthly", "scope": "all", "starts_on": "2026-11-01"}
    assert problem_of(api.post("set-budget", data | {"customer_id": "nobody"}), 404)["code"] == "unknown_customer"
    assert problem_of(api.get("/v1/customers/nobody/budget"), 404)["code"] == "unknown_customer"


@pytest.mark.parametrize(
    ("field", "wrong"), [("amount_cents", 0), ("cadence", "weekly"), ("scope", "both"), ("starts_on", "2026-11")]
)
def test_what_is_wrong_with_a_budget_is_named(api: Api, field: str, wrong: Any) -> None:
    data = {"customer_id": "c", "amount_cents": 1, "cadence": "annual", "scope": "all", "starts_on": "2026-11-01"}
    assert pointers_of(api.post("set-budget", data | {field: wrong})) == {f"/{field}"}
    assert api.get("/v1/customers/nobody/budget", period="November").status_code == 422


def used(api: Api, customer: str, period: str) -> dict[str, int]:
    return {budget["scope"]: budget["actual_cents"] for budget in budgets(api, customer, period=period)}


def test_work_counts_by_what_its_case_is_about_now_in_open_and_in_closed_months(api: Api) -> None:
    customer = api.customer()
    for scope in ("maintenance", "enhancement"):
        set_budget(api, customer, 1_000_00, scope=scope)
    ticket = api.ticket(customer, category="third_party_training")["ticket_id"]
    api.clock.forward(hours=1)
    log_work(api, ticket, 3_600)
    assert used(api, customer, "2026-11") == {"maintenance": 150_00 + 150_00, "enhancement": 0}
    api.done("set-category", ticket=ticket, category="new_feature")
    assert used(api, customer, "2026-11") == {"maintenance": 150_00, "enhancement": 150_00}
    api.clock.instant = MONDAY.replace(month=12)
    api.done("close-period", customer_id=customer, period="2026-11")
    api.done("set-category", ticket=ticket, category="third_party_training")
    assert used(api, customer, "2026-11") == {"maintenance": 300_00, "enhancement": 0}
    api.done("set-category", ticket=ticket, category="feature_change")
    assert used(api, customer, "2026-11") == {"maintenance": 150_00, "enhancement": 150_00}
    api.done("set-category", ticket=ticket, category="how_to")
    assert used(api, customer, "2026-11") == {"maintenance": 300_00, "enhancement": 0}
    assert used(api, customer, "2026-12") == {"maintenance": 150_00 - 150_00, "enhancement": 0}
    totals = api.answer(f"/v1/customers/{customer}/statement", period="2026-12")["totals"]
    assert (totals["credits_cents"], totals["owed_cents"]) == (150_00, 0)


def test_a_later_budget_that_an_earlier_month_took_over_since_is_not_upcoming(api: Api) -> None:
    customer = api.customer()
    set_budget(api, customer, 900_00, starts_on="2027-01-01")
    set_budget(api, customer, 500_00, starts_on="2026-11-01")
    (only,) = budgets(api, customer)
    assert (only["state"], only["amount_cents"]) == ("in_force", 500_00)
