"""`caselog close-months`: the months that have ended are closed, for all customers."""

import click
from tqdm import tqdm

from api import compose
from api.cli.month import Month
from commands.dispatch import Dispatcher
from commands.handlers.catalogue import HANDLERS
from domain.rating.months import month_of
from infra.config import Config
from infra.logging import configure_logging
from infra.month_close import CloseReport, close_months

NOT_ALL = 1
"""Exit code where some month could not be closed."""

SHOWN = 20


@click.command("close-months")
@click.option("--through", type=Month(), help="Close no month after this one (default: the last that has ended).")
def close_months_command(through: str | None) -> None:
    """Close the months that have ended, of all customers.

    What stands in a closed month stands for ever; what is said of it later is settled in the next. Interrupted, it can
    be called again and goes on; called again after its end it changes nothing. A customer whose month cannot be closed
    is reported with the reason, and the others go on: then the exit code is 1.
    """
    configure_logging()
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        desk = compose.prepare(config, url)
        with compose.application(config, url) as application, compose.connection_pool(config, url, size=2) as pool:
            clock = compose.clock(config, pool)
            if through is not None and through >= month_of(clock.now(), desk.zone):
                raise click.UsageError(f"{through} has not ended in {desk.zone}")
            with tqdm(desc="closing", unit=" customers", disable=None) as bar:

                def progress(done: int, total: int) -> None:
                    bar.total = total
                    bar.update(done - bar.n)

                report = close_months(
                    application=application,
                    dispatcher=Dispatcher(application, clock, HANDLERS),
                    pool=pool,
                    clock=clock,
                    through=through,
                    progress=progress,
                )
    _tell(report)
    if report.failures:
        raise click.exceptions.Exit(NOT_ALL)


def _tell(report: CloseReport) -> None:
    click.echo(f"{report.closed} months closed, of {report.customers} customers; {len(report.failures)} failed.")
    for failure in report.failures[:SHOWN]:
        click.echo(f"  {failure.customer_id} {failure.month}: {failure.reason}", err=True)
    if len(report.failures) > SHOWN:
        click.echo(f"  … and {len(report.failures) - SHOWN} more", err=True)
