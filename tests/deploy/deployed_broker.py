"""The broker of the compose file, run here: its very settings, with ports and a folder of our own."""

import re
from pathlib import Path

from infra.kafka.broker.server import Broker, _free_port
from infra.kafka.settings import KafkaSettings
from tests.deploy.files import DEPLOY

PASSWORD = "0123456789abcdef"


class DeployedBroker(Broker):
    """It asks everyone for a password at `desk`; its own address is the one that only its container reaches."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        script = (DEPLOY / "kafka" / "start.sh").read_text()
        (account,) = re.findall(r'--add-scram "(.*)"$', script, re.MULTILINE)
        self._accounts = ("--add-scram", account.replace("$(cat /run/secrets/kafka_password)", PASSWORD))
        self._desk_port = _free_port()

    @property
    def desk(self) -> KafkaSettings:
        """How a process of the desk reaches it."""
        return KafkaSettings(
            bootstrap=(f"127.0.0.1:{self._desk_port}",),
            security="SASL_PLAINTEXT",
            username="caselog",
            password=PASSWORD,
        )

    def _configure(self) -> bool:
        self._port = _free_port()
        text = (DEPLOY / "kafka" / "server.properties").read_text()
        for there, here in {
            "//:9092": f"//127.0.0.1:{self._desk_port}",
            "//kafka:9092": f"//127.0.0.1:{self._desk_port}",
            "127.0.0.1:9093": f"127.0.0.1:{_free_port()}",
            "127.0.0.1:9094": f"127.0.0.1:{self._port}",
            "/var/lib/kafka/data": "data",
        }.items():
            assert there in text, there
            text = text.replace(there, here)
        (self._folder / "server.properties").write_text(text)
        return False
