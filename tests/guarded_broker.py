"""A broker that asks for a password at a second address."""

from infra.kafka.broker.server import Broker, _free_port
from infra.kafka.settings import KafkaSettings

USER, PASSWORD = "caselog", "right"


class GuardedBroker(Broker):
    """It lets everyone in at `bootstrap`, and only who has the password at `guarded`."""

    _guarded_port = 0

    @property
    def guarded(self) -> str:
        """`127.0.0.1:PORT` of the second address, once it has been started."""
        return f"127.0.0.1:{self._guarded_port}"

    def _configure(self) -> bool:
        chosen = super()._configure()
        self._guarded_port = self._guarded_port or _free_port()
        file = self._folder / "server.properties"
        lines = dict(line.split("=", 1) for line in file.read_text().splitlines())
        for listeners in ("listeners", "advertised.listeners"):
            lines[listeners] += f",SASL_PLAINTEXT://{self.guarded}"
        lines["listener.security.protocol.map"] += ",SASL_PLAINTEXT:SASL_PLAINTEXT"
        lines["sasl.enabled.mechanisms"] = "PLAIN"
        lines["listener.name.sasl_plaintext.plain.sasl.jaas.config"] = (
            f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{PASSWORD}";'
        )
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
