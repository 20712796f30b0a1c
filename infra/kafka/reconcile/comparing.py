"""How do the records of a topic's partitions and the events of a log differ? One pass over both, nothing kept.

The log gives its events by position, and the partition of each follows from its key. So each event has to be the next
record of its partition, and what stands there instead tells what is wrong: a later one, that it is missing; an earlier
one, that this one is doubled, or late if it has been missed before. This module knows neither Kafka nor PostgreSQL.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping

import msgspec

from infra.kafka.reconcile.findings import Findings
from infra.kafka.records import (
    MARK_TYPE,
    SOURCE,
    EventRecord,
    KafkaRecord,
    NotOurs,
    PositionMark,
    mark_record,
    partition_of,
    received,
)

EVENTS_BETWEEN_REPORTS = 1_000

_SOURCE, _MARK, _PLACE = ("ce_source", SOURCE), ("ce_type", MARK_TYPE), "ce_position"


class Expected(msgspec.Struct, frozen=True, gc=False):
    """An event of the log as the record that it has to be, and where."""

    position: int
    partition: int
    record: EventRecord


class Bounds(msgspec.Struct, frozen=True):
    """Which positions are compared: those after `after` up to `up_to`, of those published up to `published`."""

    after: int
    up_to: int
    published: int


class Lane:
    """The records of one partition, in order. `high`: the latest event that stood where it had to; `mark`: likewise.

    `unknown`: the latest one that the log has not; it tells how far the partition has come all the same.
    """

    def __init__(self, partition: int, records: Iterator[KafkaRecord], bounds: Bounds, findings: Findings) -> None:
        self.partition = partition
        self.head: KafkaRecord | None = None
        self.position = 0
        self.is_mark = False
        self.is_checked = False
        self.high = 0
        self.mark = 0
        self.unknown = 0
        self.newer: tuple[int, int] | None = None
        """First and last position of records published meanwhile."""
        self._records = records
        self._bounds = bounds
        self._findings = findings

    @property
    def top(self) -> int:
        """How far the partition has come."""
        return max(self.high, self.mark)

    def advance(self) -> None:
        """Go on to the next record that is compared: past what is not ours, before the bounds, or newer than them."""
        after, up_to, published = self._bounds.after, self._bounds.up_to, self._bounds.published
        self.is_checked = False
        for record in self._records:
            try:
                position, is_mark = place_of(record)
            except NotOurs as reason:
                self._findings.add("foreign", self.partition, self.top, record.offset, str(reason))
                continue
            if position > published:
                low, high = self.newer or (position, position)
                self.newer = (min(low, position), max(high, position))
                continue
            if position <= after and self.top <= after:
                continue
            if position > up_to:
                self.mark = max(self.mark, up_to)  # it has come beyond
                break
            self.head, self.position, self.is_mark = record, position, is_mark
            return
        self.head = None


def place_of(record: KafkaRecord) -> tuple[int, bool]:
    """Return the position that a record says, and whether it is a mark. Raises `NotOurs`."""
    headers = record.headers
    try:
        if len(headers) > 7 and headers[7][0] == _PLACE and headers[2] == _SOURCE and record.value is not None:
            return int(headers[7][1]), False
        if len(headers) == 6 and headers[5][0] == _PLACE and headers[2] == _SOURCE and headers[3] == _MARK:
            return int(headers[5][1]), True
    except (TypeError, ValueError):
        pass
    came = received(record)
    return came.position, isinstance(came, PositionMark)


class Comparison:
    """One comparison. `look_up` gives the event at a position of the log, for what stands where it should not."""

    def __init__(
        self,
        partitions: Mapping[int, Iterator[KafkaRecord]],
        bounds: Bounds,
        look_up: Callable[[int], Expected | None],
    ) -> None:
        self.findings = Findings()
        self.compared_to = bounds.after
        self.events = 0
        self._look_up = look_up
        self._bounds = bounds
        self._misplaced: list[int] = []
        self._lanes = {number: Lane(number, records, bounds, self.findings) for number, records in partitions.items()}

    @property
    def newer(self) -> Mapping[int, tuple[int, int]]:
        """First and last position of records beyond what was said to be published, by partition."""
        return {number: lane.newer for number, lane in self._lanes.items() if lane.newer is not None}

    def run(self, log: Iterable[Expected], progress: Callable[[int], None] = lambda _: None) -> None:
        """Compare all events of the log within the bounds, then look at what else the partitions have.

        Raises `TooManyFindings`, and whatever the iterators raise; what was found until then stands.
        """
        lanes, findings = self._lanes, self.findings
        for lane in lanes.values():
            lane.advance()
        for event in log:
            lane = lanes[event.partition]
            position = event.position
            while lane.head is not None and (lane.position < position or self._is_out_of_place(lane, position)):
                self._set_aside(lane)
            head = lane.head
            if head is None or lane.position > position or lane.is_mark:
                findings.miss(lane.partition, position)
            else:
                if not _is_same(head, event.record):
                    findings.add("altered", lane.partition, position, head.offset, difference(head, event.record))
                else:
                    findings.interrupt(lane.partition)
                findings.missing_of(lane.partition).interrupt()
                lane.high = position
                lane.advance()
            self.compared_to = position
            self.events += 1
            if self.events % EVENTS_BETWEEN_REPORTS == 0:
                progress(position)
        for lane in lanes.values():
            self._end(lane)
        for position in self._misplaced:
            for missing in findings.missing.values():
                missing.take(position)
        self.compared_to = self._bounds.up_to
        progress(self._bounds.up_to)

    def _end(self, lane: Lane) -> None:
        while lane.head is not None:
            self._set_aside(lane)
        if max(lane.top, lane.unknown) < self._bounds.up_to and not self._misses_above(lane):
            self.findings.add("unmarked", lane.partition, lane.top, None, "its records end there")

    def _misses_above(self, lane: Lane) -> bool:
        return any(found.last > lane.top for found in self.findings.missing_of(lane.partition).findings())

    def _is_out_of_place(self, lane: Lane, position: int) -> bool:
        """Whether the head, which says a later position, is no event of that position; else this one is missing."""
        if lane.is_mark or lane.position == position or lane.is_checked:
            return False
        lane.is_checked = True
        event = self._look_up(lane.position)
        return lane.head is not None and (
            event is None or event.partition != lane.partition or not _has_same_id(lane.head, event.record)
        )

    def _set_aside(self, lane: Lane) -> None:
        """Say what is wrong with a record that is not the next of its partition, and go on to the one behind it."""
        head, position, findings = lane.head, lane.position, self.findings
        if head is None:
            return
        if lane.is_mark:
            self._note_mark(lane, head)
            lane.advance()
            return
        event = self._look_up(position)
        missing = findings.missing_of(lane.partition)
        at = (lane.partition, position, head.offset)
        if event is None:
            findings.add("unknown", *at)
            lane.unknown = max(lane.unknown, position)
        elif head.key is not None and partition_of(head.key, len(self._lanes)) != lane.partition:
            findings.add("misplaced", *at)
            self._note_difference(head, event, *at)
            self._misplaced.append(position)
        elif event.partition != lane.partition:
            findings.add("altered", *at, "key, and so it stands in another partition")
            self._misplaced.append(position)
        elif not _has_same_id(head, event.record):
            findings.add("altered", *at, "ce_position or ce_id: it is another event's")
        elif missing.take(position) or position <= self._bounds.after:
            findings.add("reordered", *at)
            self._note_difference(head, event, *at)
            if position <= lane.mark:
                findings.add("wrong_mark", lane.partition, lane.mark, None, "an event up to there came after it")
        else:
            findings.add("doubled", *at)
            self._note_difference(head, event, *at)
        lane.advance()

    def _note_difference(self, head: KafkaRecord, event: Expected, partition: int, position: int, offset: int) -> None:
        """Say of a record that stands where it should not whether it is at least the log's."""
        if not _is_same(head, event.record):
            self.findings.add("altered", partition, position, offset, difference(head, event.record))

    def _note_mark(self, lane: Lane, head: KafkaRecord) -> None:
        position = lane.position
        if not _is_same(head, mark_record(position)):
            self.findings.add("wrong_mark", lane.partition, position, head.offset, "it is not as marks are")
        elif position < lane.top:
            self.findings.add("wrong_mark", lane.partition, position, head.offset, "it falls behind what stood before")
        else:
            lane.mark = position


def _is_same(record: KafkaRecord, wanted: EventRecord) -> bool:
    return (
        record.value == wanted.value
        and record.key == wanted.key
        and (
            record.headers == wanted.headers
            or (len(record.headers) == len(wanted.headers) and dict(record.headers) == dict(wanted.headers))
        )
    )


def _has_same_id(record: KafkaRecord, wanted: EventRecord) -> bool:
    return dict(record.headers).get("ce_id") == dict(wanted.headers)["ce_id"]


def difference(record: KafkaRecord, wanted: EventRecord) -> str:
    """Name the parts of a record that are not as they have to be."""
    parts = [name for name in ("key", "value") if getattr(record, name) != getattr(wanted, name)]
    had, has = dict(wanted.headers), dict(record.headers)
    parts += sorted(name for name in {*had, *has} if had.get(name) != has.get(name))
    if len(record.headers) != len(has):
        parts.append("a header twice")
    return ", ".join(parts)
