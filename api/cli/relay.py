"""`caselog relay`: what publishes the log to Kafka, alone."""

from contextlib import closing

import click

from api import compose
from api.cli.stopping import run_until_stopped
from api.compose_kafka import settings_of
from infra.config import Config
from infra.feed import head_position
from infra.kafka.relay.checkpoint import RelayHalted
from infra.kafka.relay.relay import Relay
from infra.kafka.topics import TopicMismatch
from infra.logging import configure_logging
from infra.postgres.pool import connect

_POSITION = click.IntRange(min=0)


@click.command()
@click.option(
    "--from-position",
    type=_POSITION,
    metavar="N",
    help="Begin after this position of the log instead of with its first event; for a new topic only.",
)
def relay(from_position: int | None) -> None:
    """Publish every event of the log to Kafka, once and in order; of several that run on one database, one leads.

    It ends with exit code 1 where topics are not as they have to be, or the log is not the one that was published;
    a broker that cannot be reached is waited for. docs/kafka.md tells what is in the topics.
    """
    configure_logging("relay")
    config = Config.from_environment()
    settings = settings_of(config)
    with compose.database(config) as url:
        compose.prepare(config, url)
        if from_position is not None:
            _refuse_the_future(url, config.schema, from_position)
        try:
            run_until_stopped(
                Relay(url, config.schema, settings, begin_after=from_position),
                "relaying",
            )
        except (RelayHalted, TopicMismatch) as problem:
            raise click.ClickException(str(problem)) from None


def _refuse_the_future(url: str, schema: str, position: int) -> None:
    with closing(connect(url, schema, application_name=f"caselog {schema}")) as connection:
        head = head_position(connection)
    if position > head:
        raise click.UsageError(f"the log ends at position {head}")
