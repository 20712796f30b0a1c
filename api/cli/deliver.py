"""`caselog deliver`: what sends events to webhooks, alone."""

import click

from api import compose, compose_commands
from api.cli.stopping import run_until_stopped
from infra.config import Config
from infra.logging import configure_logging


@click.command()
def deliver() -> None:
    """Send events to webhooks, signed and tried again; of several that run on one database, one leads.

    `caselog webhooks` tells how it goes, docs/webhooks.md what a receiver has to know.
    """
    configure_logging("deliver")
    config = Config.from_environment()
    with compose.database(config) as url:
        compose.prepare(config, url)
        with compose_commands.courier(config, url) as courier:
            run_until_stopped(courier, "sending to webhooks")
