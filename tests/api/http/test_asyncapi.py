"""The AsyncAPI document is sound, describes every event ever stored as it is stored, and tells what is written."""

import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask import Flask
from jsonschema import Draft7Validator, FormatChecker

from api.http.access.by_kafka import barred
from api.http.cloud_events import cloud_event
from api.http.document.asyncapi import asyncapi_document
from api.http.document.event_schemas import event_schemas
from api.http.document.messages_of_commands import command_messages, schemas_of_commands
from api.http.document.pages import docs_blueprint
from api.http.document.wire_schemas import command_schemas
from commands.wire.catalogue import COMMAND_TYPES
from commands.wire.examples import EXAMPLES
from domain.recorded import Metadata, RecordedEvent
from domain.tags import EVENT_TYPES, UPCASTERS, decode
from infra.kafka.inbound.asked import HEADERS
from infra.kafka.names import Names
from infra.kafka.records import MARK_TYPE, EventRecord, LogRow, event_record, mark_record
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import command_topics, events_topic

Json = dict[str, Any]

NAMES, SETTINGS = Names("north"), KafkaSettings(bootstrap=("hidden-broker:9092",), password="hush-hush", partitions=12)
DOCUMENT: Json = json.loads(msgspec.json.encode(asyncapi_document(NAMES, SETTINGS)))
VECTORS = Path(__file__).parents[2] / "vectors"
GOLDEN = [
    json.loads(line)
    for line in (VECTORS.parent / "domain" / "golden_events.jsonl").read_text(encoding="utf-8").splitlines()
]
FULL = Metadata(
    event_id="e-2",
    correlation_id="c-1",
    actor="agent é",
    command_id="k-1",
    causation_id="e-1",
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    customer_id="alpine",
    imported="italy",
)
BARE = Metadata(event_id="e-2", correlation_id="c-1", actor="a", command_id="k-1")


def row_of(
    golden: Json, metadata: Metadata, recorded_at: datetime = datetime(2026, 3, 1, 10, 0, 1, tzinfo=UTC)
) -> LogRow:
    text = msgspec.json.encode(metadata).decode()
    return LogRow(42, "t-1", 3, golden["tag"], msgspec.json.encode(golden["data"]).decode(), text, recorded_at)


def headers_of(record: EventRecord) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


def validator(schema: Json, *, closed: bool = False) -> Draft7Validator:
    """`closed`: nothing may be there that the schemas do not tell, which a reader may not ask for."""
    return Draft7Validator({**schema, "components": components(closed=closed)}, format_checker=FormatChecker())


@cache
def components(*, closed: bool) -> Json:
    text = json.dumps(DOCUMENT["components"])
    if closed:
        text = text.replace(
            '"type": "object", "properties": ', '"type": "object", "additionalProperties": false, "properties": '
        )
    found: Json = json.loads(text)
    return found


def wrong_in(value: Any, schema: Json, *, closed: bool = False) -> list[str]:
    return [error.message for error in validator(schema, closed=closed).iter_errors(value)]


def nodes(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for each in node.values():
            yield from nodes(each)
    elif isinstance(node, list):
        for each in node:
            yield from nodes(each)


def test_the_document_is_asyncapi_3() -> None:
    """By the schema of the AsyncAPI Initiative (tests/vectors/README.md)."""
    official = json.loads(gzip.decompress((VECTORS / "asyncapi-3.0.0.schema.json.gz").read_bytes()))
    assert [error.message[:200] for error in Draft7Validator(official).iter_errors(DOCUMENT)] == []
    assert list(Draft7Validator(official).iter_errors(DOCUMENT | {"channels": {"a": {"adress": "b"}}})), "it checks"


def test_what_the_document_refers_to_is_in_it() -> None:
    for reference in (node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node):
        node: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            assert step in node, reference
            node = node[step]
    for name, channel in DOCUMENT["channels"].items():
        assert channel["messages"], name


def test_every_tag_has_its_message_and_those_of_old_versions_say_so() -> None:
    messages = DOCUMENT["components"]["messages"]
    assert DOCUMENT["channels"]["events"]["messages"].keys() == {*EVENT_TYPES, MARK_TYPE.decode()}
    for tag in EVENT_TYPES:
        assert messages[tag]["name"] == tag
        assert messages[tag].get("deprecated", False) == (tag in UPCASTERS)
        assert messages[tag]["summary"]


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["tag"])
def test_every_event_ever_stored_fits_the_schema_of_its_tag_and_has_nothing_else(golden: Json) -> None:
    payload = DOCUMENT["components"]["messages"][golden["tag"]]["payload"]
    assert wrong_in(golden["data"], payload, closed=True) == []
    for field in DOCUMENT["components"]["schemas"][golden["tag"]]["required"]:
        assert wrong_in({name: value for name, value in golden["data"].items() if name != field}, payload)
    assert wrong_in(golden["data"] | {"occurred_at": "yesterday"}, payload), "an instant is one"
    assert wrong_in(golden["data"] | {"of_a_newer_release": 1}, payload) == [], "further fields are no breaking change"


def test_an_old_version_is_told_as_it_is_stored_and_not_as_it_is_read() -> None:
    old, new = (DOCUMENT["components"]["schemas"][f"EmergencyDeclined.v{version}"] for version in (1, 2))
    assert old["properties"]["reason"] == {"type": "string"}
    assert new["properties"]["reason"] == {"$ref": "#/components/schemas/Personal"}


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["tag"])
def test_the_headers_that_are_written_are_those_that_are_told(golden: Json) -> None:
    message = DOCUMENT["components"]["messages"][golden["tag"]]
    told = DOCUMENT["components"]["schemas"]["EventHeaders"]
    full, bare = (headers_of(event_record(row_of(golden, metadata))) for metadata in (FULL, BARE))
    assert set(full) == set(told["properties"])
    assert set(bare) == set(told["required"])
    assert wrong_in(full, message["headers"]) == []
    assert wrong_in(bare, message["headers"]) == []
    assert wrong_in({**full, "ce_type": "TicketPainted.v1"}, message["headers"])


def test_a_mark_is_as_it_is_told() -> None:
    message = DOCUMENT["components"]["messages"][MARK_TYPE.decode()]
    record = mark_record(7)
    assert set(headers_of(record)) == set(DOCUMENT["components"]["schemas"]["MarkHeaders"]["properties"])
    assert wrong_in(headers_of(record), message["headers"]) == []
    assert wrong_in(json.loads(record.value), message["payload"], closed=True) == []
    assert message["bindings"]["kafka"]["key"] == {"const": record.key.decode()}


def test_the_names_of_headers_are_those_of_the_binding() -> None:
    """CloudEvents 1.0, Kafka protocol binding 3.2.3: `ce_` before a name; core 3.1: lower-case letters and digits."""
    for schema in ("EventHeaders", "MarkHeaders"):
        for name in DOCUMENT["components"]["schemas"][schema]["properties"]:
            assert name == "content-type" or re.fullmatch("ce_[a-z0-9]{1,20}", name)
        assert {"ce_specversion", "ce_id", "ce_source", "ce_type"} <= set(
            DOCUMENT["components"]["schemas"][schema]["required"]
        ), "what CloudEvents requires"


@pytest.mark.parametrize(("metadata", "microsecond"), [(FULL, 5), (FULL, 120_000), (BARE, 0)])
@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["tag"])
def test_the_feed_and_kafka_say_the_same_of_an_event(golden: Json, metadata: Metadata, microsecond: int) -> None:
    recorded_at = datetime(2026, 3, 1, 10, 0, 1, microsecond, tzinfo=UTC)
    row = row_of(golden, metadata, recorded_at)
    recorded = RecordedEvent("t-1", 3, decode(row.tag, row.data), row.metadata.encode(), 42, recorded_at)
    fed: Json = json.loads(msgspec.json.encode(cloud_event(recorded)))
    data, record = fed.pop("data"), event_record(row)
    said = {name.removeprefix("ce_"): value for name, value in headers_of(record).items()}
    said["datacontenttype"] = said.pop("content-type")
    if golden["tag"] in UPCASTERS:
        said["type"] = fed["type"]  # the feed shows the present form
    else:
        assert json.loads(record.value) == data
    assert said == {name: str(value) for name, value in fed.items()}


def test_the_channels_are_the_desk_s_topics_as_the_relay_makes_them() -> None:
    topics = (events_topic(NAMES, SETTINGS), *command_topics(NAMES, SETTINGS))
    channels = DOCUMENT["channels"]
    assert list(channels) == ["events", "commands", "replies", "commands.dead"]
    for channel, topic in zip(channels.values(), topics, strict=True):
        binding = channel["bindings"]["kafka"]
        assert channel["address"] == binding["topic"] == topic.name
        assert binding["partitions"] == topic.partitions
        for name, value in binding["topicConfiguration"].items():
            assert str(value[0] if isinstance(value, list) else value) == topic.settings[name]
    assert channels["events"]["address"] == "north.caselog.events"
    assert channels["events"]["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] == -1


COMMANDS = [name for name in COMMAND_TYPES if barred(name) is None]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_told_as_it_is_taken(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]
    payload = message["payload"]
    assert [example["payload"] for example in message["examples"]] == [{"command": name, "data": EXAMPLES[name]}]
    for sent in ({}, {"idempotency_key": "k-1", "if_match": 3}):
        assert wrong_in({"command": name, "data": EXAMPLES[name], **sent}, payload) == []
    for wrong in (
        {"command": name},
        {"command": "make-coffee", "data": EXAMPLES[name]},
        {"command": name, "data": None},
        {"command": name, "data": {**EXAMPLES[name], "colour": "red"}},
        {"command": name, "data": EXAMPLES[name], "colour": "red"},
        {"command": name, "data": EXAMPLES[name], "idempotency_key": "a, b"},
    ):
        assert wrong_in(wrong, payload), wrong
    assert message["summary"] == COMMAND_TYPES[name].summary


def test_the_commands_that_are_told_are_those_that_are_taken() -> None:
    told = DOCUMENT["channels"]["commands"]["messages"].keys() - {"batch"}
    assert set(COMMANDS) == told
    assert "publish-plan" not in told
    assert "create-webhook" not in told
    assert "open-ticket" in told


def test_the_headers_of_commands_are_those_that_are_read() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert set(schemas["CommandHeaders"]["properties"]) == set(schemas["BatchHeaders"]["properties"]) == set(HEADERS)
    assert not wrong_in({}, schemas["CommandHeaders"])
    for name, value in (("correlation-id", "a b"), ("idempotency-key", "a,b"), ("actor", ""), ("traceparent", "00")):
        assert wrong_in({name: value}, schemas["CommandHeaders"]), name
    assert wrong_in({"idempotency-key": "a"}, schemas["BatchHeaders"]), "each of its commands has its own"


def test_nothing_is_told_under_the_name_of_something_else() -> None:
    of_events, of_commands = set(event_schemas()), schemas_of_commands(NAMES)
    assert not of_events & set(of_commands)
    assert not set(command_messages()) & {*EVENT_TYPES, MARK_TYPE.decode()}
    assert not set(command_schemas()) & {"CommandAnswer", "BatchAnswer", "Problem", "FieldError", "AppendedEvent"}


def test_a_reference_has_nothing_beside_it_since_draft_07_would_not_look_at_it() -> None:
    assert all(len(node) == 1 for node in nodes(DOCUMENT) if "$ref" in node)


def test_it_does_not_say_where_the_broker_is_nor_how_to_get_in() -> None:
    assert "hidden-broker" not in json.dumps(DOCUMENT)
    assert "hush" not in json.dumps(DOCUMENT)
    assert "servers" not in DOCUMENT


def test_it_is_served() -> None:
    app = Flask("documentation")
    app.register_blueprint(docs_blueprint(kafka=SETTINGS, kafka_names=NAMES))
    assert app.test_client().get("/asyncapi.json").json == DOCUMENT
    assert json.loads(app.test_client().get("/").data)["asyncapi"] == "/asyncapi.json"
