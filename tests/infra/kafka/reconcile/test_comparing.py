"""Each way in which a topic can differ from its log is named, and what is right is not, whatever else is wrong."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.recorded import Metadata
from infra.kafka.reconcile import findings as findings_module
from infra.kafka.reconcile.comparing import Bounds, Comparison, Expected
from infra.kafka.reconcile.findings import TooManyFindings, by_kind
from infra.kafka.records import EventRecord, LogRow, event_record, mark_record, partition_of

PARTITIONS = 3


class Record(msgspec.Struct):
    """A record as the consumer of kafka-python has it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def event_at(position: int) -> Expected:
    metadata = Metadata(
        event_id=f"e-{position}", correlation_id="c", actor="a", command_id="k", customer_id=f"customer-{position % 7}"
    )
    row = LogRow(
        position,
        f"stream-{position % 11}",
        position,
        "WorkLogged.v1",
        f'{{"occurred_at":"2026-03-01T10:00:00Z","minutes":{position}}}',
        msgspec.json.encode(metadata).decode(),
        datetime(2026, 3, 1, tzinfo=UTC),
    )
    record = event_record(row)
    return Expected(position, partition_of(record.key, PARTITIONS), record)


Topic = dict[int, list[EventRecord]]


def published(head: int, *, after: int = 0, batch: int = 5) -> Topic:
    """The topic as the relay makes it: batches, each of which brings every partition to its end."""
    topic: Topic = {number: [] for number in range(PARTITIONS)}
    for begin in range(after, head, batch):
        end = min(begin + batch, head)
        events = [event_at(position) for position in range(begin + 1, end + 1)]
        for event in events:
            topic[event.partition].append(event.record)
        for number in range(PARTITIONS):
            if number != events[-1].partition:
                topic[number].append(mark_record(end))
    return topic


def positions_in(topic: Topic, partition: int) -> list[int]:
    return [int(dict(record.headers)["ce_position"]) for record in topic[partition] if record.key]


def index_of(topic: Topic, position: int) -> tuple[int, int]:
    """The partition of an event's record and its place there."""
    event = event_at(position)
    return event.partition, topic[event.partition].index(event.record)


def compared(
    topic: Topic, head: int, *, after: int = 0, up_to: int | None = None, without: Sequence[int] = ()
) -> Comparison:
    def records(number: int) -> Iterator[Record]:
        for offset, record in enumerate(topic[number]):
            yield Record(number, offset, record.key, record.value, record.headers)

    def look_up(position: int) -> Expected | None:
        return event_at(position) if 1 <= position <= head and position not in without else None

    bounds = Bounds(after, head if up_to is None else up_to, head)
    comparison = Comparison({number: records(number) for number in topic}, bounds, look_up)
    comparison.run(event_at(each) for each in range(after + 1, bounds.up_to + 1) if each not in without)
    return comparison


def found_in(topic: Topic, head: int, **options: Any) -> list[tuple[str, int, int, int]]:
    return [
        (found.kind, found.first, found.last, found.count) for found in compared(topic, head, **options).findings.told()
    ]


def with_header(record: EventRecord, name: str, value: bytes) -> EventRecord:
    headers = [(each, value if each == name else was) for each, was in record.headers]
    return msgspec.structs.replace(record, headers=headers)


@pytest.mark.parametrize("batch", [1, 5, 100])
def test_of_a_topic_that_is_right_nothing_is_said(batch: int) -> None:
    comparison = compared(published(40, batch=batch), 40)
    assert comparison.findings.told() == []
    assert (comparison.events, comparison.compared_to) == (40, 40)


def test_rows_that_are_no_events_of_ours_are_not_missed() -> None:
    topic = published(20)
    partition, place = index_of(topic, 20)
    topic[partition][place] = mark_record(20)
    assert found_in(topic, 20, without=[20]) == []


def test_events_that_are_not_there_are_missing_by_range() -> None:
    topic = published(60)
    for position in [*range(12, 31), 44]:
        partition, place = index_of(topic, position)
        del topic[partition][place]
    assert found_in(topic, 60) == [("missing", 12, 30, 19), ("missing", 44, 44, 1)]


def test_a_partition_that_lost_its_end_says_what_is_missing() -> None:
    topic = published(60)
    lost = [position for position in positions_in(topic, 1) if position > 30]
    partition, place = index_of(topic, lost[0])
    del topic[partition][place:]
    assert found_in(topic, 60) == [("missing", lost[0], lost[-1], len(lost))]


def test_a_partition_that_lacks_its_last_mark_does_not_tell_how_far_it_is() -> None:
    topic = published(60)
    quiet = next(number for number in topic if not topic[number][-1].key)
    topic[quiet].pop()
    ((kind, first, *_),) = found_in(topic, 60)
    assert kind == "unmarked"
    assert first < 60


@pytest.mark.parametrize("behind", [0, 1, 20])
def test_an_event_that_stands_there_once_more_is_doubled_near_or_far(behind: int) -> None:
    topic = published(60)
    partition, place = index_of(topic, 15)
    topic[partition].insert(place + 1 + behind, event_at(15).record)
    assert found_in(topic, 60) == [("doubled", 15, 15, 1)]


@pytest.mark.parametrize("behind", [0, 1, 20])
def test_a_copy_that_is_not_the_events_is_told_as_doubled_and_as_altered(behind: int) -> None:
    topic = published(60)
    partition, place = index_of(topic, 15)
    copy = msgspec.structs.replace(event_at(15).record, value=b"{}")
    topic[partition].insert(place + 1 + behind, copy)
    findings = compared(topic, 60).findings.told()
    assert [(each.kind, each.first, each.last, each.count) for each in findings] == [
        ("doubled", 15, 15, 1),
        ("altered", 15, 15, 1),
    ]
    assert findings[1].note == "value"


def test_a_copy_before_the_event_is_told_as_altered_and_the_event_as_doubled() -> None:
    topic = published(60)
    partition, place = index_of(topic, 15)
    topic[partition].insert(place, msgspec.structs.replace(event_at(15).record, value=b"{}"))
    assert found_in(topic, 60) == [("doubled", 15, 15, 1), ("altered", 15, 15, 1)]


def test_an_event_altered_and_in_another_partition_is_both() -> None:
    topic = published(60)
    partition, place = index_of(topic, 15)
    topic[partition][place] = mark_record(15)
    altered = msgspec.structs.replace(event_at(15).record, value=b"{}")
    topic[(partition + 1) % PARTITIONS].insert(3, altered)
    assert found_in(topic, 60) == [("altered", 15, 15, 1), ("misplaced", 15, 15, 1)]


def test_all_of_it_once_more_and_altered_is_two_ranges() -> None:
    topic = published(60)
    again = published(60)
    for number in topic:
        topic[number] += [msgspec.structs.replace(record, value=b"{}") for record in again[number] if record.key]
    assert found_in(topic, 60) == [("doubled", 1, 60, 60), ("altered", 1, 60, 60)]


def test_all_of_it_once_more_is_one_range() -> None:
    topic = published(60)
    again = published(60)
    for number in topic:
        topic[number] += [record for record in again[number] if record.key]
    assert found_in(topic, 60) == [("doubled", 1, 60, 60)]


def test_events_that_changed_places_are_reordered_and_not_missing() -> None:
    topic = published(60, batch=60)
    records = topic[0]
    [early, late, *_] = positions_in(topic, 0)
    records[0], records[1] = records[1], records[0]
    assert found_in(topic, 60) == [("reordered", early, early, 1)]
    assert late > early


def test_an_event_behind_a_mark_that_promised_it_makes_the_mark_wrong() -> None:
    topic = published(60)
    partition, place = index_of(topic, 16)
    topic[partition].insert(place, mark_record(16))
    assert found_in(topic, 60) == [("reordered", 16, 16, 1), ("wrong_mark", 16, 16, 1)]


def test_a_mark_that_falls_is_wrong() -> None:
    topic = published(60)
    topic[0].append(mark_record(30))
    assert found_in(topic, 60) == [("wrong_mark", 30, 30, 1)]


def test_a_mark_that_is_not_as_marks_are_is_wrong() -> None:
    topic = published(60)
    place = next(place for place, record in enumerate(topic[0]) if not record.key)
    topic[0][place] = msgspec.structs.replace(topic[0][place], value=b'{"position":1}')
    assert [kind for kind, *_ in found_in(topic, 60)] == ["wrong_mark"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda record: msgspec.structs.replace(record, value=record.value + b" "), "value"),
        (lambda record: with_header(record, "ce_type", b"WorkLogged.v9"), "ce_type"),
        (lambda record: with_header(record, "ce_actor", b"somebody"), "ce_actor"),
        (lambda record: msgspec.structs.replace(record, headers=[*record.headers, ("more", b"")]), "more"),
        (lambda record: msgspec.structs.replace(record, headers=record.headers[:-1]), "ce_customerid"),
    ],
    ids=["text", "type", "header", "more headers", "fewer headers"],
)
def test_what_is_altered_is_named(change: Any, said: str) -> None:
    topic = published(60)
    partition, place = index_of(topic, 15)
    topic[partition][place] = change(event_at(15).record)
    (found,) = compared(topic, 60).findings.told()
    assert (found.kind, found.first, found.note) == ("altered", 15, said)
    assert (found.partitions, found.offset) == ((partition,), place)


def test_headers_in_another_order_say_the_same() -> None:
    topic = published(60)
    partition, place = index_of(topic, 15)
    record = topic[partition][place]
    topic[partition][place] = msgspec.structs.replace(record, headers=record.headers[::-1])
    assert found_in(topic, 60) == []


@pytest.mark.parametrize("says", [2, 50, 10_000])
def test_a_record_that_says_another_position_does_not_hide_those_behind_it(says: int) -> None:
    topic = published(60)
    partition, place = index_of(topic, 15)
    topic[partition][place] = with_header(event_at(15).record, "ce_position", b"%d" % says)
    found = {(kind, first) for kind, first, *_ in found_in(topic, 60)}
    assert ("missing", 15) in found
    assert found - {("missing", 15)} <= {("altered", says)}, "beyond what is published nothing is said of it here"
    assert len(found) == (1 if says > 60 else 2)


@pytest.mark.parametrize("position", [3, 31, 60])
def test_a_record_in_a_partition_that_is_not_its_key_s_is_misplaced_and_not_missing(position: int) -> None:
    topic = published(60)
    partition, place = index_of(topic, position)
    record = topic[partition][place]
    topic[partition][place] = mark_record(position)
    topic[(partition + 1) % PARTITIONS].insert(place, record)
    found = found_in(topic, 60)
    assert ("misplaced", position, position, 1) in found
    assert "missing" not in {kind for kind, *_ in found}


def test_another_key_that_led_to_another_partition_is_named() -> None:
    topic = published(60)
    partition, place = index_of(topic, 15)
    other = (partition + 1) % PARTITIONS
    key = next(event_at(position).record.key for position in range(1, 60) if event_at(position).partition == other)
    topic[other].insert(place, msgspec.structs.replace(topic[partition].pop(place), key=key))
    (found,) = compared(topic, 60).findings.told()
    assert (found.kind, found.first, found.partitions) == ("altered", 15, (other,))
    assert "key" in found.note


def test_a_position_that_the_log_does_not_have_is_unknown() -> None:
    assert found_in(published(60), 60, without=[17]) == [("unknown", 17, 17, 1)]


def test_a_partition_that_ends_with_what_the_log_does_not_have_has_come_so_far() -> None:
    """As where the log was restored from an older backup."""
    assert found_in(published(60), 60, without=range(56, 61)) == [("unknown", 56, 60, 5)]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (EventRecord(b"k", b"hello", []), "ce_source"),
        (EventRecord(b"k", b"hello", [("ce_source", b"/other"), ("ce_position", b"3")]), "'/other'"),
        (msgspec.structs.replace(event_at(5).record, headers=[("ce_source", b"\xff")]), "UTF-8"),
    ],
)
def test_a_record_that_is_not_ours_is_foreign_and_nothing_else_is_wrong(record: EventRecord, said: str) -> None:
    topic = published(60)
    partition, place = index_of(topic, 15)
    topic[partition].insert(place, record)
    (found,) = compared(topic, 60).findings.told()
    assert (found.kind, found.offset, found.partitions) == ("foreign", place, (partition,))
    assert found.first < 15
    assert said in found.note


def test_what_was_published_meanwhile_is_no_difference() -> None:
    topic = published(60)
    bounds = Bounds(0, 40, 40)
    partitions = {
        number: (Record(number, at, each.key, each.value, each.headers) for at, each in enumerate(topic[number]))
        for number in topic
    }
    comparison = Comparison(partitions, bounds, event_at)
    comparison.run(event_at(position) for position in range(1, 41))
    assert comparison.findings.told() == []
    newer = comparison.newer.values()
    assert (min(low for low, _ in newer), max(high for _, high in newer)) == (41, 60)


@pytest.mark.parametrize("after", [0, 7, 29])
@pytest.mark.parametrize("up_to", [30, 41, 60])
def test_a_range_is_compared_for_itself(after: int, up_to: int) -> None:
    assert found_in(published(60), 60, after=after, up_to=up_to) == []


def test_a_range_leaves_out_what_is_wrong_elsewhere_and_has_what_is_late_in_it() -> None:
    topic = published(60)
    partition, place = index_of(topic, 10)
    record = topic[partition].pop(place)
    assert found_in(topic, 60, after=20) == []
    assert found_in(topic, 60, after=2, up_to=8) == []
    topic[partition].append(record)
    assert found_in(topic, 60, after=20)[0] == ("reordered", 10, 10, 1)


def test_a_topic_that_was_begun_later_lacks_nothing_before() -> None:
    assert found_in(published(60, after=23), 60, after=23) == []
    assert found_in(published(60, after=23), 60) == [("missing", 1, 23, 23)]


def test_more_findings_than_are_worth_telling_end_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings_module, "MOST_MISSING", 10)
    monkeypatch.setattr(findings_module, "MOST_RANGES", 10)
    with pytest.raises(TooManyFindings, match="missing"):
        compared({number: [] for number in range(PARTITIONS)}, 60)
    topic = {
        number: [record for each in records for record in (each, EventRecord(b"", b"", []))]
        for number, records in published(60, batch=1).items()
    }
    with pytest.raises(TooManyFindings, match="ranges"):
        compared(topic, 60)


def test_more_than_are_worth_telling_before_the_first_event_end_it_with_what_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(findings_module, "MOST_RANGES", 10)
    strange = [Record(number % PARTITIONS, number, b"", b"", [("ce_source", b"%d" % number)]) for number in range(60)]
    partitions = {number: iter(strange[number::PARTITIONS]) for number in range(PARTITIONS)}
    comparison = Comparison(partitions, Bounds(0, 60, 60), event_at)
    with pytest.raises(TooManyFindings):
        comparison.run(iter(()))
    assert {found.kind for found in comparison.findings.told()} == {"foreign"}


FAULTS = ("missing", "doubled", "altered", "misplaced")


@settings(max_examples=100)
@given(
    faults=st.dictionaries(st.integers(1, 80), st.sampled_from(FAULTS), max_size=8),
    batch=st.integers(1, 30),
    data=st.data(),
)
def test_every_fault_is_counted_by_its_name_and_nothing_else(
    faults: dict[int, str], batch: int, data: st.DataObject
) -> None:
    topic = published(80, batch=batch)
    told: dict[str, int] = {}
    for position, fault in faults.items():
        partition, place = index_of(topic, position)
        record = topic[partition][place]
        match fault:
            case "missing":
                topic[partition][place] = mark_record(position)
            case "doubled":
                topic[partition].insert(data.draw(st.integers(place + 1, len(topic[partition]))), record)
            case "altered":
                topic[partition][place] = msgspec.structs.replace(record, value=b"{}")
            case _:
                topic[partition][place] = mark_record(position)
                other = topic[(partition + 1) % PARTITIONS]
                other.insert(data.draw(st.integers(0, len(other))), record)
        told[fault] = told.get(fault, 0) + 1
    assert by_kind(compared(topic, 80).findings.told()) == told


@settings(max_examples=100)
@given(position=st.integers(1, 80), batch=st.integers(1, 30), data=st.data())
def test_an_event_moved_back_anywhere_is_told_and_none_is_missing(
    position: int, batch: int, data: st.DataObject
) -> None:
    topic = published(80, batch=batch)
    partition, place = index_of(topic, position)
    records = topic[partition]
    record = records.pop(place)
    to = data.draw(st.integers(place, len(records)))
    records.insert(to, record)
    beyond = [each for each in records[place:to] if each.key]
    marks = [each for each in records[place:to] if not each.key]
    counted = by_kind(compared(topic, 80).findings.told())
    assert counted.get("reordered", 0) == (1 if beyond or marks else 0)
    assert set(counted) <= {"reordered", "wrong_mark"}
    assert ("wrong_mark" in counted) == bool(marks)
