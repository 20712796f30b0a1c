"""`caselog project`: the projector alone."""

import signal

import click

from api import compose
from infra.config import Config
from infra.logging import configure_logging
from infra.projection.projector import Projector
from infra.supervisor import stop_with_supervisor
from projections.catalogue import VIEWS


@click.command()
def project() -> None:
    """Keep the views up to date; of several that run on one database, one leads and the others stand by."""
    configure_logging("project")
    config = Config.from_environment()
    with compose.database(config) as url:
        compose.prepare(config, url)
        projector = Projector(url, config.schema, VIEWS)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: projector.request_stop())
        stop_with_supervisor()
        with compose.traces(config, "project"):
            projector.run()
