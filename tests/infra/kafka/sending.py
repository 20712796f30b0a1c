"""Who writes to topics in tests: kafka-python's own producer, set up as ours is."""

from typing import Any

from kafka import KafkaProducer

from infra.kafka.clients import producer_arguments
from infra.kafka.settings import KafkaSettings


def producer(settings: KafkaSettings, *, transactional_id: str | None = None, **more: Any) -> KafkaProducer:
    """Return a producer whose records arrive once and in order, with `transactional_id` whole transactions of them."""
    return KafkaProducer(**producer_arguments(settings, transactional_id=transactional_id, **more))
