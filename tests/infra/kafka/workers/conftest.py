"""A desk whose log grows by events of a real one, is published, and feeds views by Kafka."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from secrets import token_hex
from threading import Event, Thread
from typing import Any

import psycopg2
import pytest
from psycopg2.extras import execute_values

from benchmarks.generator import generate
from benchmarks.kafka_turns import shares_of
from infra.feed import head_position
from infra.kafka.clients import admin_client
from infra.kafka.names import Names
from infra.kafka.relay.pump import Pump
from infra.kafka.relay.relay import Relay
from infra.kafka.settings import KafkaSettings
from infra.kafka.workers.worker import Site, Workers
from infra.log.tail import channel_of
from infra.metrics.desk import DeskCollector
from infra.postgres.pool import ConnectionPool, connect
from infra.projection import partitions
from infra.projection.build_tables import BuildTables
from infra.projection.builds import Build, live_build
from infra.projection.positions import ViewPositions
from infra.projection.rebuild import rebuild
from projections.view import View
from tests.infra.kafka import relaying
from tests.waiting import eventually

EVENTS = 3_500
SETTING_UP = 1_300
"""With so many events the first cases are open: those before are of customers."""
SESSION_TIMEOUT_MS = 6_000
"""As short as a broker allows it."""
WAIT_SECONDS = 60.0

LogRows = Sequence[tuple[Any, ...]]


@pytest.fixture(scope="session")
def log_rows(postgres_dsn: str) -> LogRows:
    """The rows of a generated log."""
    schema = f"test_generated_{token_hex(4)}"
    generate(postgres_dsn, schema, EVENTS, seed=7, at=datetime(2026, 11, 2, 12, tzinfo=UTC))
    with closing(psycopg2.connect(postgres_dsn)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT position, stream_id, version, type, data::text, metadata::text, recorded_at"
            f" FROM {schema}.events ORDER BY position"
        )
        rows = cursor.fetchall()
        cursor.execute(f"DROP SCHEMA {schema} CASCADE")
    return rows


class FedDesk:
    """The desk."""

    def __init__(self, dsn: str, schema: str, settings: KafkaSettings, rows: LogRows) -> None:
        self.dsn = dsn
        self.schema = schema
        self.settings = settings
        self.names = Names(schema)
        self.left = list(rows)

    @property
    def site(self) -> Site:
        """Where its workers work."""
        return Site(desk=self.dsn, views=self.dsn, schema=self.schema, settings=self.settings)

    def append(self, events: int | None = None) -> int:
        """Append the next events of the log, and return its head."""
        rows, self.left = self.left[:events], self.left[len(self.left[:events]) :]
        with closing(connect(self.dsn, self.schema)) as connection, connection, connection.cursor() as cursor:
            execute_values(
                cursor,
                "INSERT INTO events (position, stream_id, version, type, data, metadata, recorded_at) VALUES %s",
                rows,
                page_size=1_000,
            )
            cursor.execute("UPDATE log_head SET position = %s", (rows[-1][0],))
            cursor.execute("SELECT pg_notify(%s, %s)", (channel_of(self.schema), str(rows[-1][0])))
        return int(rows[-1][0])

    def go_back(self, position: int) -> None:
        """Let the log end where it ended when an older backup was taken."""
        with closing(connect(self.dsn, self.schema)) as connection, connection, connection.cursor() as cursor:
            cursor.execute("DELETE FROM events WHERE position > %s", (position,))
            cursor.execute("UPDATE log_head SET position = %s", (position,))

    def publish(self) -> None:
        """Publish what there is, in the test's own thread."""
        with Pump(self.dsn, self.schema, self.settings) as pump:
            pump.open()
            while pump.advance().events:
                pass

    @contextmanager
    def relaying(self) -> Iterator[None]:
        """Publish all that comes meanwhile."""
        with relaying.running(Relay(self.dsn, self.schema, self.settings)):
            yield

    @contextmanager
    def working(self, *views: View, site: Site | None = None) -> Iterator[Workers]:
        """Let a worker keep views meanwhile."""
        workers = Workers(site or self.site, views, session_timeout_ms=SESSION_TIMEOUT_MS)
        workers.start()
        try:
            yield workers
        finally:
            workers.stop()

    def figures(self, name: str) -> dict[tuple[str, str], float]:
        """What the metrics say of each view and partition."""
        with closing(ConnectionPool(self.dsn, self.schema)) as pool:
            samples = [sample for family in DeskCollector(pool).collect() for sample in family.samples]
        return {(each.labels["view"], each.labels["partition"]): each.value for each in samples if each.name == name}

    def members(self, view: View) -> dict[bytes, set[int]]:
        """The workers of a view's newest build, by what they call themselves to the group, with their partitions."""
        with closing(admin_client(self.settings)) as admin, closing(connect(self.dsn, self.schema)) as connection:
            return shares_of(admin, connection, self.schema, view.name)

    def await_members(self, view: View, number: int) -> None:
        """Wait until so many workers share all partitions."""
        with closing(admin_client(self.settings)) as admin, closing(connect(self.dsn, self.schema)) as connection:
            connection.autocommit = True

            def shared() -> bool:
                members = shares_of(admin, connection, self.schema, view.name)
                have = [partition for partitions in members.values() for partition in partitions]
                return len(members) == number and sorted(have) == list(range(self.settings.partitions))

            eventually(shared, WAIT_SECONDS)

    @contextmanager
    def growing(self, events: int = 20) -> Iterator[None]:
        """Let the log grow meanwhile, some events at a time, to its end."""
        stopping = Event()

        def grow() -> None:
            while self.left and not stopping.is_set():
                self.append(events)
                stopping.wait(0.03)

        thread = Thread(target=grow)
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()

    def head(self) -> int:
        """The position of the log's last event."""
        with closing(connect(self.dsn, self.schema)) as connection:
            return head_position(connection)

    def live(self, view: View) -> Build | None:
        """What readers see."""
        with closing(connect(self.dsn, self.schema)) as connection, connection.cursor() as cursor:
            return live_build(cursor, view)

    def await_fed(self, view: View, position: int | None = None) -> Build:
        """Wait until readers see a build that Kafka feeds, up to a position or the log's head."""
        wanted = self.head() if position is None else position

        def fed() -> Build | None:
            live = self.live(view)
            return live if live is not None and live.fed_by == "kafka" and live.position >= wanted else None

        return eventually(fed, WAIT_SECONDS)

    def places(self, view: View) -> Sequence[partitions.Place]:
        """Where the live build stands."""
        live = self.live(view)
        assert live is not None
        with closing(connect(self.dsn, self.schema)) as connection, connection.cursor() as cursor:
            return partitions.places(cursor, view.name, live.build)

    def check_like_the_logs(self, view: View) -> None:
        """The live build has the same rows as one that is made of the log now."""
        live = self.live(view)
        assert live is not None
        made = rebuild(self.dsn, self.schema, view, switch=False, from_kafka=True, resume=False).build
        assert made is not None
        with closing(connect(self.dsn, self.schema)) as connection, connection.cursor() as cursor:
            rows = 0
            for (name, ours), (_, theirs) in zip(
                BuildTables(view, live.build).named(), BuildTables(view, made.build).named(), strict=True
            ):
                cursor.execute(
                    "SELECT (SELECT json_agg(d) FROM (SELECT row_to_json(t)::text FROM"
                    f" {ours.name} t EXCEPT ALL SELECT row_to_json(t)::text FROM {theirs.name} t LIMIT 3) d),"
                    "(SELECT json_agg(d) FROM (SELECT row_to_json(t)::text FROM"
                    f" {theirs.name} t EXCEPT ALL SELECT row_to_json(t)::text FROM {ours.name} t LIMIT 3) d),"
                    f"(SELECT count(*) FROM {ours.name})"
                )
                [(only_ours, only_theirs, count)] = cursor.fetchall()
                assert (only_ours, only_theirs) == (None, None), name
                rows += count
        assert rows


@pytest.fixture
def fed(database: str, schema: str, kafka: KafkaSettings, log_rows: LogRows) -> FedDesk:
    """A desk with an empty log."""
    return FedDesk(database, schema, kafka, log_rows)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """What a test has begun and not ended ends after it."""
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def positions(database: str, schema: str) -> Iterator[ViewPositions]:
    """What the HTTP interface knows of how far views are."""
    known = ViewPositions(database, schema)
    known.start()
    yield known
    known.stop()
