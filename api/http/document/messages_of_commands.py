"""Commands by Kafka, their answers, and what turned out to be none, for the AsyncAPI document.

One record is one command, as `POST /v1/commands` takes it in its list; the answer is its entry of that answer.
"""

from typing import Any

import msgspec

from api.http.document.event_schemas import REFERENCE
from api.http.problems.catalogue import all_problem_types
from api.http.shapes.commands import CommandAnswer
from commands.problems import Problem
from commands.wire.catalogue import COMMAND_TYPES
from infra.kafka.names import Names
from infra.kafka.topics import Topic, kafka_binding

Json = dict[str, Any]


def command_channels(commands: Topic, replies: Topic, dead: Topic) -> Json:
    """Return the channels of the three topics."""
    told = {
        "commands": (commands, "Commands to be carried out; key: the customer's id.", "Command"),
        "replies": (replies, "What each command came to.", "Reply"),
        "commands.dead": (dead, "Records that were no commands, as they came, with the reason.", "DeadCommand"),
    }
    return {
        name: {
            "address": topic.name,
            "summary": summary,
            "messages": {message: {"$ref": f"#/components/messages/{message}"}},
            "bindings": {"kafka": kafka_binding(topic)},
        }
        for name, (topic, summary, message) in told.items()
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


def schemas_of_answers() -> Json:
    """Return the schemas of what commands are answered with, by name."""
    _, schemas = msgspec.json.schema_components([CommandAnswer, Problem], ref_template=REFERENCE)
    schemas["Problem"]["properties"]["code"]["enum"] = [kind.code for kind in all_problem_types()]
    return schemas


def command_messages() -> Json:
    """Return their messages."""
    payload = {
        "type": "object",
        "properties": {
            "command": {"enum": list(COMMAND_TYPES)},
            "data": {"description": "As the command takes it by HTTP: /openapi.json has the schema of each."},
        },
        "required": ["command", "data"],
    }
    return {
        "Command": {
            "name": "Command",
            "title": "Command",
            "summary": "A command, as `POST /v1/commands` has it in its list.",
            "contentType": "application/json",
            "payload": payload,
        },
        "Reply": {
            "name": "Reply",
            "title": "Reply",
            "summary": "The command's answer, or the problem document (RFC 9457).",
            "contentType": "application/json",
            "payload": {"anyOf": [{"$ref": REFERENCE.format(name=kind.__name__)} for kind in (CommandAnswer, Problem)]},
        },
        "DeadCommand": {
            "name": "DeadCommand",
            "title": "DeadCommand",
            "summary": "A record of the commands' topic that was none, value and key as they came.",
            "payload": {},
        },
    }
