"""What is a batch of records to a view? Its events, and from where to where each partition moves with them."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property

import msgspec

from domain.event import Event
from domain.recorded import RecordedEvent
from domain.tags import EVENT_TYPES, decode
from infra.kafka.records import Arrived, RecordedFromKafka
from infra.kafka.unpacking import Unpacked, UnpackedEvent, Unreadable
from infra.projection.feed import DECODING_ERRORS, Undecodable
from infra.projection.partitions import Place


class EventAt(RecordedFromKafka):
    """An event of the topic with its offset."""

    def __init__(self, event: Event, came: Arrived, offset: int) -> None:
        # as the constructors above it, in one step: this is done for each event
        self.originator_id = came.stream_id
        self.originator_version = came.version
        self.event = event
        self.position = came.position
        self._came = came
        self.offset = offset


class Part(msgspec.Struct, frozen=True):
    """The records of one partition: the build moves from `start` to `end` by them."""

    start: Place
    end: Place
    records: Sequence[EventAt] = ()
    undecodable: Sequence[Undecodable] = ()

    def halves(self) -> Iterator["Part"]:
        """Yield the part in two, of about as many events."""
        first = self.records[: len(self.records) // 2]
        last = first[-1]
        position = last.position or 0
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


class Taking:
    """Makes batches of what a consumer gives, for views that handle some types of events.

    `skipped` hears of each record that no relay of this desk has written.
    """

    def __init__(self, handles: Collection[type[Event]], skipped: Callable[[Unreadable], None]) -> None:
        self._skipped = skipped
        # Known, and of no interest: not even decoded. A tag that is not known is of a newer release.
        self._passed_over = {tag for tag, event_type in EVENT_TYPES.items() if event_type not in handles}

    def batch(self, came: Mapping[int, Sequence[Unpacked]], places: Mapping[int, Place]) -> PartitionBatch:
        """Return the batch that records make, by partition, of a build that stands at these places."""
        return PartitionBatch([self._part(records, places[partition]) for partition, records in came.items()])

    def _part(self, came: Sequence[Unpacked], start: Place) -> Part:
        records: list[EventAt] = []
        undecodable: list[Undecodable] = []
        position = start.position
        skipped = 0
        passed_over = self._passed_over
        for each in came:
            if isinstance(each, Unreadable):
                self._skipped(each)
                skipped += 1
                continue
            if each.position <= position:
                continue  # published again, by `caselog relay --reset-to`
            position = each.position
            if not isinstance(each, UnpackedEvent) or each.tag in passed_over:
                continue
            try:
                records.append(EventAt(decode(each.tag, each.data), each, each.offset))
            except DECODING_ERRORS as error:
                metadata = msgspec.json.encode(each.metadata)
                undecodable.append(Undecodable(each.stream_id, each.position, metadata, error))
        end = msgspec.structs.replace(
            start,
            next_offset=max(start.next_offset, came[-1].offset + 1),
            position=position,
            skipped=start.skipped + skipped,
        )
        return Part(start, end, records, undecodable)
