"""The OpenAPI document is sound, complete, and says what the service does."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.http.document.openapi import openapi_document
from api.http.document.pages import docs_blueprint
from api.http.problems.catalogue import all_problem_types
from api.http.problems.command_failures import FAILURES, problem_types_of, type_of
from api.http.queries.catalogue import QUERIES
from commands.errors import RequestError, UnknownAggregate
from commands.handlers.catalogue import HANDLERS
from commands.wire.catalogue import COMMAND_TYPES
from commands.wire.examples import EXAMPLES
from domain.refusal import Refusal
from domain.setting import InvalidSetting

Json = dict[str, Any]


@pytest.fixture(scope="module")
def document() -> Json:
    loaded: Json = json.loads(json.dumps(openapi_document()))
    return loaded


def kinds_below(kind: type[Exception]) -> Iterator[type[Any]]:
    for below in kind.__subclasses__():
        yield below
        yield from kinds_below(below)


def test_the_document_is_openapi_3_1(document: Json) -> None:
    assert document["openapi"] == "3.1.0"
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_the_message_of_a_webhook_is_in_it_as_the_feed_has_the_event(document: Json) -> None:
    message = document["webhooks"]["event"]["post"]
    schema = message["requestBody"]["content"]["application/cloudevents+json"]["schema"]
    assert schema["$ref"] in json.dumps(document["components"]["schemas"]["Page_CloudEvent_"])
    assert {each["name"] for each in message["parameters"]} == {
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    }


def test_every_command_and_query_is_in_it_and_every_operation_has_its_own_id(document: Json) -> None:
    paths = document["paths"]
    assert {f"/v1/commands/{name}" for name in COMMAND_TYPES} <= set(paths)
    assert {re.sub(r"<(\w+)>", r"{\1}", query.path) for query in QUERIES} <= set(paths)
    ids = [operation["operationId"] for item in paths.values() for operation in item.values()]
    assert len(ids) == len(set(ids))


def test_every_command_of_the_wire_has_a_handler_and_only_what_happens_by_itself_has_commands_of_its_own() -> None:
    assert COMMAND_TYPES.keys() == FAILURES.keys()
    assert COMMAND_TYPES.keys() <= HANDLERS.keys()
    of_policies = {"note-budget-use", "notice-exhaustion", "announce-incident-resolution"}
    of_the_shell = {"create-api-key", "revoke-api-key"}
    of_deliveries = {"give-webhook-up"}
    others = HANDLERS.keys() - COMMAND_TYPES.keys() - of_policies - of_the_shell - of_deliveries
    assert all(command.startswith("record-due-") for command in others)


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_example_of_a_command_fits_its_schema_and_an_unknown_field_does_not(document: Json, command: str) -> None:
    content = document["paths"][f"/v1/commands/{command}"]["post"]["requestBody"]["content"]["application/json"]
    validator = Draft202012Validator({**content["schema"], "components": document["components"]})
    assert content["example"] == EXAMPLES[command]
    assert list(validator.iter_errors(content["example"])) == []
    assert list(validator.iter_errors(content["example"] | {"colour": "red"}))
    assert list(validator.iter_errors({}))


def test_every_rule_that_may_refuse_a_command_is_told_of_some_command() -> None:
    """A new refusal has to be named in `command_failures`, or this fails."""
    told = {failure for command in FAILURES.values() for failure in command}
    bases = {InvalidSetting, UnknownAggregate}
    ours = {kind for kind in kinds_below(Refusal) if kind.__module__.startswith("domain")} - bases
    ours = {kind for kind in ours if kind.__module__ != "domain.api_key"}  # of commands that no client can send
    assert {kind.__name__ for kind in ours} - {kind.__name__ for kind in told} == set()


def test_every_failure_of_a_request_has_a_status() -> None:
    for kind in kinds_below(RequestError):
        if kind is not UnknownAggregate:
            assert type_of(kind).status in {404, 409, 412, 422}


def test_a_code_means_one_thing(document: Json) -> None:
    by_code = {kind.code: kind for kind in all_problem_types()}
    for command in FAILURES:
        for kind in problem_types_of(command):
            assert by_code[kind.code].status == kind.status
    assert all(kind.description and kind.title for kind in by_code.values())


@pytest.mark.parametrize("command", EXAMPLES)
def test_every_code_of_a_command_is_listed_under_its_status(document: Json, command: str) -> None:
    responses = document["paths"][f"/v1/commands/{command}"]["post"]["responses"]
    for kind in problem_types_of(command):
        response = document["components"]["responses"][responses[str(kind.status)]["$ref"].rpartition("/")[2]]
        schema = response["content"]["application/problem+json"]["schema"]
        assert kind.code in schema["allOf"][1]["properties"]["code"]["enum"]


def test_every_problem_type_is_described_at_its_address() -> None:
    app = Flask("documentation")
    app.register_blueprint(docs_blueprint())
    client = app.test_client()
    for kind in all_problem_types():
        answer = client.get(kind.uri)
        assert answer.status_code == 200
        assert json.loads(answer.data)["status"] == kind.status


def test_the_page_loads_nothing_from_elsewhere_and_everything_it_loads_is_served() -> None:
    app = Flask("documentation")
    app.register_blueprint(docs_blueprint())
    client = app.test_client()
    page = client.get("/docs")
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    sources = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert sources
    assert all(source.startswith("/docs/") for source in sources)
    assert "<script>" not in page.text
    for source in sources:
        asset = client.get(source)
        assert asset.status_code == 200
        assert asset.data
        assert "html" not in (asset.content_type or "")
    assert '"/openapi.json"' in client.get("/docs/start.js").text
