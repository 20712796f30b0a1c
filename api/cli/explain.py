"""`caselog explain`: why a clock is due then, and why work is billed so (SUPPORT_POLICY T8, B5-B9)."""

from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

import click

from api import compose
from api.cli.clock_words import clocks_in_words
from api.cli.instant import Instant
from api.cli.standing import events_of, standing
from commands.errors import UnknownTicket
from commands.lookups import Settings
from domain.clocks.explain import History, evolve_history
from domain.sla_policy import ClockName
from domain.ticket.events import TicketEvent
from infra.config import Config
from infra.logging import configure_logging


@click.group()
def explain() -> None:
    """Tell in words how something came about, with the events behind it by their positions in the log."""


@explain.command()
@click.argument("case")
@click.option("--clock", "only", type=click.Choice(get_args(ClockName)), help="This clock only.")
@click.option("--as-of", type=Instant(), help="As it stood at that instant (RFC 3339 with an offset).")
def due(case: str, only: ClockName | None, as_of: datetime | None) -> None:
    """Show why the clocks of CASE (a case number or a ticket id) are due then, or are judged so.

    Each stretch of time has its length and, where it counts, the sum so far; what lies ahead up to the due instant
    follows. The events that began a stretch are named by their positions in the log.
    """
    configure_logging()
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        desk = compose.prepare(config, url)
        with compose.application(config, url) as application, compose.connection_pool(config, url, size=1) as pool:
            now = as_of or compose.clock(config, pool).now()
            recorded = events_of(application, case, as_of)
            levels, _ = Settings(application).service_levels()
    zone = ZoneInfo(desk.zone)
    history: History | None = None
    for each in recorded:
        if isinstance(each.event, TicketEvent):
            history = evolve_history(history, each.event, each.position or 0)
    if history is None:
        raise UnknownTicket(f"{recorded[0].originator_id} holds no case")
    click.echo(standing(recorded, zone))
    lines = list(clocks_in_words(history, levels.calendars, now, zone, only))
    click.echo("\n".join(lines).rstrip() or f"it has no {only} so far")
