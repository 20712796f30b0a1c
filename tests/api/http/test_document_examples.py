"""The document shows an example of every answer, each what a desk does answer, and the headers that are sent."""

import csv
import io
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator, FormatChecker

from api.http.document.answers import recorded
from api.http.document.openapi import openapi_document
from api.http.problems.page import PAGE
from api.http.queries.catalogue import QUERIES
from api.http.streaming.forms import CSV, NDJSON
from commands.problems import MEDIA_TYPE
from commands.wire.examples import EXAMPLES
from tests.api.http.a_desks_answers import IDS, answers_of, write
from tests.api.http.conftest import Api, json_of

Json = dict[str, Any]

DOCUMENT: Json = json.loads(msgspec.json.encode(openapi_document()))
OF_ALL_HTTP = {"Content-Type", "Content-Length", "Cache-Control", "X-Content-Type-Options"}
OF_THE_MOMENT = {"recordedat", "lag_seconds", "lag_events", "next"}


def resolved(node: Json) -> Json:
    """Return what a part of the document stands for."""
    while "$ref" in node:
        place: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        node = place
    return node


def operations() -> Iterator[tuple[str, str, Json]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


OPERATIONS = {operation["operationId"]: (path, method, operation) for path, method, operation in operations()}


def media_of(operation: Json) -> Iterator[tuple[str, str, Json]]:
    """Yield status, media type and what is said of it, for every answer of an operation."""
    for status, response in operation["responses"].items():
        for media_type, media in resolved(response)["content"].items():
            yield status, media_type, media


def examples_of(media: Json) -> list[Any]:
    if "example" in media:
        return [media["example"]]
    return [resolved(each)["value"] for each in media.get("examples", {}).values()]


def wrong_in(example: Any, schema: Json) -> list[str]:
    validator = Draft202012Validator({**schema, "components": DOCUMENT["components"]}, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(example)]


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_answer_of_every_operation_has_examples_that_fit_its_schema(name: str) -> None:
    for status, media_type, media in media_of(OPERATIONS[name][2]):
        examples = examples_of(media)
        assert examples, (status, media_type, "has no example")
        for example in examples:
            assert wrong_in(example, media["schema"]) == []
            if media_type == MEDIA_TYPE:
                assert str(example["status"]) == status


@pytest.mark.parametrize("name", [query.name for query in QUERIES if query.pages])
def test_the_lines_of_a_whole_list_are_its_items(name: str) -> None:
    (query,) = (query for query in QUERIES if query.name == name)
    media = {media_type: media for _, media_type, media in media_of(OPERATIONS[name][2])}
    columns, *rows = csv.reader(io.StringIO(media[CSV]["example"], newline=""))
    lines = [json.loads(line) for line in media[NDJSON]["example"].splitlines()]
    told = [[field.encode_name for field in msgspec.structs.fields(item)] for item in query.pages]
    assert columns in told
    assert rows
    assert {len(row) for row in rows} == {len(columns)}
    schemas = DOCUMENT["components"]["schemas"]
    own = {shape.__name__ for shape in query.shapes if isinstance(shape, type)}  # pages with more fields than others
    names = (own | {f"Page_{item.__name__}_" for item in query.pages}) & schemas.keys()
    items = [
        schemas[page]["properties"]["items"]["items"]
        for page in names
        if {"items", "as_of_position"} <= schemas[page]["properties"].keys()
    ]
    assert items
    for line in lines:
        assert wrong_in(line, {"anyOf": items}) == []


def test_every_code_of_the_page_of_errors_is_an_answer_in_the_document_with_an_example() -> None:
    codes = set(re.findall(r"^\| `(\w+)` \|", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE))
    answers = [media for _, _, operation in operations() for _, _, media in media_of(operation)]
    answers += [media for each in DOCUMENT["components"]["responses"].values() for media in each["content"].values()]
    shown = {
        (name, resolved(example)["value"]["code"])
        for media in answers
        for name, example in media.get("examples", {}).items()
        if example.get("$ref", "").startswith("#/components/examples/")
    }
    assert shown == {(code, code) for code in codes}
    assert DOCUMENT["components"]["examples"].keys() == codes


def test_what_any_address_may_answer_is_named_by_the_description() -> None:
    described = DOCUMENT["info"]["description"]
    told = {code for _, _, operation in operations() for _, _, media in media_of(operation) for code in codes_of(media)}
    for code in DOCUMENT["components"]["examples"].keys() - told:
        assert f"`{code}`" in described
        assert DOCUMENT["components"]["responses"][code]
    problems = [each.get("problem", {}) for each in recorded()["plain"]["batch"]["answers"]]
    assert "unknown_command" in {problem.get("code") for problem in problems}


def codes_of(media: Json) -> list[str]:
    return [example["code"] for example in examples_of(media) if isinstance(example, dict) and "code" in example]


def test_every_operation_takes_a_correlation_and_the_traced_ones_a_trace() -> None:
    for path, _, operation in operations():
        taken = [resolved(parameter)["name"] for parameter in operation["parameters"]]
        is_watched = path.startswith(("/health/", "/metrics"))
        assert "X-Correlation-Id" in taken
        assert ("traceparent" in taken) != is_watched


def test_the_document_stays_of_a_size_that_a_browser_shows() -> None:
    assert len(msgspec.json.encode(DOCUMENT)) < 1_000_000


@pytest.fixture(scope="module")
def told(api: Api) -> Json:
    """What a desk answers now."""
    answers = answers_of(api)
    if os.environ.get("CASELOG_RENEW_EXAMPLES") == "1":
        write(answers)
    return answers


def lasting(node: Any) -> Any:
    """Return of an answer what is the same on every desk: no ids that were made, and no figures of the moment."""
    match node:
        case dict():
            return {name: lasting(value) for name, value in node.items() if name not in OF_THE_MOMENT}
        case list():
            return [lasting(each) for each in node]
        case str():
            return re.sub(r'"(recordedat|next)":"[^"]*"', "", IDS.sub("id", node))
        case _:
            return node


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_answer_shown_of_a_command_is_what_a_desk_answers(told: Json, command: str) -> None:
    assert lasting(told["commands"][command]) == lasting(recorded()["commands"][command])


@pytest.mark.parametrize("name", [query.name for query in QUERIES if query.name != "projections"])
def test_the_answer_shown_of_a_query_is_what_a_desk_answers(told: Json, name: str) -> None:
    shown, now = recorded()["queries"][name], told["queries"][name]
    shown, now = ({form: value for form, value in each.items() if form != CSV} for each in (shown, now))
    assert lasting(now) == lasting(shown)


@pytest.mark.parametrize("name", ["batch", "index", "health-live", "health-ready", "problems-code"])
def test_the_other_answers_shown_are_what_a_desk_answers(told: Json, name: str) -> None:
    assert lasting(told["plain"][name]) == lasting(recorded()["plain"][name])


REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "done": ("open-ticket", "201", {"json": EXAMPLES["open-ticket"]}),
    "invalid": ("open-ticket", "422", {"json": {}}),
    "unauthenticated": ("open-ticket", "401", {"json": {}, "headers": {"Authorization": "Bearer nobody"}}),
    "unsupported": ("open-ticket", "415", {"data": b"", "content_type": "text/plain"}),
    "list": ("queue", "200", {}),
    "streamed": ("queue", "200", {"headers": {"Accept": CSV}}),
    "wrong": ("queue", "422", {"query_string": {"limit": "0"}}),
    "behind": ("queue", "503", {"query_string": {"min_position": str(10**9), "wait_ms": "1"}}),
    "tagged": ("customer", "200", {}),
    "unknown": ("incident", "404", {}),
    "batch": ("batch", "200", {"json": {"commands": [{}]}}),
    "live": ("health-live", "200", {}),
    "figures": ("metrics", "200", {}),
}


def assert_headers(answer: Any, response: Json) -> None:
    headers = {name: resolved(each) for name, each in response["headers"].items()}
    assert set(answer.headers.keys()) - OF_ALL_HTTP <= headers.keys()
    assert {name for name, each in headers.items() if each.get("required")} <= set(answer.headers.keys())
    for name, each in headers.items():
        if name in answer.headers:
            assert wrong_in(answer.headers[name], each["schema"]) == []


@pytest.fixture(scope="module")
def counted(api: Api, told: Json) -> FlaskClient:
    """A client whose requests are counted, on a desk where everything has happened."""
    assert told
    return api.client_with(api.key("manager", requests_per_minute=1_000))


@pytest.mark.parametrize("case", REQUESTS)
def test_the_headers_sent_are_those_declared(counted: FlaskClient, case: str) -> None:
    name, status, request = REQUESTS[case]
    path, method, operation = OPERATIONS[name]
    address = path.replace("{customer}", "alpine-lodge").replace("{incident}", "nothing")
    answer = counted.open(address, method=method.upper(), buffered=True, **request)
    assert str(answer.status_code) == status, answer.text
    assert_headers(answer, resolved(operation["responses"][status]))
    is_counted = "security" in operation and status != "401"
    assert ("RateLimit" in answer.headers) == ("RateLimit-Policy" in answer.headers) == is_counted


def test_the_headers_of_a_sender_who_has_no_requests_left_are_those_declared(api: Api) -> None:
    client = api.client_with(api.key("manager", requests_per_minute=1))
    answers = [client.get("/v1/queue") for _ in range(3)]  # a minute may end among them
    answer = next(answer for answer in answers if answer.status_code == 429)
    assert_headers(answer, resolved(OPERATIONS["queue"][2]["responses"]["429"]))
    assert {"RateLimit", "RateLimit-Policy", "Retry-After"} <= set(answer.headers.keys())


def test_an_address_that_takes_other_methods_says_which_as_declared(api: Api) -> None:
    answer = api.client.delete("/v1/queue")
    assert_headers(answer, DOCUMENT["components"]["responses"]["method_not_allowed"])
    assert json_of(answer)["code"] == "method_not_allowed"
    answer = api.client.post("/v1/commands/open-tickets", json={})
    assert_headers(answer, DOCUMENT["components"]["responses"]["unknown_command"])
    assert json_of(answer)["code"] == "unknown_command"
