"""The relay set to another position of the log, by a person who knows what readers will make of it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

from kafka import TopicPartition
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.feed import head_position
from infra.kafka.clients import admin_client
from infra.kafka.compression import METHOD
from infra.kafka.log_rows import event_id_at
from infra.kafka.names import Names
from infra.kafka.producer import RecordRefused, TransactionalProducer
from infra.kafka.relay.checkpoint import Checkpoint, TopicMadeAnew, check, has_committed, last_checkpoint
from infra.kafka.relay.relay import ROLE
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import ensure, events_topic, relay_topic, topic_id
from infra.leadership import Leadership
from infra.postgres.pool import connect


class RelayLeads(Exception):
    """A relay is publishing; it has to be stopped first."""


class NoSuchPosition(Exception):
    """The log has not come to the position."""


class Reset:
    """What may be set while no relay publishes.

    `before`: the checkpoint as it stands, none if there is none; `empty`: whether the topic has no events.
    """

    def __init__(
        self,
        names: Names,
        producer: TransactionalProducer,
        connection: Connection,
        events_topic_id: str,
        before: Checkpoint | None,
        *,
        empty: bool,
    ) -> None:
        self._names = names
        self._producer = producer
        self._connection = connection
        self._events_topic_id = events_topic_id
        self.before = before
        self._empty = empty

    def consequences(self, position: int) -> str:
        """Say what those who read the topic will see of it. Raises `NoSuchPosition`."""
        head = head_position(self._connection)
        if position > head:
            raise NoSuchPosition(f"the log ends at position {head}")
        no_views = (
            f" Topic {self._names.events} can feed no views from then on: stop their workers, which find that out only"
            " when they begin again, and bring each view back to the log by `caselog rebuild VIEW`."
        )
        if self.before is None and not self._empty:
            return (
                f"The relay will begin after position {position}, whatever is on topic {self._names.events} already."
                f"{no_views}"
            )
        if self.before is None or self.before.events_topic_id != self._events_topic_id:
            left = f" but the first {position}" if position else ""
            return f"All events{left} will be published to the new topic {self._names.events}."
        if position < self.before.position:
            return (
                f"The events {position + 1} to {self.before.position} will be on topic {self._names.events} a second"
                " time, under the same ids: every reader gets them twice, and `caselog reconcile` reports them."
                f"{no_views if position < self.before.begun_after else ''}"
            )
        if position > self.before.position:
            return (
                f"The events {self.before.position + 1} to {position} will never be on topic {self._names.events}:"
                f" no reader gets them, and `caselog reconcile` reports them.{no_views}"
            )
        return f"The relay goes on after position {position}, as it would have anyway."

    def write(self, position: int) -> Checkpoint:
        """Commit a checkpoint at the position. Raises kafka-python's errors."""
        begun_after, gap_after = self._left_out(position)
        checkpoint = Checkpoint(
            position=position,
            begun_after=begun_after,
            desk=event_id_at(self._connection, 1),
            event_id=event_id_at(self._connection, position),
            events_topic_id=self._events_topic_id,
            gap_after=gap_after,
        )
        try:
            self._producer.publish([TopicPartition(self._names.relay, 0)], [checkpoint.record()])
        except RecordRefused as refused:
            raise refused.error from refused
        return checkpoint

    def _left_out(self, position: int) -> tuple[int, int | None]:
        """Return after which event the topic begins then, and after which not all are there in their order."""
        if self.before is None:
            return (position, None) if self._empty else (0, 0)  # nobody knows what is there
        if self.before.events_topic_id != self._events_topic_id:
            return position, None
        begun_after = min(position, self.before.begun_after)
        gaps = [] if self.before.gap_after is None else [self.before.gap_after]
        if position > self.before.position:
            gaps.append(self.before.position)
        if position < self.before.begun_after:
            gaps.append(position)  # what comes now is earlier than what is there
        return begun_after, min(gaps, default=None)


@contextmanager
def resetting(dsn: str, schema: str, settings: KafkaSettings) -> Iterator[Reset]:
    """Keep relays from leading, and give what sets their position.

    Raises `RelayLeads`, `TopicMismatch`, kafka-python's errors, and `DatabaseUnavailable`; `RelayHalted` where the
    topic has another log's events, which no position of this one puts right.
    """
    names = Names(schema)
    lead = Leadership(dsn, schema, ROLE)
    try:
        with closing(connect(dsn, schema, application_name=f"caselog {schema} relay reset")) as connection:
            connection.autocommit = True
            if not lead.try_acquire():
                raise RelayLeads("a relay is publishing: stop `caselog relay` on all machines first")
            with closing(admin_client(settings)) as admin:
                ensure(admin, (events_topic(names, settings), relay_topic(names)), settings)
                events_topic_id = topic_id(admin, names.events)
            # A person may think as long as they like before the write, so its waits are not counted from here.
            with closing(
                TransactionalProducer(settings, names.relay_transactional_id, lambda: True, compression_type=METHOD)
            ) as producer:
                producer.begin([names.events, names.relay])
                before = last_checkpoint(settings, names)
                if before is not None:
                    with suppress(TopicMadeAnew):
                        check(before, connection, names, events_topic_id)
                empty = before is None and not has_committed(settings, names, settings.partitions)
                yield Reset(names, producer, connection, events_topic_id, before, empty=empty)
    finally:
        lead.release()
