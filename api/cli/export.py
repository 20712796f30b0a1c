"""`caselog export`: one case as a file that needs nothing else; and whether such a file is what the log says."""

import json
import os
from datetime import datetime
from pathlib import Path

import click

from api import compose
from api.case_export import Checked, NotAnExport, checked, export_case
from api.cli.export_page import OtherRelease, document_of, is_page, made_by, page_differences, page_of
from api.cli.instant import Instant
from api.cli.schedules import BadFile
from infra.config import Config
from infra.logging import configure_logging
from projections.reading import Json


@click.command()
@click.argument("case", required=False)
@click.option("--format", "form", type=click.Choice(("json", "html")), default="json", show_default=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file to write instead of the output.")
@click.option("--as-of", type=Instant(), help="Only what had happened by that instant (RFC 3339 with an offset).")
@click.option(
    "--verify",
    type=click.Path(path_type=Path),
    help="Compare a file that was exported, of either format, with the log.",
)
def export(case: str | None, form: str, out: Path | None, as_of: datetime | None, verify: Path | None) -> None:
    """Write CASE (a case number or a ticket id) as one JSON document or one page, or verify such a file.

    It holds the case, what was said, its clocks and why, its work and bill, the settings it was judged by, and every
    event with a SHA-256 chain over them. A page is verified as people read it: made again from the log, and compared
    byte by byte. Exit code 1: the file is not what the log says, or a page was made by another release.
    """
    configure_logging()
    if (case is None) == (verify is None):
        raise click.UsageError("give the case to export, or --verify FILE")
    if verify is not None:
        if out is not None or as_of is not None:
            raise click.UsageError("--verify goes without --out and --as-of: the file says as of when")
        _verify(verify)
        return
    text = _rendered(_exported(case or "", as_of), form)
    if out is None:
        click.echo(text, nl=False)
    else:
        _write(out, text)


def _exported(case: str, as_of: datetime | None) -> Json:
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        compose.prepare(config, url)
        with compose.connection_pool(config, url, size=2) as pool:
            now = compose.clock(config, pool).now()
            with pool.connection() as connection:
                return export_case(connection, case, as_of=as_of, now=now)


def _rendered(document: Json, form: str) -> str:
    return page_of(document) if form == "html" else json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _write(out: Path, text: str) -> None:
    """Write the file whole or not at all. Raises `BadFile`."""
    try:
        new = out.with_name(f".{out.name}.{os.getpid()}")
        new.write_text(text, encoding="utf-8")
        new.replace(out)
    except OSError as error:
        raise BadFile(f"{out} cannot be written: {error.strerror}") from error


def _verify(file: Path) -> None:
    """Tell whether a file is what the log says, and end with exit code 1 where it is not, or nobody can say.

    Raises `BadFile`, and `NotAnExport` and `UnknownTicket`.
    """
    try:
        content = file.read_bytes()
        text = content.decode()
    except OSError as error:
        raise BadFile(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{file} cannot be read: it is no text in UTF-8") from error
    try:
        document = document_of(text)
        held = _held_against_log(document)
    except NotAnExport as error:
        raise NotAnExport(f"{file} is no export of a case: {error}") from error
    found, other = list(held.found), ""
    if is_page(text) and held.known is not None:
        try:
            found += page_differences(content, held.known)
        except OtherRelease as error:
            other = (
                f"its visible part was not checked: it was made by another release's pages ({error}, here {made_by()})"
            )
    if found:
        click.echo(f"{file} is not what the log says:")
        for line in found:
            click.echo(f"  {line}")
    elif other:
        click.echo(f"{file} holds a document that is what the log says")
    if other:
        click.echo(f"  {other}; what it shows may be anything")
    if found or other:
        raise click.exceptions.Exit(1)
    events, head = document["integrity"]["events"], document["head_position"]
    click.echo(f"{file} is what the log says: {events} events, up to position {head}")


def _held_against_log(document: Json) -> Checked:
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        compose.prepare(config, url)
        with compose.connection_pool(config, url, size=2) as pool, pool.connection() as connection:
            return checked(connection, document)
