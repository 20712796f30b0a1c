"""`caselog rebuild`: a view, made anew from the log."""

import click
from tqdm import tqdm

from api import compose
from infra.config import Config
from infra.logging import configure_logging
from infra.projection.rebuild import rebuild as rebuild_view
from projections.catalogue import VIEWS


@click.command()
@click.argument("view", type=click.Choice(sorted(view.name for view in VIEWS)))
def rebuild(view: str) -> None:
    """Build VIEW from the first event on, beside the one in use, and switch to it when it has caught up.

    Readers see the old one until then. Interrupted, it leaves the old one in use; the next call goes on with it.
    """
    configure_logging()
    config = Config.from_environment()
    found = next(each for each in VIEWS if each.name == view)
    with compose.database(config, existing=True) as url:
        compose.prepare(config, url)
        with tqdm(desc=view, unit=" events", total=None, mininterval=0.2) as bar:

            def progress(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            build = rebuild_view(url, config.schema, found, progress=progress)
    if build is not None:
        click.echo(f"{view}: build {build.build} is live, at position {build.position}.")
