"""Which partitions has the group given this worker? Noted by the consumer's thread, taken up between two batches."""

import threading
from collections.abc import Collection, Iterable

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition


class Assignment(ConsumerRebalanceListener):  # type: ignore[misc]
    """The partitions that a consumer has. They are read only once `taken_up` has been told where to begin.

    The consumer calls it in its own thread, which sends the heartbeats too, so nothing here may wait.
    """

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer
        self._lock = threading.Lock()
        self._partitions: set[TopicPartition] = set()
        self._changed = False

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Hold new ones until their places are known."""
        for partition in assigned:
            self._consumer.seek(partition, 0)
            self._consumer.pause(partition)
        with self._lock:
            self._partitions |= set(assigned)
            self._changed = True

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Let them go: the batch under way is done, for this is called between two."""
        with self._lock:
            self._partitions -= set(revoked)
            self._changed = True

    def on_partitions_lost(self, lost: Collection[TopicPartition]) -> None:
        """Let them go: others have them."""
        self.on_partitions_revoked(lost)

    def changed(self) -> Collection[int] | None:
        """Return the partitions by number if they are others than at the last call."""
        with self._lock:
            if not self._changed:
                return None
            self._changed = False
            return {partition.partition for partition in self._partitions}

    @property
    def partitions(self) -> Collection[TopicPartition]:
        """The partitions now."""
        with self._lock:
            return set(self._partitions)

    def read_from(self, offsets: Iterable[tuple[int, int]]) -> None:
        """Read these partitions from these offsets on."""
        partitions = {partition.partition: partition for partition in self.partitions}
        for number, offset in offsets:
            partition = partitions.get(number)
            if partition is not None:
                self._consumer.seek(partition, offset)
                self._consumer.resume(partition)
