"""`caselog reporting-url`: with what a reporting job connects."""

from pathlib import Path

import click
import psycopg2.errors

from api import compose
from infra.config import Config
from infra.logging import configure_logging
from infra.reporting.login import PASSWORD_FILE, RoleMissing, reporting_url
from infra.reporting.role import install
from infra.reporting.views import reporting_schema

UNAVAILABLE = 3


@click.command("reporting-url")
@click.option(
    "--password-file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the role's password in this file, which only its owner can read; it is made when missing.",
)
def reporting_url_command(password_file: Path | None) -> None:
    """Show the connection URL of the role that reads the reporting views, and no other data (docs/reporting.md).

    The URL names a file with the password, never the password: it may stand in an environment or a list of processes.
    At an embedded desk the file is `reporting-pgpass` in the data folder. At a server of your own give
    --password-file, or give the role a password there. Where the desk's account may not make the role, the statements
    to run are shown, and the exit code is 3.
    """
    configure_logging()
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        compose.prepare(config, url)
        to_run = install(url, config.schema, owned=config.database_url is None)
        if config.database_url is None:
            password_file = password_file or config.data_folder / PASSWORD_FILE
        try:
            shown = reporting_url(url, config.schema, password_file and password_file.absolute())
        except RoleMissing:
            shown = None
        except psycopg2.errors.InsufficientPrivilege as error:
            raise click.ClickException(
                f"the desk's account may not give {reporting_schema(config.schema)} a password: an administrator does, "
                "and the URL is shown without --password-file"
            ) from error
    if to_run:
        click.echo("An administrator of the database has to run:", err=True)
        for statement in to_run:
            click.echo(f"{statement};")
    if shown is None or to_run:
        raise click.exceptions.Exit(UNAVAILABLE)
    click.echo(shown)
