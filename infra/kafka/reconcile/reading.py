"""A partition one record after another, and the log a page at a time: what a comparison reads."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from time import monotonic, sleep

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaTimeoutError
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.kafka.log_rows import read_page
from infra.kafka.reconcile.comparing import Expected, place_of
from infra.kafka.records import KafkaRecord, LogRow, NotOurs, event_record, partition_of

LOG_PAGE = 2_000
LOOKED_UP_PAGE = 200
KEPT_PAGES = 16
POLL_MS = 200
SILENT_SECONDS = 30.0
SETTLE_SECONDS = 5.0
"""A transaction's end is written to each partition for itself: so long the last one may not be seen in some of them."""
NEAR_ENOUGH = 2_000


class Interrupted(Exception):
    """Somebody wants it to end."""


class PartitionReader:
    """Reads one partition in order, a part at a time, by a consumer of its own.

    A consumer of several gives what came first of any of them, and what nobody has asked for yet would have to be kept.
    `after`: what is at or before that position may be left out. `published`: it is read until it tells of that
    position, also where the end of its last transaction is written after the others'. `going_on` is asked between two
    reads, and raises `Interrupted`.
    """

    def __init__(
        self,
        consumer: KafkaConsumer,
        place: TopicPartition,
        *,
        after: int,
        published: int,
        going_on: Callable[[], None],
    ) -> None:
        self._consumer = consumer
        self._place = place
        self._published = published
        self._going_on = going_on
        self._told = -1
        """The position that the last record of ours says."""
        consumer.assign([place])
        self._end = int(consumer.end_offsets([place])[place])
        self._seek(int(consumer.beginning_offsets([place])[place]), after)

    def records(self) -> Iterator[KafkaRecord]:
        """Yield its records up to the end that it had when it was opened, and maybe some that came later."""
        while records := self._next():
            yield from records

    def _next(self) -> Sequence[KafkaRecord]:
        asked = monotonic()
        while True:
            self._going_on()
            if self._consumer.position(self._place) >= self._end and not self._grew():
                return ()
            records: Sequence[KafkaRecord] = self._consumer.poll(timeout_ms=POLL_MS).get(self._place, ())
            if records:
                self._told = next((says for each in reversed(records) if (says := _says(each)) >= 0), self._told)
                return records
            _be_patient(self._place, asked)

    def _grew(self) -> bool:
        """Wait a while for more if it does not yet tell of what is published; return whether there is."""
        if self._told >= self._published:
            return False
        until = monotonic() + SETTLE_SECONDS
        while monotonic() < until:
            self._going_on()
            end = int(self._consumer.end_offsets([self._place])[self._place])
            if end > self._end:
                self._end = end
                return True
            sleep(SETTLE_SECONDS / 50)
        return False

    def _seek(self, low: int, after: int) -> None:
        """Go to where records after a position begin, or some records before: positions grow along a partition."""
        high = self._end
        while after and high - low > NEAR_ENOUGH:
            middle = (low + high) // 2
            says = self._says_at(middle, high)
            if says is None or says > after:
                high = middle
            else:
                low = middle
        self._consumer.seek(self._place, low)

    def _says_at(self, offset: int, end: int) -> int | None:
        """Return the position that the first record of ours at or behind an offset says."""
        self._consumer.seek(self._place, offset)
        asked = monotonic()
        while self._consumer.position(self._place) < end:
            self._going_on()
            for record in self._consumer.poll(timeout_ms=POLL_MS, max_records=10).get(self._place, ()):
                if (says := _says(record)) >= 0:
                    return says
            _be_patient(self._place, asked)
        return None


def _be_patient(place: TopicPartition, asked: float) -> None:
    if monotonic() - asked > SILENT_SECONDS:
        raise KafkaTimeoutError(f"the broker gave nothing of {place.topic}-{place.partition} in time")


def _says(record: KafkaRecord) -> int:
    try:
        return place_of(record)[0]
    except NotOurs:
        return -1


def last_told(consumer: KafkaConsumer, place: TopicPartition, going_on: Callable[[], None]) -> int:
    """Return the furthest position that the last records of ours in a partition tell of; 0 where it has none."""
    consumer.assign([place])
    first, end = int(consumer.beginning_offsets([place])[place]), int(consumer.end_offsets([place])[place])
    look = NEAR_ENOUGH
    while True:
        begin, furthest = max(first, end - look), 0
        consumer.seek(place, begin)
        asked = monotonic()
        while consumer.position(place) < end:
            going_on()
            records = consumer.poll(timeout_ms=POLL_MS).get(place, ())
            furthest = max(furthest, *map(_says, records), 0)
            if records:
                asked = monotonic()
            _be_patient(place, asked)
        if furthest or begin == first:
            return furthest
        look *= 10


class LogPages:
    """Reads events of a log as the records that they have to be in a topic of so many partitions."""

    def __init__(self, connection: Connection, partitions: int) -> None:
        self._connection = connection
        self._partitions = partitions
        self._pages: OrderedDict[int, dict[int, Expected]] = OrderedDict()

    def events(self, after: int, up_to: int, going_on: Callable[[], None]) -> Iterator[Expected]:
        """Yield the events after one position up to another, in order."""
        full = True
        while full:
            going_on()
            page = read_page(self._connection, after, LOG_PAGE, up_to=up_to)
            for row in page.rows:
                yield self._expected(row)
            after, full = page.position, page.full

    def event(self, position: int) -> Expected | None:
        """Return the event at a position, if there is one of ours. What stands near it is kept as well."""
        number = position // LOOKED_UP_PAGE
        page = self._pages.get(number)
        if page is None:
            begin = number * LOOKED_UP_PAGE
            found = read_page(self._connection, begin - 1, LOOKED_UP_PAGE, up_to=begin + LOOKED_UP_PAGE - 1)
            page = {row.position: self._expected(row) for row in found.rows}
            self._pages[number] = page
            if len(self._pages) > KEPT_PAGES:
                self._pages.popitem(last=False)
        return page.get(position)

    def _expected(self, row: LogRow) -> Expected:
        record = event_record(row)
        return Expected(row.position, partition_of(record.key, self._partitions), record)
