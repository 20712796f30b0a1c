"""The feed's lines are CloudEvents 1.0 (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md)."""

import json
import re
from datetime import datetime
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.api.http.conftest import Api

# What the specification demands of a context attribute in the JSON format: REQUIRED ones, types, and nothing empty.
CLOUD_EVENT: dict[str, Any] = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1, "pattern": r"^[A-Za-z0-9/:._~%-]+$"},
        "type": {"type": "string", "minLength": 1},
        "datacontenttype": {"type": "string", "pattern": r"^[a-z]+/[a-z.+-]+$"},
        "dataschema": {"type": "string", "minLength": 1},
        "subject": {"type": "string", "minLength": 1},
        "time": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"},
        "data": {},
    },
    "not": {"required": ["data_base64"]},
    "propertyNames": {"pattern": "^[a-z0-9]{1,20}$"},  # SHOULD NOT exceed 20 characters
    "additionalProperties": {"type": ["string", "integer", "boolean"], "minLength": 1},
}


@pytest.fixture(scope="module")
def lines(api: Api) -> list[Any]:
    customer = api.customer()
    ticket = api.ticket(customer)["ticket_id"]
    traced = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
    api.post("assign-ticket", {"ticket": ticket, "agent": "kim"}, **traced)
    api.happen("record-due-ticket", id=ticket)
    answer = api.client.get("/v1/events", headers={"Accept": "application/x-ndjson"}, buffered=True)
    return [json.loads(line) for line in answer.text.splitlines()]


def test_every_line_is_a_cloud_event(lines: list[Any]) -> None:
    assert lines
    validator = Draft202012Validator(CLOUD_EVENT)
    for line in lines:
        assert [error.message for error in validator.iter_errors(line)] == []
        assert datetime.fromisoformat(line["time"]).tzinfo is not None
        assert re.fullmatch(r"\w+\.v\d+", line["type"])
    assert len({(line["source"], line["id"]) for line in lines}) == len(lines), "source and id name an event"
    assert any("traceparent" in line for line in lines)


@pytest.mark.parametrize(
    "changed",
    [
        {"id": ""},
        {"specversion": "0.3"},
        {"time": "yesterday"},
        {"correlation_id": "a"},
        {"position": 1.5},
        {"actor": {}},
    ],
)
def test_what_is_no_cloud_event_is_found(lines: list[Any], changed: dict[str, Any]) -> None:
    assert list(Draft202012Validator(CLOUD_EVENT).iter_errors(lines[0] | changed))


def test_the_pages_of_the_feed_have_the_same_events(api: Api, lines: list[Any]) -> None:
    page = api.answer("/v1/events", limit=500)
    assert page["items"] == lines
    assert page["as_of_position"] == lines[-1]["position"]
