"""`caselog import`: a CSV event log of another desk, carried out as commands of this one."""

from pathlib import Path
from typing import NoReturn, Self

import click
from tqdm import tqdm

from api import compose
from infra.config import Config
from infra.csv_import.mapping_file import load_mapping
from infra.csv_import.run import Report, run_import
from infra.logging import configure_logging

NOT_ALL = 1
"""Exit code of an import some of whose rows failed."""

SHOWN = 20


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--mapping", "mapping_name", required=True, help="A mapping shipped with Caselog (helpdesk), or a TOML file."
)
@click.option(
    "--errors", type=click.Path(path_type=Path), help="Write every row that failed to this file: line, reason."
)
def import_(file: Path, mapping_name: str, errors: Path | None) -> None:
    """Import the CSV event log FILE.

    Every row becomes commands at the row's own time. Interrupted, it can be called again and goes on; called again
    after its end it adds nothing. A row that cannot be imported is reported with line and reason, and the others go on:
    then the exit code is 1.
    """
    configure_logging()
    config = Config.from_environment()
    mapping = load_mapping(mapping_name)
    with compose.database(config) as url:
        compose.prepare(config, url)
        with (
            compose.application(config, url) as application,
            compose.connection_pool(config, url, size=4) as pool,
            _Bar() as bar,
        ):
            report = run_import(
                file,
                mapping,
                application=application,
                pool=pool,
                clock=compose.clock(config, pool),
                progress=bar.show,
            )
    _tell(report, errors)
    if report.failures:
        raise click.exceptions.Exit(NOT_ALL)


class _Bar:
    """A progress bar that begins anew for each thing that is being done."""

    def __init__(self) -> None:
        self._doing: str | None = None
        self._bar: tqdm[NoReturn] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def show(self, doing: str, done: int, total: int) -> None:
        """Show how much is done."""
        bar = self._bar
        if doing != self._doing or bar is None:
            self._close()
            self._doing = doing
            reading = doing == "reading"
            bar = self._bar = tqdm(
                desc=doing, total=total, unit="B" if reading else " rows", unit_scale=reading, disable=None
            )
        bar.total = total
        bar.update(done - bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _tell(report: Report, errors: Path | None) -> None:
    click.echo(
        f"{report.name}: {report.rows} rows: {report.imported} imported now, {report.done_before} before,"
        f" {len(report.failures)} failed; {report.cases} cases of {report.customers} customers."
    )
    for remark in report.remarks:
        click.echo(f"  {remark}")
    for failure in report.failures[:SHOWN]:
        click.echo(f"  line {failure.line}: {failure.reason}", err=True)
    if len(report.failures) > SHOWN:
        click.echo(f"  … and {len(report.failures) - SHOWN} more (--errors FILE has all)", err=True)
    if errors is not None:
        errors.write_text("".join(f"{each.line}\t{each.reason}\n" for each in report.failures), encoding="utf-8")
