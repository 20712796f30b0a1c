"""Which records are a process's to answer? Those of the partitions it has been given, of the topic that it joined for.

kafka-python reads by a topic's name. Where the topic was deleted and made again under it, a record at the place of
another one, which was answered long ago, would pass for it. So the broker is asked for the topic's id after each read,
before a record of it counts: what was read is then of that id, or of a topic that is gone. Offsets are kept with the id
as well, since a group may have offsets of a topic that is gone.
"""

from collections.abc import Sequence
from random import randrange
from time import monotonic
from typing import Any

import structlog
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.consumer.subscription_state import ConsumerRebalanceListener
from kafka.structs import ConsumerGroupMetadata

from infra.kafka.clients import subscribe
from infra.kafka.consuming.fetched import FetchedRecord
from infra.kafka.inbound.outgoing import Outgoing
from infra.kafka.producer import Offsets, TransactionalProducer
from infra.kafka.records import partition_of
from infra.kafka.topics import topic_id

ASK_SECONDS = 5.0
"""How often the broker is asked for the topic while nothing comes: it may have been deleted."""

Records = dict[TopicPartition, list[FetchedRecord]]

log = structlog.get_logger()


class OutOfGroup(Exception):
    """The process is no longer a member of its group; it has to join again."""


class CommandsTopicMadeAnew(Exception):
    """The topic of commands is not the one that the process has joined for; the text says what follows."""


class Session:
    """A member of the group, and what it answers by; `topic_id` is that of the commands' topic."""

    def __init__(
        self, admin: KafkaAdminClient, consumer: KafkaConsumer, producer: TransactionalProducer, topic: str
    ) -> None:
        self.consumer = consumer
        self.topic_id = topic_id(admin, topic)
        self._admin = admin
        self._producer = producer
        self._topic = topic
        self._joined = _Assignments()
        self._ask_at = monotonic() + ASK_SECONDS

    def join(self) -> None:
        """Join the group; what it is given to do is told in the log."""
        subscribe(self.consumer, self._topic, self._joined)

    def poll(self, wait_ms: int) -> tuple[Records, ConsumerGroupMetadata]:
        """Return the next records, if some come in time, and the group as it was when they were read.

        Raises `CommandsTopicMadeAnew`, `OutOfGroup`, kafka-python's errors.
        """
        polled: Records = self.consumer.poll(wait_ms)
        # As of now: were it asked for later, the group might have moved on, and the broker could not tell.
        membership = self.consumer.group_metadata()
        if polled and membership.generation_id < 0:
            raise OutOfGroup("the group has gone on without this process")
        if polled or monotonic() >= self._ask_at:
            self._ask_for_topic()
        return {place: records for place, records in polled.items() if self._begins_right(place)}, membership

    def answer(self, answers: Sequence[Outgoing], offsets: Offsets) -> None:
        """Send the answers and move the offsets behind their records, both or neither."""
        partitions = {topic: len(self._producer.partitions_for(topic)) for topic in {each.topic for each in answers}}
        self._producer.publish(
            [TopicPartition(each.topic, _partition(each.key, partitions[each.topic])) for each in answers],
            answers,
            offsets,
        )

    def _ask_for_topic(self) -> None:
        self._ask_at = monotonic() + ASK_SECONDS
        now = topic_id(self._admin, self._topic)
        if now != self.topic_id:
            raise CommandsTopicMadeAnew(
                f"it was deleted while commands were taken from it (its id was {self.topic_id}): what was not answered"
                " is gone; commands are taken from the first record of the one that is there now, or is made"
            )

    def _begins_right(self, place: TopicPartition) -> bool:
        """Whether a partition is read from where this topic's offset is; else it is read from its first record."""
        if place in self._joined.begun:
            return True
        self._joined.begun.add(place)
        kept: Any = self.consumer.committed(place, metadata=True)
        if kept is None or kept.metadata in {"", self.topic_id}:
            return True
        log.warning(
            "the group's offset is of a topic that is gone; the partition is read from its first record",
            partition=place.partition,
            offset=kept.offset,
            topic_id=kept.metadata,
        )
        self.consumer.seek(place, self.consumer.beginning_offsets([place])[place])
        return False


class _Assignments(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells in the log what a process is given to do; `begun`: the partitions of which something was read since."""

    def __init__(self) -> None:
        self.begun: set[TopicPartition] = set()

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Say nothing: what was read of them is answered, or read again by another."""

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Say which partitions."""
        self.begun.clear()
        log.info("joined the group", partitions=sorted(each.partition for each in assigned))


def _partition(key: bytes | None, partitions: int) -> int:
    """Return where a key's answers go, by Kafka's own rule; without a key, anywhere."""
    return randrange(partitions) if key is None else partition_of(key, partitions)  # noqa: S311 - no secret
