"""Lists as of an earlier position: every list at every position of a desk's life, and pages read while others write."""

import csv
import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from api.http.parameters import AS_OF
from api.http.queries import past
from api.http.queries.catalogue import QUERIES
from api.http.streaming.forms import CSV, NDJSON
from commands.wire.examples import EXAMPLES
from domain.personal import Personal
from tests.api.http.conftest import Api, json_of, problem_of
from tests.api.http.test_lists import in_pages

STAFF = {"role": "staff", "name": "Jo", "email": "jo@desk.example"}
REQUESTER = {"role": "requester", "name": "Ann", "email": "ann@example.com"}
LISTS = [query for query in QUERIES if query.views and AS_OF in query.parameters.fields]
ASKED: dict[str, list[dict[str, str]]] = {
    "queue": [{}, {"agent": "kim"}, {"workable_now": "true"}],
    "tickets": [{}, {"status": "open"}, {"text": "rates"}],
    "incidents": [{}, {"state": "open"}, {"ticket": "C-000001"}],
    "articles": [{}, {"state": "retired"}, {"topic": "rates"}],
    "sla": [{}, {"show": "breaches"}, {"show": "due_soon"}],
    "ledger": [{}, {"customer": "customer-1"}],
}


def steps(api: Api) -> Iterator[None]:
    """What happens at a desk, yielded after each command."""
    customer, other = api.customer(), api.customer()
    yield
    tickets = []
    for number in range(3):
        opened = api.ticket(customer, subject=f"Rates {number}", requested_for="2026-11-25")
        tickets.append(opened["ticket_id"])
        yield
    first, second, third = tickets
    for command, data in (
        ("assign-ticket", {"ticket": first, "agent": "kim"}),
        ("set-urgency", {"ticket": second, "urgency": "high"}),
        ("add-reply", {"ticket": first, "author": STAFF, "body": "Look."}),
        ("wait-for-customer", {"ticket": first, "reason": "asked"}),
        ("buy-hours", {"customer_id": customer, "hours": 5}),
        ("publish-article", {"article_id": "rates", "title": "Rates", "body": "So.", "topics": ["rates"]}),
        ("add-reply", {"ticket": first, "author": REQUESTER, "body": "Thanks."}),
        ("revise-article", {"article_id": "rates", "title": "Rates", "body": "So!", "topics": ["rates", "plans"]}),
        ("declare-incident", {"incident_id": "down", "title": "Down", "text": "We look."}),
        ("link-incident", {"ticket": first, "incident": "down"}),
        ("link-incident", {"ticket": second, "incident": "down"}),
        ("post-incident-update", {"incident": "down", "text": "Soon."}),
        ("resolve-incident", {"incident": "down", "text": "Up."}),
        ("assign-ticket", {"ticket": second, "agent": "kim"}),
        ("update-customer", {**EXAMPLES["update-customer"], "customer_id": other}),
        ("publish-plan", EXAMPLES["publish-plan"]),
        ("retire-article", {"article_id": "rates"}),
    ):
        api.done(command, **data)
        yield
    api.happen("announce-incident-resolution", ticket=first, incident_id="down", text=Personal("Up."))
    yield
    api.clock.forward(hours=6)
    started_at = api.clock.now().isoformat()
    api.clock.forward(hours=5)
    about = {"ticket": second, "agent": "kim", "activity": "analysis", "started_at": started_at}
    entry = api.done("log-work", duration_seconds=18_000, **about)["result"]["entry_id"]
    yield
    api.done("correct-work", ticket=second, entry_id=entry, duration_seconds=3_600, reason="typo")
    yield
    api.clock.forward(days=9)
    for ticket in tickets:
        api.happen("record-due-ticket", id=ticket)
        yield
    split = {"subject": "Another", "description": "Topic", "category": "how_to"}
    api.done("split-ticket", ticket=second, entry_ids=[entry], **split)
    yield
    api.done("merge-ticket", ticket=third, into=first)
    yield
    api.done("resolve-ticket", ticket=second, resolution="Done.")
    yield


def asked(query_name: str) -> list[dict[str, str]]:
    return ASKED.get(query_name, [{}])


def timeless(answer: Any) -> Any:
    """Return an answer without what passes with time alone."""
    if isinstance(answer, dict):
        return {name: timeless(value) for name, value in answer.items() if name != "waiting_seconds"}
    return [timeless(each) for each in answer] if isinstance(answer, list) else answer


@pytest.fixture(scope="module")
def told(api: Api) -> dict[int, dict[str, Any]]:
    """What every list answered after each step, by the position that it was at."""
    answers: dict[int, dict[str, Any]] = {}
    for _ in steps(api):
        answers[api.position] = {
            f"{query.path} {parameters}": api.answer(query.path, **parameters)
            for query in LISTS
            for parameters in asked(query.name)
        }
    return answers


def test_every_list_is_told_at_every_position_as_it_was_told_then(api: Api, told: dict[int, dict[str, Any]]) -> None:
    assert len(told) > 25
    differing: dict[str, list[Any]] = {}
    for position, answers in told.items():
        for query in LISTS:
            for parameters in asked(query.name):
                name = f"{query.path} {parameters}"
                if "workable_now" in parameters:
                    continue  # of now, not of then
                answer = timeless(api.answer(query.path, **parameters, as_of_position=position))
                assert answer == timeless(answers[name]), f"{name} at {position}"
                del answer["as_of_position"]
                differing.setdefault(name, []).append(answer)
    alike = [name for name, answers in differing.items() if all(each == answers[0] for each in answers)]
    assert alike == [], "a list that never changed shows nothing"


@pytest.mark.parametrize("form", [CSV, NDJSON])
def test_a_whole_list_is_told_as_of_a_position_too(api: Api, told: dict[int, dict[str, Any]], form: str) -> None:
    middle = sorted(told)[len(told) // 2]
    answer = api.client.get(f"/v1/tickets?as_of_position={middle}", headers={"Accept": form}, buffered=True)
    assert answer.headers["Caselog-Position"] == str(middle)
    items = told[middle]["/v1/tickets {}"]["items"]
    if form == NDJSON:
        assert [json.loads(line) for line in answer.text.splitlines()] == items
    else:
        assert [row["ticket_id"] for row in csv.DictReader(io.StringIO(answer.text))] == [
            each["ticket_id"] for each in items
        ]


def test_pages_that_name_a_position_show_one_state_while_others_write(api: Api) -> None:
    customer = api.customer()
    tickets = [api.ticket(customer)["ticket_id"] for _ in range(12)]
    whole = api.answer("/v1/queue", customer=customer)
    items: list[Any] = []
    without: list[Any] = []
    page = moving = api.answer("/v1/queue", customer=customer, limit=2)
    position = page["as_of_position"]
    while True:
        items += page["items"]
        without += moving["items"]
        # What would be missed, doubled and changed by now: cases that move to the front, leave, and come.
        api.done("set-urgency", ticket=tickets.pop(), urgency="high")
        api.done("resolve-ticket", ticket=tickets.pop(0), resolution="Done.")
        api.ticket(customer)
        if "next" not in page:
            break
        page = api.answer("/v1/queue", customer=customer, limit=2, cursor=page["next"], as_of_position=position)
        if "next" in moving:
            moving = api.answer("/v1/queue", customer=customer, limit=2, cursor=moving["next"])
        assert page["as_of_position"] == position
    assert items == whole["items"]
    assert without != whole["items"], "without it the pages do not fit together"


def test_several_lists_can_be_of_one_position(api: Api) -> None:
    customer = api.customer()
    ticket = api.ticket(customer)["ticket_id"]
    position = api.position
    api.answer("/v1/queue")
    api.done("resolve-ticket", ticket=ticket, resolution="Done.")
    for path, status in (("/v1/queue", "new"), ("/v1/tickets", "new")):
        (item,) = api.answer(path, customer=customer, as_of_position=position)["items"]
        assert item["status"] == status
    assert api.answer("/v1/queue", customer=customer)["items"] == []


def test_a_requester_sees_own_cases_alone_of_the_past_too(api: Api) -> None:
    own, other = api.customer(), api.customer()
    mine, others = api.ticket(own)["ticket_id"], api.ticket(other)["ticket_id"]
    position = api.position
    for ticket in (mine, others):
        api.done("set-urgency", ticket=ticket, urgency="high")
    api.answer("/v1/tickets")
    requester = api.client_as("requester", own)
    items = json_of(requester.get(f"/v1/tickets?as_of_position={position}"))["items"]
    assert [(item["ticket_id"], item["urgency"]) for item in items] == [(mine, "normal")]


@pytest.mark.parametrize(("limit", "most"), [("MOST_STREAMS", 1), ("MOST_EVENTS", 2)])
def test_a_position_too_long_gone_is_gone(api: Api, monkeypatch: pytest.MonkeyPatch, limit: str, most: int) -> None:
    customer = api.customer()
    tickets = [api.ticket(customer)["ticket_id"] for _ in range(2)]
    position = api.answer("/v1/tickets")["as_of_position"]
    monkeypatch.setattr(past, limit, most)
    answers = []
    for ticket in tickets:
        api.done("assign-ticket", ticket=ticket, agent="kim")
        api.done("add-note", ticket=ticket, author=STAFF, body="So.")
        answers.append(api.get("/v1/tickets", as_of_position=position))
    assert answers[0].status_code == 200
    assert problem_of(answers[1], 410)["code"] == "position_gone"
    assert api.get("/v1/notices", as_of_position=position).status_code == (200 if limit == "MOST_STREAMS" else 410)


# Queries of the log


def test_the_feed_ends_at_a_position(api: Api) -> None:
    api.customer()
    position = api.position - 1
    items, shown = in_pages(api, "/v1/events", as_of_position=str(position), after=str(position - 5))
    assert ([each["position"] for each in items], shown) == (list(range(position - 4, position + 1)), position)


def test_a_history_ends_at_a_position(api: Api) -> None:
    ticket = api.ticket(api.customer())["ticket_id"]
    position = api.position
    api.done("set-urgency", ticket=ticket, urgency="high")
    path = f"/v1/tickets/{ticket}/history"
    history = api.answer(path, as_of_position=position)
    assert history["as_of_position"] == position
    assert history["items"][-1]["position"] <= position
    assert history["items"] == api.answer(path)["items"][:-1]
    problem_of(api.get(path, as_of_position=1), 404)


def test_min_position_holds_for_the_log(api: Api) -> None:
    ticket = f"/v1/tickets/{api.ticket(api.customer())['ticket_id']}"
    for path in ("/v1/events", "/v1/projections", f"{ticket}/history", f"{ticket}/diff"):
        asked = {"from_version": "1"} if path.endswith("diff") else {}
        here = {**asked, "min_position": str(api.position), "wait_ms": "0"}
        assert api.client.get(path, query_string=here).status_code == 200
        beyond = {**asked, "min_position": str(api.position + 1), "wait_ms": "10"}
        assert problem_of(api.client.get(path, query_string=beyond), 503)["code"] == "view_behind"


def test_a_list_of_a_position_to_come_is_behind(api: Api) -> None:
    for path in ("/v1/tickets", "/v1/events"):
        answer = api.client.get(f"{path}?as_of_position={api.position + 1}&wait_ms=10")
        assert problem_of(answer, 503)["code"] == "view_behind"


def test_what_is_recorded_while_a_question_to_the_log_waits_is_in_its_answer(api: Api) -> None:
    api.customer()
    awaited = api.position + 1
    answers: list[Any] = []

    def ask() -> None:
        query = {"min_position": str(awaited), "wait_ms": "20000", "after": str(awaited - 1)}
        answers.append(json_of(api.client.get("/v1/events", query_string=query)))

    asking = threading.Thread(target=ask)
    asking.start()
    api.customer()
    asking.join()
    assert answers[0]["items"][0]["position"] == awaited
