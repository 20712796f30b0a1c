"""R3 over HTTP: what is seen of cases that were split and merged, now and as they stood."""

from typing import Any

from tests.api.http.conftest import Api, json_of, problem_of
from tests.api.http.shapes import fits
from tests.api.http.test_queries import STAFF, log_work

TOPIC = {"subject": "Another matter", "description": "And could you …", "category": "how_to"}


def ticket_of(api: Api, name: str) -> Any:
    return fits("ticket", api.answer(f"/v1/tickets/{name}"))


def test_split_cases_are_linked_both_ways(api: Api) -> None:
    source = api.ticket(api.customer(), urgency="high")
    answer = api.post("split-ticket", {"ticket": source["case_number"], **TOPIC})
    made = json_of(answer)["result"]

    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/tickets/{made['ticket_id']}"
    assert answer.headers["ETag"] == '"2"'
    assert ticket_of(api, source["ticket_id"])["links"] == [{"kind": "split_into", **made}]
    new = ticket_of(api, made["case_number"])
    assert new["links"] == [{"kind": "split_from", **source}]
    assert (new["urgency"], new["subject"], new["status"]) == ("high", "Another matter", "new")
    assert new["received_at"] == ticket_of(api, source["ticket_id"])["received_at"]


def test_a_split_case_stands_in_the_queue_by_the_sources_receipt(api: Api) -> None:
    customer = api.customer()
    source = api.ticket(customer)
    api.clock.forward(minutes=5)
    later = api.ticket(customer)
    made = api.done("split-ticket", ticket=source["ticket_id"], **TOPIC)["result"]
    queued = [item["ticket_id"] for item in api.answer("/v1/queue", customer=customer)["items"]]
    assert queued == [source["ticket_id"], made["ticket_id"], later["ticket_id"]]


def test_a_merged_case_shows_where_it_went_and_leaves_the_queue(api: Api) -> None:
    customer = api.customer()
    first, second = api.ticket(customer), api.ticket(customer)
    api.done("merge-ticket", ticket=first["ticket_id"], into=second["case_number"])

    gone = ticket_of(api, first["case_number"])
    assert (gone["status"], gone["links"]) == ("merged", [{"kind": "merged_into", **second}])
    assert ticket_of(api, second["ticket_id"])["links"] == [{"kind": "merged_from", **first}]
    queued = [item["ticket_id"] for item in api.answer("/v1/queue", customer=customer)["items"]]
    assert queued == [second["ticket_id"]]
    assert [item["ticket_id"] for item in api.answer("/v1/tickets", customer=customer, status="merged")["items"]] == [
        first["ticket_id"]
    ]


def test_a_reply_to_a_merged_case_lands_on_the_one_that_goes_on(api: Api) -> None:
    customer = api.customer()
    first, second = api.ticket(customer), api.ticket(customer)
    api.done("merge-ticket", ticket=first["ticket_id"], into=second["ticket_id"])
    answer = api.done("add-reply", ticket=first["case_number"], author=STAFF, body="Done.")

    assert answer["stream_id"] == f"ticket-{second['ticket_id']}"
    sla = {
        each["clock"]: each
        for each in fits("ticket-sla", api.answer(f"/v1/tickets/{second['case_number']}/sla"))["clocks"]
    }
    assert sla["first_response"]["state"] == "fulfilled"


def test_the_clocks_of_a_merged_case_are_cancelled(api: Api) -> None:
    customer = api.customer()
    first, second = api.ticket(customer), api.ticket(customer)
    api.clock.forward(minutes=30)
    api.done("merge-ticket", ticket=first["ticket_id"], into=second["ticket_id"])
    clocks = fits("ticket-sla", api.answer(f"/v1/tickets/{first['ticket_id']}/sla"))["clocks"]
    assert [(each["clock"], each["state"], each["elapsed_seconds"]) for each in clocks] == [
        ("first_response", "cancelled", 1800),
        ("resolution", "cancelled", 1800),
    ]


def test_a_case_stands_as_it_stood_before_and_after_a_merge(api: Api) -> None:
    customer = api.customer()
    first, second = api.ticket(customer), api.ticket(customer)
    before = api.clock.now()
    api.clock.forward(minutes=1)
    merged = api.done("merge-ticket", ticket=first["ticket_id"], into=second["ticket_id"])
    history = f"/v1/tickets/{first['case_number']}/history"

    assert api.answer(history, as_of=before.isoformat())["status"] == "new"
    assert api.answer(history, as_of=api.clock.now().isoformat())["status"] == "merged"
    assert api.answer(history, version=1)["links"] == []
    assert api.answer(history, position=merged["events"][0]["position"])["links"] == [{"kind": "merged_into", **second}]
    assert [item["type"] for item in api.answer(history)["items"]] == ["TicketOpened.v1", "TicketMerged.v1"]


def test_worked_time_goes_where_the_work_goes(api: Api) -> None:
    customer = api.customer()
    source, survivor = api.ticket(customer), api.ticket(customer)
    api.clock.forward(hours=1)
    log_work(api, source["ticket_id"], 600, entry_id="a-1")
    log_work(api, source["ticket_id"], 900, entry_id="a-2")
    made = api.done("split-ticket", ticket=source["ticket_id"], **TOPIC, entry_ids=["a-2"])["result"]
    assert [ticket_of(api, each["ticket_id"])["worked_seconds"] for each in (source, made)] == [600, 900]

    api.done("merge-ticket", ticket=made["ticket_id"], into=survivor["ticket_id"])
    worked = [ticket_of(api, each["ticket_id"])["worked_seconds"] for each in (source, made, survivor)]
    assert worked == [600, 0, 900]


def test_the_statement_owes_the_same_and_names_the_case_that_has_the_work(api: Api) -> None:
    customer = api.customer()
    source, survivor = api.ticket(customer, category="new_feature"), api.ticket(customer)
    api.clock.forward(hours=1)
    log_work(api, source["ticket_id"], 2_700, entry_id="b-1")
    path, period = f"/v1/customers/{customer}/statement", f"{api.clock.now():%Y-%m}"
    before = api.answer(path, period=period)
    api.done("merge-ticket", ticket=source["ticket_id"], into=survivor["ticket_id"])
    after = api.answer(path, period=period)

    assert after["totals"] == before["totals"]
    assert after["totals"]["on_demand_cents"] == 11_250
    (entry,) = after["entries"]
    assert (entry["ticket_id"], entry["case_number"], entry["class"]) == (*survivor.values(), "billable")


def test_wrong_entries_and_replies_are_named_by_their_place(api: Api) -> None:
    source = api.ticket(api.customer())
    problem = problem_of(api.post("split-ticket", {"ticket": source["ticket_id"], **TOPIC, "entry_ids": ["x"]}), 422)
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("unknown_entry", "/entry_ids/0")
    problem = problem_of(
        api.post("split-ticket", {"ticket": source["ticket_id"], **TOPIC, "reply_positions": [1]}), 422
    )
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("unknown_reply", "/reply_positions/0")


def test_cases_of_two_customers_stay_two(api: Api) -> None:
    mine, theirs = api.ticket(api.customer()), api.ticket(api.customer())
    problem = problem_of(api.post("merge-ticket", {"ticket": mine["ticket_id"], "into": theirs["ticket_id"]}), 422)
    assert (problem["code"], problem["errors"][0]["pointer"]) == ("different_customers", "/into")
