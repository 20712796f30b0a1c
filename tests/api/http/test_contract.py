"""Whatever the OpenAPI document allows or forbids is sent, and every answer is held against the document."""

import re
from collections.abc import Iterable
from typing import Any
from unittest import SkipTest

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings
from schemathesis.core.failures import FailureGroup, as_reported_failure
from schemathesis.generation.hypothesis.builder import (
    InvalidHeadersExampleMark,
    InvalidRegexMark,
    MissingPathParameters,
    NonSerializableMark,
    UnsatisfiableExampleMark,
    UnserializablePayloadMark,
)
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.specs.openapi.checks import negative_data_rejection

from api.http.document.pages import docs_blueprint
from tests.api.http.conftest import Api

EXAMPLES = 12
LONGEST_WAIT_MS = 20
IF_MATCH = re.compile(r'"[0-9]{1,9}"')

# A command of the right form may be refused by a rule (422) or stand on another version (412). The test looks at why it
# is 400 or 503: an If-Match that the document forbids, or a number in a batch that no JSON of ours has (over 64 bits);
# a position beyond the log's head.
CONFIG = schemathesis.Config.from_dict(
    {
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ["2xx", 400, 404, 409, 412, 422, 503]},
            "negative_data_rejection": {"expected-statuses": [400, 401, 403, 404, 405, 406, 409, 413, 415, 422]},
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", 503]},
        }
    }
)

LEFT_OUT = (
    InvalidHeadersExampleMark,
    InvalidRegexMark,
    MissingPathParameters,
    NonSerializableMark,
    UnsatisfiableExampleMark,
    UnserializablePayloadMark,
)
"""What tells that some of an operation's cases could not be made or sent."""

WITH_EVERY_HEADER = {"/v1/commands", "/v1/commands/open-ticket", "/v1/queue"}
"""Operations on which the headers are tried that every operation takes and none refuses; elsewhere they would only
multiply the cases of everything else."""


@schemathesis.hook
def before_load_schema(_: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    for path, item in raw_schema["paths"].items():
        if path not in WITH_EVERY_HEADER:
            for operation in item.values():
                operation["parameters"] = [each for each in operation["parameters"] if "$ref" not in each]


class Served:
    """The desk of the test under way; while the tests are collected, the service's documentation alone."""

    def __init__(self) -> None:
        self.app = Flask("documentation")
        self.app.register_blueprint(docs_blueprint())
        self.secret = ""

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        return self.app(environ, start_response)


served = Served()
document = schemathesis.openapi.from_wsgi("/openapi.json", served, config=CONFIG)
OPERATIONS = [each.ok().label for each in document.get_all_operations()]  # type: ignore[union-attr] # an error has no label


@pytest.fixture(scope="module", autouse=True)
def desk(api: Api) -> None:
    """A desk with its log, views and projector."""
    served.app = api.app
    served.secret = api.secret


def head_of(app: Flask) -> int:
    """Return the position of the log's last event."""
    position: int = app.test_client().get("/health/ready").get_json()["position"]
    return position


def wanted_positions(query: dict[str, Any]) -> list[int]:
    """Return the positions that a query waits for."""
    wanted = [str(query.get(name, "")) for name in ("min_position", "as_of_position")]
    return [int(each) for each in wanted if each.isdecimal()]


def shorten_wait(query: dict[str, Any]) -> None:
    """Wait little for what never comes; without a number of its own a query would wait for seconds."""
    if "wait_ms" not in query:
        if any(each > head_of(served.app) for each in wanted_positions(query)):
            query["wait_ms"] = LONGEST_WAIT_MS
    elif str(query["wait_ms"]).isdecimal():
        query["wait_ms"] = min(int(query["wait_ms"]), LONGEST_WAIT_MS)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def send(case: schemathesis.Case[Any]) -> None:
    """Hold one answer against the document."""
    if case.query:
        shorten_wait(case.query)
    # What is wrong with a query may be what is taken out of it again on its way, such as its header Authorization; then
    # it waits like any other for a position that has not come.
    waits = max(wanted_positions(case.query or {}), default=0) > head_of(served.app)
    answer = case.call_and_validate(
        headers={"Authorization": f"Bearer {served.secret}"},
        excluded_checks=[negative_data_rejection] if waits else [],
    )
    if answer.status_code == 400 and case.meta and case.meta.generation.mode.is_positive:
        refused = answer.json()
        if refused["code"] == "malformed_json":
            assert case.path == "/v1/commands", f"only a batch holds what may be of any form: {refused}"
        else:
            assert "If-Match" in (case.headers or {}), refused
            assert IF_MATCH.fullmatch(case.headers["If-Match"]) is None
    if answer.status_code == 503:
        assert answer.json()["code"] == "view_behind"
        assert max(wanted_positions(case.query or {})) > head_of(served.app)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_as_the_document_tells(operation: str) -> None:
    # An operation's cases are made here: `document.parametrize()` makes all of them, 20 s of work, wherever tests are
    # collected, so in each process of a run.
    (made,) = get_all_tests(schema=document.include(name=operation), test_func=send, settings=None, given_kwargs=None)
    _, send_all = made.ok()  # type: ignore[union-attr] # an error has no test
    try:
        send_all()
    except FailureGroup as failures:
        raise as_reported_failure(failures) from None
    except SkipTest as reason:
        pytest.fail(f"there is no case of it: {reason}")
    assert not [mark for mark in LEFT_OUT if mark.is_set(send_all)], "some cases cannot be sent"
