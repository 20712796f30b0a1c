"""Commands by Kafka, their answers, and what turned out to be none, for the AsyncAPI document.

Each command that may come by Kafka has a message with the schema of its data, made from the one that checks it; answers
are made from the types by which they are written. What the headers mean stands here; tests hold it against what the
inbox takes and writes. docs/kafka-commands.md is the same in words.
"""

from typing import Any

import msgspec

from api.http.access.by_kafka import barred
from api.http.document.event_schemas import REFERENCE
from api.http.document.wire_schemas import command_schemas
from api.http.problems.catalogue import all_problem_types
from api.http.problems.command_failures import FAILURES, type_of
from api.http.shapes.commands import CommandAnswer
from commands.problems import MEDIA_TYPE, Problem
from commands.wire.batch import BatchAnswer
from commands.wire.catalogue import COMMAND_TYPES, CommandType
from commands.wire.examples import EXAMPLES
from commands.wire.headers import CORRELATION_ID_PATTERN, IDEMPOTENCY_KEY_PATTERN, TRACEPARENT_PATTERN
from infra.kafka.inbound.asked import ACTOR_PATTERN, DEAD_CODES
from infra.kafka.names import Names
from infra.kafka.topics import Topic, kafka_binding

Json = dict[str, Any]

BATCH, ANSWER, PROBLEM, BATCH_ANSWER, DEAD = "batch", "answer", "problem", "batch-answer", "dead-command"
_ANSWERS = (ANSWER, PROBLEM, BATCH_ANSWER)
_JSON = "application/json"

_TEXT: Json = {"type": "string", "minLength": 1}
_NUMBER: Json = {"type": "string", "pattern": "^[0-9]+$"}
_TAG: Json = {"type": "string", "pattern": '^"[0-9]+"$'}

_OF_EVERY_REQUEST: dict[str, Json] = {
    "correlation-id": {
        "type": "string",
        "pattern": CORRELATION_ID_PATTERN,
        "description": "The answer and the events carry it. Without it, the record's place.",
    },
    "actor": {
        "type": "string",
        "pattern": ACTOR_PATTERN,
        "description": "Who sends it: events name `kafka:` and this. Without it, `kafka`.",
    },
    "traceparent": {
        "type": "string",
        "pattern": TRACEPARENT_PATTERN,
        "description": "The span that it belongs to (W3C Trace Context). One in another form is passed over.",
    },
    "content-type": {"const": _JSON, "description": "May be left out."},
}
_IDEMPOTENCY_KEY: dict[str, Json] = {
    "idempotency-key": {
        "type": "string",
        "pattern": IDEMPOTENCY_KEY_PATTERN,
        "description": "The same key and command again get the first answer, and nothing is done twice. Without it,"
        " the record's place: then a record counts once, however often it is read.",
    }
}
_REPLAYED: dict[str, Json] = {
    "idempotency-replayed": {"const": "true", "description": "This is the first answer again."}
}
_OF_EVERY_ANSWER: dict[str, Json] = {
    "correlation-id": {"type": "string", "pattern": CORRELATION_ID_PATTERN, "description": "The command's."}
}
_OF_ONE_COMMAND: dict[str, Json] = {
    "idempotency-key": {
        "type": "string",
        "pattern": IDEMPOTENCY_KEY_PATTERN,
        "description": "By which it was carried out: the sender's, else the record's place.",
    }
}
_OF_DEAD: dict[str, Json] = {
    "dead-code": {"enum": list(DEAD_CODES), "description": "Why it is no command, in a word."},
    "dead-reason": {**_TEXT, "description": "And in a sentence."},
    "dead-timestamp": {**_NUMBER, "description": "When the record was written: milliseconds since 1970."},
}
_OF_CUT: dict[str, Json] = {
    "dead-record-bytes": {
        **_NUMBER,
        "description": "Where the record was too large to be set aside whole: how large. It has the beginning of its"
        " value, and neither its key nor its own headers.",
    }
}


def allowed_commands() -> tuple[CommandType, ...]:
    """Return the commands that may come by Kafka."""
    return tuple(command for command in COMMAND_TYPES.values() if barred(command.name) is None)


def command_channels(commands: Topic, replies: Topic, dead: Topic) -> Json:
    """Return the channels of the three topics."""
    told = {
        "commands": (
            commands,
            "Commands to be carried out: one a record, or a batch. Those of a key are carried out in order.",
            [*(command.name for command in allowed_commands()), BATCH],
        ),
        "replies": (replies, "What the commands of each record came to. Read with read_committed.", _ANSWERS),
        "commands.dead": (dead, "Records that were no commands, as they came, with the reason.", (DEAD,)),
    }
    return {
        name: {
            "address": topic.name,
            "summary": summary,
            "messages": {message: {"$ref": f"#/components/messages/{message}"} for message in messages},
            "bindings": {"kafka": kafka_binding(topic)},
        }
        for name, (topic, summary, messages) in told.items()
    }


def command_operations(names: Names) -> Json:
    """Return what the desk does with them."""
    group: Json = {"kafka": {"groupId": {"const": names.commands_group}, "bindingVersion": "0.5.0"}}
    return {
        "carryOutCommands": {
            "action": "receive",
            "channel": {"$ref": "#/channels/commands"},
            "summary": "Each command is carried out once, however often its record is read.",
            "reply": {"channel": {"$ref": "#/channels/replies"}},
            "bindings": group,
        },
        "setAsideRecords": {
            "action": "send",
            "channel": {"$ref": "#/channels/commands.dead"},
            "summary": "What is no command is set aside, and the next record is read.",
        },
    }


def schemas_of_commands(names: Names) -> Json:
    """Return the schemas of commands' data, of what they are answered with, and of all their headers, by name."""
    _, answers = msgspec.json.schema_components([CommandAnswer, BatchAnswer, Problem], ref_template=REFERENCE)
    answers["Problem"]["properties"]["code"]["enum"] = [kind.code for kind in all_problem_types()]
    answers["BatchAnswer"]["properties"]["answer"] = _schema("CommandAnswer")  # it is copied in as text
    request: dict[str, Json] = {
        "request-topic": {"const": names.commands},
        "request-topic-id": {**_TEXT, "description": "One that is made again under the same name has another."},
        "request-partition": _NUMBER,
        "request-offset": {**_NUMBER, "description": "With topic and partition: the record that is answered."},
    }
    return {
        **command_schemas(),
        **answers,
        "CommandHeaders": _headers(
            "What a command may bring, in names of any case. A record that has one of these twice, or not as it is"
            " told, is no command; others are passed over.",
            {**_IDEMPOTENCY_KEY, **_OF_EVERY_REQUEST},
            (*_IDEMPOTENCY_KEY, *_OF_EVERY_REQUEST),
        ),
        "BatchHeaders": _headers(
            "What a batch may bring: each of its commands has its own idempotency key in itself.",
            {"idempotency-key": False, **_OF_EVERY_REQUEST},
            (*_IDEMPOTENCY_KEY, *_OF_EVERY_REQUEST),
        ),
        "AnswerHeaders": _headers(
            "What HTTP says in its status and headers, and which record is answered.",
            {
                "status": {"enum": ["200", "201"]},
                "content-type": {"const": _JSON},
                "etag": {**_TAG, "description": "The version of the stream that it named."},
                "location": {**_TEXT, "description": "Where to read by HTTP what became of it."},
                **_REPLAYED,
                **_OF_EVERY_ANSWER,
                **_OF_ONE_COMMAND,
                **request,
            },
            ("idempotency-replayed",),
        ),
        "ProblemHeaders": _headers(
            "What HTTP says in its status and headers, and which record is answered.",
            {
                "status": {"type": "string", "pattern": "^[45][0-9]{2}$"},
                "content-type": {"const": MEDIA_TYPE},
                **_REPLAYED,
                **_OF_EVERY_ANSWER,
                **_OF_ONE_COMMAND,
                **request,
            },
            ("idempotency-replayed", "idempotency-key"),
        ),
        "BatchAnswerHeaders": _headers(
            "Which record is answered.",
            {"status": {"const": "200"}, "content-type": {"const": _JSON}, **_OF_EVERY_ANSWER, **request},
        ),
        "DeadHeaders": _headers(
            "What says why, behind the headers that the record came with.", _OF_DEAD | _OF_CUT | request, tuple(_OF_CUT)
        ),
    }


def command_messages() -> Json:
    """Return their messages by name."""
    answers = {"type": "object", "properties": {"answers": {"type": "array", "items": _schema("BatchAnswer")}}}
    return {
        **{command.name: _command(command) for command in allowed_commands()},
        BATCH: _message(
            BATCH,
            "Many commands, carried out in order; one that is refused does not stop the others.",
            headers="BatchHeaders",
            payload=_schema("Batch"),
            key=_KEY,
        ),
        ANSWER: _message(
            ANSWER,
            "What a command came to: the answer that HTTP gives.",
            headers="AnswerHeaders",
            payload=_schema("CommandAnswer"),
            key=_SAME_KEY,
        ),
        PROBLEM: _message(
            PROBLEM,
            "Why a command is refused, or a batch is none (RFC 9457).",
            headers="ProblemHeaders",
            payload=_schema("Problem"),
            key=_SAME_KEY,
        )
        | {"contentType": MEDIA_TYPE},
        BATCH_ANSWER: _message(
            BATCH_ANSWER,
            "What each command of a batch came to, in their order.",
            headers="BatchAnswerHeaders",
            payload={**answers, "required": ["answers"]},
            key=_SAME_KEY,
        ),
        DEAD: {
            "name": DEAD,
            "title": DEAD,
            "summary": "A record of the commands' topic that was no command, value and key as they came.",
            "contentType": "application/octet-stream",
            "headers": _schema("DeadHeaders"),
            "payload": {"description": "The bytes of its value, whatever they are."},
            "bindings": {"kafka": {"key": _SAME_KEY, "bindingVersion": "0.5.0"}},
        },
    }


_KEY: Json = {**_TEXT, "description": "The customer's id: records of a key are carried out one after the other."}
_SAME_KEY: Json = {"type": "string", "description": "That of the record; without one, none."}


def _command(command: CommandType) -> Json:
    """Return the message of a command by itself."""
    one = command_schemas()["BatchCommand"]
    own = {"command": {"const": command.name}, "data": _schema(type(command.schema).__name__)}
    payload = {**one, "properties": {**one["properties"], **own}}
    codes = ", ".join(sorted(type_of(failure).code for failure in FAILURES[command.name]))
    return {
        **_message(command.name, command.summary, headers="CommandHeaders", payload=payload, key=_KEY),
        "description": f"Rules and unknown things that it may be refused for: {codes}.",
        "examples": [{"payload": {"command": command.name, "data": EXAMPLES[command.name]}}],
    }


def _message(name: str, summary: str, *, headers: str, payload: Json, key: Json) -> Json:
    return {
        "name": name,
        "title": name,
        "summary": summary,
        "contentType": _JSON,
        "headers": _schema(headers),
        "payload": payload,
        "correlationId": {"location": "$message.header#/correlation-id"},
        "bindings": {"kafka": {"key": key, "bindingVersion": "0.5.0"}},
    }


def _headers(description: str, properties: dict[str, Any], optional: tuple[str, ...] = ()) -> Json:
    return {
        "type": "object",
        "description": f"{description} Each value is UTF-8 text.",
        "properties": properties,
        "required": [name for name in properties if name not in optional],
    }


def _schema(name: str) -> Json:
    return {"$ref": REFERENCE.format(name=name)}
