"""`caselog project`: the projector alone."""

import click
import psycopg2
import structlog

from api import compose
from api.cli.stopping import run_until_stopped
from infra.config import Config
from infra.logging import configure_logging
from infra.projection.projector import Projector
from infra.reporting.login import PASSWORD_FILE, RoleMissing, reporting_url
from infra.reporting.role import install
from projections.catalogue import VIEWS

log = structlog.get_logger()


@click.command()
def project() -> None:
    """Keep the views up to date; of several that run on one database, one leads and the others stand by."""
    configure_logging("project")
    config = Config.from_environment()
    with compose.database(config) as url:
        compose.prepare(config, url)
        prepare_reporting(url, config)
        with compose.traces(config, "project"):
            run_until_stopped(Projector(url, config.schema, VIEWS), "keeping the views")


def prepare_reporting(url: str, config: Config) -> None:
    """Make the reporting views and their role; what the account may not do is told, and keeps nobody from starting.

    A password that the role has given itself in an embedded server opens nothing any more.
    """
    password_file = config.data_folder / PASSWORD_FILE
    owned = config.database_url is None
    try:
        to_run = install(url, config.schema, owned=owned)
        if owned and password_file.exists():
            reporting_url(url, config.schema, password_file.absolute())
        for statement in to_run:
            log.warning("reporting jobs lack something; an administrator of the database has to run", sql=statement)
    except (psycopg2.Error, RoleMissing, OSError) as error:
        log.warning("the reporting views are not up to date; the next start tries again", error=str(error).strip())
