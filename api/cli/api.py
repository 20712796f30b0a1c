"""`caselog api`: the HTTP interface alone."""

import click

from api import compose
from api.cli.stopping import told
from api.http.server import check_port_is_free, serve
from api.keys import revoke_development_keys
from infra.config import Config
from infra.logging import configure_logging
from infra.metrics.exposition import counted_together
from infra.supervisor import stop_with_supervisor


@click.command()
def api() -> None:
    """Serve the HTTP interface on CASELOG_HOST and CASELOG_PORT; any number may run on one database."""
    configure_logging("api")
    config = Config.from_environment()
    stop_with_supervisor()
    with compose.database(config) as url:
        compose.prepare(config, url)
        if config.environment == "production":
            revoke_development_keys(config, url)
        with counted_together() as environment, compose.handed_down(url, environment):
            check_port_is_free(config.host, config.port)
            with told("listening", host=config.host, port=config.port, workers=config.workers):
                serve(config)
