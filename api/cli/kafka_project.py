"""`caselog kafka-project`: a worker that keeps views from the events topic."""

from collections.abc import Sequence
from contextlib import closing

import click

from api import compose
from api.cli.stopping import run_until_stopped
from api.compose_kafka import settings_of
from api.compose_views import other_url
from infra.config import Config
from infra.kafka.workers.source import refuse_total_order
from infra.kafka.workers.worker import Site, Workers
from infra.logging import configure_logging
from infra.postgres.migrations import migrate
from infra.postgres.pool import connect
from infra.projection import brought_back
from projections.catalogue import VIEWS
from projections.view import View


@click.command("kafka-project")
@click.argument(
    "views", nargs=-1, required=True, metavar="VIEW...", type=click.Choice(sorted(view.name for view in VIEWS))
)
@click.option(
    "--again", is_flag=True, help="Let Kafka feed VIEW again that was brought back to the log, and end: workers go on."
)
def kafka_project(views: tuple[str, ...], *, again: bool) -> None:
    """Keep VIEW from the events that `caselog relay` publishes; any number of workers share the partitions.

    The first builds the view anew from the topic, beside the one in use, and readers are switched to it when it has
    caught up; the projector leaves it alone from then on. `caselog rebuild VIEW` brings it back to the log; its workers
    leave it alone then, however often they are started, until you say --again. With CASELOG_VIEWS_URL it lives in that
    database.
    """
    chosen = [view for view in VIEWS if view.name in views]
    refuse_total_order(chosen)
    configure_logging("kafka-project")
    config = Config.from_environment()
    settings = None if again else settings_of(config)
    with compose.database(config) as url:
        compose.prepare(config, url)
        there = other_url(config, url)
        if there is not None:
            migrate(there, config.schema)
        if settings is None:
            _let_again(there or url, config.schema, chosen)
            return
        with compose.traces(config, "kafka-project"):
            site = Site(desk=url, views=there or url, schema=config.schema, settings=settings)
            run_until_stopped(Workers(site, chosen), "keeping views from Kafka")


def _let_again(url: str, schema: str, views: Sequence[View]) -> None:
    for view in views:
        with closing(connect(url, schema)) as connection, connection, connection.cursor() as cursor:
            was = brought_back.forget(cursor, view.name)
        click.echo(
            f"{view.name}: Kafka may feed it again; its workers begin within seconds."
            if was
            else f"{view.name}: it was not brought back to the log, so its workers need no word."
        )
