"""`caselog timekeeper`: the timekeeper and the policies alone."""

import click

from api import compose, compose_commands
from api.cli.stopping import run_until_stopped
from infra.config import Config
from infra.logging import configure_logging


@click.command()
def timekeeper() -> None:
    """Record what falls due by itself, and let policies react to what happened.

    That is: missed service levels, reminders, months that begin and hours that expire; cases told of an incident's end,
    notices of what is used up.

    Of several that run on one database, one leads and the others stand by.
    """
    configure_logging("timekeeper")
    config = Config.from_environment()
    with compose.database(config) as url:
        compose.prepare(config, url)
        with compose_commands.timekeeper(config, url) as keeper:
            run_until_stopped(keeper, "recording what falls due")
