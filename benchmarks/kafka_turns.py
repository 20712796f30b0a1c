"""Who publishes to Kafka, and who keeps views from it? Each in a process of its own, started when told to."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.connection import Connection as Pipe
from time import perf_counter, sleep

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.errors import CoordinatorNotAvailableError
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from infra.kafka.clients import admin_client, producer_arguments
from infra.kafka.compression import METHOD
from infra.kafka.names import Names
from infra.kafka.records import EventRecord
from infra.kafka.relay.pump import Pump
from infra.kafka.relay.reading import MOST_EVENTS, LogReader
from infra.kafka.relay.relay import Relay
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import Topic, ensure
from infra.kafka.workers.worker import Site, Workers
from infra.logging import configure_logging
from infra.postgres.pool import connect
from projections.catalogue import VIEWS

PEER_TOPIC = "peer.events"
_SPAWN = multiprocessing.get_context("spawn")


@contextmanager
def child(work: Callable[..., None], *arguments: object) -> Iterator[Pipe]:
    """Run a function in a process of its own, with a pipe as its first argument; give our end once it is ready."""
    ours, theirs = _SPAWN.Pipe()
    process = _SPAWN.Process(target=work, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        ours.recv()
        yield ours
    finally:
        ours.close()
        process.join()


def seconds_of(work: Callable[..., None], *arguments: object) -> float:
    """Let a process of its own do its work once it is ready, and return the seconds that it took by its own clock."""
    with child(work, *arguments) as pipe:
        pipe.send("begin")
        took: float = pipe.recv()
    return took


def publish_by_peer(pipe: Pipe, url: str, schema: str, settings: KafkaSettings) -> None:
    """Send records that are there already by kafka-python's producer as it is, packed alike, a transaction a batch."""
    batches = list(_batches(url, schema, settings))
    arguments = producer_arguments(settings, transactional_id="benchmark-peer", compression_type=METHOD)
    with closing(KafkaProducer(**arguments)) as sender:
        sender.init_transactions()
        sender.partitions_for(PEER_TOPIC)
        pipe.send("ready")
        pipe.recv()
        started = perf_counter()
        for batch in batches:
            sender.begin_transaction()
            for record in batch:
                sender.send(PEER_TOPIC, record.value, record.key, record.headers)
            sender.commit_transaction()
        pipe.send(perf_counter() - started)


def publish_by_relay(pipe: Pipe, url: str, schema: str, settings: KafkaSettings, head: int) -> None:
    """Read the log and publish it as the relay does: events, marks and checkpoints."""
    with Pump(url, schema, settings) as pump:
        pump.open()
        pipe.send("ready")
        pipe.recv()
        started = perf_counter()
        while pump.checkpoint.position < head:
            pump.advance()
        pipe.send(perf_counter() - started)


def run_relay(pipe: Pipe, url: str, schema: str, settings: KafkaSettings) -> None:
    """Run a relay until the pipe ends."""
    configure_logging("relay")
    _run(pipe, Relay(url, schema, settings))


def run_workers(pipe: Pipe, url: str, schema: str, settings: KafkaSettings, names: Sequence[str]) -> None:
    """Keep views from Kafka, once told to begin, until the pipe ends."""
    configure_logging("kafka-project")
    workers = Workers(
        Site(desk=url, views=url, schema=schema, settings=settings), [view for view in VIEWS if view.name in names]
    )
    pipe.send("ready")
    try:
        pipe.recv()
        workers.start()
        pipe.recv()
    except EOFError:
        workers.stop()


@contextmanager
def working(count: int, url: str, schema: str, settings: KafkaSettings, names: Sequence[str]) -> Iterator[None]:
    """Run so many workers side by side; they are about to begin."""
    with ExitStack() as stack:
        pipes = [stack.enter_context(child(run_workers, url, schema, settings, tuple(names))) for _ in range(count)]
        for pipe in pipes:
            pipe.send("begin")
        yield


def all_have_begun(
    admin: KafkaAdminClient, connection: Connection, schema: str, views: Sequence[str], partitions: int, workers: int
) -> bool:
    """Say whether so many workers share all partitions of each of these views, and none is about to change hands."""
    shares = [shares_of(admin, connection, schema, view) for view in views]
    return all(
        len(each) == workers and all(each.values()) and sum(map(len, each.values())) == partitions for each in shares
    )


def shares_of(admin: KafkaAdminClient, connection: Connection, schema: str, view: str) -> dict[bytes, set[int]]:
    """Return the partitions of each worker of a view's newest build, by what it calls itself to the group.

    Empty where there is none, and while partitions are dealt out.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(build) FROM projections WHERE view = %s AND fed_by = 'kafka'", (view,))
        [(build,)] = cursor.fetchall()
    if build is None:
        return {}
    group = Names(schema).view_group(view, build)
    try:
        described = admin.describe_groups([group])[group]
    except CoordinatorNotAvailableError:  # the broker makes what it keeps of groups when the first one asks
        return {}
    if described["group_state"] != "Stable":
        return {}
    return {
        member["member_metadata"]["user_data"]: {
            number for topic in member["member_assignment"]["assigned_partitions"] for number in topic["partitions"]
        }
        for member in described["members"]
    }


def remake(settings: KafkaSettings, topics: Sequence[Topic]) -> None:
    """Have topics empty: deleted where they are there, and made anew."""
    with closing(admin_client(settings)) as admin:
        there = [topic.name for topic in topics if topic.name in admin.list_topics()]
        if there:
            admin.delete_topics(there)
            while set(there) & set(admin.list_topics()):
                sleep(0.05)
        ensure(admin, topics, settings)


def _batches(url: str, schema: str, settings: KafkaSettings) -> Iterator[list[EventRecord]]:
    """Yield the records that the relay makes of the log, in its batches, without its marks."""
    reader = LogReader(lambda: connect(url, schema), Names(schema).events, settings.partitions)
    position = 0
    while (batch := reader.next(position, most_events=MOST_EVENTS)).events:
        yield list(batch.records[: batch.events])
        position = batch.position
    reader.close()


def partitions_of(settings: KafkaSettings, topic: str) -> list[TopicPartition]:
    """Return all partitions of a topic."""
    return [TopicPartition(topic, number) for number in range(settings.partitions)]


def _run(pipe: Pipe, relay: Relay) -> None:
    thread = threading.Thread(target=relay.run)
    thread.start()
    pipe.send("ready")
    try:
        pipe.recv()
    except EOFError:
        relay.request_stop()
        thread.join()
