"""A broker that asks for a password at a second address, and at a third one speaks TLS as well."""

import ssl
from pathlib import Path

import msgspec

from infra.kafka.broker.server import Broker, _free_port
from infra.kafka.settings import KafkaSettings
from tests.certificates import certificate

USER, PASSWORD = "caselog", "right"
_HOST = "127.0.0.1"


class GuardedBroker(Broker):
    """It lets everyone in at `bootstrap`, and only who has the password at `guarded` and, by TLS, at `encrypted`."""

    _guarded_port = _encrypted_port = 0

    @property
    def guarded(self) -> str:
        """`127.0.0.1:PORT` of the second address, once it has been started."""
        return f"{_HOST}:{self._guarded_port}"

    @property
    def encrypted(self) -> str:
        """`127.0.0.1:PORT` of the third address, once it has been started."""
        return f"{_HOST}:{self._encrypted_port}"

    def _configure(self) -> bool:
        chosen = super()._configure()
        self._encrypted_port = self._encrypted_port or _free_port()
        self._guarded_port = self._guarded_port or _free_port()
        file = self._folder / "server.properties"
        lines = dict(line.split("=", 1) for line in file.read_text().splitlines())
        for listeners in ("listeners", "advertised.listeners"):
            lines[listeners] += f",SASL_PLAINTEXT://{self.guarded},SASL_SSL://{self.encrypted}"
        lines["listener.security.protocol.map"] += ",SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL"
        lines["sasl.enabled.mechanisms"] = "PLAIN"
        for listener in ("sasl_plaintext", "sasl_ssl"):
            lines[f"listener.name.{listener}.plain.sasl.jaas.config"] = (
                f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
            )
        lines["ssl.keystore.type"] = "PEM"
        lines["ssl.keystore.location"] = certificate(self._folder, _HOST).name
        file.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))
        return chosen


def guarded_settings(guarded: str) -> KafkaSettings:
    """Return how a broker is reached where it asks for the password."""
    return KafkaSettings(
        bootstrap=(guarded,),
        security="SASL_PLAINTEXT",
        sasl_mechanism="PLAIN",
        username=USER,
        password=PASSWORD,
        partitions=3,
    )


def encrypted_settings(encrypted: str, folder: Path) -> KafkaSettings:
    """Return how it is reached by TLS, by who has its certificate in a folder."""
    file = folder / "broker.pem"
    host, port = encrypted.split(":")
    file.write_text(ssl.get_server_certificate((host, int(port))))
    return msgspec.structs.replace(guarded_settings(encrypted), security="SASL_SSL", ca_file=str(file))
