"""Are the desk's topics as they have to be? Created where they are missing; a mismatch is named, never used."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic
from kafka.errors import TopicAlreadyExistsError

from infra.kafka.compression import METHOD
from infra.kafka.names import Names
from infra.kafka.settings import KafkaSettings

LARGEST_RECORD_BYTES = 16 * 1024 * 1024
"""No event is larger: a request's body is bounded well below."""

LARGEST_COMMAND_BYTES = 17 * 1024 * 1024
"""A batch of commands as large as HTTP takes one, its key and its headers."""

LARGEST_ANSWER_BYTES = 18 * 1024 * 1024
"""The same as a dead letter, with the reason."""

READABLE = {"compression.type": "uncompressed"}
"""The broker unpacks what others compress, by a method of which we may not have the library. So a record in a topic is
also as large as the broker has measured it, and its sender is told where that is too large."""

PACKED = {"compression.type": METHOD}
"""The broker packs what comes packed otherwise in this way, so that all who read it need the same one library."""

_WEEK_MS = str(7 * 24 * 60 * 60 * 1000)


class Topic(msgspec.Struct, frozen=True):
    """A topic as it has to be. `settings` are those of the broker's that matter, by name.

    `partitions`: exactly so many, since a key's place depends on their number.
    """

    name: str
    partitions: int
    settings: Mapping[str, str]


class TopicMismatch(Exception):
    """Topics are there and not as they have to be; `problems` has a line for each thing that is not."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


def events_topic(names: Names, settings: KafkaSettings) -> Topic:
    """The log's events: kept for ever, since views are built from the first one."""
    return Topic(
        names.events,
        settings.partitions,
        {
            "cleanup.policy": "delete",
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "max.message.bytes": str(LARGEST_RECORD_BYTES),
        }
        | PACKED,
    )


def relay_topic(names: Names) -> Topic:
    """The relay's checkpoint: one key, of which the last value counts."""
    return Topic(names.relay, 1, {"cleanup.policy": "compact"} | PACKED)


def command_topics(names: Names, settings: KafkaSettings) -> tuple[Topic, ...]:
    """What commands come by and are answered by, for a week; what turned out to be no command, for ever."""
    week = {"cleanup.policy": "delete", "retention.ms": _WEEK_MS}
    taken = week | {"max.message.bytes": str(LARGEST_COMMAND_BYTES)} | READABLE
    answers = {"max.message.bytes": str(LARGEST_ANSWER_BYTES)}
    return (
        Topic(names.commands, settings.partitions, taken),
        Topic(names.replies, settings.partitions, week | answers),
        Topic(names.dead_commands, 1, {"cleanup.policy": "delete", "retention.ms": "-1"} | answers),
    )


def ensure(admin: KafkaAdminClient, topics: Sequence[Topic], settings: KafkaSettings) -> None:
    """Create those topics that are missing, and check those that are there.

    Raises `TopicMismatch` with everything that is not as it has to be, and kafka-python's errors.
    """
    there = set(admin.list_topics())
    missing = [topic for topic in topics if topic.name not in there]
    if missing:
        with suppress(TopicAlreadyExistsError):  # another process was faster; it is checked like any other
            admin.create_topics(
                [
                    NewTopic(topic.name, topic.partitions, settings.replication, topic_configs=dict(topic.settings))
                    for topic in missing
                ]
            )
        admin.wait_for_topics([topic.name for topic in missing])
    problems = [problem for topic in topics for problem in _problems(admin, topic)]
    if problems:
        raise TopicMismatch(problems)


def kafka_binding(topic: Topic) -> dict[str, Any]:
    """Return a topic as an AsyncAPI document tells of it (the Kafka binding of a channel, version 0.5.0)."""
    settings = {name: value for name, value in topic.settings.items() if name != "compression.type"}
    told = {name: [value] if name == "cleanup.policy" else int(value) for name, value in settings.items()}
    return {"topic": topic.name, "partitions": topic.partitions, "topicConfiguration": told, "bindingVersion": "0.5.0"}


def _problems(admin: KafkaAdminClient, topic: Topic) -> Sequence[str]:
    problems: list[str] = []
    [described] = admin.describe_topics([topic.name])
    partitions = len(described["partitions"])
    if partitions != topic.partitions:
        problems.append(
            f"topic {topic.name} has {partitions} partitions, and {topic.partitions} are wanted"
            " (a key's place depends on their number, so it cannot be changed once there are events)"
        )
    resource = ConfigResource(ConfigResourceType.TOPIC, topic.name)
    found = admin.describe_configs([resource], config_filter="all")["topic"][topic.name]
    for name, wanted in topic.settings.items():
        value = found.get(name, {}).get("value")
        if value != wanted:
            how = (
                f" (`kafka-configs --alter --entity-type topics --entity-name {topic.name}"
                f" --add-config {name}={wanted}` changes it; what is there stays as it is)"
                if name in PACKED
                else ""
            )
            problems.append(f"topic {topic.name} has {name}={value}, and {wanted} is wanted{how}")
    return problems


def topic_id(admin: KafkaAdminClient, topic: str) -> str:
    """Return the broker's own id of a topic, another one when it has been deleted and made again."""
    [described] = admin.describe_topics([topic])
    return str(described["topic_id"])
