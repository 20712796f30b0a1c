"""`caselog config`: what the environment says."""

import click

from infra.config import Config
from infra.config_meanings import MEANINGS


@click.command()
@click.option("--check", is_flag=True, help="Only tell whether it is right: exit code 0, or 2 with every reason.")
def config(check: bool) -> None:
    """Show every CASELOG_… variable: its value in force, and what it is for. No secret is shown."""
    described = Config.from_environment(try_folder=check).described()
    if check:
        click.echo("the configuration is sound")
        return
    width = max(map(len, described))
    for variable, value in described.items():
        click.echo(f"{variable:<{width}}  {value or '-'}")
        click.echo(f"{'':<{width}}    {MEANINGS[variable]}")
