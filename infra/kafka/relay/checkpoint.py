"""How far has the relay come? What it has committed with the events themselves, and whether that fits log and topic."""

from collections.abc import Callable
from typing import Any

import msgspec
from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.feed import head_position
from infra.kafka.clients import consumer
from infra.kafka.log_rows import event_id_at
from infra.kafka.names import Names
from infra.kafka.records import EventRecord
from infra.kafka.settings import KafkaSettings

KEY = b"relay"
_FIRST_LOOK = 200
"""Each transaction leaves a checkpoint and a control record; the last committed one is nearly always among so many."""
_POLL_MS = 200
_SOON: dict[str, Any] = {"bootstrap_timeout_ms": 5_000, "request_timeout_ms": 10_000}
"""The broker has just answered: where it does so no more, all begins anew, and not after kafka-python's half minute."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """What a relay has published: the log's events after `begun_after` up to `position`, each once.

    `desk` is the id of the log's first event, `event_id` that of the event at `position` (empty where it has none),
    `events_topic_id` the broker's own id of the topic. `gap_after`, where it is not none: of the events after that
    position some are not on the topic, or come behind later ones, because a person has set the relay elsewhere.
    """

    position: int
    begun_after: int
    desk: str
    event_id: str
    events_topic_id: str
    gap_after: int | None = None

    def record(self) -> EventRecord:
        """Return it as a record of the relay's topic."""
        return EventRecord(KEY, msgspec.json.encode(self), [])


class RelayHalted(Exception):
    """Nothing may be published until somebody has looked at it; the message says what to do. `kind` is for figures."""

    kind = "halted"


class AnotherDesk(RelayHalted):
    """The topic has the events of another log."""

    kind = "another_desk"


class LogWentBack(RelayHalted):
    """The log is not the one that was published: it was restored from an older backup."""

    kind = "log_went_back"


class TopicMadeAnew(RelayHalted):
    """The topic of the events is not the one that they were published to."""

    kind = "topic_made_anew"


class CheckpointLost(RelayHalted):
    """The topic has records, and nothing says how far they reach."""

    kind = "checkpoint_lost"


def last_checkpoint(
    settings: KafkaSettings, names: Names, keep_waiting: Callable[[], bool] = lambda: True
) -> Checkpoint | None:
    """Return the last committed checkpoint, or none if no relay has published to the desk's topic.

    After `TransactionalProducer.begin` nobody can commit another one. Raises kafka-python's errors.
    """
    place = TopicPartition(names.relay, 0)
    reader = consumer(settings, **_SOON)
    try:
        reader.assign([place])
        first, end = reader.beginning_offsets([place])[place], reader.end_offsets([place])[place]
        look = _FIRST_LOOK
        while True:
            begin = max(first, end - look)
            reader.seek(place, begin)
            found: bytes | None = None
            while reader.position(place) < end:
                if not keep_waiting():
                    raise KafkaTimeoutError("the relay's checkpoint was not read in time")
                for record in reader.poll(timeout_ms=_POLL_MS).get(place, ()):
                    if record.key == KEY and record.value is not None:
                        found = record.value
            if found is not None:
                return msgspec.json.decode(found, type=Checkpoint)
            if begin == first:
                return None
            look *= 10
    finally:
        reader.close(timeout_ms=0)


def has_committed(
    settings: KafkaSettings, names: Names, partitions: int, keep_waiting: Callable[[], bool] = lambda: True
) -> bool:
    """Return whether the topic of the events has any record that readers see."""
    places = [TopicPartition(names.events, number) for number in range(partitions)]
    reader = consumer(settings, **_SOON)
    try:
        reader.assign(places)
        ends = reader.end_offsets(places)
        reader.seek_to_beginning(*places)
        while any(reader.position(place) < ends[place] for place in places):
            if not keep_waiting():
                raise KafkaTimeoutError("the topic of the events was not read in time")
            if reader.poll(timeout_ms=_POLL_MS):
                return True
        return False
    finally:
        reader.close(timeout_ms=0)


def check(checkpoint: Checkpoint, connection: Connection, names: Names, events_topic_id: str) -> None:
    """Raise a `RelayHalted` where the log is not the one that was published, or the topic not where it went."""
    if checkpoint.desk != event_id_at(connection, 1):
        raise AnotherDesk(
            f"topic {names.events} has the events of another desk (or of this one before it was made anew):"
            " give this desk a schema of its own (CASELOG_SCHEMA) or a broker of its own, or delete the topics"
            f" {names.events} and {names.relay} if nobody needs what is in them"
        )
    if checkpoint.events_topic_id != events_topic_id:
        raise TopicMadeAnew(
            f"topic {names.events} was deleted and made again since events up to {checkpoint.position} were published:"
            " `caselog relay --reset-to 0` publishes the whole log to the new one"
        )
    head = head_position(connection)
    if checkpoint.position > head or (
        checkpoint.event_id and checkpoint.event_id != event_id_at(connection, checkpoint.position)
    ):
        raise LogWentBack(
            f"topic {names.events} has events up to {checkpoint.position} that this log"
            f" {f'ends before (at {head})' if checkpoint.position > head else 'has not'}: it was restored from an older"
            f" backup, so the topic tells what never happened. Delete the topics {names.events} and {names.relay} to"
            " publish the log anew. `caselog rebuild VIEW` brings a view that Kafka feeds back to the log, and `caselog"
            " kafka-project --again VIEW` gives it to Kafka again"
        )
