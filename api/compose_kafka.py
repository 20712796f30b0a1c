"""Which parts are the processes that talk to Kafka made of?"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from api import compose
from api.http.access.by_kafka import barred
from infra.config import Config, ConfigError
from infra.kafka.broker.server import Broker
from infra.kafka.inbound.answering import Answering
from infra.kafka.inbound.inbox import Inbox
from infra.kafka.names import Names
from infra.kafka.settings import KafkaSettings

OWN_BROKER = "kafka"
"""The folder in the data folder that the broker of `caselog up --kafka` has."""
BOOTSTRAP = "CASELOG_KAFKA_BOOTSTRAP"


def settings_of(config: Config) -> KafkaSettings:
    """Return how to reach the brokers: those that the environment names, else the one that `caselog up --kafka` runs.

    Raises `ConfigError` where there is neither.
    """
    if config.kafka.bootstrap:
        return config.kafka
    own = Broker.find(config.data_folder / OWN_BROKER)
    if own is None:
        raise ConfigError({BOOTSTRAP: "this process talks to Kafka: name its brokers"})
    return Config.from_environment({**os.environ, BOOTSTRAP: own}).kafka


@contextmanager
def inbox(config: Config, url: str) -> Iterator[Inbox]:
    """Give what carries out the commands that come by Kafka, ready to run."""
    settings = settings_of(config)
    with ExitStack() as stack:
        app = stack.enter_context(compose.application(config, url, statement_timeout_ms=config.statement_timeout_ms))
        pool = stack.enter_context(compose.connection_pool(config, url, size=2))
        stack.enter_context(compose.traces(config, "kafka-commands"))
        answering = Answering(compose.commands(app, compose.clock(config, pool)), barred)
        yield Inbox(settings, Names(config.schema), answering, threads=config.threads)
