from typing import Any
from zoneinfo import ZoneInfo

import pytest

from infra.csv_import.errors import Unmappable
from infra.csv_import.mapping_file import parse_mapping
from infra.csv_import.plan import Case, Known, Plan, plan_row
from infra.csv_import.reader import Row
from tests.infra.csv_import.event_logs import SHOP, row, shop

ROME = ZoneInfo("Europe/Rome")


class Course:
    """The rows of a file, each planned after those before it were carried out."""

    def __init__(self) -> None:
        self.known = Known()

    def take(self, each: Row) -> Plan:
        plan = plan_row(shop(), each, self.known, ROME)
        self.known.learn(plan, f"ticket of {each.case}")
        return plan


def course(*rows: Row) -> list[list[str]]:
    taken = Course()
    return [names(taken.take(each)) for each in rows]


def names(plan: Plan) -> list[str]:
    return [command.name for command, _ in plan.commands]


def data_of(plan: Plan, name: str) -> dict[str, Any]:
    return next(data for command, data in plan.commands if command.name == name)


def test_the_first_row_of_all_registers_subscribes_and_opens_before_its_own_activity() -> None:
    assert course(row(2, "Wait")) == [["register-customer", "start-subscription", "open-ticket", "wait-for-customer"]]


def test_a_known_customers_next_case_is_only_opened() -> None:
    assert course(row(2, "Wait"), row(3, "Wait", case="B"))[1] == ["open-ticket", "wait-for-customer"]


def test_a_later_row_of_a_case_is_its_activity_alone() -> None:
    assert course(row(2, "Wait"), row(3, "Work"))[1] == ["assign-ticket", "log-work"]


def test_a_subscription_starts_on_the_first_day_of_the_month_of_the_first_row() -> None:
    plan = Course().take(row(2, "Wait", time="2012-10-31 23:59:59"))
    assert data_of(plan, "start-subscription") == {"customer_id": "acme", "plan": "standard", "starts_on": "2012-10-01"}


def test_the_first_customer_that_a_case_names_holds_and_another_is_registered_without_it() -> None:
    taken = Course()
    taken.take(row(2, "Wait"))
    plan = taken.take(row(3, "Work", customer="Other"))
    assert names(plan) == [
        "register-customer",
        "start-subscription",
        "assign-ticket",
        "log-work",
    ]
    assert data_of(plan, "register-customer")["customer_id"] == "other"
    assert (plan.customer_id, plan.named_customer_id, plan.names_another_customer) == ("acme", "other", True)
    assert course(row(2, "Wait"), row(3, "Work", customer="Other"), row(4, "Wait", case="B", customer="Other"))[2] == [
        "open-ticket",
        "wait-for-customer",
    ]


@pytest.mark.parametrize("end", [["Done"], ["Done", "Over"]])
@pytest.mark.parametrize("activity", ["Work", "Wait", "Nothing"])
def test_a_row_after_the_end_of_a_case_first_reopens_it(end: list[str], activity: str) -> None:
    rows = [row(number, each) for number, each in enumerate(["Wait", *end, activity, activity])]
    commands = course(*rows)
    assert commands[-2][:1] == ["reopen-ticket"]
    assert "reopen-ticket" not in commands[-1]


@pytest.mark.parametrize("activity", ["Done", "Over"])
def test_an_activity_of_the_end_reopens_nothing(activity: str) -> None:
    assert "reopen-ticket" not in course(row(2, "Wait"), row(3, "Done"), row(4, activity))[-1]


def test_without_reopening_in_the_mapping_nothing_is_reopened() -> None:
    start, end = SHOP.index("[case.reopen]"), SHOP.index("[activities]")
    mapping = parse_mapping(SHOP[:start] + SHOP[end:])
    known = Known({"A": "ticket"})
    known.cases["A"] = Case("acme", settled=True)
    assert "reopen-ticket" not in names(plan_row(mapping, row(9, "Wait"), known, ROME))


def test_an_activity_that_the_mapping_does_not_name_cannot_be_mapped() -> None:
    with pytest.raises(Unmappable, match="'Lunch' is not in the mapping"):
        course(row(2, "Lunch"))


def test_other_activities_become_what_the_mapping_says_for_them() -> None:
    mapping = parse_mapping(SHOP + '[[otherwise]]\ncommand = "close-ticket"\ndata = { reason = "{activity}" }\n')
    plan = plan_row(mapping, row(2, "Lunch"), Known(), ROME)
    assert data_of(plan, "close-ticket") == {"reason": "Lunch"}


def test_two_customers_never_become_one() -> None:
    with pytest.raises(Unmappable, match="'Acme'"):
        course(row(2, "Wait"), row(3, "Wait", case="B", customer="ACME"))


def test_a_case_opens_with_the_customer_of_its_first_row() -> None:
    assert data_of(Course().take(row(2, "Wait")), "open-ticket") == {
        "customer_id": "acme",
        "requester": {"name": "Acme", "email": "acme@shop.example"},
        "category": "how_to",
        "subject": "A",
        "description": "A",
    }


def test_a_customer_whom_an_earlier_run_made_is_not_registered_again() -> None:
    taken = Course()
    taken.known = Known(customer_ids=["acme"])
    assert names(taken.take(row(2, "Wait"))) == ["open-ticket", "wait-for-customer"]
    assert taken.known.customers == {"acme": "Acme"}


def test_an_activity_that_means_nothing_is_a_row_all_the_same() -> None:
    assert course(row(2, "Wait"), row(3, "Nothing"))[1] == []


def test_a_case_that_an_earlier_run_opened_is_not_opened_again_by_a_row_repaired_since() -> None:
    taken = Course()
    taken.known = Known({"A": "ticket"}, ["acme"])
    assert names(taken.take(row(2, "Wait"))) == ["wait-for-customer"]
