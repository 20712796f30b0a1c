"""A broker that dies, is away, or refuses us: the desk goes on, the relay says why, and nothing is lost or doubled."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import msgspec
import pytest

from infra.kafka.broker.server import Broker, _free_port
from infra.kafka.settings import KafkaSettings
from infra.projection.projector import Projector
from projections.catalogue import VIEWS
from tests.infra.kafka.processes import environment, running
from tests.infra.kafka.relay.conftest import Relayed

KILLS = 2
USER, PASSWORD = "caselog", "right"


class GuardedBroker(Broker):
    """A broker that asks for a password at a second address."""

    guarded_port = 0

    def _configure(self) -> bool:
        chosen = super()._configure()
        self.guarded_port = self.guarded_port or _free_port()
        file = self._folder / "server.properties"
        lines = dict(line.split("=", 1) for line in file.read_text().splitlines())
        for listeners in ("listeners", "advertised.listeners"):
            lines[listeners] += f",SASL_PLAINTEXT://127.0.0.1:{self.guarded_port}"
        lines["listener.security.protocol.map"] += ",SASL_PLAINTEXT:SASL_PLAINTEXT"
        lines["sasl.enabled.mechanisms"] = "PLAIN"
        lines["listener.name.sasl_plaintext.plain.sasl.jaas.config"] = (
            f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        )
        file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        return chosen

    def guarded(self, password: str) -> KafkaSettings:
        return KafkaSettings(
            bootstrap=(f"127.0.0.1:{self.guarded_port}",),
            security="SASL_PLAINTEXT",
            sasl_mechanism="PLAIN",
            username=USER,
            password=password,
            partitions=3,
        )


@pytest.fixture(scope="module")
def broker(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedBroker]:
    with GuardedBroker(tmp_path_factory.mktemp("broker")) as broker:
        yield broker


@pytest.fixture
def relayed(database: str, schema: str, broker: GuardedBroker) -> Relayed:
    broker.start()
    return Relayed(database, schema, msgspec.structs.replace(broker.settings, partitions=3))


def kill_the_broker(relayed: Relayed, broker: Broker, folder: Path, kills: int) -> None:
    where = environment(relayed.dsn, relayed.schema, relayed.settings)
    with running("relay", output=folder / "log", environment=where):
        relayed.await_published()
        for _ in range(kills):
            begun = relayed.head()
            growing = Thread(target=lambda: [relayed.grow(100) for _ in range(60)])
            growing.start()
            relayed.await_published(begun + 1)
            broker.kill()
            growing.join()
            broker.start()
            relayed.await_published()
    relayed.check_all_once_in_order()


def test_the_broker_killed_under_load(relayed: Relayed, broker: GuardedBroker, tmp_path: Path) -> None:
    kill_the_broker(relayed, broker, tmp_path, KILLS)


@pytest.mark.soak
def test_the_broker_killed_under_load_a_hundred_times(relayed: Relayed, broker: GuardedBroker, tmp_path: Path) -> None:
    kill_the_broker(relayed, broker, tmp_path, 100)


def test_without_a_broker_the_desk_goes_on_and_the_relay_catches_up_later(
    relayed: Relayed, broker: GuardedBroker, tmp_path: Path
) -> None:
    broker.stop()
    where = environment(relayed.dsn, relayed.schema, relayed.settings)
    projector = Projector(relayed.dsn, relayed.schema, VIEWS)
    projecting = Thread(target=projector.run)
    projecting.start()
    try:
        with running("relay", output=tmp_path / "log", environment=where) as relay:
            said = relay.await_line("the relay tries again")
            assert said["kind"] == "broker_away"
            relayed.desk.ticket(relayed.desk.customer())
            relayed.await_views()
            assert relayed.await_state("retrying").error
            broker.start()
            relayed.await_published()
            assert relayed.await_state("publishing").lag_events == 0
            broker.stop()
            relayed.grow(10)
            assert relay.stop(5) == 0
            assert "Traceback" not in relay.output
    finally:
        projector.request_stop()
        projecting.join()
    broker.start()
    with relayed.relaying():
        relayed.await_published()
    relayed.check_all_once_in_order()


def test_it_ends_at_once_without_a_broker(relayed: Relayed, broker: GuardedBroker, tmp_path: Path) -> None:
    broker.stop()
    where = environment(relayed.dsn, relayed.schema, relayed.settings)
    with running("relay", output=tmp_path / "log", environment=where) as relay:
        relay.await_line("leading")
        assert relay.stop(5) == 0


def test_wrong_credentials_are_named_and_right_ones_do(relayed: Relayed, broker: GuardedBroker, tmp_path: Path) -> None:
    account = {
        "CASELOG_KAFKA_SECURITY": "SASL_PLAINTEXT",
        "CASELOG_KAFKA_SASL_MECHANISM": "PLAIN",
        "CASELOG_KAFKA_USERNAME": USER,
    }
    guarded = broker.guarded(PASSWORD)
    where = environment(relayed.dsn, relayed.schema, guarded, **account, CASELOG_KAFKA_PASSWORD="wrong")
    with running("relay", output=tmp_path / "wrong.log", environment=where) as relay:
        said = relay.await_line("the relay tries again")
        assert said["kind"] == "refused"
        assert said["error"] == "the broker refuses us: Authentication failed: Invalid username or password"
    where = environment(relayed.dsn, relayed.schema, guarded, **account, CASELOG_KAFKA_PASSWORD=PASSWORD)
    with running("relay", output=tmp_path / "right.log", environment=where):
        relayed.await_published()
    relayed.check_all_once_in_order()
