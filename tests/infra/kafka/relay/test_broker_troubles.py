"""A broker that dies, is away, or refuses us: the desk goes on, the relay says why, and nothing is lost or doubled."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Thread

import msgspec
import pytest

from infra.kafka.broker.server import Broker
from infra.kafka.relay import pump
from infra.kafka.settings import KafkaSettings
from infra.projection.projector import Projector
from projections.catalogue import VIEWS
from tests.infra.kafka.processes import environment, running
from tests.infra.kafka.relay.conftest import Relayed

PRODUCER = Path(__file__).with_name("producer_process.py")


class UnstartedBroker(Broker):
    """Has its address before it has ever run."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._folder.mkdir(exist_ok=True)
        self._configure()


@pytest.fixture
def broker(kafka_bootstrap: str, tmp_path: Path) -> Iterator[Broker]:  # the first is asked for lest there be no jars
    broker = UnstartedBroker(tmp_path / "broker")
    try:
        yield broker
    finally:
        broker.kill()


@pytest.fixture
def without(database: str, schema: str, broker: Broker) -> Relayed:
    """A desk whose broker has not been started."""
    return Relayed(database, schema, msgspec.structs.replace(broker.settings, partitions=3))


@contextmanager
def projecting(relayed: Relayed) -> Iterator[None]:
    """Keep the desk's views meanwhile."""
    projector = Projector(relayed.dsn, relayed.schema, VIEWS)
    thread = Thread(target=projector.run)
    thread.start()
    try:
        yield
    finally:
        projector.request_stop()
        thread.join()


@contextmanager
def producing(relayed: Relayed) -> Iterator[Popen[str]]:
    """Run what publishes a record to the desk's topic whenever it is told to, beside the relay."""
    topic, transactional_id = relayed.names.events, f"{relayed.schema}.aside"
    command = [sys.executable, str(PRODUCER), *relayed.settings.bootstrap, topic, transactional_id]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_under_load(relayed: Relayed, broker: Broker) -> None:
    begun = relayed.head()
    growing = Thread(target=lambda: [relayed.grow(100) for _ in range(60)])
    growing.start()
    relayed.await_published(begun + 1)
    broker.kill()
    growing.join()


def test_whenever_the_broker_is_away_the_desk_goes_on_and_the_relay_catches_up(
    without: Relayed, broker: Broker, tmp_path: Path
) -> None:
    where = environment(without.dsn, without.schema, without.settings)
    with (
        running("relay", output=tmp_path / "first.log", environment=where) as first,
        running("relay", output=tmp_path / "second.log", environment=where) as second,
    ):
        without.await_state("retrying")
        with projecting(without):  # it ends here, for it would set aside thousands of events that mean nothing
            without.desk.ticket(without.desk.customer())
            without.await_views()
        [leader] = [each for each in (first, second) if each.lines("leading")]
        standby = second if leader is first else first
        said = leader.await_line("the relay tries again")
        assert said["kind"] == "broker_away"
        assert standby.await_line("the topics have not been looked at")["kind"] == "broker_away"
        assert leader.stop(5) == 0  # it has never seen a broker
        broker.start()
        without.await_published()
        assert without.await_state("publishing").lag_events == 0
        told = len(standby.lines("the relay tries again"))
        with producing(without) as producer:
            assert producer.stdout is not None
            assert producer.stdout.readline() == "begun\n"
            kill_under_load(without, broker)
            ended, _ = producer.communicate("a record\n", timeout=60)
            assert "the broker was lost before it answered" in ended, "it has waited for kafka-python"
        standby.await_line("the relay tries again", told + 1)
        broker.start()
        without.await_published()
        without.check_all_once_in_order()
        broker.kill()
        without.grow(10)
        assert standby.stop(5) == 0
        assert "Traceback" not in leader.output + standby.output


@pytest.mark.soak
def test_the_broker_killed_under_load_a_hundred_times(without: Relayed, broker: Broker, tmp_path: Path) -> None:
    where = environment(without.dsn, without.schema, without.settings)
    with running("relay", output=tmp_path / "log", environment=where):
        for _ in range(100):
            broker.start()
            without.await_published()
            kill_under_load(without, broker)
        broker.start()
        without.await_published()
    without.check_all_once_in_order()


def test_wrong_credentials_are_named_and_right_ones_do(
    relayed: Relayed, guarded_kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump, "_FIRST_ANSWER_MS", 1_000)
    relayed.settings = msgspec.structs.replace(guarded_kafka, password="wrong")
    with relayed.relaying():
        error = relayed.await_state("retrying").last_error
        assert error == "the broker refuses us: Authentication failed: Invalid username or password"
    relayed.settings = guarded_kafka
    with relayed.relaying():
        relayed.await_published()
    relayed.check_all_once_in_order()
