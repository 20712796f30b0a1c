"""`caselog history`: a case, event by event, as it stood at an instant, a version or a position of the log."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click

from api import compose
from api.cli.instant import Instant
from api.cli.standing import events_of, standing
from api.cli.words.instants import clock_time
from api.cli.words.sentences import sentence
from domain.recorded import RecordedEvent
from domain.tags import tag_of
from infra.config import Config
from infra.logging import configure_logging
from projections.moment import Moment


@click.command()
@click.argument("case")
@click.option("--as-of", type=Instant(), help="Only what had happened by that instant (RFC 3339 with an offset).")
@click.option("--version", type=click.IntRange(min=1), help="Only the case's first events, up to that version.")
@click.option("--position", type=click.IntRange(min=1), help="Only what the log held at that position.")
def history(case: str, as_of: datetime | None, version: int | None, position: int | None) -> None:
    """Show CASE (a case number or a ticket id): how it stood, and every event with its place in the log.

    At most one of the options says as of when.
    """
    configure_logging()
    moment = one_moment(as_of=as_of, version=version, position=position)
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        desk = compose.prepare(config, url)
        with compose.application(config, url) as application:
            recorded = events_of(application, case, moment)
    zone = ZoneInfo(desk.zone)
    click.echo(standing(recorded, zone))
    for each in recorded:
        click.echo(event_line(each, zone))


def one_moment(*, as_of: datetime | None, version: int | None, position: int | None) -> Moment:
    """Return what the options say; refuses more than one of them."""
    given = {"--as-of": as_of, "--version": version, "--position": position}
    named = [option for option, value in given.items() if value is not None]
    if len(named) > 1:
        raise click.UsageError(f"{' and '.join(named)} each say as of when: give one of them")
    return Moment(as_of=as_of, version=version, position=position)


def event_line(each: RecordedEvent, zone: ZoneInfo) -> str:
    """Return an event with its place in the log in one line."""
    at, tag = clock_time(each.event.occurred_at, zone), tag_of(type(each.event))
    return f"{each.position:>9}  {at}  {tag:<24} {each.metadata.actor:<12} {sentence(each.event, zone)}"
