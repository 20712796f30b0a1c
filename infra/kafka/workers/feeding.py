"""How does a worker bring its partitions of one build forward? Poll by poll, while nothing goes wrong."""

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from time import monotonic, time_ns

import structlog
from kafka import KafkaConsumer
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.kafka.consuming.unpacked import UnpackedBatch, Unreadable
from infra.kafka.workers.assignment import Assignment
from infra.kafka.workers.batches import Taking
from infra.kafka.workers.building import Switching
from infra.kafka.workers.runner import PartitionRunner
from infra.kafka.workers.source import SourceChanged, Watch
from infra.projection.builds import PositionMoved, build_numbered, built
from infra.projection.feed import MOST_EVENTS
from infra.projection.group import MOST_EVENTS as MOST_TRACED
from infra.projection.partitions import Place
from infra.projection.positions import Announcer
from infra.projection.rebuild import BETWEEN_SWITCHES_SECONDS
from infra.tracing import seen_by

NEARLY_EVENTS = 5_000
"""A build that is no further behind what readers see is given its indexes, and switched once it has reached that."""

_BATCHES = 16
"""So many are unpacked before it is looked at how many events they have: a relay's has 1,000 at most."""
_MANY_EVENTS = 1_000
_GATHER_MS = 10
"""Who has got so many events is behind, and more of them are on their way: fuller batches are fewer transactions (two
of 9,000 events each were 5 % slower than one of 18,000)."""

_POLL_MS = 500
_FIRST_POLL_MS = 50
"""A poll that is under way is not woken when the group gives its partitions; each that brings none is followed by one
twice as long."""

_POLL_WHILE_HELD_MS = 20
_PROBE_SECONDS = 5.0

log = structlog.get_logger()


class Feeding:
    """The loop of a view's worker. Of what it raises, its caller makes another one."""

    def __init__(
        self,
        runner: PartitionRunner,
        connection: Connection,
        consumer: KafkaConsumer,
        assignment: Assignment,
        switching: Switching,
        watch: Watch,
        announcer: Announcer,
        over: threading.Event,
    ) -> None:
        self._runner = runner
        self._connection = connection
        self._consumer = consumer
        self._assignment = assignment
        self._switching = switching
        self._watch = watch
        self._announcer = announcer
        self._over = over
        self._taking = Taking(runner.view.handles, self._skipped, watch.head)
        self._indexed = runner.build.live
        self._switch_at = 0.0
        self._probe_at = self._ask_at = monotonic() + _PROBE_SECONDS
        self._position = 0
        self._poll_ms = _FIRST_POLL_MS
        self._log = log.bind(view=runner.view.name, build=runner.build.build)

    def run(self, succeeded: Callable[[], None]) -> None:
        """Go on until the end; `succeeded` hears of each batch.

        Raises `PositionMoved` where another build is to be looked for, `SourceChanged` where topic and log are, and
        the errors of psycopg2 and kafka-python.
        """
        while not self._over.is_set():
            try:
                if self._take(self._poll_ms):
                    succeeded()
                    self._probe_at = monotonic() + _PROBE_SECONDS
                elif monotonic() > self._probe_at:
                    self._probe()
                self._settle()
                self._ask_for_log()
                if not self._runner.build.live:
                    self._finish()
            except PositionMoved as moved:
                self._log.info("the build was changed beside this worker; it is looked up again", reason=str(moved))
                self._look_up()
                self._settle()

    def _take(self, timeout_ms: int) -> bool:
        """Take what has come. Raises `PositionMoved`, `SourceChanged`."""
        by_partition = self._poll(timeout_ms)
        self._poll_ms = min(2 * self._poll_ms, _POLL_MS)
        if not by_partition:
            return False
        self._watch.ask_for_topic()
        started_ns = time_ns()
        batch = self._taking.batch(by_partition, self._places)
        self._runner.apply(batch)
        if self._runner.build.live and len(batch.records) <= MOST_TRACED:
            seen_by((self._runner.view.name,), batch.records, started_ns)
        return True

    def _poll(self, timeout_ms: int) -> Mapping[int, Sequence[UnpackedBatch]]:
        """Return what has come by partition, as many events as are written at once."""
        by_partition: dict[int, list[UnpackedBatch]] = {}
        events = 0
        while events < MOST_EVENTS:
            came = self._consumer.poll(timeout_ms, max_records=_BATCHES)
            assigned = self._assignment.changed()
            if assigned is not None:
                self._stand(assigned)
                return {}  # whatever was read comes again, from where the build stands
            if not came:
                break
            for partition, batches in came.items():
                if partition.partition not in self._places:
                    continue
                by_partition.setdefault(partition.partition, []).extend(batches)
                events += sum(len(batch.came) for batch in batches)
            timeout_ms = _GATHER_MS if events > _MANY_EVENTS else 0
        return by_partition

    @property
    def _places(self) -> Mapping[int, Place]:
        return self._runner.places

    def _stand(self, assigned: Collection[int]) -> None:
        """Begin where the build stands in these partitions."""
        self._runner.stand(assigned)
        self._assignment.read_from((place.partition, place.next_offset) for place in self._places.values())
        self._log.info("partitions assigned", partitions=sorted(assigned))

    def _settle(self) -> int:
        """Note how far the build has come, and tell those who wait for that."""
        position = self._runner.settle()
        if position > self._position and self._runner.build.live:
            self._announcer.announce({self._runner.view.name: position})
        self._position = position
        return position

    def _probe(self) -> None:
        """Ask the broker something: what has nothing new and what is away look the same. Raises KafkaTimeoutError."""
        self._probe_at = monotonic() + _PROBE_SECONDS
        self._consumer.end_offsets(sorted(self._assignment.partitions), timeout_ms=1000 * _PROBE_SECONDS)
        self._watch.ask_for_topic()

    def _ask_for_log(self) -> None:
        if monotonic() > self._ask_at:
            self._ask_at = monotonic() + _PROBE_SECONDS
            self._watch.ask_for_log(max((place.position for place in self._places.values()), default=0))

    def _finish(self) -> None:
        """Bring a build that has nearly caught up before its readers. Raises `PositionMoved` once it has been."""
        with self._connection, self._connection.cursor() as cursor:
            behind = self._switching.behind(cursor, self._runner.view, self._position)
        if behind > NEARLY_EVENTS or monotonic() < self._switch_at:
            return
        self._switch_at = monotonic() + BETWEEN_SWITCHES_SECONDS
        self._indexed = self._indexed or self._switching.create_indexes(self._runner)
        if self._indexed and self._switching.attempt(self._runner, self._go_on):
            self._log.info("view switched", position=self._position)
            raise PositionMoved("readers see it now")

    def _go_on(self) -> int:
        self._take(_POLL_WHILE_HELD_MS)
        return self._settle()

    def _look_up(self) -> None:
        """Find the build as it is now, and begin again where it stands.

        Raises `PositionMoved` where it is gone, or readers see another one instead, and `SourceChanged` where it has
        gone back, which no worker does to it.
        """
        view, number = self._runner.view, self._runner.build.build
        with self._connection, self._connection.cursor() as cursor:
            build = build_numbered(cursor, view, number)
            if build is None or build.state == "ready":
                raise PositionMoved(f"build {number} is no longer what readers see, or gone")
            if build.live and not self._runner.build.live:
                built(cursor, view, with_others=True)
                self._position = 0  # those who wait for the view have not been told yet where it is now
        self._runner.build = build
        before = self._places
        self._stand({partition.partition for partition in self._assignment.partitions})
        if any(place.next_offset < before.get(number, place).next_offset for number, place in self._places.items()):
            raise SourceChanged("the build stands where it stood before: its database was restored")

    def _skipped(self, record: Unreadable) -> None:
        self._log.warning(
            "record is not this desk's, and is passed over",
            partition=record.partition,
            offset=record.offset,
            reason=record.reason,
        )
