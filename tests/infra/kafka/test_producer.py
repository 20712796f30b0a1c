"""The inside of kafka-python that our producer uses is as it takes it to be, and nothing is believed unseen."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, ProducerFencedError

from infra.kafka.clients import admin_client, consumer
from infra.kafka.names import Names
from infra.kafka.producer import RecordRefused, TransactionalProducer
from infra.kafka.records import EventRecord
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import ensure, events_topic


@pytest.fixture
def topic(kafka: KafkaSettings, schema: str) -> str:
    with closing(admin_client(kafka)) as admin:
        ensure(admin, [events_topic(Names(schema), kafka)], kafka)
    return Names(schema).events


@pytest.fixture
def producer(kafka: KafkaSettings, topic: str) -> Iterator[TransactionalProducer]:
    with closing(begun(kafka, topic)) as made:
        yield made


def begun(kafka: KafkaSettings, topic: str) -> TransactionalProducer:
    made = TransactionalProducer(kafka, topic, lambda: True)
    made.begin([topic])
    return made


def committed(kafka: KafkaSettings, topic: str) -> list[bytes]:
    place = TopicPartition(topic, 0)
    with closing(consumer(kafka)) as reader:
        reader.assign([place])
        end = reader.end_offsets([place])[place]
        values = []
        while reader.position(place) < end:
            values += [record.value for record in reader.poll(500).get(place, ())]
        return values


def test_records_of_a_transaction_are_there_in_order_with_key_and_headers(
    kafka: KafkaSettings, topic: str, producer: TransactionalProducer
) -> None:
    place = TopicPartition(topic, 0)
    records = [EventRecord(b"key", b"%d" % number, [("name", b"value")]) for number in range(3_000)]
    producer.publish([place] * len(records), records)
    producer.publish([place], [EventRecord(b"key", b"the last", [])])
    assert committed(kafka, topic) == [*(each.value for each in records), b"the last"]


def test_one_that_another_has_followed_says_so_and_writes_nothing(
    kafka: KafkaSettings, topic: str, producer: TransactionalProducer
) -> None:
    place, record = TopicPartition(topic, 0), EventRecord(b"key", b"a", [])
    producer.publish([place], [record])
    with closing(begun(kafka, topic)) as successor:
        with pytest.raises((ProducerFencedError, RecordRefused)) as fenced:
            producer.publish([place], [EventRecord(b"key", b"of a zombie", [])])
        if isinstance(fenced.value, RecordRefused):
            assert isinstance(fenced.value.error, ProducerFencedError)
        successor.publish([place], [EventRecord(b"key", b"b", [])])
    assert committed(kafka, topic) == [b"a", b"b"]


def test_a_record_that_the_broker_does_not_take_is_named_and_none_of_its_transaction_is_seen(
    kafka: KafkaSettings, topic: str, producer: TransactionalProducer
) -> None:
    place = TopicPartition(topic, 0)
    with pytest.raises(RecordRefused) as refused:
        producer.publish([place] * 3, [EventRecord(b"key", b"x" * size, []) for size in (10, 17 * 1024 * 1024, 10)])
    assert refused.value.index == 1
    assert isinstance(refused.value.error, MessageSizeTooLargeError)
    producer.close()
    with closing(begun(kafka, topic)) as successor:
        successor.publish([place], [EventRecord(b"key", b"after it", [])])
    assert committed(kafka, topic) == [b"after it"]


def test_a_record_that_failed_without_failing_the_transaction_is_not_committed(
    kafka: KafkaSettings, topic: str, producer: TransactionalProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = TopicPartition(topic, 0)
    producer.publish([place], [EventRecord(b"key", b"a", [])])
    # as if it had waited for longer than delivery_timeout_ms
    monkeypatch.setattr(producer._accumulator.__class__, "delivery_timeout_ms", property(lambda _: 0))
    with pytest.raises(RecordRefused) as refused:
        producer.publish([place], [EventRecord(b"key", b"late", [])])
    assert isinstance(refused.value.error, KafkaTimeoutError)
    monkeypatch.undo()
    producer.close()
    with closing(begun(kafka, topic)) as successor:
        successor.publish([place], [EventRecord(b"key", b"b", [])])
    assert committed(kafka, topic) == [b"a", b"b"]
