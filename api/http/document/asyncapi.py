"""The AsyncAPI 3.0 document of the desk's topics, made from what writes them, so that it cannot lag behind.

Payloads are the types of the stored events (`event_schemas`), topics are those that the relay creates or checks
(`infra.kafka.topics`). What the headers of an event mean stands here; tests hold them against what the relay writes.
docs/kafka.md is the same in words.
"""

from typing import Any

from api.http.document.event_schemas import REFERENCE, event_schemas
from api.http.document.messages_of_commands import (
    command_channels,
    command_messages,
    command_operations,
    schemas_of_commands,
)
from api.http.document.openapi import service_version
from domain.tags import EVENT_TYPES, UPCASTERS
from infra.kafka.names import Names
from infra.kafka.records import MARK_TYPE, SOURCE
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import command_topics, events_topic, kafka_binding

Json = dict[str, Any]

MARK = MARK_TYPE.decode()

_INTRODUCTION = """What a desk says by Kafka, and the commands that it takes by it.

Every event of the log comes once, in the order of the log for each customer, as a CloudEvent 1.0 in Kafka's binary
mode: its text as it is stored, everything else about it in headers. Batches are packed by Zstandard; read them with
`isolation.level=read_committed`. A type that you do not know is to be skipped, as are fields and headers: further ones
come without a new type; a breaking change is a new type, and the old one stays for what was written. docs/kafka.md
tells all of it.
"""

_TEXT: Json = {"type": "string", "minLength": 1}
_NUMBER: Json = {"type": "string", "pattern": "^[0-9]+$"}
_INSTANT: Json = {"type": "string", "format": "date-time"}

_KEY: Json = {
    **_TEXT,
    "description": "The customer's id, else the stream's; its partition is by murmur2, as Kafka's own clients have it.",
}

_OF_EVERY_RECORD: dict[str, Json] = {
    "ce_specversion": {"const": "1.0", "description": "The version of CloudEvents."},
    "ce_id": {**_TEXT, "description": "Names the event, also in the feed and to webhooks; of a mark, the mark."},
    "ce_source": {"const": SOURCE.decode(), "description": "Written by Caselog. What has another is not ours."},
    "ce_type": {**_TEXT, "description": "The tag that the event is stored under, which says what its text holds."},
    "content-type": {"const": "application/json"},
    "ce_position": {**_NUMBER, "description": "Place in the log, from 1 without gaps; of a mark, how far it reaches."},
}
_REQUIRED: dict[str, Json] = {
    "ce_subject": {**_TEXT, "description": "The stream, such as a ticket's id."},
    "ce_time": {**_INSTANT, "description": "When it happened, by the desk's clock: the `occurred_at` of its text."},
    "ce_streamversion": {**_NUMBER, "description": "The version of the stream after it, from 1 without gaps."},
    "ce_recordedat": {**_INSTANT, "description": "When it was appended to the log, by the computer's clock."},
    "ce_correlationid": {**_TEXT, "description": "Shared by all that one request from outside led to."},
    "ce_actor": {**_TEXT, "description": "Who sent the command."},
    "ce_commandid": {**_TEXT, "description": "The command that was decided."},
}
_OPTIONAL: dict[str, Json] = {
    "ce_causationid": {**_TEXT, "description": "The event that led to the command, where one did."},
    "ce_customerid": {**_TEXT, "description": "Whose fact it is, where it is a customer's: then the key as well."},
    "ce_traceparent": {**_TEXT, "description": "The span that the request came from (W3C Trace Context)."},
    "ce_imported": {**_TEXT, "description": "The import that brought it."},
}


def asyncapi_document(names: Names, settings: KafkaSettings) -> Json:
    """Return the document of a desk whose topics are called and laid out so."""
    tags = list(EVENT_TYPES)
    commands, replies, dead = command_topics(names, settings)
    events = events_topic(names, settings)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Caselog", "version": service_version(), "description": _INTRODUCTION},
        "defaultContentType": "application/json",
        "channels": {
            "events": {
                "address": events.name,
                "summary": "Every event of the log, and position marks.",
                "description": "The events of one customer are in one partition, in the order of the log. A partition"
                " that has a position mark has all its events of the log up to there.",
                "messages": {name: _component("messages", name) for name in [*tags, MARK]},
                "bindings": {"kafka": kafka_binding(events)},
            },
            **command_channels(commands, replies, dead),
        },
        "operations": {
            "publishEvents": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "summary": "The relay publishes the log, exactly once in effect.",
                "bindings": {"kafka": {"clientId": {"const": names.relay_transactional_id}, "bindingVersion": "0.5.0"}},
            },
            **command_operations(names),
        },
        "components": {
            "messages": {**{tag: _event(tag) for tag in tags}, MARK: _mark(), **command_messages()},
            "schemas": _draft_07({**_schemas_of_events(), **schemas_of_commands(names)}),
        },
    }


def _schemas_of_events() -> Json:
    return {
        **event_schemas(),
        "EventHeaders": {
            "type": "object",
            "description": "What stands in the headers of an event, each value as UTF-8 text.",
            "properties": {**_OF_EVERY_RECORD, **_REQUIRED, **_OPTIONAL},
            "required": [*_OF_EVERY_RECORD, *_REQUIRED],
        },
        "MarkHeaders": {
            "type": "object",
            "properties": {**_OF_EVERY_RECORD, "ce_type": {"const": MARK}},
            "required": [*_OF_EVERY_RECORD],
        },
        MARK: {
            "type": "object",
            "description": "The partition has all its events of the log up to `position`.",
            "properties": {"position": {"type": "integer", "minimum": 0}},
            "required": ["position"],
        },
    }


def _draft_07(schema: Any) -> Any:
    """Return a schema whose references have nothing beside them: draft 07 would not look at it."""
    if isinstance(schema, list):
        return [_draft_07(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema and len(schema) > 1:
        return {**{name: told for name, told in schema.items() if name != "$ref"}, "allOf": [{"$ref": schema["$ref"]}]}
    return {name: _draft_07(told) for name, told in schema.items()}


def _component(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _schema(name: str) -> Json:
    return {"$ref": REFERENCE.format(name=name)}


def _event(tag: str) -> Json:
    """Return the message of the events stored under a tag."""
    told: Json = {
        "name": tag,
        "title": tag,
        "summary": event_schemas()[tag]["description"].partition("\n\n")[0],
        "contentType": "application/json",
        "headers": {"allOf": [_schema("EventHeaders"), {"properties": {"ce_type": {"const": tag}}}]},
        "payload": _schema(tag),
        "correlationId": {"location": "$message.header#/ce_correlationid"},
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": "0.5.0"}},
    }
    if tag in UPCASTERS:
        told |= {"deprecated": True, "description": "Nothing is written under it any more; what was, is read for ever."}
    return told


def _mark() -> Json:
    return {
        "name": MARK,
        "title": MARK,
        "summary": "How far a partition has come, so that a quiet one holds nobody up.",
        "contentType": "application/json",
        "headers": _schema("MarkHeaders"),
        "payload": _schema(MARK),
        "bindings": {"kafka": {"key": {"const": ""}, "bindingVersion": "0.5.0"}},
    }
