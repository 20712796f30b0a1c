"""`caselog report`: what is told regularly, as files."""

from datetime import date, datetime
from pathlib import Path

import click
from tqdm import tqdm

from api import compose
from api.cli.month import Month
from api.cli.stopping import stopped_by_signals
from infra.config import Config
from infra.logging import configure_logging
from infra.reporting.sla_figures import sla_figures
from infra.reporting.sla_plots import plotting
from infra.reporting.sla_report import write_sla_report
from infra.reporting.statement_run import INDEX, StatementRun, run_statements

DIFFERS = 1
"""Exit code where statements are not what the ledger has."""

SHOWN = 20


@click.group()
def report() -> None:
    """Reports over the reporting views, each of one moment (docs/reporting.md).

    CASELOG_DATABASE_URL may be the URL of the role of reporting jobs.
    """
    configure_logging()


@report.command("statements")
@click.option("--month", required=True, type=Month(), help="The month, such as 2026-11.")
@click.option("--to", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder.")
def statements(month: str, folder: Path) -> None:
    """Write the month's statement of every customer into a folder: a file each, and an index with the totals.

    The totals are compared with the ledger; exit code 1 if they differ. A file that says the same already is left as it
    is. The index is written last: a run that was interrupted has none, and the same command goes on.
    """
    config = Config.from_environment()
    with (
        compose.database(config, existing=True) as url,
        stopped_by_signals(),
        tqdm(desc="statements", unit=" customers", disable=None, leave=False) as bar,
    ):

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        run = run_statements(url, config.schema, month, folder, progress)
    _tell_statements(run, folder)
    if not run.equals_ledger:
        raise click.exceptions.Exit(DIFFERS)


_DAY = click.DateTime(["%Y-%m-%d"])
MOST_DAYS = 3660


@report.command("sla")
@click.option("--from", "first", required=True, type=_DAY, help="The first day, such as 2026-11-01.")
@click.option("--to", "last", required=True, type=_DAY, help="The last day.")
@click.option(
    "--to-folder", "folder", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder."
)
@click.option("--plots/--no-plots", default=True, help="Pictures, by matplotlib (the extra `plots`).")
def sla(first: datetime, last: datetime, folder: Path, *, plots: bool) -> None:
    """Write how service levels were kept from one day to another, both included, in the desk's zone.

    One page that needs nothing else, and a CSV behind each of its pictures: attainment by clock and urgency, backlog
    over time, age of open cases, workload by agent and team.
    """
    begin, end = first.date(), last.date()
    if not 0 <= (end - begin).days < MOST_DAYS:
        raise click.UsageError(f"--to must not be before --from, nor {MOST_DAYS:,} days or more after it")
    if plots:
        plotting()
    config = Config.from_environment()
    with compose.database(config, existing=True) as url, stopped_by_signals():
        figures = sla_figures(url, config.schema, begin, end)
        *tables, page = write_sla_report(figures, folder, plots=plots)
    click.echo(f"{_days(begin, end)} as of position {figures.position}: {page}, and {len(tables)} tables beside it.")


def _days(first: date, last: date) -> str:
    return f"{first}" if first == last else f"{first} to {last}"


def _tell_statements(run: StatementRun, folder: Path) -> None:
    count = run.written + run.unchanged
    if not count:
        click.echo(f"{run.month}: no customer has a statement, as of position {run.position}.")
        return
    owed = ", ".join(f"{cents / 100:,.2f} {currency}" for currency, cents in sorted(run.owed_cents.items()))
    still_open = f", {run.still_open} still open" if run.still_open else ""
    click.echo(
        f"{run.month}: {count} statement{'s' if count > 1 else ''}{still_open}: {run.written} written, {run.unchanged}"
        f" as before; {owed} owed as of position {run.position}. {folder / INDEX}"
    )
    if not run.equals_ledger:
        click.echo(
            f"The ledger has {run.ledger_cents / 100:,.2f}: `caselog rebuild ledger` and `rebuild subscription` tell"
            f" which view is wrong. Customers: {', '.join(run.differing[:SHOWN]) or 'none that has a statement'}",
            err=True,
        )
