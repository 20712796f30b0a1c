"""How is the broker reached? What the configuration says of it, and the same as kafka-python takes it."""

from typing import Any, Literal, get_args

import msgspec

SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
SECURITY_PROTOCOLS: tuple[str, ...] = get_args(SecurityProtocol)
SASL_MECHANISMS: tuple[str, ...] = get_args(SaslMechanism)


class KafkaSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the brokers are, and how to show them who we are.

    `partitions` and `replication` are those of topics that are created; `replication` -1 leaves it to the broker.
    """

    bootstrap: tuple[str, ...]
    security: SecurityProtocol = "PLAINTEXT"
    sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    username: str = ""
    password: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    partitions: int = 6
    replication: int = -1

    def connection(self) -> dict[str, Any]:
        """Return what every client of kafka-python is given to connect with."""
        arguments: dict[str, Any] = {
            "bootstrap_servers": list(self.bootstrap),
            "security_protocol": self.security,
        }
        if self.security in {"SASL_PLAINTEXT", "SASL_SSL"}:
            arguments |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        if self.security in {"SSL", "SASL_SSL"}:
            arguments |= {
                "ssl_cafile": self.ca_file or None,
                "ssl_certfile": self.certificate_file or None,
                "ssl_keyfile": self.key_file or None,
            }
        return arguments

    def __repr__(self) -> str:
        return f"KafkaSettings(bootstrap={self.bootstrap}, security={self.security})"  # never the password


NO_BROKER = KafkaSettings(bootstrap=())
"""What is true of a desk's topics as long as nothing is said of them."""
