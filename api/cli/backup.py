"""`caselog backup`: a running desk, put into a file."""

from pathlib import Path
from time import monotonic
from typing import Any, Self

import click
from tqdm import tqdm

from api import compose
from api.cli.stopping import stopped_by_signals
from infra.backup.archive import Manifest
from infra.backup.take import take_backup
from infra.config import Config
from infra.logging import configure_logging

INTERRUPTED = 130


@click.command()
@click.option(
    "--to",
    "file",
    required=True,
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file; no file is replaced.",
)
def backup(file: Path) -> None:
    """Write all of a desk into FILE, while the desk goes on.

    It is the desk as it stood at one position of its log: events, answers to repeated requests, keys, views. The file
    holds what customers wrote, and only its owner may read it. Interrupted, it leaves no file. `caselog restore FILE`
    makes a desk of it again.
    """
    configure_logging("backup")
    config = Config.from_environment()
    began = monotonic()
    try:
        with stopped_by_signals(), compose.database(config, existing=True) as url, Bar("backup", " rows") as bar:
            taken = take_backup(url, config.schema, file, progress=bar.show)
    except KeyboardInterrupt:
        click.echo(f"interrupted: {file} was not written.", err=True)
        raise click.exceptions.Exit(INTERRUPTED) from None
    click.echo(f"{file}: {contents_of(taken.manifest)}; {in_mebibytes(taken.file_bytes)}, {monotonic() - began:.1f} s.")


def contents_of(manifest: Manifest) -> str:
    """Return what is in a backup, in a few words."""
    return (
        f"{manifest.head_position:,} events and the rest of {len(manifest.tables)} tables"
        f" ({in_mebibytes(manifest.bytes)}), as of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    )


def in_mebibytes(count: int) -> str:
    """Return a number of bytes as people read it."""
    return f"{count / 2**20:,.1f} MiB"


class Bar:
    """Progress with the time left, where standard error is a terminal."""

    def __init__(self, doing: str, unit: str, *, unit_scale: bool = False) -> None:
        self._bar: tqdm[Any] = tqdm(
            desc=doing, unit=unit, unit_scale=unit_scale, mininterval=0.2, disable=None, leave=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def show(self, done: int, total: int) -> None:
        """Show how much is done."""
        self._bar.total = total
        self._bar.update(done - self._bar.n)
