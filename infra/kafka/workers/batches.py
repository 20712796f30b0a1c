"""What is a batch of records to a view? Its events, and from where to where each partition moves with them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from domain.event import Event
from domain.recorded import RecordedEvent
from domain.tags import EVENT_TYPES, decode
from infra.kafka.records import PositionMark
from infra.kafka.unpacked import UnpackedEvent, Unreadable
from infra.kafka.unpacking import Unpacked
from infra.projection.feed import DECODING_ERRORS, Undecodable
from infra.projection.partitions import Place


class Part(msgspec.Struct, frozen=True):
    """The records of one partition: the build moves from `start` to `end` by them."""

    start: Place
    end: Place
    records: Sequence[UnpackedEvent] = ()
    undecodable: Sequence[Undecodable] = ()

    def halves(self) -> Iterator["Part"]:
        """Yield the part in two, of about as many events."""
        first = self.records[: len(self.records) // 2]
        last = first[-1]
        position = last.position
        middle = msgspec.structs.replace(self.start, next_offset=last.offset + 1, position=position)
        early = [each for each in self.undecodable if each.position < position]
        yield Part(self.start, middle, first, early)
        yield Part(middle, self.end, self.records[len(first) :], self.undecodable[len(early) :])


class PartitionBatch:
    """Records of several partitions, taken in one transaction.

    A row follows from the events of one key, which are in one partition: the order between partitions means nothing.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)

    @cached_property
    def moves(self) -> Mapping[Place, Place]:
        """From where to where the build moves."""
        return {part.start: part.end for part in self.parts}

    @cached_property
    def records(self) -> Sequence[RecordedEvent]:
        """The events, those of one partition in the log's order."""
        return [record for part in self.parts for record in part.records]

    @cached_property
    def undecodable(self) -> Sequence[Undecodable]:
        """Those that this code cannot decode."""
        return [each for part in self.parts for each in part.undecodable]

    def halves(self) -> Iterator["PartitionBatch"]:
        """Yield the batch in two: by partitions, or one partition's by its events."""
        parts = tuple(self.parts[0].halves()) if len(self.parts) == 1 else self.parts
        middle = len(parts) // 2
        yield PartitionBatch(parts[:middle])
        yield PartitionBatch(parts[middle:])


def tags_besides(handles: Collection[type[Event]]) -> Collection[str]:
    """Return the tags of the events that views which handle these types need not even read.

    A tag that is not known is none of them: it is of a newer release.
    """
    return [tag for tag, event_type in EVENT_TYPES.items() if event_type not in handles]


class Taking:
    """Makes batches of what a consumer gives.

    `skipped` hears of each record that no relay of this desk has written. `head` tells where the log ends: a relay
    publishes what is committed, so nothing of ours is beyond that, and what claims to be would hide all that follows.
    """

    def __init__(self, skipped: Callable[[Unreadable], None], head: Callable[[], int]) -> None:
        self._skipped = skipped
        self._ask_head = head
        self._head = 0

    def batch(self, came: Mapping[int, Sequence[Unpacked]], places: Mapping[int, Place]) -> PartitionBatch:
        """Return the batch that records make, by partition, of a build that stands at these places."""
        return PartitionBatch([self._part(records, places[partition]) for partition, records in came.items()])

    def _is_beyond(self, position: int) -> bool:
        if position > self._head:
            self._head = self._ask_head()
        return position > self._head

    def _part(self, came: Sequence[Unpacked], start: Place) -> Part:
        records: list[UnpackedEvent] = []
        undecodable: list[Undecodable] = []
        position = start.position
        skipped = 0
        for each in came:
            if isinstance(each, Unreadable):
                self._skipped(each)
                skipped += 1
                continue
            if each.position > self._head and self._is_beyond(each.position):
                reason = f"it tells of position {each.position}, and the log ends at {self._head}"
                self._skipped(Unreadable(start.partition, each.offset, reason))
                skipped += 1
                continue
            if each.position <= position:
                continue  # published again, by `caselog relay --reset-to`
            position = each.position
            if isinstance(each, PositionMark):
                continue
            try:
                each.event = decode(str(each.tag, "utf-8", "replace"), each.data)
            except DECODING_ERRORS as error:
                undecodable.append(Undecodable(each.originator_id, position, each.metadata_json, error))
            else:
                records.append(each)
        end = msgspec.structs.replace(
            start,
            next_offset=max(start.next_offset, came[-1].offset + 1),
            position=position,
            skipped=start.skipped + skipped,
        )
        return Part(start, end, records, undecodable)
