"""Where is the broker that a process talks to?"""

import os

from infra.config import KAFKA_BOOTSTRAP, Config, ConfigError
from infra.kafka.broker.server import Broker
from infra.kafka.settings import KafkaSettings

OWN_BROKER = "kafka"
"""The folder in the data folder that the broker of `caselog up --kafka` has."""


def settings_of(config: Config) -> KafkaSettings:
    """Return how to reach the brokers: those that the environment names, else the one that `caselog up --kafka` runs.

    Raises `ConfigError` where there is neither.
    """
    if config.kafka.bootstrap:
        return config.kafka
    own = Broker.find(config.data_folder / OWN_BROKER)
    if own is None:
        raise ConfigError({KAFKA_BOOTSTRAP: "this process talks to Kafka: name its brokers"})
    return Config.from_environment({**os.environ, KAFKA_BOOTSTRAP: own}).kafka
