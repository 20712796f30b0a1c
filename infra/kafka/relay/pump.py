"""From the log to Kafka: one life of a producer, from the last committed checkpoint on."""

from collections.abc import Callable
from contextlib import closing
from time import monotonic
from types import TracebackType
from typing import Self

import msgspec
from kafka import TopicPartition
from kafka.errors import MessageSizeTooLargeError, RecordListTooLargeError
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.kafka.clients import admin_client
from infra.kafka.compression import METHOD
from infra.kafka.log_rows import event_id_at
from infra.kafka.names import Names
from infra.kafka.producer import RecordRefused, TransactionalProducer
from infra.kafka.relay.checkpoint import Checkpoint, CheckpointLost, RelayHalted, check, has_committed, last_checkpoint
from infra.kafka.relay.reading import MOST_EVENTS, LogReader, RecordBatch
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import LARGEST_RECORD_BYTES, ensure, events_topic, relay_topic, topic_id
from infra.postgres.pool import connect

PATIENCE_SECONDS = 20.0
"""How long one wait for the broker lasts; then it is taken for gone, and all begins from what it has committed."""

_FIRST_ANSWER_MS = 5_000
UNTIL_FLUSHED_MS = 1_000
"""Records wait for the flush that comes right after them: so what a partition gets is one batch, and not a dozen."""


class EventTooLarge(RelayHalted):
    """The broker takes no record of an event's size. Nothing is passed over: the relay stands still before it."""

    kind = "record_too_large"

    def __init__(self, batch: RecordBatch, index: int, topic: str) -> None:
        self.events_before = index
        super().__init__(
            f"{batch.describe(index)} is larger than topic {topic} takes (its max.message.bytes): raise that; nothing"
            " after it is published until then"
        )


class BegunAlready(RelayHalted):
    """A position to begin after was named for a topic that has begun at another."""

    kind = "begun_already"


class Pump:
    """Publishes the log from where the last one has come to. Whoever leads makes one, and a new one after any error.

    `begin_after` is where a topic begins that has none yet, by default with the first event. `patience` is asked with
    the seconds that a wait for the broker has taken whether it goes on.
    """

    def __init__(
        self,
        dsn: str,
        schema: str,
        settings: KafkaSettings,
        *,
        begin_after: int | None = None,
        patience: Callable[[float], bool] = lambda waited: waited < PATIENCE_SECONDS,
    ) -> None:
        self._dsn = dsn
        self._schema = schema
        self._settings = settings
        self._names = Names(schema)
        self._begin_after = begin_after
        self._patience = patience
        self._waits_since = monotonic()
        self._limit = MOST_EVENTS
        self._producer: TransactionalProducer | None = None
        self._reader = LogReader(
            lambda: connect(dsn, schema, application_name=f"caselog {schema} relay"),
            self._names.events,
            settings.partitions,
        )
        self._checkpoint: Checkpoint | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def checkpoint(self) -> Checkpoint:
        """What is committed, once `open` has found it out."""
        if self._checkpoint is None:
            raise RuntimeError("the pump is not open")
        return self._checkpoint

    def open(self) -> None:
        """See to the topics, fence whoever published before, and find the checkpoint, or write the first one.

        Raises `TopicMismatch`, `RelayHalted`, kafka-python's and psycopg2's errors, and `DatabaseUnavailable`.
        """
        names, settings = self._names, self._settings
        with closing(admin_client(settings, timeout_ms=_FIRST_ANSWER_MS)) as admin:
            ensure(admin, (events_topic(names, settings), relay_topic(names)), settings)
            events_topic_id = topic_id(admin, names.events)
        self._producer = TransactionalProducer(
            settings, names.relay_transactional_id, self._waits, compression_type=METHOD, linger_ms=UNTIL_FLUSHED_MS
        )
        self._be_patient()
        self._producer.begin((names.events, names.relay))
        self._be_patient()
        found = last_checkpoint(settings, names, self._waits)
        with closing(connect(self._dsn, self._schema, application_name=f"caselog {self._schema} relay")) as connection:
            if found is None:
                found = self._first(connection, events_topic_id)
            elif self._begin_after not in {None, found.begun_after}:
                raise BegunAlready(
                    f"topic {names.events} has begun after position {found.begun_after} already, and now has the"
                    f" events up to {found.position}: --from-position is for a new one"
                )
            check(found, connection, names, events_topic_id)
        self._checkpoint = found

    def advance(self) -> RecordBatch:
        """Publish what follows the checkpoint, as one transaction, and return it; empty at the end of the log.

        Raises what `open` does, and `EventTooLarge`; after any of them the pump is closed.
        """
        now = self.checkpoint
        batch = self._reader.next(now.position, most_events=self._limit)
        if batch.position > now.position:
            self._publish(batch, now)
        return batch

    def shrink_to(self, events: int) -> None:
        """Publish no more than so many events in the next batch."""
        self._limit = max(1, events)

    def close(self) -> None:
        """Let go of producer and connection; an open transaction is left to whoever begins next."""
        self._reader.close()
        if self._producer is not None:
            self._producer.close()

    def _publish(self, batch: RecordBatch, now: Checkpoint) -> None:
        then = msgspec.structs.replace(now, position=batch.position, event_id=batch.event_id)
        too_large = next((i for i, each in enumerate(batch.records) if len(each.value) > LARGEST_RECORD_BYTES), None)
        if too_large is not None:
            raise EventTooLarge(batch, too_large, self._names.events)
        self._write(then, batch)
        self._checkpoint = then
        self._limit = MOST_EVENTS

    def _write(self, checkpoint: Checkpoint, batch: RecordBatch | None = None) -> None:
        if self._producer is None:
            raise RuntimeError("the pump is not open")
        places = [*(batch.places if batch else ()), TopicPartition(self._names.relay, 0)]
        records = [*(batch.records if batch else ()), checkpoint.record()]
        self._be_patient()
        try:
            self._producer.publish(places, records)
        except RecordRefused as refused:
            if batch is None or not isinstance(refused.error, MessageSizeTooLargeError | RecordListTooLargeError):
                raise refused.error from refused
            raise EventTooLarge(batch, refused.index, self._names.events) from refused.error

    def _first(self, connection: Connection, events_topic_id: str) -> Checkpoint:
        """Write the first checkpoint, so that a position to begin after holds from the first moment on."""
        names = self._names
        if has_committed(self._settings, names, self._settings.partitions, self._waits):
            raise CheckpointLost(
                f"topic {names.events} has events, and topic {names.relay} does not say up to which position:"
                f" delete topic {names.events} to publish the log anew, or name by `caselog relay --reset-to` after"
                " which position to go on (the highest `ce_position` on the topic, which `caselog reconcile` tells); it"
                " feeds no views then"
            )
        begin_after = self._begin_after or 0
        first = Checkpoint(
            position=begin_after,
            begun_after=begin_after,
            desk=event_id_at(connection, 1),
            event_id=event_id_at(connection, begin_after),
            events_topic_id=events_topic_id,
        )
        self._write(first)
        return first

    def _be_patient(self) -> None:
        self._waits_since = monotonic()

    def _waits(self) -> bool:
        return self._patience(monotonic() - self._waits_since)
