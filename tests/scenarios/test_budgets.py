"""Budgets: what was agreed on, how far it is used, and when that is told."""

from typing import Any

from tests.scenarios.desk import ALPINE, Desk
from tests.scenarios.scenario import scenario
from tests.scenarios.words import local, money


def budget(desk: Desk, scope: str) -> Any:
    """Return the customer's budget of a scope as it is now."""
    budgets = desk.asks(f"/v1/customers/{ALPINE}/budget")["budgets"]
    (found,) = [each for each in budgets if each["scope"] == scope and each["state"] == "in_force"]
    return found


def agree(desk: Desk, scope: str, amount_cents: int, cadence: str = "monthly", starts_on: str = "2037-11-01") -> None:
    """Agree on a budget with the customer."""
    desk.does(
        "set-budget",
        customer_id=ALPINE,
        cadence=cadence,
        amount_cents=amount_cents,
        scope=scope,
        starts_on=starts_on,
    )


@scenario("R23")
def test_r23_a_budget_tells_what_is_used_left_and_to_be_expected(desk: Desk) -> None:
    """Of $500.00 a month, the fee and an hour on demand by the 15th leave $200.00, and $450.00 are to be expected."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    agree(desk, "all", 500_00)
    case = desk.case("new_feature")
    desk.at("Sun 2037-11-15 12:00")
    desk.works(case, "Mon 2037-11-02 10:00", minutes=60)
    found = budget(desk, "all")
    assert money(found["actual_cents"]) == "$300.00"
    assert money(found["remaining_cents"]) == "$200.00"
    # the fee, and $150.00 in 15 of 30 days
    assert money(found["forecast_cents"]) == "$450.00"


@scenario("R23", "R22")
def test_r23_maintenance_and_enhancements_have_budgets_of_their_own(desk: Desk) -> None:
    """Fee, packs, included work and training count as maintenance, new features and the like as enhancement."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(allowance_seconds=0)
    agree(desk, "maintenance", 1_000_00)
    agree(desk, "enhancement", 1_000_00)
    desk.at("Mon 2037-11-02 17:00")
    for category in ("new_feature", "third_party_training", "how_to"):
        desk.works(desk.case(category), "Mon 2037-11-02 10:00", minutes=60)
    assert money(budget(desk, "enhancement")["actual_cents"]) == "$150.00"
    assert money(budget(desk, "maintenance")["actual_cents"]) == "$450.00", "the fee and two hours"
    desk.buys(5)
    assert money(budget(desk, "maintenance")["actual_cents"]) == "$1,050.00"


@scenario("R23")
def test_r23_half_four_fifths_and_all_of_a_budget_are_told_once_a_span(desk: Desk) -> None:
    """Notices come at 50, 80 and 100 per cent, once each a month, whatever is credited in between; then anew."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    agree(desk, "all", 400_00)
    case = desk.case("new_feature")

    def told() -> list[tuple[str, int]]:
        desk.settles()
        notices = desk.asks("/v1/notices", customer=ALPINE, kind="budget_threshold")["items"]
        return sorted((each["span_starts"], each["threshold_percent"]) for each in notices)

    desk.at("Mon 2037-11-02 17:00")
    assert told() == [], "the fee is $150.00"
    desk.works(case, "Mon 2037-11-02 10:00", minutes=15)
    assert told() == [], "$187.50"
    desk.works(case, "Mon 2037-11-02 11:00", minutes=15)
    assert told() == [("2037-11", 50)], "$225.00"
    much = desk.works(case, "Mon 2037-11-02 12:00", minutes=75)
    assert told() == [("2037-11", 50), ("2037-11", 80), ("2037-11", 100)], "$412.50"
    # when some of it is credited and worked again, nothing is told twice
    desk.does("void-work", ticket=case, entry_id=much, reason="It was another customer.")
    desk.works(case, "Mon 2037-11-02 14:00", minutes=75)
    assert len(told()) == 3
    # and December begins anew
    desk.at("Wed 2037-12-02 17:00")
    desk.works(case, "Wed 2037-12-02 10:00", minutes=60)
    assert told()[3:] == [("2037-12", 50)]


@scenario("R23")
def test_r23_a_budget_may_be_for_a_quarter_or_a_year_and_be_agreed_on_anew(desk: Desk) -> None:
    """A quarter from November is November to January; the budget agreed on last takes the scope over from its month."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    agree(desk, "all", 900_00, "quarterly")
    agree(desk, "maintenance", 3_000_00, "annual", "2037-11-01")
    desk.at("Fri 2038-01-01 09:00")
    quarter = budget(desk, "all")
    assert quarter["span"] == {"starts": "2037-11", "ends": "2038-01"}
    assert money(quarter["actual_cents"]) == "$450.00", "three fees"
    assert budget(desk, "maintenance")["span"] == {"starts": "2037-11", "ends": "2038-10"}
    # when half as much is agreed on from January on
    agree(desk, "all", 450_00, "monthly", "2038-01-01")
    month = budget(desk, "all")
    assert month["span"] == {"starts": "2038-01", "ends": "2038-01"}
    assert money(month["remaining_cents"]) == "$300.00"


@scenario("R21")
def test_r21_a_customer_is_told_once_that_the_month_is_used_up(desk: Desk) -> None:
    """When nothing is left of the hour, there is one notice for the month, and the forecast says when that will be."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    desk.at("Mon 2037-11-16 09:00")
    desk.works(case, "Mon 2037-11-02 10:00", minutes=30)
    desk.settles()
    assert desk.asks("/v1/notices", kind="allowance_exhausted")["items"] == []
    exhausted = desk.subscription()["forecast"]["exhausted_at"]
    assert local(exhausted) > "Mon 2037-11-16 09:00"
    # when the rest is used, and more
    desk.works(case, "Mon 2037-11-02 11:00", minutes=30)
    desk.works(case, "Mon 2037-11-02 12:00", minutes=30)
    desk.settles()
    (notice,) = desk.asks("/v1/notices", kind="allowance_exhausted")["items"]
    assert notice["month"] == "2037-11"
