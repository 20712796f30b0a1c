"""A desk whose log is relayed to a real broker, and what is in the topic then."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from itertools import pairwise

import msgspec
import pytest
from kafka import TopicPartition
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class
from psycopg2.extras import execute_values

from infra.feed import head_position
from infra.kafka.clients import consumer
from infra.kafka.names import Names
from infra.kafka.records import PositionMark, ReceivedEvent, received
from infra.kafka.relay import standing as relay_standing
from infra.kafka.relay.checkpoint import Checkpoint
from infra.kafka.relay.pump import Pump
from infra.kafka.relay.relay import Relay
from infra.kafka.relay.standing import RelayStanding, State, standing
from infra.kafka.settings import KafkaSettings
from infra.metrics.desk import DeskCollector
from infra.postgres.pool import ConnectionPool, connect
from tests.desk import Desk
from tests.infra.kafka import relaying
from tests.waiting import eventually


class Relayed:
    """A desk, and its topic as whoever reads it sees it."""

    def __init__(self, dsn: str, schema: str, settings: KafkaSettings) -> None:
        self.dsn = dsn
        self.schema = schema
        self.settings = settings
        self.names = Names(schema)
        self.desk = Desk(dsn, schema)

    def grow(
        self,
        events: int,
        *,
        customers: int = 20,
        tag: str = "WorkLogged.v1",
        data: str | None = None,
        ids: str = "event",
    ) -> int:
        """Append events of several customers at once, and return the log's head."""
        with (
            closing(connect(self.dsn, self.schema)) as connection,
            connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT position FROM log_head FOR UPDATE")
            [(head,)] = cursor.fetchall()
            execute_values(
                cursor,
                "INSERT INTO events (position, stream_id, version, type, data, metadata, recorded_at) VALUES %s",
                [
                    (
                        position,
                        f"ticket-{position}",
                        1,
                        tag,
                        data or f'{{"occurred_at":"2026-11-02T17:00:00Z","minutes": {position}}}',
                        msgspec.json.encode(
                            {
                                "event_id": f"{ids}-{position}",
                                "correlation_id": "a test",
                                "actor": "test",
                                "command_id": f"command-{position}",
                                "customer_id": f"customer-{position % customers}",
                            }
                        ).decode(),
                        datetime.now(UTC),
                    )
                    for position in range(head + 1, head + events + 1)
                ],
                page_size=1_000,
            )
            cursor.execute("UPDATE log_head SET position = %s", (head + events,))
        return int(head) + events

    def foreign_row(self) -> int:
        """Append a row of another mapper of the library, and return its position."""
        with closing(connect(self.dsn, self.schema)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("UPDATE log_head SET position = position + 1 RETURNING position")
            [(position,)] = cursor.fetchall()
            cursor.execute(
                "INSERT INTO events (position, stream_id, version, type, raw, recorded_at)"
                " VALUES (%s, 'foreign', 1, 'foreign', 'x', now())",
                (position,),
            )
        return int(position)

    def head(self) -> int:
        with closing(connect(self.dsn, self.schema)) as connection:
            return head_position(connection)

    def standing(self) -> RelayStanding | None:
        with closing(connect(self.dsn, self.schema)) as connection:
            return standing(connection)

    def await_published(self, position: int | None = None, seconds: float = 60) -> None:
        """Wait until the relay says that it has published the log up to its head, or a position."""
        wanted = self.head() if position is None else position
        with self._asking() as connection:
            eventually(lambda: (now := standing(connection)) is not None and now.position >= wanted, seconds)

    def has_published(self, position: int) -> bool:
        """Say whether the relay says that it has published the log up to a position."""
        now = self.standing()
        return now is not None and now.position >= position

    @contextmanager
    def _asking(self) -> Iterator[Connection]:
        """Give one connection for many questions in a row."""
        with closing(connect(self.dsn, self.schema)) as connection:
            connection.autocommit = True
            yield connection

    def figures(self) -> dict[str, float]:
        """Return what `/metrics` says of the desk, by name; of those with labels one."""
        with closing(ConnectionPool(self.dsn, self.schema, 1, 5)) as pool:
            return {sample.name: sample.value for metric in DeskCollector(pool).collect() for sample in metric.samples}

    def await_state(self, state: State) -> RelayStanding:
        """Wait until the relay says that it is in a state, and return what it says."""

        with self._asking() as connection:

            def now() -> RelayStanding | None:
                said = standing(connection)
                return said if said is not None and said.state == state else None

            return eventually(now)

    def await_views(self) -> None:
        """Wait until all views have seen the whole log."""

        def all_have() -> bool:
            with closing(connect(self.dsn, self.schema)) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT min(position), count(*) FROM projections WHERE live")
                [(position, views)] = cursor.fetchall()
            return bool(views > 0 and position == self.head())

        eventually(all_have)

    def records(self) -> dict[int, list[ReceivedEvent | PositionMark]]:
        """Return all that is committed, by partition, in the order of their offsets."""
        found: dict[int, list[ReceivedEvent | PositionMark]] = defaultdict(list)
        places = [TopicPartition(self.names.events, number) for number in range(self.settings.partitions)]
        reader = consumer(self.settings)
        try:
            reader.assign(places)
            ends = reader.end_offsets(places)
            reader.seek_to_beginning(*places)
            while any(reader.position(place) < ends[place] for place in places):
                for place, records in reader.poll(500).items():
                    found[place.partition] += [received(record) for record in records]
        finally:
            reader.close()
        return dict(found)

    def events(self) -> list[ReceivedEvent]:
        """Return all events, partition by partition."""
        return [each for records in self.records().values() for each in records if isinstance(each, ReceivedEvent)]

    def transactions(self) -> list[int]:
        """Return how many events each transaction of the relays has brought: each has left its checkpoint."""
        place = TopicPartition(self.names.relay, 0)
        positions: list[int] = []
        with closing(consumer(self.settings)) as reader:
            reader.assign([place])
            end = reader.end_offsets([place])[place]
            reader.seek_to_beginning(place)
            while reader.position(place) < end:
                records = reader.poll(500).get(place, ())
                positions += [msgspec.json.decode(record.value, type=Checkpoint).position for record in records]
        return [position - before for before, position in pairwise(positions)]

    def check_all_once_in_order(self, after: int = 0) -> None:
        """Each event of the log once, to the byte, in order within its partition; marks after what they promise."""
        with closing(connect(self.dsn, self.schema)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT position, stream_id, version, type, data::text FROM events WHERE position > %s"
                " AND data IS NOT NULL ORDER BY position",
                (after,),
            )
            log = cursor.fetchall()
        records = self.records()
        came = [
            (each.position, each.stream_id, each.version, each.tag, each.data.decode())
            for partition in records.values()
            for each in partition
            if isinstance(each, ReceivedEvent)
        ]
        assert sorted(came) == log
        for partition in records.values():
            positions = [each.position for each in partition]
            assert positions == sorted(positions)

    def relay(self, begin_after: int | None = None) -> Relay:
        """Return a relay, not yet running."""
        return Relay(self.dsn, self.schema, self.settings, begin_after=begin_after)

    def pump(self) -> Pump:
        """Return what a relay publishes by, of its own right."""
        return Pump(self.dsn, self.schema, self.settings)

    @contextmanager
    def relaying(self, *, begin_after: int | None = None) -> Iterator[Relay]:
        """Run a relay in a thread meanwhile."""
        with relaying.running(self.relay(begin_after=begin_after)) as relay:
            yield relay


@pytest.fixture(autouse=True)
def standing_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let relays of this process tell of each step; tests wait for that."""
    monkeypatch.setattr(relay_standing, "EVERY_SECONDS", 0.0)


@pytest.fixture
def relayed(database: str, schema: str, kafka: KafkaSettings) -> Relayed:
    return Relayed(database, schema, kafka)
