"""The broker of the compose file: who has the password is let in, nobody else is."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from infra.kafka.broker.jars import pinned
from infra.kafka.clients import admin_client
from infra.kafka.names import Names
from infra.kafka.topics import ensure, events_topic
from tests.deploy.deployed_broker import DeployedBroker
from tests.deploy.files import DEPLOY, ROOT, yaml_of
from tests.infra.kafka.sending import producer

SERVICE = yaml_of("compose.yaml")["services"]["kafka"]
ASKING = """
import sys
from kafka.errors import KafkaError
from infra.kafka.clients import admin_client
from infra.kafka.failures import cause_of, kind_of, reasons_kept
from infra.kafka.settings import KafkaSettings
address, password = sys.argv[1:]
security = "SASL_PLAINTEXT" if password else "PLAINTEXT"
settings = KafkaSettings(bootstrap=(address,), security=security, username="caselog", password=password)
with reasons_kept() as reasons:
    try:
        admin_client(settings, timeout_ms=2000)
    except KafkaError as error:
        print(kind_of(cause_of(error, reasons)))
"""


@pytest.fixture(scope="module")
def broker(kafka_bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeployedBroker]:
    with DeployedBroker(tmp_path_factory.mktemp("deployed")) as broker:
        yield broker


def test_a_process_of_the_desk_makes_its_topics_and_writes_transactions(broker: DeployedBroker) -> None:
    names = Names("north")
    with closing(admin_client(broker.desk)) as admin:
        ensure(admin, [events_topic(names, broker.desk)], broker.desk)
    with closing(producer(broker.desk, transactional_id=names.relay_transactional_id)) as writer:
        writer.init_transactions()
        writer.begin_transaction()
        sent = writer.send(names.events, b"value")
        writer.commit_transaction()
        assert sent.get(10).offset == 0


@pytest.mark.parametrize(("password", "kind"), [("battery staple", "refused"), ("", "broker_away")])
def test_who_has_not_the_password_is_kept_out(broker: DeployedBroker, password: str, kind: str) -> None:
    (address,) = broker.desk.bootstrap
    command = [sys.executable, "-c", ASKING, address, password]
    asked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert asked.stdout.strip() == kind, asked.stderr


def test_what_the_service_starts_is_there_and_of_the_version_that_is_tested() -> None:
    (kafka,) = [jar for jar in pinned() if jar.artifact == "kafka_2.13"]
    assert SERVICE["image"] == f"apache/kafka:{kafka.version}"
    shell, script = SERVICE["entrypoint"]
    assert shell == "sh"
    mounted = {there: here for here, there, *_ in (volume.split(":") for volume in SERVICE["volumes"])}
    text = (DEPLOY / mounted[script]).read_text()
    (settings,) = [line.partition("=")[2] for line in text.splitlines() if line.startswith("settings=")]
    assert (DEPLOY / mounted[settings]).is_file()
    properties = (DEPLOY / mounted[settings]).read_text()
    (logs,) = [line.partition("=")[2] for line in properties.splitlines() if line.startswith("log.dirs=")]
    assert mounted[logs] == "kafka"
    assert f"{logs}/meta.properties" in text
    subprocess.run(["sh", "-n", DEPLOY / mounted[script]], check=True)
