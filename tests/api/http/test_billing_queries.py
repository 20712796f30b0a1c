"""What a customer owes, has left and why, over HTTP: from the commands on cases to each figure."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.api.http.conftest import Api, json_of, problem_of
from tests.api.http.shapes import fits
from tests.api.http.test_queries import log_work


@pytest.fixture(scope="module")
def billed(api: Api) -> Any:
    """Of a customer a case with 50 min of work that became 30, and then billable by decision."""
    customer = api.customer()
    ticket = api.ticket(customer)["ticket_id"]
    api.clock.forward(minutes=60)
    logged = log_work(api, ticket, 3_000)
    entry = logged["result"]["entry_id"]
    api.clock.forward(minutes=1)
    at_first = api.clock.now()
    api.clock.forward(minutes=1)
    corrected = api.done("correct-work", ticket=ticket, entry_id=entry, duration_seconds=1_800, reason="Lunch")
    api.clock.forward(minutes=1)
    decided = api.done("decide-scope", ticket=ticket, scope="billable", reason="A wish")
    return {
        "customer": customer,
        "ticket": ticket,
        "entry": entry,
        "at_first": at_first.isoformat(),
        "logged": logged,
        "corrected": corrected,
        "decided": decided,
    }


def position_of(answer: Any, event_type: str) -> int:
    """The position of the one event of a type that a command recorded."""
    (position,) = (each["position"] for each in answer["events"] if each["type"].startswith(event_type))
    return int(position)


def test_a_draw_names_the_rating_and_the_latest_revision(api: Api, billed: Any) -> None:
    statement = fits("statement", api.answer(f"/v1/customers/{billed['customer']}/statement", period="2026-11"))
    (entry,) = statement["entries"]
    assert (entry["class"], entry["duration_seconds"], entry["billed_seconds"]) == ("billable", 1_800, 1_800)
    (draw,) = entry["draws"]
    assert (draw["source"], draw["seconds"], draw["amount_cents"]) == ("on_demand", 1_800, 75_00)
    assert draw["positions"] == [
        position_of(billed["logged"], "WorkRated"),
        position_of(billed["decided"], "WorkRevised"),
    ]
    assert statement["totals"]["owed_cents"] == 150_00 + 75_00
    assert statement["totals"]["worked_seconds"] == 1_800


def test_an_answer_names_the_same_positions_as_the_statement(api: Api) -> None:
    """Rated, corrected, and then rated anew because an earlier entry arrived."""
    customer = api.customer()
    ticket = api.ticket(customer)["ticket_id"]
    api.clock.forward(minutes=120)
    entry = log_work(api, ticket, 3_000)["result"]["entry_id"]
    api.clock.forward(minutes=10)
    api.done("correct-work", ticket=ticket, entry_id=entry, duration_seconds=3_600, reason="And the report")
    started_at = api.clock.now() - timedelta(minutes=110)
    early = {"agent": "jo", "started_at": started_at.isoformat(), "duration_seconds": 900, "activity": "analysis"}
    api.done("log-work", ticket=ticket, **early)
    repeated = api.done("correct-work", ticket=ticket, entry_id=entry, duration_seconds=3_600, reason="And the report")
    assert repeated["events"] == []
    statement = api.answer(f"/v1/customers/{customer}/statement", period="2026-11")
    (line,) = [each for each in statement["entries"] if each["entry_id"] == entry]
    assert [draw["source"] for draw in line["draws"]] == ["allowance", "on_demand"]
    assert [len(draw["positions"]) for draw in line["draws"]] == [3, 3]
    told = [(each["source"], each["seconds"], each["positions"]) for each in repeated["result"]["draws"]]
    assert told == [(each["source"], each["seconds"], each["positions"]) for each in line["draws"]]


def test_as_of_an_earlier_instant_nothing_of_what_was_said_since_is_known(api: Api, billed: Any) -> None:
    path = f"/v1/customers/{billed['customer']}/statement"
    then = fits("statement", api.answer(path, period="2026-11", as_of=billed["at_first"]))
    assert then["entries"][0]["billed_seconds"] == 3_600
    assert then["totals"]["owed_cents"] == 150_00


def test_a_line_of_the_statement_is_explained(api: Api, billed: Any) -> None:
    path = f"/v1/customers/{billed['customer']}/statement/explain"
    found = fits("explanation", api.answer(path, period="2026-11", entry=billed["entry"]))
    assert [(fact["type"], fact["says"]) for fact in found["facts"]] == [
        ("TicketOpened.v1", "the case is how_to, included by default"),
        ("WorkLogged.v1", "jo logged 50 min"),
        ("WorkCorrected.v1", "corrected from 50 min to 30 min: Lunch"),
        ("ScopeDecided.v1", "decided as billable: A wish"),
    ]
    assert found["facts"][2]["position"] == position_of(billed["corrected"], "WorkCorrected")
    assert found["billed"]["says"] == "30 min, rounded up to the next 15 min: 30 min"
    assert [draw["says"] for draw in found["draws"]] == ["30 min that no grant covers, on demand"]
    then = fits("explanation", api.answer(path, period="2026-11", entry=billed["entry"], as_of=billed["at_first"]))
    assert [fact["type"] for fact in then["facts"]] == ["TicketOpened.v1", "WorkLogged.v1"]
    assert [draw["says"] for draw in then["draws"]] == ["1 h of the allowance of 2026-11"]


def test_a_line_that_no_statement_has_cannot_be_explained(api: Api, billed: Any) -> None:
    path = f"/v1/customers/{billed['customer']}/statement/explain"
    for period, entry in (("2026-10", billed["entry"]), ("2026-11", "nothing")):
        answer = api.get(path, period=period, entry=entry)
        assert problem_of(answer, 404)["code"] == "unknown_statement_line"
    nobody = api.get("/v1/customers/nobody/statement/explain", period="2026-11", entry="e")
    assert json_of(nobody)["code"] == "unknown_customer"
    asked = problem_of(api.get(path, period="2026-13"), 422)
    assert {each["pointer"] for each in asked["errors"]} == {"/period", "/entry"}


def test_the_journal_names_the_correction_and_the_decision_that_an_entry_follows_from(api: Api, billed: Any) -> None:
    corrected = position_of(billed["corrected"], "WorkCorrected")
    (entry,) = fits("ledger", api.answer("/v1/ledger", caused_by=corrected))["items"]
    assert entry["kind"] == "revision"
    assert entry["positions"] == [
        position_of(billed["logged"], "WorkLogged"),
        corrected,
        position_of(billed["corrected"], "WorkRevised"),
    ]
    assert {line["account"]: line["amount"] for line in entry["lines"]} == {
        "worked": -1_200,
        "rounding": -600,
        "allowance:2026-11": 1_800,
    }
    decided = fits("ledger", api.answer("/v1/ledger", caused_by=position_of(billed["decided"], "ScopeDecided")))
    assert [each["kind"] for each in decided["items"]] == ["revision"]


def test_a_subscription_tells_how_long_it_will_last(api: Api) -> None:
    customer = api.customer()
    ticket = api.ticket(customer)["ticket_id"]
    path = f"/v1/customers/{customer}/subscription"
    assert fits("subscription", api.answer(path))["forecast"] == {}
    api.clock.forward(minutes=60)
    log_work(api, ticket, 2_700)
    api.done("buy-hours", customer_id=customer, hours=5)
    found = fits("subscription", api.answer(path))
    assert found["state"] == "active"
    forecast = found["forecast"]
    assert (forecast["included_seconds"], forecast["billable_seconds"]) == (2_700, 0)
    assert forecast["exhausted_at"] > api.clock.now().isoformat()
    as_of = (api.clock.now() + timedelta(days=1)).isoformat()
    later = fits("subscription", api.answer(path, as_of=as_of))["forecast"]
    assert later["window_seconds"] == forecast["window_seconds"] + 86_400


def test_example_4_over_a_closed_month_and_a_subscription_that_is_followed_by_another(api: Api) -> None:
    customer = api.customer()
    ticket = api.ticket(customer)["ticket_id"]
    path = f"/v1/customers/{customer}"
    api.clock.forward(minutes=120)
    log_work(api, ticket, 2_400)
    api.clock.forward(minutes=60)
    entry = log_work(api, ticket, 3_000)["result"]["entry_id"]
    api.done("change-plan", customer_id=customer, plan="standard", terms={"allowance_seconds": 7_200})
    (planned,) = fits("subscription", api.answer(f"{path}/subscription"))["planned"]
    assert (planned["month"], planned["terms"]["allowance_seconds"]) == ("2026-12", 7_200)
    api.clock.instant = datetime(2026, 12, 3, 17, tzinfo=UTC)
    api.done("close-period", customer_id=customer, period="2026-11")
    november = fits("statement", api.answer(f"{path}/statement", period="2026-11"))
    assert (november["state"], november["totals"]["on_demand_cents"]) == ("closed", 112_50)
    corrected = api.done("correct-work", ticket=ticket, entry_id=entry, duration_seconds=1_800, reason="Lunch")
    december = fits("statement", api.answer(f"{path}/statement", period="2026-12"))
    assert december["state"] == "open"
    assert december["entries"] == []
    (credit,) = december["credits"]
    assert (credit["entry_id"], credit["posted_month"], credit["amount_cents"]) == (entry, "2026-11", 75_00)
    assert credit["positions"][-1] == position_of(corrected, "WorkRevised")
    explained = fits("explanation", api.answer(f"{path}/statement/explain", period="2026-12", entry=entry))
    assert [each["rule"] for each in explained["credits"]] == ["B8"]
    api.done("cancel-subscription", customer_id=customer, reason="Moved away")
    api.done("start-subscription", customer_id=customer, plan="standard", starts_on="2027-01-10")
    found = fits("subscription", api.answer(f"{path}/subscription"))
    assert (found["state"], found["ends_at"], found["open_from"]) == ("active", "2027-01-01T07:00:00Z", "2026-12")
    assert found["restart"]["starts_on"] == "2027-01-10"
    assert found["terms"]["allowance_seconds"] == 7_200
    balances = api.answer("/v1/ledger/balances", customer=customer, account="receivable")["items"]
    assert [each["amount"] for each in balances] == [
        november["totals"]["owed_cents"] + december["totals"]["owed_cents"]
    ]
