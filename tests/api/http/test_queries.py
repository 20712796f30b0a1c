"""Questions over HTTP are answered in the shapes of the contract, with what was just sent."""

import itertools
import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from api.http.queries.catalogue import QUERIES
from tests.api.http.conftest import Api, json_of
from tests.api.http.shapes import fits

STAFF = {"role": "staff", "name": "Jo", "email": "jo@desk.example"}


def log_work(api: Api, ticket: str, seconds: int, **other: Any) -> Any:
    started_at = (api.clock.now() - timedelta(seconds=seconds)).isoformat()
    data = {"ticket": ticket, "agent": "jo", "started_at": started_at, "duration_seconds": seconds}
    return api.done("log-work", **data | {"activity": "analysis"} | other)


@pytest.fixture(scope="module")
def worked(api: Api) -> Any:
    """A case that was opened, assigned, worked on beyond the allowance, and answered, with hours bought before."""
    customer = api.customer()
    pack = api.done("buy-hours", customer_id=customer, hours=5)["result"]["pack_id"]
    opened = api.ticket(customer, urgency="high")
    ticket = opened["ticket_id"]
    api.clock.forward(minutes=10)
    api.done("assign-ticket", ticket=ticket, agent="jo")
    api.clock.forward(minutes=100)
    entry = log_work(api, ticket, 6_300)["result"]
    api.done("add-reply", ticket=ticket, author=STAFF, body="Look at the second tab.")
    return {"customer": customer, "ticket": ticket, "case": opened["case_number"], "pack": pack, "entry": entry}


def test_the_queue_shows_open_tickets_by_urgency_and_then_receipt(api: Api) -> None:
    customer = api.customer()
    low, high, normal, later = (
        api.ticket(customer, urgency=urgency)["ticket_id"] for urgency in ("low", "high", "normal", "normal")
    )
    queue = fits("queue", api.answer("/v1/queue", customer=customer))
    assert [item["ticket_id"] for item in queue["items"]] == [high, normal, later, low]
    assert queue["items"][0]["next_due"]["clock"] == "first_response"
    assert queue["as_of_position"] >= api.position


def test_a_list_is_read_page_by_page_without_a_gap_or_a_repeat(api: Api) -> None:
    customer = api.customer()
    opened = [api.ticket(customer)["ticket_id"] for _ in range(5)]
    seen: list[str] = []
    parameters: dict[str, Any] = {"customer": customer, "limit": 2}
    while True:
        page = fits("queue", api.answer("/v1/queue", **parameters))
        seen += [item["ticket_id"] for item in page["items"]]
        if "next" not in page:
            break
        parameters["cursor"] = page["next"]
    assert seen == opened


def test_the_queue_shows_what_is_workable_now(api: Api) -> None:
    customer = api.customer()
    api.ticket(customer)
    assert len(api.answer("/v1/queue", customer=customer, workable_now="true")["items"]) == 1
    assert api.answer("/v1/queue", customer=customer, agent="nobody")["items"] == []


def test_a_ticket_is_found_by_its_id_and_by_its_case_number(api: Api, worked: Any) -> None:
    by_id = api.get(f"/v1/tickets/{worked['ticket']}")
    ticket = fits("ticket", json_of(by_id))
    assert ticket == api.answer(f"/v1/tickets/{worked['case']}")
    assert by_id.headers["ETag"] == f'"{ticket["version"]}"'
    assert ticket["status"] == "open"
    assert ticket["assignee"] == "jo"
    assert ticket["worked_seconds"] == 6_300
    assert ticket["class"] == "included"


def test_tickets_are_searched_for(api: Api, worked: Any) -> None:
    found = fits("tickets", api.answer("/v1/tickets", text=worked["case"].lower(), status="open", urgency="high"))
    assert [item["ticket_id"] for item in found["items"]] == [worked["ticket"]]
    assert api.answer("/v1/tickets", customer=worked["customer"], status="closed")["items"] == []


def test_the_history_has_every_event_in_order_as_cloud_events(api: Api, worked: Any) -> None:
    history = fits("history", api.answer(f"/v1/tickets/{worked['case']}/history"))
    items = history["items"]
    assert [item["type"] for item in items] == [
        "TicketOpened.v1",
        "TicketAssigned.v1",
        "WorkLogged.v1",
        "StaffReplied.v1",
    ]
    assert [item["streamversion"] for item in items] == [1, 2, 3, 4]
    assert {item["subject"] for item in items} == {f"ticket-{worked['ticket']}"}
    assert items[0]["data"]["subject"] == {"text": "Rates"}
    assert history["as_of_position"] == items[-1]["position"]


def test_a_ticket_is_shown_as_it_stood_at_a_version_a_position_and_an_instant(api: Api, worked: Any) -> None:
    path = f"/v1/tickets/{worked['ticket']}/history"
    items = api.answer(path)["items"]
    now = api.answer(f"/v1/tickets/{worked['ticket']}")
    at_first = fits("history", api.answer(path, version=1))
    assert (at_first["status"], at_first["version"], at_first["worked_seconds"]) == ("new", 1, 0)
    assert api.answer(path, position=items[1]["position"])["assignee"] == "jo"
    assert api.answer(path, position=items[0]["position"]) == at_first
    just_before = datetime.fromisoformat(items[1]["time"]) - timedelta(microseconds=1)
    assert api.answer(path, as_of=just_before.isoformat()) == at_first
    assert api.answer(path, as_of=items[-1]["time"]) == now
    assert api.answer(path, version=len(items)) == now


@pytest.mark.parametrize("parameters", [{"version": 99}, {"as_of": "2020-01-01T00:00:00Z"}, {"position": 1}])
def test_a_ticket_that_did_not_stand_at_all_then_is_unknown(api: Api, worked: Any, parameters: Any) -> None:
    assert api.get(f"/v1/tickets/{worked['ticket']}/history", **parameters).status_code == 404


def test_an_offset_with_a_plus_is_understood_as_it_was_meant(api: Api, worked: Any) -> None:
    path = f"/v1/tickets/{worked['ticket']}/history?version=1"
    as_of = (api.clock.now() + timedelta(hours=1)).isoformat()
    assert "+" in as_of
    raw = api.client.get(f"/v1/tickets/{worked['ticket']}/history?as_of={as_of}")
    assert raw.status_code == 200, raw.text
    assert api.client.get(path).status_code == 200


def test_the_clocks_of_a_ticket_tell_why_they_stand_so(api: Api, worked: Any) -> None:
    sla = fits("ticket-sla", api.answer(f"/v1/tickets/{worked['case']}/sla"))
    clocks = {clock["clock"]: clock for clock in sla["clocks"]}
    assert clocks["first_response"]["state"] == "fulfilled"
    assert clocks["resolution"]["state"] == "running"
    for clock in clocks.values():
        why = clock["why"]
        assert why[0]["from"] == clock["started_at"]
        assert all(earlier["to"] == later["from"] for earlier, later in itertools.pairwise(why))
        assert sum(each["seconds"] for each in why if each["kind"] == "counted") == clock["elapsed_seconds"]


def test_deadlines_and_breaches_are_listed(api: Api) -> None:
    customer = api.customer()
    ticket = api.ticket(customer, urgency="high")["ticket_id"]
    overview = fits("sla", api.answer("/v1/sla", customer=customer))
    assert [item["ticket_id"] for item in overview["due_soon"]] == [ticket]
    assert overview["breaches"] == []
    api.clock.forward(hours=3)
    api.done("add-reply", ticket=ticket, author=STAFF, body="Sorry to be late.")
    page = fits("sla", api.answer("/v1/sla", customer=customer, show="breaches"))
    assert [(item["ticket_id"], item["clock"]) for item in page["items"]] == [(ticket, "first_response")]
    assert fits("sla", api.answer("/v1/sla", customer=customer, show="due_soon"))["items"]


def test_an_overview_that_does_not_show_all_tells_how_many_there_are_and_where_they_go_on(api: Api) -> None:
    customer = api.customer()
    tickets = [api.ticket(customer, urgency="high")["ticket_id"] for _ in range(3)]
    api.clock.forward(hours=3)
    for ticket in tickets[:2]:
        api.done("add-reply", ticket=ticket, author=STAFF, body="Sorry to be late.")
    whole = fits("sla", api.answer("/v1/sla", customer=customer))
    assert {"breaches_next", "due_soon_next"} & set(whole) == set()
    first = fits("sla", api.answer("/v1/sla", customer=customer, limit=1))
    for name in ("breaches", "due_soon"):
        assert first[f"{name}_total"] == whole[f"{name}_total"] == len(whole[name]) > 1
        rest = api.answer("/v1/sla", customer=customer, show=name, cursor=first[f"{name}_next"])
        assert first[name] + rest["items"] == whole[name]
        before = api.answer("/v1/sla", customer=customer, as_of_position=first["as_of_position"])
        assert before[f"{name}_total"] == whole[f"{name}_total"]
        none = api.answer("/v1/sla", customer=customer, before="2020-01-01T00:00:00Z")
        assert (none[name], none[f"{name}_total"]) == ([], 0)


def test_customers_and_their_subscriptions_are_shown(api: Api, worked: Any) -> None:
    path = f"/v1/customers/{worked['customer']}"
    assert fits("customer", api.answer(path))["products"] == ["website", "hub"]
    listed = fits("customers", api.answer("/v1/customers", limit=500))
    assert worked["customer"] in [item["customer_id"] for item in listed["items"]]
    subscription = fits("subscription", api.answer(f"{path}/subscription"))
    assert subscription["month"] == "2026-11"
    assert subscription["allowance"]["left_seconds"] == 0
    (pack,) = subscription["packs"]
    assert (pack["pack_id"], pack["remaining_seconds"]) == (worked["pack"], 5 * 3_600 - 2_700)


def test_a_statement_has_each_entry_with_its_draws(api: Api, worked: Any) -> None:
    path = f"/v1/customers/{worked['customer']}/statement"
    statement = fits("statement", api.answer(path, period="2026-11"))
    (entry,) = statement["entries"]
    assert entry["entry_id"] == worked["entry"]["entry_id"]
    assert [(draw["source"], draw["seconds"]) for draw in entry["draws"]] == [("allowance", 3_600), ("pack", 2_700)]
    assert [(draw["source"], draw["seconds"]) for draw in worked["entry"]["draws"]] == [
        ("allowance", 3_600),
        ("pack", 2_700),
    ]
    assert statement["totals"]["packs_cents"] == 60_000
    assert statement["totals"]["owed_cents"] == statement["fee_cents"] + 60_000
    empty = fits("statement", api.answer(path, period="2026-10"))
    assert empty["entries"] == []


def test_a_statement_and_a_subscription_are_shown_as_they_stood(api: Api, worked: Any) -> None:
    before = (api.clock.now() - timedelta(days=1)).isoformat()
    path = f"/v1/customers/{worked['customer']}"
    now = api.clock.now().isoformat()
    later = fits("statement", api.answer(f"{path}/statement", period="2026-11", as_of=now))
    plain = api.answer(f"{path}/statement", period="2026-11")
    assert {name: later[name] for name in later if name != "as_of_position"} == {
        name: plain[name] for name in plain if name != "as_of_position"
    }
    assert api.get(f"{path}/subscription", as_of=before).status_code == 404
    assert fits("subscription", api.answer(f"{path}/subscription", as_of=now))["customer_id"] == worked["customer"]


def test_a_customer_without_a_subscription_is_told_from_nobody_at_all(api: Api) -> None:
    person = {"name": "Ann Lee", "email": "ann@example.com"}
    api.done("register-customer", customer_id="plain", name="Plain", contacts=[person], products=[])
    answer = api.get("/v1/customers/plain/subscription")
    assert json_of(answer)["code"] == "unknown_subscription"
    assert json_of(api.get("/v1/customers/plain/statement", period="2026-11"))["code"] == "unknown_subscription"


def test_the_journal_balances_in_each_commodity_and_names_its_causes(api: Api, worked: Any) -> None:
    entries = fits("ledger", api.answer("/v1/ledger", customer=worked["customer"], limit=500))["items"]
    assert entries
    for entry in entries:
        sums: dict[str, int] = {}
        for line in entry["lines"]:
            sums[line["commodity"]] = sums.get(line["commodity"], 0) + line["amount"]
        assert set(sums.values()) == {0}
        assert entry["positions"]
    caused = api.answer("/v1/ledger", caused_by=worked["entry"]["entry_id"])["items"]
    assert caused
    assert len(caused) < len(entries)


def test_balances_are_told_now_and_as_they_stood(api: Api, worked: Any) -> None:
    balances = fits("balances", api.answer("/v1/ledger/balances", customer=worked["customer"]))["items"]
    owed = sum(item["amount"] for item in balances if item["account"] == "receivable")
    statement = api.answer(f"/v1/customers/{worked['customer']}/statement", period="2026-11")
    assert owed == statement["totals"]["owed_cents"]
    before = api.answer("/v1/ledger/balances", customer=worked["customer"], as_of="2026-10-01T00:00:00Z")
    assert before["items"] == []


def test_balances_come_whole_or_page_by_page_as_asked(api: Api, worked: Any) -> None:
    whole = api.answer("/v1/ledger/balances", customer=worked["customer"])
    assert len(whole["items"]) > 2
    assert "next" not in whole
    first = fits("balances", api.answer("/v1/ledger/balances", customer=worked["customer"], limit=2))
    rest = api.answer("/v1/ledger/balances", customer=worked["customer"], cursor=first["next"])
    assert first["items"] + rest["items"] == whole["items"]
    assert len(first["items"]) == 2


def test_the_log_is_read_page_by_page_to_its_head(api: Api) -> None:
    customer = api.customer()
    api.ticket(customer)
    positions: list[int] = []
    after = 0
    while True:
        page = fits("events", api.answer("/v1/events", after=after, limit=7))
        positions += [item["position"] for item in page["items"]]
        if "next" not in page:
            break
        after = int(page["next"])
    assert positions == list(range(1, api.position + 1))
    assert page["as_of_position"] == api.position


def test_the_log_is_read_by_type_and_by_stream(api: Api, worked: Any) -> None:
    stream = f"customer-{worked['customer']}"
    (registered,) = api.answer("/v1/events", stream=stream)["items"]
    assert registered["type"] == "CustomerRegistered.v1"
    opened = api.answer("/v1/events", type="TicketOpened.v1", limit=500)["items"]
    assert {item["type"] for item in opened} == {"TicketOpened.v1"}
    assert api.answer("/v1/events", type="TicketOpened.v1", stream=stream)["items"] == []


def test_the_settings_of_the_desk_are_shown(api: Api) -> None:
    kinds = {item["kind"] for item in fits("settings", api.answer("/v1/settings"))["items"]}
    assert {"calendar", "plan"} <= kinds


def test_each_view_tells_how_far_it_has_come(api: Api) -> None:
    api.answer("/v1/queue")
    views = fits("projections", api.answer("/v1/projections"))["items"]
    assert {"queue", "ticket", "sla", "ledger"} <= {item["view"] for item in views}
    assert {item["state"] for item in views} == {"live"}


def test_a_client_reads_what_it_has_just_written(api: Api) -> None:
    customer = api.customer()
    for _ in range(20):
        ticket = api.ticket(customer)["ticket_id"]
        assert api.get(f"/v1/tickets/{ticket}").status_code == 200


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.name)
def test_every_query_also_answers_without_a_body_to_head_and_names_its_methods(api: Api, query: Any) -> None:
    path = re.sub(r"<\w+>", "C-999999", query.path)
    head, get = api.client.head(path), api.client.get(path)
    assert head.status_code == get.status_code
    assert head.data == b""
    assert head.content_type == get.content_type
    options = api.client.options(path)
    assert options.status_code == 200
    assert "Content-Type" not in options.headers
    assert set(options.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_the_ready_answer_tells_the_desks_clock_and_position(api: Api) -> None:
    ready = api.answer("/health/ready")
    assert ready["status"] == "ready"
    assert ready["test_clock"] is False
    assert datetime.fromisoformat(ready["now"]) == api.clock.now()
    assert json_of(api.client.get("/health/live")) == {"status": "live"}


def test_the_index_names_addresses_that_are_there(api: Api) -> None:
    index = json_of(api.client.get("/"))
    for path in index.values():
        if path.startswith("/") and "<" not in path:
            assert api.client.get(path).status_code == 200
