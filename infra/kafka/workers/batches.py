"""What is a batch of records to a view? Its events, and from where to where each partition moves with them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, compress

import msgspec

from domain.event import Event
from domain.recorded import RecordedEvent
from infra.kafka.consuming.unpacked import UnpackedBatch, UnpackedEvent, Unreadable
from infra.kafka.records import PositionMark
from infra.projection.feed import Undecodable
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
        return [*chain.from_iterable(part.records for part in self.parts)]

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


class Taking:
    """Makes batches of what a consumer gives, for a view that handles these types of events.

    `skipped` hears of each record that no relay of this desk has written. `head` tells where the log ends: a relay
    publishes what is committed, so nothing of ours is beyond that, and what claims to be would hide all that follows.
    """

    def __init__(
        self, handles: Collection[type[Event]], skipped: Callable[[Unreadable], None], head: Callable[[], int]
    ) -> None:
        self._handles = handles
        self._skipped = skipped
        self._ask_head = head
        self._head = 0

    def batch(self, came: Mapping[int, Sequence[UnpackedBatch]], places: Mapping[int, Place]) -> PartitionBatch:
        """Return the batch that records make, by partition, of a build that stands at these places."""
        return PartitionBatch([self._part(batches, places[partition]) for partition, batches in came.items()])

    def _is_beyond(self, position: int) -> bool:
        if position > self._head:
            self._head = self._ask_head()
        return position > self._head

    def _part(self, came: Sequence[UnpackedBatch], start: Place) -> Part:
        handles = self._handles
        records: list[UnpackedEvent] = []
        undecodable: list[Undecodable] = []
        position = start.position
        skipped = 0
        for batch in came:
            expected = start.next_offset <= batch.begin and position < batch.first_position
            if expected and not self._is_beyond(batch.position):
                records += compress(batch.events, map(handles.__contains__, batch.types))
                position = batch.position
                continue
            for each in batch.came:
                if each.offset < start.next_offset:
                    continue  # the batch was taken in parts
                if isinstance(each, Unreadable):
                    self._skipped(each)
                    skipped += 1
                elif self._is_beyond(each.position):
                    reason = f"it tells of position {each.position}, and the log ends at {self._head}"
                    self._skipped(Unreadable(start.partition, each.offset, reason))
                    skipped += 1
                elif each.position > position:  # or it was published again, by `caselog relay --reset-to`
                    position = each.position
                    if isinstance(each, PositionMark):
                        continue
                    if each.error is not None:
                        if each.of_type is None or each.of_type in handles:
                            undecodable.append(
                                Undecodable(each.originator_id, position, each.metadata_json, each.error)
                            )
                    elif type(each.event) in handles:
                        records.append(each)
        end = msgspec.structs.replace(
            start,
            next_offset=max(start.next_offset, came[-1].end),
            position=position,
            skipped=start.skipped + skipped,
        )
        return Part(start, end, records, undecodable)
