"""Many commands in one request: each is answered for itself, in order."""

from typing import Any

import pytest
from msgspec.structs import replace

from commands.answers import Answer
from commands.dispatch import Request
from commands.wire.batch import MOST_COMMANDS
from commands.wire.examples import EXAMPLES
from infra.postgres.pool import DatabaseUnavailable
from tests.api.http.conftest import Api, json_of, pointers_of, problem_of


def batch(api: Api, *commands: Any) -> Any:
    answer = api.client.post("/v1/commands", json={"commands": list(commands)})
    assert answer.status_code == 200
    return json_of(answer)["answers"]


def register(customer_id: str, **other: Any) -> dict[str, Any]:
    data = EXAMPLES["register-customer"] | {"customer_id": customer_id}
    return {"command": "register-customer", "data": data, **other}


def test_a_refused_command_does_not_stop_the_others_and_a_later_one_sees_what_an_earlier_did(api: Api) -> None:
    answers = batch(
        api,
        register("batched"),
        {"command": "buy-hours", "data": {"customer_id": "batched", "hours": 5}},
        {"command": "start-subscription", "data": {"customer_id": "batched", "plan": "standard"}},
        {"command": "buy-hours", "data": {"customer_id": "batched", "hours": 5}},
    )
    assert [answer["status"] for answer in answers] == [201, 422, 201, 200]
    assert answers[0]["answer"]["result"] == {"customer_id": "batched"}
    assert answers[0]["location"] == "/v1/customers/batched"
    assert answers[0]["etag"] == '"1"'
    assert answers[1]["problem"]["code"] == "no_subscription"
    positions = [answer["answer"]["position"] for answer in answers if "answer" in answer]
    assert positions == sorted(positions)


def test_what_is_wrong_with_one_command_is_its_own_answer(api: Api) -> None:
    answers = batch(
        api,
        {"command": "make-coffee", "data": {}},
        {"data": {}, "colour": "red"},
        "text",
        None,
        {"command": "add-note", "data": None},
        {"command": "add-note", "data": {}, "idempotency_key": "a b", "if_match": -1},
        register("among-wrong-ones"),
    )
    assert [answer["status"] for answer in answers] == [404, 422, 422, 422, 422, 422, 201]
    assert answers[0]["problem"]["code"] == "unknown_command"
    assert {error["pointer"] for error in answers[1]["problem"]["errors"]} == {"/command", "/colour"}
    assert {error["pointer"] for error in answers[5]["problem"]["errors"]} == {"/idempotency_key", "/if_match"}


def test_keys_and_versions_stand_in_the_commands_and_mean_what_the_headers_mean(api: Api) -> None:
    first, again = batch(api, register("b-keyed", idempotency_key="b-1"), register("b-keyed", idempotency_key="b-1"))
    assert again["answer"] == first["answer"]
    assert again["replayed"] is True
    assert "replayed" not in first
    alone = api.post(
        "register-customer", EXAMPLES["register-customer"] | {"customer_id": "b-keyed"}, Idempotency_Key="b-1"
    )
    assert alone.headers["Idempotency-Replayed"] == "true"
    assert json_of(alone) == first["answer"]

    ticket = api.ticket(api.customer())["ticket_id"]
    assign = {"ticket": ticket, "agent": "jo"}
    stale, right = ({"command": "assign-ticket", "data": assign, "if_match": version} for version in (9, '"1"'))
    assert [answer["status"] for answer in batch(api, stale, right)] == [412, 200]


@pytest.mark.parametrize("body", [{}, {"commands": []}, {"commands": {}}, {"commands": [None] * (MOST_COMMANDS + 1)}])
def test_a_body_that_is_no_batch_is_refused_as_a_whole(api: Api, body: Any) -> None:
    assert pointers_of(api.client.post("/v1/commands", json=body)) == {"/commands"}


@pytest.mark.parametrize("header", ["Idempotency-Key", "If-Match"])
def test_a_header_that_a_single_command_takes_is_refused_rather_than_ignored(api: Api, header: str) -> None:
    answer = api.client.post("/v1/commands", json={"commands": [register("never")]}, headers={header: '"1"'})
    assert problem_of(answer, 400)["code"] == "invalid_header"


def test_as_many_commands_as_allowed_are_answered(api: Api) -> None:
    assert len(batch(api, *[{"command": "none", "data": {}}] * MOST_COMMANDS)) == MOST_COMMANDS


class Unplugged:
    """Stands where a database was that has gone after the first command."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def execute(self, request: Request) -> Answer:
        self.requests.append(request)
        if len(self.requests) == 1:
            return Answer(status=201, body=b"{}", etag_version=1, location="/", replayed=False)
        raise DatabaseUnavailable("down")


def test_once_the_database_has_gone_the_rest_is_not_tried(api: Api) -> None:
    unplugged = Unplugged()
    client = api.client_of(replace(api.services, commands=unplugged))
    answer = client.post("/v1/commands", json={"commands": [register("x")] * 4})
    answers = json_of(answer)["answers"]
    assert [each["status"] for each in answers] == [201, 503, 503, 503]
    assert {each["problem"]["code"] for each in answers[1:]} == {"unavailable"}
    assert len(unplugged.requests) == 2
