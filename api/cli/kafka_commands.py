"""`caselog kafka-commands`: commands that come by Kafka."""

import click

from api import compose, compose_inbox
from api.cli.stopping import run_until_stopped
from api.compose_kafka import settings_of
from infra.config import Config
from infra.kafka.topics import TopicMismatch
from infra.logging import configure_logging


@click.command("kafka-commands")
def kafka_commands() -> None:
    """Carry out the commands that come by Kafka, and answer them there; any number of these share the work.

    A broker that cannot be reached is waited for; topics that are not as they have to be end it with exit code 1.
    docs/kafka-commands.md tells those who send them what to send and what comes back.
    """
    configure_logging("kafka-commands")
    config = Config.from_environment()
    settings_of(config)
    with compose.database(config) as url:
        compose.prepare(config, url)
        with compose_inbox.inbox(config, url) as inbox:
            try:
                run_until_stopped(inbox, "taking commands from Kafka")
            except TopicMismatch as problem:
                raise click.ClickException(str(problem)) from None
