"""One request is followed through the processes of a real desk, as a real collector sees it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from commands.wire.examples import EXAMPLES
from tests.e2e.collector import Collector, Seen, collecting
from tests.e2e.conftest import folder_for_a_desk
from tests.e2e.desk_process import DeskProcess, free_port
from tests.infra.webhooks.receiving import Message, Reply, receiving
from tests.waiting import eventually

CALLER = "b7ad6b7169203331"
REGISTER = EXAMPLES["register-customer"]


class Traced(NamedTuple):
    """A desk, and who collects what it tells."""

    desk: DeskProcess
    collector: Collector

    def register(self, trace: str, *, sampled: bool = True) -> Any:
        """Register a customer as part of a trace of the caller's."""
        parent = f"00-{trace}-{CALLER}-{sampled:02x}"
        body = REGISTER | {"customer_id": f"traced-{trace}"}
        return self.desk.post("/v1/commands/register-customer", body, traceparent=parent)


@pytest.fixture(scope="module")
def traced() -> Iterator[Traced]:
    """One desk for all tests that trace a request of their own."""
    settings = {"CASELOG_WEBHOOK_RETRY_SECONDS": "0.1", "CASELOG_ACCESS_LOG": "1"}
    with (
        folder_for_a_desk() as folder,
        collecting() as collector,
        DeskProcess(folder, CASELOG_TRACES_ENDPOINT=collector.endpoint, **settings) as desk,
    ):
        yield Traced(desk, collector)


def of(spans: list[Seen], name: str) -> list[Seen]:
    return [span for span in spans if span.name == name]


def whole(spans: list[Seen]) -> bool:
    """Whether request, command, append and views are there; each process sends its own."""
    return all(
        of(spans, name) for name in ("POST /v1/commands/<command>", "command register-customer", "append", "views")
    )


def test_a_trace_leads_from_the_request_to_the_append_and_to_the_views(traced: Traced) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    position = traced.register(trace).json["position"]
    spans = traced.collector.trace(trace, whole)
    (event,) = traced.desk.get(f"/v1/events?after={position - 1}&limit=1").json["items"]
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
    assert event["traceparent"] == f"00-{trace}-{command.span_id}-01"
    assert not any(span.name.endswith(("/health/ready", "/metrics")) for span in traced.collector.spans)
    said = json.dumps([span.attributes for span in traced.collector.spans])
    assert "traced" not in said, "ids are nobody's business"


def test_what_a_caller_does_not_sample_is_not_sent(traced: Traced) -> None:
    unsampled, later = "1af7651916cd43dd8448eb211c80319c", "2af7651916cd43dd8448eb211c80319c"
    traced.register(unsampled, sampled=False)
    traced.register(later)
    traced.collector.trace(later, whole)
    assert not [span for span in traced.collector.spans if span.trace_id == unsampled]


def test_lines_of_the_log_name_their_trace(traced: Traced) -> None:
    trace = "3af7651916cd43dd8448eb211c80319c"
    traced.register(trace)

    def lines() -> list[Any]:
        until_now, _, _ = traced.desk.output.read_text().rpartition("\n")
        told = [json.loads(line) for line in until_now.splitlines() if line.startswith("{")]
        return [line for line in told if line.get("trace_id") == trace and "path" in line]

    assert [line["path"] for line in eventually(lines)] == ["/v1/commands/register-customer"]


def test_a_trace_goes_on_at_the_receiver_of_a_webhook(traced: Traced) -> None:
    trace = "4af7651916cd43dd8448eb211c80319c"
    failed: list[Message] = []

    def once(message: Message) -> Reply:
        failed.append(message)
        return Reply(500 if len(failed) == 1 else 204)

    with receiving() as receiver:
        receiver.answer = once
        created = traced.desk.command("create-webhook", url=receiver.url, types=["CustomerRegistered.v1"])
        assert created.status == 201
        traced.register(trace)
        messages = receiver.await_messages(lambda messages: len(messages) == 2)
        spans = traced.collector.trace(trace, lambda spans: whole(spans) and len(of(spans, "webhook")) == 2)
    (command,) = of(spans, "command register-customer")
    attempts = of(spans, "webhook")
    assert {span.parent_id for span in attempts} == {command.span_id}
    assert sorted(span.attributes["caselog.outcome"] for span in attempts) == ["delivered", "rejected"]
    assert {message.headers["traceparent"] for message in messages} == {
        f"00-{trace}-{span.span_id}-01" for span in attempts
    }


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
