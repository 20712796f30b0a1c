"""`caselog history`: a case, event by event, as it stood at an instant."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click

from api import compose
from api.cli.instant import Instant
from api.cli.sentences import sentence
from api.cli.standing import events_of, standing
from domain.recorded import RecordedEvent
from domain.tags import tag_of
from infra.config import Config
from infra.logging import configure_logging


@click.command()
@click.argument("case")
@click.option("--as-of", type=Instant(), help="Only what had happened by that instant (RFC 3339 with an offset).")
def history(case: str, as_of: datetime | None) -> None:
    """Show CASE (a case number or a ticket id): how it stood, and every event with its place in the log."""
    configure_logging()
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        desk = compose.prepare(config, url)
        with compose.application(config, url) as application:
            recorded = events_of(application, case, as_of)
    zone = ZoneInfo(desk.zone)
    click.echo(standing(recorded, zone))
    for each in recorded:
        click.echo(_line(each, zone))


def _line(each: RecordedEvent, zone: ZoneInfo) -> str:
    at = each.event.occurred_at.astimezone(zone)
    tag = tag_of(type(each.event))
    return f"{each.position:>9}  {at:%Y-%m-%d %H:%M:%S %Z}  {tag:<24} {each.metadata.actor:<12} {sentence(each.event)}"
