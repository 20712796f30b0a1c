"""The views of a process unpack a batch of the events topic once, and none of them sees another's place."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from kafka import KafkaProducer, TopicPartition

from domain.customer import CustomerRegistered
from infra.kafka.consuming import sharing, unpacking
from infra.kafka.consuming.sharing import SharedBatches, events_consumer
from infra.kafka.consuming.unpacked import UnpackedBatch
from infra.kafka.records import event_record
from infra.kafka.settings import KafkaSettings
from tests.infra.kafka.consuming.test_unpacking import place, row, send, writer

__all__ = ["place", "writer"]
EVENTS = 30


@pytest.fixture
def unpacked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Where the batches began that were unpacked."""
    begun: list[int] = []
    really = unpacking.unpack

    def noted(buffer: bytes, at: int, count: int, base_offset: int, *more: Any) -> UnpackedBatch:
        begun.append(base_offset)
        return really(buffer, at, count, base_offset, *more)

    monkeypatch.setattr(sharing, "unpack", noted)
    return begun


@pytest.fixture
def published(writer: KafkaProducer, place: TopicPartition) -> TopicPartition:
    """A partition with three batches of events."""
    for first in range(0, EVENTS, EVENTS // 3):
        send(writer, place, [event_record(row(position=first + each + 1)) for each in range(EVENTS // 3)])
    return place


def read(settings: KafkaSettings, batches: SharedBatches, place: TopicPartition, begin: int = 0) -> list[UnpackedBatch]:
    """What a view that begins at an offset is given."""
    with events_consumer(settings, batches) as reader:
        reader.assign([place])
        reader.seek(place, begin)
        return list(_until_all(reader, place))


def _until_all(reader: Any, place: TopicPartition) -> Iterator[UnpackedBatch]:
    position = 0
    while position < EVENTS:
        for batch in reader.poll(10_000)[place]:
            yield batch
            position = batch.position


def shared_by(views: int) -> SharedBatches:
    return SharedBatches([CustomerRegistered], shared_by=views)


def test_a_batch_is_unpacked_once_for_all_views(
    kafka: KafkaSettings, published: TopicPartition, unpacked: list[int]
) -> None:
    batches = shared_by(3)
    came: list[list[UnpackedBatch]] = []
    views = [threading.Thread(target=lambda: came.append(read(kafka, batches, published))) for _ in range(2)]
    for view in views:
        view.start()
    for view in views:
        view.join()
    late = read(kafka, batches, published, begin=came[0][1].begin)
    assert len(unpacked) == 3
    assert came[0] == came[1] == [came[0][0], *late]
    assert [event.position for batch in came[0] for event in batch.events] == list(range(1, EVENTS + 1))


def test_who_begins_within_a_batch_is_given_the_whole_of_it(kafka: KafkaSettings, published: TopicPartition) -> None:
    first, *_ = read(kafka, shared_by(1), published, begin=EVENTS // 3 - 2)
    assert (first.begin, first.end, len(first.events)) == (0, EVENTS // 3, EVENTS // 3)


def test_nothing_is_kept_for_one_view_and_no_more_than_a_bound_for_several(
    kafka: KafkaSettings, published: TopicPartition, unpacked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = shared_by(1)
    read(kafka, alone, published)
    read(kafka, alone, published)
    assert len(unpacked) == 6
    monkeypatch.setattr(sharing, "KEPT_BYTES", 1_000)  # less than two batches have
    few = shared_by(2)
    batches = read(kafka, few, published)
    del unpacked[:]
    read(kafka, few, published)
    assert unpacked == [batch.begin for batch in batches]
