"""`caselog diff`: what changed on a case between two moments, in words."""

from typing import Any
from zoneinfo import ZoneInfo

import click

from api import compose
from api.cli.instant import Instant
from api.cli.words.differences import difference_in_words
from api.differences import Backwards, case_difference
from infra.config import Config
from infra.logging import configure_logging
from projections.moment import Moment


@click.command()
@click.argument("case")
@click.option("--from", "begin", type=Instant(), help="The earlier instant (RFC 3339 with an offset).")
@click.option("--to", "end", type=Instant(), help="The later instant; without it, now.")
@click.option("--from-version", type=click.IntRange(min=1), help="Instead: the earlier version of the case.")
@click.option("--to-version", type=click.IntRange(min=1), help="With --from-version; without it, now.")
@click.option("--from-position", type=click.IntRange(min=0), help="Instead: the earlier position of the log.")
@click.option("--to-position", type=click.IntRange(min=0), help="With --from-position; without it, now.")
def diff(case: str, **options: Any) -> None:
    """Show what changed on CASE (a case number or a ticket id) between two moments, and which events did it.

    Instants go by when things happened, not by when they were recorded.
    """
    configure_logging()
    begin, end = _moments(options)
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        desk = compose.prepare(config, url)
        with compose.connection_pool(config, url, size=2) as pool:
            now = compose.clock(config, pool).now()
            with pool.connection() as connection:
                try:
                    found = case_difference(connection, case, begin, end, now)
                except Backwards as error:
                    raise click.UsageError(f"the first moment must not be after the second: {error}") from error
    for line in difference_in_words(found, ZoneInfo(desk.zone), desk.currency):
        click.echo(line)


def _moments(options: dict[str, Any]) -> tuple[Moment, Moment]:
    pairs = {
        "--from": ("as_of", "begin", "end", "--to"),
        "--from-version": ("version", "from_version", "to_version", "--to-version"),
        "--from-position": ("position", "from_position", "to_position", "--to-position"),
    }
    given = [name for name, (_, first, last, _) in pairs.items() if not options[first] is options[last] is None]
    if len(given) != 1:
        wrong = "it needs --from, --from-version or --from-position" if not given else f"{' and '.join(given)} exclude"
        raise click.UsageError(wrong if not given else f"{wrong} each other")
    kind, first, last, to = pairs[given[0]]
    begin, end = options[first], options[last]
    if begin is None:
        raise click.UsageError(f"{to} needs {given[0]}")
    if end is not None and end < begin:
        raise click.UsageError(f"{given[0]} must not be after {to}")
    return Moment(**{kind: begin}), Moment(**{kind: end})
