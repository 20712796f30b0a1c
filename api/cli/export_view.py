"""`caselog export-view`: a reporting view as a file."""

from pathlib import Path
from typing import Any, cast, get_args

import click
from tqdm import tqdm

from api import compose
from api.cli.stopping import stopped_by_signals
from infra.config import Config
from infra.logging import configure_logging
from infra.reporting.export import Format, export_view, row_count
from projections.reporting.catalogue import REPORTING_VIEWS

_BY_SUFFIX = {"": "parquet", ".parquet": "parquet", ".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}
_VIEWS = {view.name: view for view in REPORTING_VIEWS}


@click.command("export-view")
@click.argument("view", type=click.Choice(list(_VIEWS)), metavar="VIEW")
@click.option("--to", "path", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
@click.option(
    "--format",
    "form",
    type=click.Choice(get_args(Format)),
    help="Left out, it goes by the ending of the file's name; parquet where it has none.",
)
def export_view_command(view: str, path: Path, form: str | None) -> None:
    """Write the reporting view VIEW to a file: all of it, at one moment (docs/reporting.md lists the views).

    The file takes its place when it is complete; interrupted, nothing is left and a former one stays. Parquet names
    the position of the log that it stands at. CASELOG_DATABASE_URL may be the URL of the role of reporting jobs.
    """
    configure_logging()
    chosen = cast("Format | None", form or _BY_SUFFIX.get(path.suffix.lower()))
    if chosen is None:
        endings = ", ".join(ending for ending in _BY_SUFFIX if ending)
        raise click.BadParameter(
            f"{path.name} does not tell a format: end it with one of {endings}, or name one with --format",
            param_hint="--to",
        )
    config = Config.from_environment()
    with (
        compose.database(config, existing=True) as url,
        stopped_by_signals(),
        tqdm(desc=view, unit=" rows", mininterval=0.2, disable=None, leave=False) as bar,
    ):
        if not bar.disable:
            bar.reset(row_count(url, config.schema, _VIEWS[view]))
        exported = export_view(url, config.schema, _VIEWS[view], path, chosen, _adding_to(bar))
    click.echo(f"{view}: {exported.rows:,} rows at position {exported.position} in {path}.")


def _adding_to(bar: "tqdm[Any]") -> Any:
    def add(rows: int) -> None:
        bar.update(rows)

    return add
