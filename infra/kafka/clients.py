"""Which clients does Caselog use? kafka-python's, with every setting that exactness rests on said in so many words.

kafka-python turns idempotence off by itself where another setting contradicts it, and reads what was never committed
unless told otherwise (docs/adr/0100-kafka.md).
"""

from typing import Any

from kafka import ConsumerRebalanceListener, KafkaAdminClient, KafkaConsumer

from infra.kafka.consuming.fetched import PartitionRecords, read_by
from infra.kafka.last_answers import keep_last_answers
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import LARGEST_RECORD_BYTES

BATCH_BYTES = 1024 * 1024
"""The events that a transaction has for a partition are one batch, or few: it is packed and read as a whole."""
RECONNECT_MS = 1_000
"""The longest pause before a client asks again for a broker that is away; kafka-python's pauses grow to 30 s."""


def admin_client(settings: KafkaSettings, *, timeout_ms: int = 10_000) -> KafkaAdminClient:
    """Return a client for topics and groups. Raises kafka-python's errors where no broker answers in time."""
    return KafkaAdminClient(
        **_connection(settings),
        client_id="caselog-admin",
        request_timeout_ms=timeout_ms,
        bootstrap_timeout_ms=timeout_ms,
    )


def producer_arguments(settings: KafkaSettings, *, transactional_id: str | None = None, **more: Any) -> dict[str, Any]:
    """Return what a producer of kafka-python is given, so that its records arrive once and in order."""
    return {
        **_connection(settings),
        "client_id": transactional_id or "caselog-producer",
        "transactional_id": transactional_id,
        "enable_idempotence": True,
        "acks": "all",
        "max_in_flight_requests_per_connection": 5,
        "batch_size": BATCH_BYTES,
        "max_request_size": LARGEST_RECORD_BYTES,
        "allow_auto_create_topics": False,
        "metrics_enabled": False,
        **more,
    }


def consumer(settings: KafkaSettings, *, group: str | None = None, **more: Any) -> KafkaConsumer:
    """Return a consumer of what was committed, from the first record on; it commits no offset by itself.

    Its records are `FetchedRecord`.
    """
    made = KafkaConsumer(
        **{
            **_connection(settings),
            "client_id": group or "caselog-reader",
            "group_id": group,
            "isolation_level": "read_committed",
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "allow_auto_create_topics": False,
            "check_crcs": True,
            "metrics_enabled": False,
            **more,
        }
    )
    return read_by(made, PartitionRecords)


def subscribe(client: KafkaConsumer, topic: str, listener: ConsumerRebalanceListener) -> None:
    """Let a consumer join its group for a topic, once it knows the topic's partitions.

    kafka-python's joins at once, and again when it hears of them. Where a poll ends while that second time is under
    way, its result is never taken up: the consumer has no partitions, sends no heartbeat and waits for ever.
    """
    client.subscribe([topic], listener=listener)
    client.partitions_for_topic(topic)


def _connection(settings: KafkaSettings) -> dict[str, Any]:
    keep_last_answers()
    return {**settings.connection(), "reconnect_backoff_max_ms": RECONNECT_MS}
