"""Which parts is the process made of that carries out what comes by Kafka?"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from api import compose
from api.compose_commands import commands
from api.compose_kafka import settings_of
from api.http.access.by_kafka import barred
from infra.config import Config
from infra.kafka.inbound.answering import Answering
from infra.kafka.inbound.inbox import Inbox
from infra.kafka.names import Names


@contextmanager
def inbox(config: Config, url: str) -> Iterator[Inbox]:
    """Give what carries out the commands that come by Kafka, ready to run."""
    settings = settings_of(config)
    with ExitStack() as stack:
        app = stack.enter_context(compose.application(config, url, statement_timeout_ms=config.statement_timeout_ms))
        pool = stack.enter_context(compose.connection_pool(config, url, size=2))
        stack.enter_context(compose.traces(config, "kafka-commands"))
        answering = Answering(commands(app, compose.clock(config, pool)), barred)
        yield Inbox(settings, Names(config.schema), answering, threads=config.threads)
