"""A broker of one's own: it answers, keeps what was committed over every end, and ends with its starter."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from kafka import TopicPartition
from kafka.admin import NewTopic

from infra.kafka.broker.errors import BrokerError
from infra.kafka.broker.kept import kept_running
from infra.kafka.broker.server import Broker
from infra.kafka.clients import admin_client, consumer
from infra.kafka.settings import KafkaSettings
from tests.infra.kafka.sending import producer
from tests.waiting import eventually

ROOT = Path(__file__).parents[4]
STARTER = """
import sys
from pathlib import Path
from infra.kafka.broker.server import Broker
broker = Broker(Path(sys.argv[1]))
broker.start()
print(broker.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def folder(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a project may well lie. That the jars can be had has been seen."""
    return tmp_path_factory.mktemp("new desk, of: mine") / "kafka"


@pytest.fixture(scope="module")
def broker(folder: Path) -> Iterator[Broker]:
    with Broker(folder) as broker:
        yield broker


def publish(settings: KafkaSettings, topic: str, *values: bytes) -> None:
    sender = producer(settings, transactional_id=f"{topic}-writer")
    sender.init_transactions()
    sender.begin_transaction()
    for value in values:
        sender.send(topic, value)
    sender.commit_transaction()
    sender.close()


def published(settings: KafkaSettings, topic: str, count: int) -> list[bytes]:
    reader = consumer(settings)
    reader.assign([TopicPartition(topic, 0)])
    found: list[bytes] = []

    def read() -> bool:
        found.extend(record.value for records in reader.poll(500).values() for record in records)
        return len(found) >= count

    eventually(read)
    reader.close()
    return found


def create(settings: KafkaSettings, topic: str) -> None:
    admin = admin_client(settings)
    admin.create_topics([NewTopic(topic, 1, 1)])
    admin.close()


def test_what_was_committed_outlives_a_stop_and_a_kill_and_the_address_stays(broker: Broker) -> None:
    address = broker.start()
    create(broker.settings, "kept")
    publish(broker.settings, "kept", b"1", b"2")
    broker.stop()
    assert broker.pid is None
    assert broker.start() == address
    publish(broker.settings, "kept", b"3")
    broker.kill()
    assert broker.pid is None
    assert broker.start() == address
    assert published(broker.settings, "kept", 3) == [b"1", b"2", b"3"]


def test_one_that_is_kept_running_is_found_and_comes_back_after_a_kill(kafka_bootstrap: str, tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    assert Broker.find(tmp_path) is None
    with kept_running(broker) as address:
        assert Broker.find(tmp_path) == address
        first = broker.pid
        assert first is not None
        psutil.Process(first).kill()
        eventually(lambda: broker.pid not in {None, first})
        eventually(broker._answers)
    assert broker.pid is None
    assert Broker.find(tmp_path) is None


def test_a_second_one_in_the_same_folder_is_refused(broker: Broker, folder: Path) -> None:
    broker.start()
    second = subprocess.run(
        [sys.executable, "-c", STARTER, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert f"BrokerError: {folder} is in use by another Caselog" in second.stderr
    assert broker.pid is not None


def test_a_broker_that_dies_at_its_start_shows_the_end_of_its_log(broker: Broker, folder: Path) -> None:
    broker.stop()
    meta = folder / "data" / "meta.properties"
    before = meta.read_text()
    meta.write_text(before.replace("node.id=1", "node.id=7"))
    try:
        with pytest.raises(BrokerError, match=r"did not start \(exit code 1\):\n(.|\n)*node"):
            broker.start()
    finally:
        meta.write_text(before)


@pytest.mark.parametrize("with_guard", [False, True])
def test_it_ends_when_its_starter_is_killed_and_one_that_is_left_is_ended_by_the_next(
    kafka_bootstrap: str, tmp_path: Path, with_guard: bool
) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path / "kafka")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    java = psutil.Process(int(starter.stdout.readline()))
    guard = java.parent()
    assert guard is not None
    if with_guard:
        guard.kill()
    os.kill(starter.pid, signal.SIGKILL)
    starter.communicate()
    if not with_guard:
        java.wait(60)
        return
    assert java.is_running()
    with Broker(tmp_path / "kafka") as broker:
        assert not java.is_running()
        assert broker.pid not in {None, java.pid}


def test_a_folder_that_cannot_be_made_is_named(kafka_bootstrap: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokerError, match=r"cannot use the folder .*file"):
        Broker(tmp_path / "file" / "kafka").start()


def test_the_fixture_gives_a_broker_that_answers(kafka: KafkaSettings, schema: str) -> None:
    create(kafka, schema)
    publish(kafka, schema, b"here")
    assert published(kafka, schema, 1) == [b"here"]
