"""The OpenAPI 3.1 document, made from what checks the requests and shapes the answers, so that it cannot lag behind.

Commands and their parts come from the marshmallow schemas (by apispec), answers from their msgspec types, errors from
the problem types that each command and query can end with.
"""

import re
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import msgspec
from apispec import APISpec

from api.http.access import table
from api.http.admission import NEVER_SHED
from api.http.document import answers
from api.http.document.headers import describe_headers, header, headers_of, parameters_of
from api.http.document.problems import ProblemResponses
from api.http.document.webhooks import webhooks
from api.http.document.wire_schemas import wire_specification
from api.http.metrics import TEXT
from api.http.problems import command_failures as failures
from api.http.problems.catalogue import all_problem_types, problem_types_of_query
from api.http.problems.types import CLOCK_BACKWARDS, CLOCK_STILL_BEHIND, NOT_FOUND
from api.http.queries.catalogue import QUERIES
from api.http.queries.query import Query
from api.http.replies import JSON
from api.http.shapes.commands import CommandAnswer
from api.http.shapes.log import CloudEvent
from api.http.streaming.body import POSITION
from api.http.streaming.forms import CSV, NDJSON
from api.http.test_clock import TestClockSetting
from commands.problems import Problem
from commands.wire.batch import Batch, BatchAnswer
from commands.wire.catalogue import COMMAND_TYPES, CommandType
from commands.wire.examples import EXAMPLES
from commands.wire.headers import IDEMPOTENCY_KEY_PATTERN
from commands.wire.schema import WireSchema

Json = dict[str, Any]

_INTRODUCTION = """The event-sourced back end of a support desk.

Instants are RFC 3339 with offset, money is integer minor units with the currency beside it, durations are integer
seconds. Errors are problem documents (RFC 9457); their `code` is stable. A list's `next` is the `cursor` of its next
page. As `text/csv` or `application/x-ndjson` (by `Accept`) a list comes whole, in one go: from `cursor` on where that
is given, and at most `limit` items where that is. With `min_position` a query waits until its view has passed a
position, such as that of a command's answer.

What is told of each operation is not all: any address may be answered with the responses `bad_request` (400),
`method_not_allowed` (405) and `uri_too_long` (414) of `components`, and one that is none with `not_found` (404).
`/v1/commands/{command}` for a command that is none, and such a command in a batch, are answered with `unknown_command`
(404). Each code has an example in `components`; the answers that are shown are those of one desk.
"""


def openapi_document(*, test_clock: bool = True) -> Json:
    """Return the document of the whole service; `test_clock`: whether it is one that callers may move the clock of."""
    spec, converter = wire_specification(
        "Caselog", service_version(), info={"description": _INTRODUCTION}, servers=[{"url": "/"}]
    )
    spec.components.security_scheme(
        _BEARER, {"type": "http", "scheme": "bearer", "description": "An API key, or a token of a trusted issuer."}
    )

    _describe_answers(spec)
    describe_headers(spec)
    problems = ProblemResponses(spec)

    def add(method: str, path: str, operation: Json) -> None:
        parameters = [*operation.get("parameters", ()), *parameters_of(path)]
        spec.path(path=path, operations={method: operation | {"parameters": parameters}})

    for command in COMMAND_TYPES.values():
        add("post", f"/v1/commands/{command.name}", _command(command, problems))
    add("post", "/v1/commands", _batch(problems))
    if test_clock:
        add("post", "/v1/test-clock", _test_clock(problems))
    for query in QUERIES:
        parameters = _query_parameters(query, converter.schema2parameters)
        add("get", _braces(query.path), _query(query, parameters, problems))
    for path, summary in _PLAIN.items():
        add("get", path, _plain(path, summary, problems))
    return {**spec.to_dict(), "webhooks": webhooks(_reference(CloudEvent), answers.an_event())}


_PLAIN = {
    "/": "Where to go from here.",
    "/health/live": "Whether the process lives.",
    "/health/ready": "Whether it can do its work; says whether the desk runs with a test clock.",
    "/metrics": "Figures of the desk and its processes, in Prometheus' text format.",
    "/openapi.json": "This document.",
    "/asyncapi.json": "The document of what the desk says and takes by Kafka (AsyncAPI 3.0).",
    "/problems/{code}": "What a problem's code stands for.",
}


def _describe_answers(spec: APISpec) -> None:
    """Add the types of answers to the components."""
    types = [CommandAnswer, BatchAnswer, Problem, *(shape for query in QUERIES for shape in query.shapes)]
    _, components = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    components["Problem"]["properties"]["code"]["enum"] = [kind.code for kind in all_problem_types()]
    for name, schema in components.items():
        spec.components.schema(name, schema)


def _command(command: CommandType, problems: ProblemResponses) -> Json:
    conditions = {
        "Idempotency-Key": _condition("The same key and body get the first answer again.", IDEMPOTENCY_KEY_PATTERN),
        "If-Match": _condition("The version that the ticket or subscription must be at.", r'^"[0-9]{1,9}"$'),
    }
    return {
        "operationId": command.name,
        "summary": command.summary,
        **_for(table.COMMANDS[command.name]),
        "tags": ["commands"],
        "parameters": [{"in": "header", "name": name, **described} for name, described in conditions.items()],
        "requestBody": _body(type(command.schema), EXAMPLES[command.name]),
        "responses": {
            **{
                str(status): _answered(_DONE[status], (CommandAnswer,), {"example": body}, _ANSWER_HEADERS)
                for status, body in answers.done(command.name).items()
            },
            **problems.of(failures.problem_types_of(command.name)),
        },
    }


_DONE = {200: "Done, or nothing to do.", 201: "Done; a new aggregate."}
_ANSWER_HEADERS: Json = {
    "ETag": header("ETag"),
    "Location": {"description": "Where to read what became of it.", "schema": {"type": "string"}},
    "Idempotency-Replayed": {"description": "This is the first answer again.", "schema": {"const": "true"}},
}


def _batch(problems: ProblemResponses) -> Json:
    return {
        "operationId": "batch",
        **_for(table.OTHERS["commands.many_commands"]),
        "summary": "Many commands in order, each answered for itself.",
        "tags": ["commands"],
        "requestBody": _body(
            Batch, {"commands": [{"command": "add-reply", "data": EXAMPLES["add-reply"], "idempotency_key": "r-1"}]}
        ),
        "responses": {
            "200": {
                "description": "One answer for each command, in order: its `answer`, or a `problem` with a code of that"
                " command, or `unknown_command`.",
                "headers": headers_of(200, counted=True),
                "content": {
                    JSON: {
                        "example": answers.plain("batch"),
                        "schema": {
                            "type": "object",
                            "properties": {"answers": {"type": "array", "items": _reference(BatchAnswer)}},
                            "required": ["answers"],
                        },
                    }
                },
            },
            **problems.of((*failures.OF_EVERY_SENDER, *failures.OF_EVERY_BODY, *failures.OF_EVERY_ANSWER)),
        },
    }


def _test_clock(problems: ProblemResponses) -> Json:
    return {
        "operationId": "test-clock",
        **_for(table.OTHERS["test_clock.set_test_clock"]),
        "summary": "Set the desk's clock forward; only there with CASELOG_TEST_CLOCK=1.",
        "tags": ["operations"],
        "requestBody": _body(TestClockSetting, _AN_INSTANT),
        "responses": {
            "200": {
                "description": "Everything that fell due on the way has been done.",
                "headers": headers_of(200, counted=True),
                "content": {JSON: {"schema": TestClockSetting, "example": _AN_INSTANT}},
            },
            **problems.of(
                (
                    CLOCK_BACKWARDS,
                    CLOCK_STILL_BEHIND,
                    NOT_FOUND,
                    *failures.OF_EVERY_SENDER,
                    *failures.OF_EVERY_BODY,
                    *failures.OF_EVERY_ANSWER,
                )
            ),
        },
    }


_AN_INSTANT = {"now": "2026-11-23T09:00:00-07:00"}


def _query(query: Query, parameters: list[Json], problems: ProblemResponses) -> Json:
    headers = {"ETag": header("ETag")} if query.tagged else {}
    return {
        "operationId": query.name,
        **_for(table.QUERIES[query.name]),
        "summary": query.summary,
        "tags": ["queries"],
        "parameters": parameters,
        "responses": {
            "200": _with_lists(
                query, _answered("The answer.", query.shapes, answers.answered(query.name, JSON), headers)
            ),
            **problems.of(problem_types_of_query(query)),
        },
    }


def _with_lists(query: Query, answered: Json) -> Json:
    """Add the forms of a whole list to the answer that has it page by page."""
    if query.pages:
        names = " or ".join(_reference(item)["$ref"].rpartition("/")[2] for item in query.pages)
        answered["headers"] = answered["headers"] | {POSITION: _POSITION}
        answered["content"] |= {
            form: {
                "schema": {"type": "string", "description": f"{names}: the whole list, {lines}."},
                **answers.answered(query.name, form),
            }
            for form, lines in ((CSV, "its fields as columns"), (NDJSON, "an object a line"))
        }
    return answered


_POSITION: Json = {
    "description": "The position of the log that a list in CSV or NDJSON shows.",
    "schema": {"type": "string", "pattern": "^[0-9]+$"},
}


def _query_parameters(query: Query, convert: Callable[..., list[Json]]) -> list[Json]:
    """Return the names in a query's address and its parameters."""
    in_path = [
        {"in": "path", "name": name, "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"<(\w+)>", query.path)
    ]
    return in_path + convert(query.parameters, location="query")


def _plain(path: str, summary: str, problems: ProblemResponses) -> Json:
    name = path.strip("/").replace("/", "-").replace("{", "").replace("}", "") or "index"
    is_counted = path == "/metrics"
    shown = {"example": answers.plain(name)}
    operation: Json = {
        "operationId": name,
        "summary": summary,
        "tags": ["operations"],
        "responses": {
            "200": {
                "description": "The answer.",
                "headers": headers_of(200, counted=is_counted),
                "content": {TEXT: {"schema": {"type": "string"}, **shown}}
                if path == "/metrics"
                else {JSON: {"schema": {"type": "object"}, **shown}},
            },
            **problems.of(
                (
                    NOT_FOUND,
                    *(failures.OF_EVERY_SENDER if is_counted else ()),
                    *(failures.OF_WHO_WATCHES if path.startswith(NEVER_SHED) else failures.OF_EVERY_ANSWER),
                )
            ),
        },
    }
    if is_counted:
        operation |= _for(table.OTHERS["metrics.metrics"])
    if "{code}" in path:
        operation["parameters"] = [{"in": "path", "name": "code", "required": True, "schema": {"type": "string"}}]
    return operation


def _for(roles: table.Roles) -> Json:
    """Say that an operation takes a key or token, and whose."""
    return {"security": [{_BEARER: []}], "x-roles": sorted(roles)}


_BEARER = "bearer"


def _answered(description: str, shapes: tuple[Any, ...], shown: Json, headers: Json) -> Json:
    schemas = [_reference(shape) for shape in shapes]
    return {
        "description": description,
        "headers": {**headers_of(200, counted=True), **headers},
        "content": {JSON: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}, **shown}},
    }


def _reference(shape: Any) -> Json:
    """Return a reference to a type of answers."""
    (schema,), _ = msgspec.json.schema_components([shape], ref_template="#/components/schemas/{name}")
    return schema


def _body(schema: type[WireSchema], example: Json) -> Json:
    return {"required": True, "content": {JSON: {"schema": schema, "example": example}}}


def _condition(description: str, pattern: str) -> Json:
    return {"description": description, "schema": {"type": "string", "pattern": pattern}}


def _braces(path: str) -> str:
    return path.replace("<", "{").replace(">", "}")


def service_version() -> str:
    """Return which release this is; `0` where it is not installed."""
    try:
        return version("caselog")
    except PackageNotFoundError:
        return "0"
