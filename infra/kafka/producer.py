"""How relay and inbox write: kafka-python's producer of transactions, its waits bounded, and nothing assumed.

What is used of its inside, and why (docs/adr/0102-relay.md): `send` checks each record's headers, estimates its size
and asks for its partition, which takes longer than to write the record; `commit_transaction` waits for ever; `close`
gives up with an exception where records are under way. tests/infra/kafka/test_producer.py holds it against the
release that is installed.
"""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any, Protocol

from kafka import KafkaProducer, TopicPartition
from kafka.errors import KafkaError, KafkaTimeoutError
from kafka.producer.transaction_manager import CoordinatorType
from kafka.structs import ConsumerGroupMetadata, OffsetAndMetadata

from infra.kafka.clients import producer_arguments
from infra.kafka.records import Headers
from infra.kafka.settings import KafkaSettings

TRANSACTION_SECONDS = 30
"""After so long the broker ends a transaction of a process that is gone; until then readers wait behind it."""

_REQUEST_SECONDS = 10
_STEP_SECONDS = 0.2
_LOST_SECONDS = 1.0
"""How long a wait goes on beside a broker that cannot be reached. kafka-python would have it go on for 10 s and more,
also when the broker is there again; all begins from what was committed sooner than that."""
_RETRY_MS = 5
"""The broker writes the end of a transaction a moment after it was asked to, and the next one's first request is
refused until it has: kafka-python then sleeps so long, by default 100 ms."""

Offsets = tuple[Mapping[TopicPartition, OffsetAndMetadata], ConsumerGroupMetadata]
"""Where a consumer group has come to, and the group as its member knows it."""


class Writable(Protocol):
    """What is written of a record."""

    @property
    def key(self) -> bytes | None:
        """Whose it is."""

    @property
    def value(self) -> bytes | None:
        """What it says."""

    @property
    def headers(self) -> Headers:
        """What is said of it."""


class Unfinished(KafkaTimeoutError):  # type: ignore[misc] # kafka-python has no types
    """A wait was given up; whether the broker carried it out is not known."""


class TransactionalProducer(KafkaProducer):  # type: ignore[misc] # kafka-python has no types
    """A producer of whole transactions. `keep_waiting` is asked every fifth of a second whether a wait goes on.

    Every method but `close` raises kafka-python's errors, and `Unfinished`; after any of them the producer is closed
    and another one made, for what became of the transaction is known only from what was committed.
    """

    def __init__(
        self, settings: KafkaSettings, transactional_id: str, keep_waiting: Callable[[], bool], **more: Any
    ) -> None:
        self._keep_waiting = keep_waiting
        arguments = {
            "retry_backoff_ms": _RETRY_MS,
            "transaction_timeout_ms": TRANSACTION_SECONDS * 1_000,
            "request_timeout_ms": _REQUEST_SECONDS * 1_000,
            "delivery_timeout_ms": TRANSACTION_SECONDS * 1_000,
            "bootstrap_timeout_ms": _REQUEST_SECONDS * 1_000,
            "max_block_ms": _REQUEST_SECONDS * 1_000,
            **more,
        }
        super().__init__(**producer_arguments(settings, transactional_id=transactional_id, **arguments))

    def begin(self, topics: Sequence[str]) -> None:
        """End whatever one before this one had under way, and let it write no more; learn where the topics are."""
        result = self._transaction_manager.initialize_transactions()
        self._sender.wakeup()
        self._wait(result, "the start of transactions")
        for topic in topics:
            self.partitions_for(topic)  # bounded by max_block_ms

    def publish(
        self, places: Sequence[TopicPartition], records: Sequence[Writable], offsets: Offsets | None = None
    ) -> None:
        """Write records to their places in one transaction and commit it. Raises `RecordRefused` for one of them.

        `offsets` of a group are moved in the same transaction, if the group is still as it was when they were read.

        No record is taken for written that the broker has not acknowledged: one that it has not got in time fails
        without failing kafka-python's transaction, so each is looked at before the commit is asked for.
        """
        futures = self._append(places, records)
        began = monotonic()
        while True:
            try:
                self.flush(timeout=_STEP_SECONDS)
                break
            except KafkaTimeoutError:
                self._go_on(began, "the records")
        for index, future in enumerate(futures):
            if not future.succeeded():
                error = future.exception or self._transaction_manager.last_error or Unfinished("it is not written")
                raise RecordRefused(index, error)
        if offsets is not None:
            try:
                result = self._transaction_manager.send_offsets_to_transaction(*offsets)
            except KafkaError as error:
                raise (self._transaction_manager.last_error or error) from error
            self._sender.wakeup()
            self._wait(result, "the offsets")
        try:
            result = self._transaction_manager.begin_commit()
        except KafkaError as error:  # it tells of the failed state; the reason is another one
            raise (self._transaction_manager.last_error or error) from error
        self._sender.wakeup()
        self._wait(result, "the commit")

    def close(self, timeout: float | None = None, null_logger: bool = False) -> None:  # noqa: ARG002 - the library's
        """Let go of the connection without waiting for anything; an open transaction is left to its successor."""
        if getattr(self, "_closed", True):
            return  # it has never been whole
        self._closed = True
        self._unregister_cleanup()
        self._sender.force_close()
        self._sender.join(_STEP_SECONDS)

    def _append(self, places: Sequence[TopicPartition], records: Sequence[Writable]) -> Sequence[Any]:
        try:
            self.begin_transaction()
            for place in set(places):
                self._transaction_manager.maybe_add_partition_to_transaction(place)
        except KafkaError as error:
            raise (self._transaction_manager.last_error or error) from error
        self._sender.wakeup()
        append = self._accumulator.append
        return [
            append(place, None, record.key, record.value, record.headers)[0]
            for place, record in zip(places, records, strict=True)
        ]

    def _wait(self, result: Any, what: str) -> None:
        began = monotonic()
        while not result.wait(timeout_ms=_STEP_SECONDS * 1_000):
            self._go_on(began, what)

    def _go_on(self, began: float, what: str) -> None:
        """Return if a wait for the broker's answer goes on."""
        if not self._keep_waiting():
            raise Unfinished(f"the broker has not answered in time: {what}")
        if monotonic() - began > _LOST_SECONDS and self._has_lost_a_broker():
            raise Unfinished(f"the broker was lost before it answered: {what}")

    def _has_lost_a_broker(self) -> bool:
        client = self._sender._client  # noqa: SLF001
        nodes = [broker.node_id for broker in self._metadata.brokers()]
        nodes.append(self._transaction_manager.coordinator(CoordinatorType.TRANSACTION))
        return any(client.connection_delay(node) > 0 for node in nodes)


class RecordRefused(Exception):
    """The broker has not taken the record with this index in its batch; `error` says why."""

    def __init__(self, index: int, error: Exception) -> None:
        self.index = index
        self.error = error
        super().__init__(str(error))
