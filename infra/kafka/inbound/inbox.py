"""Who takes commands off their topic? Any number of processes, a consumer group; each answers what it is assigned.

A batch's commands are carried out, each in its own transaction of the database, before anything is told to Kafka. Then
one transaction of Kafka's holds the answers, the dead letters and the offsets behind them. A process that dies in
between leaves commands that are carried out again: their idempotency keys turn that into the first answers, which are
then sent, once. One that was taken for dead and wakes up has its transaction refused, for the group has moved on
(docs/adr/0109-commands-by-kafka.md).
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import chain
from math import inf
from time import monotonic

import structlog
import uuid_utils
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from infra.kafka import clients
from infra.kafka.consuming.fetched import FetchedRecord
from infra.kafka.failures import Reasons, cause_of, kind_of, reasons_kept, sentence_of
from infra.kafka.inbound.answering import Answering
from infra.kafka.inbound.lanes import work_through
from infra.kafka.inbound.outgoing import Outgoing
from infra.kafka.inbound.session import CommandsTopicMadeAnew, OutOfGroup, Session
from infra.kafka.names import Names
from infra.kafka.producer import RecordRefused, TransactionalProducer
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import LARGEST_ANSWER_BYTES, command_topics, ensure
from infra.metrics.instruments import KAFKA_COMMAND_BATCHES, KAFKA_COMMANDS, KAFKA_COMMANDS_WAITING
from infra.pauses import Pauses

BATCH_RECORDS = 500
IDLE_MS = 500

FIRST_ANSWER_MS = 5_000
"""How long a broker may take for its first answer; one that refuses us gives none, and is told of when that is over."""

SESSION_MS = 6_000
"""After which a process that says nothing loses its partitions to the others; the least that brokers allow."""

TRANSACTION_MS = 10_000
"""After which the broker ends the transaction of a process that died within it; it lasts for milliseconds."""

STOP_SECONDS = 8.0
"""How long the commands under way and their answers may take once the process is to stop."""

log = structlog.get_logger()


class Inbox:
    """Carries out the commands that come by Kafka for one desk until it is stopped.

    `threads`: how many commands at once, of different keys.
    """

    def __init__(self, settings: KafkaSettings, names: Names, answering: Answering, *, threads: int) -> None:
        self._settings = settings
        self._names = names
        self._answering = answering
        self._threads = threads
        self._stopping = threading.Event()
        self._stopped_at = inf
        self._pauses = Pauses()
        self._told: str | None = None
        # One for the life of the process: each new producer of it ends what the one before has left open.
        self._transactional_id = f"{names.commands}.{uuid_utils.uuid7()}"

    def request_stop(self) -> None:
        """Let `run` return after the commands under way and their answers (a signal handler may call this)."""
        self._stopped_at = min(self._stopped_at, monotonic())
        self._stopping.set()

    def run(self) -> None:
        """Run until stopped. A broker that cannot be reached, or refuses us, is asked again.

        Raises `TopicMismatch` where a topic is not as it has to be. kafka-python has waits that nothing ends, so all of
        it happens in a thread that is left behind where need be.
        """
        failures: list[BaseException] = []
        ended = threading.Event()

        def work() -> None:
            try:
                with reasons_kept() as reasons:
                    self._work(reasons)
            except BaseException as error:  # noqa: BLE001 - it is raised again where `run` was called
                failures.append(error)
            finally:
                ended.set()
                self._stopping.set()

        threading.Thread(target=work, name="inbox", daemon=True).start()
        self._stopping.wait()
        if not ended.wait(STOP_SECONDS):
            log.warning("the broker does not answer; what is not answered yet is left to another process")
        if failures:
            raise failures[0]

    def _work(self, reasons: Reasons) -> None:
        with ThreadPoolExecutor(self._threads, "command") as threads:
            while not self._stopping.is_set():
                try:
                    reasons.last = None
                    with self._session() as session:
                        while not self._stopping.is_set():
                            self._turn(session, threads)
                except CommandsTopicMadeAnew as news:
                    log.warning("the topic of commands is another one", topic=self._names.commands, error=str(news))
                except (KafkaError, OutOfGroup, RecordRefused) as error:
                    if not self._stopping.is_set():
                        self._failed(cause_of(error.error if isinstance(error, RecordRefused) else error, reasons))
                        self._rest()

    def _failed(self, cause: Exception) -> None:
        sentence = sentence_of(cause)
        if sentence != self._told:
            log.warning("no commands are taken from Kafka; it is tried again", kind=kind_of(cause), error=sentence)
        self._told = sentence

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """Give a member of the group, and what it answers by."""
        with ExitStack() as stack:
            admin = stack.enter_context(closing(clients.admin_client(self._settings, timeout_ms=FIRST_ANSWER_MS)))
            ensure(admin, command_topics(self._names, self._settings), self._settings)
            producer = TransactionalProducer(
                self._settings,
                self._transactional_id,
                lambda: monotonic() < self._stopped_at + STOP_SECONDS,
                transaction_timeout_ms=TRANSACTION_MS,
                delivery_timeout_ms=TRANSACTION_MS,
                max_request_size=LARGEST_ANSWER_BYTES,
            )
            stack.callback(producer.close)
            producer.begin([self._names.replies, self._names.dead_commands])
            consumer = clients.consumer(
                self._settings,
                group=self._names.commands_group,
                max_poll_records=BATCH_RECORDS,
                session_timeout_ms=SESSION_MS,
                heartbeat_interval_ms=SESSION_MS // 4,
            )
            stack.callback(consumer.close, timeout_ms=1_000)
            session = Session(admin, consumer, producer, self._names.commands)
            session.join()
            yield session

    def _turn(self, session: Session, threads: ThreadPoolExecutor) -> None:
        """Take the next records, carry them out, answer them."""
        polled, membership = session.poll(IDLE_MS)
        KAFKA_COMMANDS_WAITING.set(_waiting(session.consumer))
        if not polled:
            return
        with KAFKA_COMMAND_BATCHES.time():
            done, postponed = work_through(
                list(chain.from_iterable(polled.values())),
                session.topic_id,
                answering=self._answering,
                names=self._names,
                threads=threads,
                is_stopping=self._stopping.is_set,
            )
            answers: list[Outgoing] = []
            offsets: dict[TopicPartition, OffsetAndMetadata] = {}
            for partition, records in polled.items():
                ahead = _done_first(records, done)
                if ahead < len(records):
                    session.consumer.seek(partition, records[ahead].offset)
                if ahead:
                    offsets[partition] = OffsetAndMetadata(records[ahead - 1].offset + 1, session.topic_id, -1)
                    answers += [done[record.partition, record.offset] for record in records[:ahead]]
            if offsets:
                session.answer(answers, (offsets, membership))
        for answer in answers:
            KAFKA_COMMANDS.labels(answer.kind).inc()
        self._told = None
        if postponed is None:
            self._pauses.succeeded()
        else:
            KAFKA_COMMANDS.labels("postponed").inc()
            log.warning("commands by Kafka wait and are tried again", code=postponed.problem.code)
            self._rest()

    def _rest(self) -> None:
        """Wait, longer each time in a row."""
        self._stopping.wait(self._pauses.next())


def _done_first(records: Sequence[FetchedRecord], done: dict[tuple[int, int], Outgoing]) -> int:
    """Return how many records from the first on have an answer: behind the first that has none no offset moves."""
    return next(
        (number for number, record in enumerate(records) if (record.partition, record.offset) not in done),
        len(records),
    )


def _waiting(consumer: KafkaConsumer) -> int:
    """Return how many records of its partitions the consumer has not read, as far as the broker has told it."""
    waiting = 0
    for partition in consumer.assignment():
        highwater = consumer.highwater(partition)
        if highwater is not None:
            waiting += max(0, highwater - (consumer.position(partition, timeout_ms=0) or 0))
    return waiting
