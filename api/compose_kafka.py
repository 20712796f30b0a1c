"""Which parts are the processes that talk to Kafka made of?"""

from infra.config import Config, ConfigError
from infra.kafka.settings import KafkaSettings


def settings_of(config: Config) -> KafkaSettings:
    """Return how to reach the brokers. Raises `ConfigError` where the environment names none."""
    if config.kafka is None:
        raise ConfigError({"CASELOG_KAFKA_BOOTSTRAP": "this process talks to Kafka: name its brokers"})
    return config.kafka
