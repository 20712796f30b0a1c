"""`caselog config`: what the environment says."""

import click

from infra.config import MEANINGS, Config


@click.command()
def config() -> None:
    """Show every CASELOG_… variable: its value in force, and what it is for. No secret is shown."""
    described = Config.from_environment().described()
    width = max(map(len, described))
    for variable, value in described.items():
        click.echo(f"{variable:<{width}}  {value or '-'}")
        click.echo(f"{'':<{width}}    {MEANINGS[variable]}")
