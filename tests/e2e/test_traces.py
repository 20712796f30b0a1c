"""One request is followed through the processes of a real desk, as a real collector sees it."""

import json
from pathlib import Path

import pytest

from commands.wire.examples import EXAMPLES
from tests.e2e.collector import Seen, collecting
from tests.e2e.desk_process import DeskProcess, free_port
from tests.infra.webhooks.receiving import Message, Reply, receiving

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
REGISTER = EXAMPLES["register-customer"] | {"customer_id": "traced"}


def of(spans: list[Seen], name: str) -> list[Seen]:
    return [span for span in spans if span.name == name]


def whole(spans: list[Seen]) -> bool:
    """Whether request, command, append and views are there; each process sends its own."""
    return all(
        of(spans, name) for name in ("POST /v1/commands/<command>", "command register-customer", "append", "views")
    )


def test_a_trace_leads_from_the_request_to_the_append_and_to_the_views(folder: Path) -> None:
    with collecting() as collector, DeskProcess(folder, CASELOG_TRACES_ENDPOINT=collector.endpoint) as desk:
        sent = desk.post("/v1/commands/register-customer", REGISTER, traceparent=f"00-{TRACE}-{CALLER}-01")
        position = sent.json["position"]
        spans = collector.trace(TRACE, whole)
        (event,) = desk.get(f"/v1/events?after={position - 1}&limit=1").json["items"]
    (request,) = of(spans, "POST /v1/commands/<command>")
    (command,) = of(spans, "command register-customer")
    (append,) = of(spans, "append")
    views = of(spans, "views")
    assert request.parent_id == CALLER
    assert request.attributes["http.response.status_code"] == 201
    assert command.parent_id == request.span_id
    assert command.attributes["caselog.outcome"] == "accepted"
    assert append.parent_id == command.span_id
    assert append.attributes["caselog.position"] == position
    assert append.attributes["caselog.group_commands"] == 1
    assert {span.parent_id for span in views} == {command.span_id}
    assert {span.process for span in views} == {"project"}
    assert "customer" in {view for span in views for view in span.attributes["caselog.views"]}
    assert event["traceparent"] == f"00-{TRACE}-{command.span_id}-01"
    assert not any(span.name.endswith(("/health/ready", "/metrics")) for span in collector.spans)
    assert "traced" not in json.dumps([span.attributes for span in collector.spans]), "ids are nobody's business"


def test_a_trace_goes_on_at_the_receiver_of_a_webhook(folder: Path) -> None:
    with (
        collecting() as collector,
        receiving() as receiver,
        DeskProcess(folder, CASELOG_TRACES_ENDPOINT=collector.endpoint, CASELOG_WEBHOOK_RETRY_SECONDS="0.1") as desk,
    ):
        failed: list[Message] = []

        def once(message: Message) -> Reply:
            failed.append(message)
            return Reply(500 if len(failed) == 1 else 204)

        receiver.answer = once
        assert desk.command("create-webhook", url=receiver.url, types=["CustomerRegistered.v1"]).status == 201
        desk.post("/v1/commands/register-customer", REGISTER, traceparent=f"00-{TRACE}-{CALLER}-01")
        messages = receiver.await_messages(lambda messages: len(messages) == 2)
        spans = collector.trace(TRACE, lambda spans: whole(spans) and len(of(spans, "webhook")) == 2)
    (command,) = of(spans, "command register-customer")
    attempts = of(spans, "webhook")
    assert {span.parent_id for span in attempts} == {command.span_id}
    assert sorted(span.attributes["caselog.outcome"] for span in attempts) == ["delivered", "rejected"]
    assert {message.headers["traceparent"] for message in messages} == {
        f"00-{TRACE}-{span.span_id}-01" for span in attempts
    }


def test_what_a_caller_does_not_sample_is_not_sent(folder: Path) -> None:
    with collecting() as collector, DeskProcess(folder, CASELOG_TRACES_ENDPOINT=collector.endpoint) as desk:
        desk.post("/v1/commands/register-customer", REGISTER, traceparent=f"00-{TRACE}-{CALLER}-00")
        other = TRACE[::-1]
        later = REGISTER | {"customer_id": "later"}
        desk.post("/v1/commands/register-customer", later, traceparent=f"00-{other}-{CALLER}-01")
        collector.trace(other, whole)
    assert not [span for span in collector.spans if span.trace_id == TRACE]


def test_lines_of_the_log_name_their_trace(folder: Path) -> None:
    with (
        collecting() as collector,
        DeskProcess(folder, CASELOG_TRACES_ENDPOINT=collector.endpoint, CASELOG_ACCESS_LOG="1") as desk,
    ):
        desk.post("/v1/commands/register-customer", REGISTER, traceparent=f"00-{TRACE}-{CALLER}-01")
        collector.trace(TRACE, whole)
    lines = [json.loads(line) for line in desk.output.read_text().splitlines() if line.startswith("{")]
    (line,) = [line for line in lines if line.get("path") == "/v1/commands/register-customer"]
    assert line["trace_id"] == TRACE


@pytest.mark.parametrize("listens", [False, True])
def test_a_collector_in_trouble_hurts_nobody(folder: Path, listens: bool) -> None:
    """Nobody listens, or somebody who fails at everything: commands are carried out, and the desk stops."""
    with collecting() as collector:
        collector.is_broken = True
        endpoint = collector.endpoint if listens else f"http://127.0.0.1:{free_port()}/v1/traces"
        with DeskProcess(folder, CASELOG_TRACES_ENDPOINT=endpoint) as desk:
            for number in range(20):
                sent = desk.post("/v1/commands/register-customer", REGISTER | {"customer_id": f"c-{number}"})
                assert sent.status == 201
            assert desk.stop() == 0
    assert "Traceback" not in desk.output.read_text()
