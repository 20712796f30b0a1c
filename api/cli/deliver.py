"""`caselog deliver`: what sends events to webhooks, alone."""

import signal

import click

from api import compose
from api.cli.stopping import told
from infra.config import Config
from infra.logging import configure_logging
from infra.supervisor import stop_with_supervisor


@click.command()
def deliver() -> None:
    """Send events to webhooks, signed and tried again; of several that run on one database, one leads.

    `caselog webhooks` tells how it goes, docs/webhooks.md what a receiver has to know.
    """
    configure_logging("deliver")
    config = Config.from_environment()
    with compose.database(config) as url:
        compose.prepare(config, url)
        with compose.courier(config, url) as courier:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: courier.request_stop())
            stop_with_supervisor()
            with told("sending to webhooks"):
                courier.run()
