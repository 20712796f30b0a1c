"""A desk whose commands come by a real broker, and who sends them there."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from commands.dispatch import Commands
from infra.kafka import clients
from infra.kafka.inbound.answering import Answering
from infra.kafka.inbound.inbox import Inbox
from infra.kafka.names import Names
from infra.kafka.settings import KafkaSettings
from infra.kafka.topics import command_topics, ensure
from tests.desk import Desk
from tests.infra.kafka import sending
from tests.told import Told
from tests.waiting import eventually


class Message(msgspec.Struct, frozen=True):
    """A record as a test looks at it: `headers` by name."""

    key: bytes | None
    value: bytes | None
    headers: dict[str, str]
    partition: int

    @property
    def json(self) -> Any:
        assert self.value is not None
        return msgspec.json.decode(self.value)


class Correspondence:
    """Sends to the topic of commands, and reads what comes back."""

    def __init__(self, settings: KafkaSettings, names: Names) -> None:
        self.settings = settings
        self.names = names
        self.told = Told(names, settings)
        self._producer = sending.producer(settings)
        self._consumers: dict[str, Any] = {}
        self._read: dict[str, list[Message]] = {}

    def close(self) -> None:
        self._producer.close(timeout=1)
        for consumer in self._consumers.values():
            consumer.close()

    def send(self, value: Any, key: str | None = None, partition: int | None = None, **headers: str | bytes) -> None:
        """Send one record; a header's underscores stand for hyphens. It is written when this returns."""
        self.post(value, key, partition, **headers)
        self._producer.flush()

    def post(self, value: Any, key: str | None = None, partition: int | None = None, **headers: str | bytes) -> None:
        """Send one record without waiting for it."""
        self.post_raw(
            value if value is None or isinstance(value, bytes) else msgspec.json.encode(value),
            None if key is None else key.encode(),
            [
                (name.replace("_", "-"), text.encode() if isinstance(text, str) else text)
                for name, text in headers.items()
            ],
            partition,
        )

    def post_raw(
        self, value: bytes | None, key: bytes | None, headers: list[tuple[str, bytes]], partition: int | None = None
    ) -> None:
        self._producer.send(self.names.commands, value, key, headers, partition)

    def flush(self) -> None:
        self._producer.flush()

    def replies(self, number: int, seconds: float = 30) -> list[Message]:
        """Return the answers, once there are so many."""
        return self._await(self.names.replies, number, seconds)

    def dead(self, number: int) -> list[Message]:
        """Return the dead letters, once there are so many."""
        return self._await(self.names.dead_commands, number, 30)

    def _await(self, topic: str, number: int, seconds: float) -> list[Message]:
        eventually(lambda: len(self.read(topic)) >= number, seconds)
        return self._read[topic]

    def read(self, topic: str) -> list[Message]:
        """Return all that has been read of a topic, and what can be now: each as the AsyncAPI document tells it."""
        if topic not in self._consumers:
            consumer = self._consumers[topic] = clients.consumer(self.settings)
            consumer.subscribe([topic])
        read = self._read.setdefault(topic, [])
        for records in self._consumers[topic].poll(100).values():
            for record in records:
                headers = {name: value.decode(errors="replace") for name, value in record.headers}
                read.append(Message(record.key, record.value, headers, record.partition))
                assert len(self.told.fitting(topic, headers, record.value)) == 1, read[-1]
        return read


@pytest.fixture
def desk(database: str, schema: str) -> Iterator[Desk]:
    found = Desk(database, schema)
    yield found
    found.application.close()


@pytest.fixture
def names(schema: str) -> Names:
    return Names(schema)


@pytest.fixture
def post(kafka: KafkaSettings, names: Names) -> Iterator[Correspondence]:
    with correspondence(kafka, names) as made:
        yield made


@contextmanager
def correspondence(kafka: KafkaSettings, names: Names) -> Iterator[Correspondence]:
    """Make the topics, and give who writes to them and reads them."""
    with clients.admin_client(kafka) as admin:
        ensure(admin, command_topics(names, kafka), kafka)
    made = Correspondence(kafka, names)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def taking(kafka: KafkaSettings, names: Names, commands: Commands, **options: Any) -> Iterator[Inbox]:
    """Let commands be taken meanwhile, by a thread as by a process."""
    inbox = Inbox(kafka, names, Answering(commands, options.pop("barred", lambda _: None)), threads=8)
    thread = threading.Thread(target=inbox.run, daemon=True)
    thread.start()
    try:
        yield inbox
    finally:
        inbox.request_stop()
        thread.join(30)
        assert not thread.is_alive()
