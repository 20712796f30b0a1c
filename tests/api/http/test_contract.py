"""Whatever the OpenAPI document allows or forbids is sent, and every answer is held against the document."""

import re
from collections.abc import Iterable
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, settings

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


@pytest.fixture(scope="module", autouse=True)
def desk(api: Api) -> None:
    """A desk with its log, views and projector."""
    served.app = api.app
    served.secret = api.secret


def head_of(app: Flask) -> int:
    """Return the position of the log's last event."""
    position: int = app.test_client().get("/health/ready").get_json()["position"]
    return position


@document.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_answer_is_as_the_document_tells(case: schemathesis.Case[Any]) -> None:
    if case.query and str(case.query.get("wait_ms", "")).isdigit():
        case.query["wait_ms"] = min(int(case.query["wait_ms"]), LONGEST_WAIT_MS)
    answer = case.call_and_validate(headers={"Authorization": f"Bearer {served.secret}"})
    if answer.status_code == 400 and case.meta and case.meta.generation.mode.is_positive:
        refused = answer.json()
        if refused["code"] == "malformed_json":
            assert case.path == "/v1/commands", f"only a batch holds what may be of any form: {refused}"
        else:
            assert "If-Match" in (case.headers or {}), refused
            assert IF_MATCH.fullmatch(case.headers["If-Match"]) is None
    if answer.status_code == 503:
        assert answer.json()["code"] == "view_behind"
        wanted = [(case.query or {}).get(name, "-1") for name in ("min_position", "as_of_position")]
        assert max(map(int, wanted)) > head_of(served.app)
