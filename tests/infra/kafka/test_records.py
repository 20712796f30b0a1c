"""An event as a record and back, to the byte."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from domain.recorded import Metadata
from domain.tags import EVENT_TYPES
from infra.kafka.records import (
    MARK_TYPE,
    EventRecord,
    LogRow,
    NotOurs,
    PositionMark,
    ReceivedEvent,
    event_record,
    mark_record,
    partition_of,
    received,
)

METADATA = Metadata(
    event_id="e-1", correlation_id="c-1", actor="agent é", command_id="k-1", causation_id="e-0", customer_id="cust-7"
)
DATA = '{"occurred_at":"2026-03-01T10:00:00Z","customer_id":"cust-7",  "name":"Zoë"}'
ROW = LogRow(
    42,
    "customer-cust-7",
    3,
    "CustomerRegistered.v1",
    DATA,
    msgspec.json.encode(METADATA).decode(),
    datetime(2026, 3, 1, 10, 0, 1, 5, tzinfo=UTC),
)


def arrived(record: EventRecord, **changed: Any) -> Any:
    fields = {"key": record.key, "value": record.value, "headers": list(record.headers), "partition": 2, "offset": 9}
    return SimpleNamespace(**{**fields, **changed})


def test_an_event_arrives_as_it_is_in_the_log() -> None:
    came = received(arrived(event_record(ROW)))
    assert isinstance(came, ReceivedEvent)
    assert came.data == DATA.encode()
    assert (came.position, came.stream_id, came.version, came.tag) == (
        42,
        "customer-cust-7",
        3,
        "CustomerRegistered.v1",
    )
    assert came.metadata == METADATA
    assert (came.key, came.recorded_at) == (b"cust-7", "2026-03-01T10:00:01.000005Z")


def test_its_time_is_when_it_happened_and_where_it_does_not_say_when_it_was_recorded() -> None:
    assert ("ce_time", b"2026-03-01T10:00:00Z") in event_record(ROW).headers
    strange = msgspec.structs.replace(ROW, tag="FromTheFuture.v9", data="[1]")
    assert ("ce_time", b"2026-03-01T10:00:01.000005Z") in event_record(strange).headers


def test_a_fact_of_no_customer_has_its_stream_for_a_key() -> None:
    nobodys = msgspec.structs.replace(METADATA, customer_id=None)
    row = msgspec.structs.replace(ROW, stream_id="desk", metadata=msgspec.json.encode(nobodys).decode())
    assert event_record(row).key == b"desk"


def test_a_mark_says_how_far_its_partition_is() -> None:
    assert received(arrived(mark_record(77))) == PositionMark(2, 9, 77)


def test_no_tag_is_taken_for_a_mark() -> None:
    assert MARK_TYPE.decode() not in EVENT_TYPES


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"headers": []}, "ce_source"),
        ({"headers": [("ce_source", b"/other")]}, "'/other'"),
        ({"headers": [("ce_source", b"/caselog"), ("ce_position", b"x")]}, "cannot be read"),
        ({"headers": [("ce_source", b"/caselog"), ("ce_position", b"1")]}, "ce_type"),
        ({"headers": [("ce_source", b"\xff")]}, "UTF-8"),
        ({"headers": [("ce_source", None)]}, "cannot be read"),
        ({"value": None}, "no key or no value"),
    ],
)
def test_a_record_that_is_not_ours_says_what_is_wrong(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(NotOurs, match=said):
        received(arrived(event_record(ROW), **changed))


@pytest.mark.parametrize(
    ("key", "murmur2"), [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536)]
)
def test_a_key_s_partition_is_that_of_every_other_client(key: bytes, murmur2: int) -> None:
    """The hashes are the vectors of Apache Kafka's own UtilsTest."""
    assert [partition_of(key, count) for count in (1, 6, 50)] == [(murmur2 & 0x7FFFFFFF) % n for n in (1, 6, 50)]
