"""Records read by their bytes are those that kafka-python reads one by one."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from kafka import KafkaProducer, TopicPartition
from kafka.admin import NewTopic
from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError

from domain.customer import CustomerRegistered
from domain.event import Event
from domain.recorded import Metadata
from domain.tags import EVENT_TYPES, decode
from infra.kafka import topics
from infra.kafka.clients import admin_client, consumer
from infra.kafka.compression import METHOD
from infra.kafka.consuming import unpacking
from infra.kafka.consuming.fetched import read_by
from infra.kafka.consuming.receiving import LargeReads
from infra.kafka.consuming.sharing import SharedBatches
from infra.kafka.consuming.sharing import events_consumer as shared_consumer
from infra.kafka.consuming.unpacked import Unpacked, UnpackedBatch, UnpackedEvent, Unreadable
from infra.kafka.names import Names
from infra.kafka.records import (
    EventRecord,
    LogRow,
    NotOurs,
    PositionMark,
    event_record,
    mark_record,
    received,
)
from infra.kafka.settings import KafkaSettings
from infra.projection.feed import DECODING_ERRORS
from tests.infra.kafka.inbound.test_sizes_and_compressions import register, send_compressed
from tests.infra.kafka.sending import producer

METADATA = Metadata(
    event_id="e-1", correlation_id="c-1", actor="agent é", command_id="k-1", causation_id="e-0", customer_id="cust-7"
)
ROW = LogRow(
    position=42,
    stream_id="customer-cust-7",
    version=3,
    tag="CustomerRegistered.v1",
    data='{"occurred_at":"2026-03-01T10:00:00Z","customer_id":"cust-7","name":{"text":"Zoë"}}',
    metadata="",
    recorded_at=datetime(2026, 3, 1, 10, tzinfo=UTC),
)


def row(**changed: Any) -> LogRow:
    metadata = msgspec.structs.replace(METADATA, **changed.pop("metadata", {}))
    return msgspec.structs.replace(ROW, metadata=msgspec.json.encode(metadata).decode(), **changed)


ORDINARY = event_record(row())
RECORDS: list[EventRecord] = [
    ORDINARY,
    event_record(row(position=2**40, version=70_000, data="", metadata={"customer_id": None, "traceparent": "t"})),
    event_record(row(stream_id="s" * 63, data="x" * 200)),
    event_record(row(stream_id="s" * 64, data="x" * 20_000)),
    event_record(row(stream_id="ж" * 9_000, tag="T" * 300)),
    event_record(row(metadata={"event_id": "i" * 64})),
    event_record(row(position=7, tag="T" * 64)),
    mark_record(43),
    msgspec.structs.replace(ORDINARY, headers=ORDINARY.headers[::-1]),
    msgspec.structs.replace(ORDINARY, headers=[*ORDINARY.headers, ("ce_new", b"of a later release")]),
    msgspec.structs.replace(ORDINARY, headers=ORDINARY.headers[:7]),
    msgspec.structs.replace(ORDINARY, headers=[("ce_specversion", b"1.0"), ("ce_id", b"x")]),
    msgspec.structs.replace(ORDINARY, headers=[("ce_source", b"\xff")]),
    EventRecord(b"", b"somebody's", []),
    msgspec.structs.replace(ORDINARY, headers=[*ORDINARY.headers[:4], ("ce_position", b"abc"), *ORDINARY.headers[5:]]),
    msgspec.structs.replace(ORDINARY, headers=[*ORDINARY.headers[:4], ("ce_position", b""), *ORDINARY.headers[5:]]),
    msgspec.structs.replace(
        ORDINARY, headers=[*ORDINARY.headers[:6], ("ce_streamversion", b"abc"), *ORDINARY.headers[7:]]
    ),
]


@pytest.fixture
def place(kafka: KafkaSettings, schema: str) -> TopicPartition:
    """A partition of a new topic."""
    names = Names(schema)
    admin = admin_client(kafka)
    topics.ensure(admin, [topics.events_topic(names, kafka)], kafka)
    admin.close()
    return TopicPartition(names.events, 1)


@pytest.fixture
def writer(kafka: KafkaSettings, schema: str) -> Iterator[KafkaProducer]:
    """A producer of transactions, whose records wait for `flush`: those of one are in one batch."""
    made = producer(kafka, transactional_id=Names(schema).relay_transactional_id, linger_ms=5_000)
    made.init_transactions()
    yield made
    made.close()


def send(writer: KafkaProducer, place: TopicPartition, records: list[EventRecord], *, commit: bool = True) -> None:
    writer.begin_transaction()
    for record in records:
        writer.send(place.topic, partition=place.partition, **msgspec.structs.asdict(record))
    writer.flush()
    if commit:
        writer.commit_transaction()
    else:
        writer.abort_transaction()


def read(reader: Any, place: TopicPartition, count: int, most: int = 500) -> list[Any]:
    found: list[Any] = []
    with reader:
        reader.assign([place])
        reader.seek(place, 0)
        while len(found) < count:
            for each in reader.poll(10_000, max_records=most)[place]:
                found += each.came if isinstance(each, UnpackedBatch) else [each]
    return found


def events_consumer(settings: KafkaSettings, handles: Collection[type[Event]] = EVENT_TYPES.values()) -> Any:
    """A consumer for views that handle these types of events."""
    return shared_consumer(settings, SharedBatches(frozenset(handles), shared_by=1))


def expected(record: Any) -> Any:
    try:
        came = received(record)
    except NotOurs as not_ours:
        return Unreadable(record.partition, record.offset, str(not_ours))
    if isinstance(came, PositionMark):
        return came
    event: Any
    try:
        event = decode(came.tag, came.data)
    except DECODING_ERRORS as error:
        event = type(error)
    named = (came.offset, came.position, came.stream_id, came.version, event, came.metadata)
    return (*named, datetime.fromisoformat(came.recorded_at))


def shown(came: Unpacked) -> Any:
    if not isinstance(came, UnpackedEvent):
        return came
    event = came.event if came.error is None else type(came.error)
    named = (came.offset, came.position, came.originator_id, came.originator_version, event, came.metadata)
    return (*named, came.recorded_at)


@pytest.mark.parametrize("most", [500, 2])
def test_all_that_was_committed_comes_as_kafka_python_has_it(
    kafka: KafkaSettings, writer: KafkaProducer, place: TopicPartition, most: int
) -> None:
    send(writer, place, RECORDS)
    send(writer, place, RECORDS[::-1], commit=False)
    send(writer, place, [mark_record(44), ORDINARY])
    count = len(RECORDS) + 2
    ours = read(events_consumer(kafka), place, count, most)
    theirs = read(kafkas_own(kafka), place, count, most)
    assert list(map(shown, ours)) == list(map(expected, theirs))
    assert {type(each) for each in ours} == {UnpackedEvent, PositionMark, Unreadable}
    whole = read(consumer(kafka), place, count, most)
    assert [tuple(getattr(each, name) for name in PARTS) for each in whole] == [
        tuple(getattr(each, name) for name in PARTS) for each in theirs
    ]


PARTS = ("topic", "partition", "offset", "timestamp", "key", "value", "headers")


def kafkas_own(settings: KafkaSettings) -> Any:
    """A consumer that reads records as kafka-python does by itself."""
    return read_by(consumer(settings), Fetcher.PartitionRecords)


def test_a_header_whose_name_is_no_text_does_not_stop_who_reads_it(kafka: KafkaSettings, place: TopicPartition) -> None:
    class NoText(str):
        __slots__ = ()

        def encode(self, *_: Any) -> bytes:
            return b"\xffa"

    with producer(kafka, compression_type=METHOD, linger_ms=5_000) as plain:  # or the broker, packing, mends the name
        plain.send(place.topic, b"1", b"k", [("pad", b" " * 500), (NoText("a"), b"b")], place.partition)
        plain.send(place.topic, b"2", b"k", [], place.partition)
    with pytest.raises(CorruptRecordError):
        read(kafkas_own(kafka), place, 2)
    assert [(each.value, each.headers) for each in read(consumer(kafka), place, 2)] == [
        (b"1", [("pad", b" " * 500), ("\ufffda", b"b")]),
        (b"2", []),
    ]
    assert [each.reason for each in read(events_consumer(kafka), place, 2)] == [
        "its header ce_source is None, not '/caselog'"
    ] * 2


def test_a_compressed_batch_is_read_as_well(kafka: KafkaSettings, place: TopicPartition) -> None:
    with producer(kafka, compression_type="gzip") as plain:
        for record in RECORDS:
            plain.send(place.topic, partition=place.partition, **msgspec.structs.asdict(record))
    assert len(read(events_consumer(kafka), place, len(RECORDS))) == len(RECORDS)


def test_a_batch_that_nobody_here_can_unpack_is_passed_over_and_told(
    kafka: KafkaSettings, writer: KafkaProducer, schema: str
) -> None:
    plain = TopicPartition(f"{schema}.as-it-comes", 0)
    admin = admin_client(kafka)
    admin.create_topics([NewTopic(plain.topic, 1, 1)])
    admin.wait_for_topics([plain.topic])
    admin.close()
    send_compressed(kafka, plain.topic, "snappy", register("alpine"))
    send(writer, plain, [ORDINARY])
    unreadable, event = read(events_consumer(kafka), plain, 2)
    assert (unreadable.partition, unreadable.offset, event.position) == (0, 0, 42)
    assert unreadable.reason.startswith("it is compressed in a way that cannot be unpacked here: ")


def test_what_our_relays_write_is_recognised_without_looking_at_each_header(
    kafka: KafkaSettings, writer: KafkaProducer, place: TopicPartition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(unpacking, "_one_by_one")
    send(writer, place, [ORDINARY, *RECORDS[1:4], mark_record(43)])
    assert [each.position for each in read(events_consumer(kafka), place, 5)] == [42, 2**40, 42, 42, 43]


def test_of_events_that_nobody_handles_only_how_far_they_bring_the_partition_is_told(
    kafka: KafkaSettings, writer: KafkaProducer, place: TopicPartition
) -> None:
    uninteresting = [event_record(row(tag="TicketOpened.v1", position=position)) for position in range(1, 6)]
    foreign = EventRecord(b"", b"somebody's", [])
    taken = event_record(row(position=4))
    send(writer, place, [*uninteresting[:2], foreign, uninteresting[2], taken, uninteresting[4]])
    send(writer, place, [event_record(row(position=6))])
    came = read(events_consumer(kafka, {CustomerRegistered}), place, 5)
    assert [(type(each), each.offset, getattr(each, "position", None)) for each in came] == [
        (PositionMark, 1, 2),
        (Unreadable, 2, None),
        (UnpackedEvent, 4, 4),
        (PositionMark, 5, 5),
        (UnpackedEvent, 7, 6),
    ]


def test_a_record_that_says_no_position_stops_nobody_also_where_its_tag_is_passed_over(
    kafka: KafkaSettings, writer: KafkaProducer, place: TopicPartition
) -> None:
    passed = event_record(row(tag="TicketOpened.v1", position=1))
    forged = msgspec.structs.replace(passed, headers=[*passed.headers[:4], ("ce_position", b"abc")])
    send(writer, place, [passed, forged])
    send(writer, place, [forged, event_record(row(position=2))])
    came = read(events_consumer(kafka, {CustomerRegistered}), place, 4)
    assert [type(each) for each in came] == [PositionMark, Unreadable, Unreadable, UnpackedEvent]


def test_a_consumer_of_events_reads_its_socket_in_large_pieces(kafka: KafkaSettings, place: TopicPartition) -> None:
    with events_consumer(kafka) as reader:
        reader.assign([place])
        reader.seek(place, 0)
        reader.poll(1_000)
        connections = reader._client._manager._conns
        assert connections
        reads = {type(each.transport._sock_recv) for each in connections.values() if each.connected}
    assert reads == {LargeReads}
