"""The whole of a list as CSV or NDJSON: what JSON has page by page, as of one position, and given back when it ends."""

import csv
import io
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import fields, replace

from api.http.queries import lists
from api.http.queries.catalogue import QUERIES
from api.http.queries.query import Query
from api.http.streaming import body
from api.http.streaming.forms import CSV, NDJSON, csv_lines
from api.http.streaming.limits import Limits
from commands.wire.examples import EXAMPLES
from commands.wire.tickets import LONGEST_BODY
from domain.personal import Personal
from projections import article, ticket_queries
from tests.api.http.conftest import Api, json_of, pointers_of, problem_of

LISTS = [query for query in QUERIES if query.pages]
NEEDED: dict[str, list[dict[str, str]]] = {"sla": [{"show": "breaches"}, {"show": "due_soon"}]}
STAFF = {"role": "staff", "name": "Jo", "email": "jo@desk.example"}
WORDS = 'Rates, "weekend" and = all'


@pytest.fixture(scope="module")
def case(api: Api) -> str:
    """A desk that has something to show in every list; the number of one of its cases."""
    cases: list[str] = []
    customer = api.customer()
    api.done("set-budget", **EXAMPLES["set-budget"] | {"customer_id": customer, "starts_on": "2026-11-01"})
    for number in range(3):
        api.done("create-webhook", url=f"https://crm.example/{number}")
        api.customer()  # whose list is then longer than a page
        api.done("publish-article", title=f"On {number}", body="So.\r\n\r\nAnd so.", topics=["rates"])
        opened = api.ticket(customer, subject=f"{WORDS} {number}", requested_for=f"2026-11-2{number}", urgency="high")
        ticket = opened["ticket_id"]
        cases.append(opened["case_number"])
        api.done("assign-ticket", ticket=ticket, agent="jo")
        api.done("add-reply", ticket=ticket, author=STAFF, body="Look.")
        started_at = api.clock.now().isoformat()
        api.clock.forward(hours=2)
        about = {"ticket": ticket, "agent": "jo", "activity": "analysis", "started_at": started_at}
        api.done("log-work", duration_seconds=7_200, **about)
        incident = api.done("declare-incident", title="Down", text="We look.")["result"]["incident_id"]
        api.done("link-incident", ticket=ticket, incident=incident)
        api.done("resolve-incident", incident=incident, text="Up again.")
        api.happen("announce-incident-resolution", ticket=ticket, incident_id=incident, text=Personal("Up again."))
        api.ticket(customer, urgency="high", subject="=1+1")
        api.done("wait-for-customer", ticket=ticket, reason="asked")
    api.clock.forward(days=20)
    for waiting in json_of(api.get("/v1/sla", show="due_soon"))["items"][:-1]:
        api.happen("record-due-ticket", id=waiting["ticket_id"])
    return cases[-1]


def in_pages(api: Api, path: str, **parameters: str) -> tuple[list[Any], int]:
    """Return the items of a list read in pages of two, and the position that they show."""
    items: list[Any] = []
    follows = "after" if path == "/v1/events" else "cursor"
    limit = {} if path.endswith(("history", "projections", "settings")) else {"limit": "2"}
    while True:
        page = api.answer(path, **parameters, **limit)
        items += page["items"]
        if "next" not in page:
            return items, page["as_of_position"]
        parameters[follows] = page["next"]


def streamed(api: Api, path: str, form: str, **parameters: str) -> tuple[str, dict[str, str]]:
    """Return a list in a form, and the headers of the answer."""
    parameters = {"min_position": str(api.position), "wait_ms": "10000", **parameters}
    answer = api.client.get(path, query_string=parameters, headers={"Accept": form})
    assert answer.status_code == 200, answer.text
    return answer.text, dict(answer.headers)


def value_of(cell: str, quoted: bool) -> Any:
    """Return what a cell stands for, by the rules of the documentation."""
    if not cell:
        return "" if quoted else None
    return cell[1:] if cell[0] == "'" else cell


def rows_of(text: str) -> Iterator[dict[str, str]]:
    """Read CSV as Python's own reader does, strictly."""
    head, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    return (dict(zip(head, row, strict=True)) for row in rows)


def as_cell(item: Any, name: str) -> str:
    """Return how an item's field is told in CSV."""
    value = item.get(name)
    if isinstance(value, str):
        return "'" + value if value[:1] in {"=", "+", "-", "@", "\t", "\r", "'"} and value else value
    if isinstance(value, dict | list | bool):
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return "" if value is None else str(value)


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        pytest.param(query, each, id="-".join([query.name, *each.values()]))
        for query in LISTS
        for each in NEEDED.get(query.name, [{}])
    ],
)
def test_every_list_comes_whole_in_each_form(
    api: Api, case: str, query: Query, parameters: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "STREAMED_ROWS", 2)
    path = query.path.replace("<ticket>", case)
    items, position = in_pages(api, path, **parameters)
    assert items, "a list that has nothing shows nothing"
    lines, headers = streamed(api, path, NDJSON, **parameters)
    if query.name == "projections":
        for each in items:
            each.pop("lag_seconds")
        told = [{n: v for n, v in json.loads(line).items() if n != "lag_seconds"} for line in lines.splitlines()]
    else:
        told = [json.loads(line) for line in lines.split("\n")[:-1]]
    assert told == items
    assert headers["Content-Type"] == "application/x-ndjson"
    assert headers["Caselog-Position"] == str(position)

    text, headers = streamed(api, path, CSV, **parameters)
    item = query.item_of(parameters)
    assert item is not None
    columns = [field.encode_name for field in fields(item)]
    assert {name for each in items for name in each} <= set(columns), "every field of the items is a column"
    assert text.startswith(",".join(columns) + "\r\n")
    assert [{n: v for n, v in row.items() if n != "lag_seconds"} for row in rows_of(text)] == [
        {name: as_cell(each, name) for name in columns if name != "lag_seconds"} for each in items
    ]
    assert headers["Content-Type"] == "text/csv; charset=utf-8"
    assert headers["Caselog-Position"] == str(position)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("plain", "plain"),
        ("", '""'),
        (None, ""),
        ('say "a", b', '"say ""a"", b"'),
        ("two\r\nlines", '"two\r\nlines"'),
        ("ümlaut ☃", "ümlaut ☃"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@sum", "'@sum"),
        ("\tx", "'\tx"),
        ("'t Hooft", "''t Hooft"),
        (-1, "-1"),
        (True, "true"),
        ([], "[]"),
        ({"a": ["b"]}, '"{""a"":[""b""]}"'),
    ],
)
def test_a_cell_is_its_json_value(value: Any, cell: str) -> None:
    assert csv_lines(["a", "b"])([{"a": value}]).decode() == f"{cell},\r\n"


@pytest.mark.parametrize("form", [CSV, NDJSON])
def test_a_list_begins_at_a_cursor_and_ends_at_a_limit(api: Api, case: str, form: str) -> None:
    whole, _ = streamed(api, "/v1/tickets", NDJSON)
    ids = [json.loads(line)["ticket_id"] for line in whole.splitlines()]
    after = api.answer("/v1/tickets", limit=2)["next"]
    text, _ = streamed(api, "/v1/tickets", form, cursor=after, limit="3")
    rows = list(rows_of(text)) if form == CSV else [json.loads(line) for line in text.splitlines()]
    assert [row["ticket_id"] for row in rows] == ids[2:5]


def test_filters_hold_in_a_stream(api: Api, case: str) -> None:
    text, _ = streamed(api, "/v1/tickets", CSV, status="waiting_customer", text="weekend")
    assert {row["status"] for row in rows_of(text)} == {"waiting_customer"}
    assert len(list(rows_of(text))) == 3


@pytest.mark.parametrize(("accept", "expected"), [("*/*", None), ("text/*", "text/csv"), ("text/csv;q=0.1, */*", None)])
def test_json_comes_where_another_form_is_not_preferred(api: Api, accept: str, expected: str | None) -> None:
    answer = api.client.get("/v1/customers", headers={"Accept": accept}, buffered=True)
    assert answer.mimetype == (expected or "application/json")


@pytest.mark.parametrize(
    ("path", "accept"),
    [
        ("/v1/customers", "text/html"),
        ("/v1/tickets/{case}", "text/csv"),
        ("/v1/tickets/{case}/history?version=1", "text/csv"),
        ("/v1/status", "application/x-ndjson"),
        ("/v1/customers", "text/csv;q=0, application/json;q=0"),
    ],
)
def test_what_does_not_come_in_a_form_is_not_acceptable(api: Api, case: str, path: str, accept: str) -> None:
    api.answer("/v1/tickets")
    answer = api.client.get(path.replace("{case}", case), headers={"Accept": accept})
    assert problem_of(answer, 406)["code"] == "not_acceptable"


def test_what_is_wrong_with_a_request_is_told_before_anything_is_sent(api: Api) -> None:
    for path, pointer in {
        "/v1/sla": "/show",
        "/v1/tickets?cursor=none": "/cursor",
        "/v1/tickets?colour=red": "/colour",
        "/v1/events?type=None.v1": "/type",
    }.items():
        assert pointers_of(api.client.get(path, headers={"Accept": CSV})) == {pointer}


def test_a_requester_streams_what_is_their_own_customers(api: Api, case: str) -> None:
    own = api.customer()
    mine = api.ticket(own)["ticket_id"]
    api.answer("/v1/tickets")
    requester = api.client_as("requester", own)
    for path in ("/v1/tickets", f"/v1/tickets?customer={own}"):
        lines = requester.get(path, headers={"Accept": NDJSON}).text.splitlines()
        assert [json.loads(line)["ticket_id"] for line in lines] == [mine]
    other = requester.get("/v1/tickets?customer=customer-1", headers={"Accept": NDJSON})
    assert (other.status_code, other.text) == (200, "")
    for path in ("/v1/customers", "/v1/events", f"/v1/tickets/{case}/history"):
        assert problem_of(requester.get(path, headers={"Accept": CSV}), 403)["code"] == "forbidden"


# What a list holds


def test_a_list_shows_one_position_whatever_happens_meanwhile(
    api: Api, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "STREAMED_ROWS", 2)
    customer = api.customer()
    before = [api.ticket(customer)["ticket_id"] for _ in range(6)]
    api.answer("/v1/tickets")
    later: list[str] = []
    search = ticket_queries.search

    def write() -> None:
        api.done("assign-ticket", ticket=before[0], agent="kim")
        later.append(api.ticket(customer)["ticket_id"])
        api.answer("/v1/customers")
        items = api.answer("/v1/tickets", customer=customer)["items"]
        assert items[0]["ticket_id"] == later[0]

    def search_and_write(*arguments: Any, **options: Any) -> Any:
        page = search(*arguments, **options)
        if not later:
            monkeypatch.setattr(ticket_queries, "search", search)
            writing = threading.Thread(target=write)
            writing.start()
            writing.join()
        return page

    monkeypatch.setattr(ticket_queries, "search", search_and_write)
    answer = api.client.get(f"/v1/tickets?customer={customer}", headers={"Accept": NDJSON})
    items = [json.loads(line) for line in answer.text.splitlines()]
    assert later, "something happened between two pages"
    assert [item["ticket_id"] for item in items] == before[::-1]
    assert all("assignee" not in item for item in items)
    assert max(item["position"] for item in items) <= int(answer.headers["Caselog-Position"])


def test_the_feed_ends_where_the_log_did_when_it_began(api: Api, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "STREAMED_ROWS", 2)
    pool: Any = api.services.connections
    answer = api.client.get("/v1/events", headers={"Accept": NDJSON})
    chunks: Any = iter(answer.response)
    seen = [next(chunks)]
    assert pool.in_use == 0, "between two pages it holds no connection"
    api.customer()
    seen += list(chunks)
    answer.close()
    positions = [json.loads(line)["position"] for line in b"".join(seen).splitlines()]
    assert positions == list(range(1, int(answer.headers["Caselog-Position"]) + 1))
    assert "Content-Length" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/tickets", "/v1/events"])
def test_a_client_that_goes_gives_its_place_back(
    api: Api, case: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "STREAMED_ROWS", 2)
    pool: Any = api.services.connections
    client = api.client_of(replace(api.services, streams=Limits(at_once=1)))
    for taken in (0, 1, 2):
        answer = client.get(path, headers={"Accept": CSV})
        chunks = iter(answer.response)
        for _ in range(min(taken, 1) if path == "/v1/tickets" else taken):
            next(chunks)
        assert pool.in_use == 0
        refused = client.get("/v1/customers", headers={"Accept": CSV})
        assert problem_of(refused, 503)["code"] == "too_many_streams"
        assert int(refused.headers["Retry-After"]) >= 1
        answer.close()
    assert client.get(path, headers={"Accept": CSV}, buffered=True).status_code == 200
    for _ in range(2):
        assert client.head(path, headers={"Accept": CSV}, buffered=True).status_code == 200
    for _ in range(2):
        assert client.get(f"{path}?limit=0", headers={"Accept": CSV}).status_code == 422


def test_long_items_are_read_a_few_at_a_time(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(60):
        api.done("publish-article", title=f"Long {number}", body="x" * LONGEST_BODY, topics=["long"])
    api.answer("/v1/articles")
    limits: list[int] = []
    page = article.page

    def noting(*arguments: Any, limit: int, **options: Any) -> Any:
        limits.append(limit)
        return page(*arguments, limit=limit, **options)

    monkeypatch.setattr(article, "page", noting)
    text, _ = streamed(api, "/v1/articles", NDJSON, topic="long")
    assert text.count("\n") == 60
    assert max(limits[1:]) * LONGEST_BODY <= lists.STREAMED_BYTES


def test_a_list_that_there_is_no_room_for_is_told_so(api: Api, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as full:
        full.setattr(body, "SpooledTemporaryFile", lambda _: Path("/dev/full").open("wb", 0))  # noqa: SIM115
        answer = api.client.get("/v1/tickets", headers={"Accept": CSV}, buffered=True)
    assert problem_of(answer, 503)["code"] == "no_room"
    assert api.client.get("/v1/tickets", headers={"Accept": CSV}, buffered=True).status_code == 200


def test_a_list_tells_its_length(api: Api, case: str) -> None:
    answer = api.client.get("/v1/tickets", headers={"Accept": CSV}, buffered=True)
    assert int(answer.headers["Content-Length"]) == len(answer.data)
