"""A command over HTTP: its answer, its repeat, its version, and what its events keep of the request."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from api.http.shapes.commands import CommandAnswer
from commands.answers import Answer
from commands.dispatch import Request
from commands.wire.examples import EXAMPLES
from tests.api.http.conftest import Api, json_of, pointers_of, problem_of

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def register(customer_id: str, **changes: Any) -> dict[str, Any]:
    return EXAMPLES["register-customer"] | {"customer_id": customer_id} | changes


def test_a_new_aggregate_is_answered_with_its_place_its_version_and_its_events(api: Api) -> None:
    answer = api.post("register-customer", register("alpine"))
    body = json_of(answer)
    msgspec.convert(body, CommandAnswer)
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/v1/customers/alpine"
    assert answer.headers["ETag"] == '"1"'
    assert body["stream_id"] == "customer-alpine"
    assert body["result"] == {"customer_id": "alpine"}
    assert [event["type"] for event in body["events"]] == ["CustomerRegistered.v1"]
    assert "Idempotency-Replayed" not in answer.headers


def test_a_repeat_that_changes_nothing_is_answered_without_events(api: Api) -> None:
    api.done("register-customer", **register("twice"))
    answer = api.post("register-customer", register("twice"))
    assert answer.status_code == 200
    assert json_of(answer)["events"] == []


def test_the_same_key_and_body_get_the_first_answer_byte_for_byte(api: Api) -> None:
    first = api.post("register-customer", register("keyed"), Idempotency_Key="k-1")
    body = msgspec.json.encode(dict(reversed(register("keyed").items())))
    again = api.client.post(
        "/v1/commands/register-customer",
        data=msgspec.json.format(body, indent=4),
        content_type="application/json; charset=utf-8",
        headers={"Idempotency-Key": "k-1"},
    )
    assert again.data == first.data
    assert again.status_code == first.status_code == 201
    assert {name: again.headers[name] for name in ("ETag", "Location")} == {
        name: first.headers[name] for name in ("ETag", "Location")
    }
    assert again.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers


def test_the_same_key_with_another_body_is_refused(api: Api) -> None:
    api.post("register-customer", register("one"), Idempotency_Key="k-2")
    answer = api.post("register-customer", register("other"), Idempotency_Key="k-2")
    assert problem_of(answer, 422)["code"] == "idempotency_key_reused"
    assert api.get("/v1/customers/other").status_code == 404


def test_a_key_is_scoped_to_its_command(api: Api) -> None:
    customer = api.customer()
    api.post("register-customer", register("scoped"), Idempotency_Key="k-3")
    assert api.post("buy-hours", {"customer_id": customer, "hours": 5}, Idempotency_Key="k-3").status_code == 200


def test_a_refusal_leaves_the_key_free(api: Api) -> None:
    customer = api.customer()
    refused = api.post("buy-hours", {"customer_id": customer, "hours": 7}, Idempotency_Key="k-4")
    assert problem_of(refused, 422)["code"] == "hours_not_in_steps"
    assert api.post("buy-hours", {"customer_id": customer, "hours": 5}, Idempotency_Key="k-4").status_code == 200


def test_a_refused_rule_names_its_code_and_the_field_at_fault(api: Api) -> None:
    answer = api.post("buy-hours", {"customer_id": api.customer(), "hours": 7})
    assert pointers_of(answer) == {"/hours"}
    assert "5" in json_of(answer)["detail"]


def test_a_stale_version_is_refused_and_the_present_one_is_taken(api: Api) -> None:
    ticket = api.ticket(api.customer())["ticket_id"]
    assign = {"ticket": ticket, "agent": "jo"}
    stale = api.post("assign-ticket", assign, If_Match='"7"')
    assert problem_of(stale, 412)["code"] == "version_mismatch"
    assert api.post("assign-ticket", assign, If_Match='"1"').status_code == 200
    again = api.post("assign-ticket", assign | {"agent": "kim"}, If_Match='"1"')
    assert problem_of(again, 412)["code"] == "version_mismatch"


def test_the_entity_tag_of_a_ticket_is_the_version_to_change_it_by(api: Api) -> None:
    ticket = api.ticket(api.customer())["ticket_id"]
    read = api.get(f"/v1/tickets/{ticket}")
    answer = api.post("assign-ticket", {"ticket": ticket, "agent": "jo"}, If_Match=read.headers["ETag"])
    assert answer.status_code == 200


@pytest.mark.parametrize("command", ["set-budget", "publish-plan", "register-customer", "open-ticket"])
def test_a_version_is_held_against_whatever_the_command_is_about(api: Api, command: str) -> None:
    data = EXAMPLES[command] | {"customer_id": api.customer()} if command != "publish-plan" else EXAMPLES[command]
    assert problem_of(api.post(command, data, If_Match='"999"'), 412)["code"] == "version_mismatch"


def test_correlation_and_trace_are_kept_with_every_event_and_the_correlation_comes_back(api: Api) -> None:
    answer = api.post("register-customer", register("traced"), X_Correlation_Id="order-77", traceparent=TRACE)
    assert answer.headers["X-Correlation-Id"] == "order-77"
    (event,) = api.answer("/v1/events", stream="customer-traced")["items"]
    assert event["correlationid"] == "order-77"
    assert event["traceparent"] == TRACE


@pytest.mark.parametrize("sent", ["", "two words", "é", "x" * 129])
def test_a_correlation_id_that_is_none_is_replaced_by_a_new_one(api: Api, sent: str) -> None:
    answer = api.client.get("/v1/nothing", environ_overrides={"HTTP_X_CORRELATION_ID": sent})
    made = problem_of(answer, 404)["correlation_id"]
    assert made
    assert made != sent


def test_a_trace_that_is_none_is_left_out(api: Api) -> None:
    api.post("register-customer", register("untraced"), traceparent="00-" + "0" * 32 + "-00f067aa0ba902b7-01")
    (event,) = api.answer("/v1/events", stream="customer-untraced")["items"]
    assert "traceparent" not in event


class Faulty:
    """Carries out no command, by a fault of the program."""

    def execute(self, request: Request) -> Answer:
        raise ZeroDivisionError(request.command)


def test_a_fault_of_the_program_is_told_to_the_log_and_not_to_the_client(api: Api) -> None:
    client = api.client_of(replace(api.services, commands=Faulty()))
    with capture_logs() as logged:
        answer = client.post("/v1/commands/add-note", json=EXAMPLES["add-note"], headers={"X-Correlation-Id": "c-1"})
    problem = problem_of(answer, 500)
    assert problem["code"] == "internal_error"
    assert "ZeroDivisionError" not in answer.text
    (entry,) = logged
    assert entry["correlation_id"] == "c-1"
    assert "ZeroDivisionError" in entry["trace"]
    assert EXAMPLES["add-note"]["body"] not in str(entry), "what people wrote does not belong into the log of a process"
