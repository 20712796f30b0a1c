"""`caselog relay`: what publishes the log to Kafka, alone."""

from contextlib import closing

import click
from kafka.errors import KafkaError

from api import compose
from api.cli.stopping import run_until_stopped
from api.compose_kafka import settings_of
from infra.config import Config
from infra.feed import head_position
from infra.kafka.failures import cause_of, reasons_kept, sentence_of
from infra.kafka.relay.checkpoint import RelayHalted
from infra.kafka.relay.relay import Relay
from infra.kafka.relay.resetting import NoSuchPosition, RelayLeads, resetting
from infra.kafka.settings import KafkaSettings
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
@click.option(
    "--reset-to",
    type=_POSITION,
    metavar="N",
    help="Set the relay to this position of the log, and end. Readers get events twice by that, or never.",
)
@click.option("--yes", is_flag=True, help="Do not ask before --reset-to.")
def relay(from_position: int | None, reset_to: int | None, yes: bool) -> None:
    """Publish every event of the log to Kafka, once and in order; of several that run on one database, one leads.

    It ends with exit code 1 where topics are not as they have to be, or the log is not the one that was published;
    a broker that cannot be reached is waited for. docs/adr/0102-relay.md tells how it keeps its word.
    """
    if from_position is not None and reset_to is not None:
        raise click.UsageError("--from-position is for a new topic, --reset-to for one that has begun: not both")
    configure_logging("relay")
    config = Config.from_environment()
    settings = settings_of(config)
    with compose.database(config) as url:
        compose.prepare(config, url)
        try:
            if reset_to is not None:
                _reset(url, config.schema, settings, reset_to, yes=yes)
                return
            if from_position is not None:
                _refuse_the_future(url, config.schema, from_position)
            run_until_stopped(Relay(url, config.schema, settings, begin_after=from_position), "relaying")
        except (RelayHalted, TopicMismatch, RelayLeads) as problem:
            raise click.ClickException(str(problem)) from None


def _reset(url: str, schema: str, settings: KafkaSettings, position: int, *, yes: bool) -> None:
    with reasons_kept() as reasons:
        try:
            with resetting(url, schema, settings) as reset:
                try:
                    click.echo(reset.consequences(position))
                except NoSuchPosition as problem:
                    raise click.UsageError(str(problem)) from None
                if not yes:
                    click.confirm("Set it?", abort=True)
                reset.write(position)
        except KafkaError as error:
            raise click.ClickException(sentence_of(cause_of(error, reasons))) from None
    click.echo(f"The relay goes on after position {position}.")


def _refuse_the_future(url: str, schema: str, position: int) -> None:
    with closing(connect(url, schema, application_name=f"caselog {schema}")) as connection:
        head = head_position(connection)
    if position > head:
        raise click.UsageError(f"the log ends at position {head}")
