"""`caselog kafka-project`: a worker that keeps views from the events topic."""

import click

from api import compose
from api.cli.stopping import run_until_stopped
from api.compose_kafka import settings_of
from api.compose_views import other_url
from infra.config import Config
from infra.kafka.workers.source import refuse_total_order
from infra.kafka.workers.worker import Place, Workers
from infra.logging import configure_logging
from infra.postgres.migrations import migrate
from projections.catalogue import VIEWS


@click.command("kafka-project")
@click.argument(
    "views", nargs=-1, required=True, metavar="VIEW...", type=click.Choice(sorted(view.name for view in VIEWS))
)
def kafka_project(views: tuple[str, ...]) -> None:
    """Keep VIEW from the events that `caselog relay` publishes; any number of workers share the partitions.

    The first builds the view anew from the topic, beside the one in use, and readers are switched to it when it has
    caught up; the projector leaves it alone from then on. `caselog rebuild VIEW` brings it back to the log (stop its
    workers first, or the next start takes it again). With CASELOG_VIEWS_URL it lives in that database.
    """
    chosen = [view for view in VIEWS if view.name in views]
    refuse_total_order(chosen)
    configure_logging("kafka-project")
    config = Config.from_environment()
    settings = settings_of(config)
    with compose.database(config) as url:
        compose.prepare(config, url)
        there = other_url(config, url)
        if there is not None:
            migrate(there, config.schema)
        with compose.traces(config, "kafka-project"):
            place = Place(desk=url, views=there or url, schema=config.schema, settings=settings)
            run_until_stopped(Workers(place, chosen), "keeping views from Kafka")
