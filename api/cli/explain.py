"""`caselog explain`: why a clock is due then, and why work is billed so (SUPPORT_POLICY T8, B5-B9)."""

from collections.abc import Sequence
from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

import click

from api import compose
from api.cli.instant import Instant
from api.cli.month import Month
from api.cli.standing import events_of, standing
from api.cli.words.clocks import clocks_in_words
from api.cli.words.lines import line_in_words
from api.cli.words.statements import statement_in_words
from commands.application import CaselogApplication
from commands.errors import UnknownCustomer, UnknownStatementLine, UnknownSubscription, UnknownTicket
from commands.lookups import Settings
from domain.clocks.explain import History, evolve_history
from domain.recorded import RecordedEvent
from domain.sla_policy import ClockName
from domain.ticket.events import TicketEvent
from infra.config import Config
from infra.logging import configure_logging
from projections.account import account_of, until
from projections.explanation import explanation, tickets_of
from projections.moment import Moment
from projections.statement import statement as statement_at


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
            recorded = events_of(application, case, Moment(as_of=as_of))
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


@explain.command()
@click.argument("customer")
@click.argument("period", type=Month())
@click.argument("entry")
@click.option("--as-of", type=Instant(), help="By what was recorded until that instant (RFC 3339 with an offset).")
def line(customer: str, period: str, entry: str, as_of: datetime | None) -> None:
    """Show why the statement of CUSTOMER for PERIOD bills the work ENTRY so.

    What was said of the entry and of its case, by which rules it is rated, what each grant had left when its turn came,
    and each draw and credit, with the positions of the events behind them.
    """
    configure_logging()
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        desk = compose.prepare(config, url)
        with compose.application(config, url) as application:
            records = _known(_subscription_of(application, customer), as_of)
            cases = [each for case in tickets_of(records, entry) for each in application.read(case)]
    found = explanation(records, _known(cases, as_of), period, entry)
    if found is None:
        raise UnknownStatementLine(f"nothing of an entry {entry!r} is posted in {period}")
    for text in line_in_words(found, desk.currency, ZoneInfo(desk.zone)):
        click.echo(text)


@explain.command()
@click.argument("customer")
@click.argument("period", type=Month())
@click.option("--as-of", type=Instant(), help="By what was recorded until that instant (RFC 3339 with an offset).")
def statement(customer: str, period: str, as_of: datetime | None) -> None:
    """Show how the bill of CUSTOMER for PERIOD comes about: each sum with its parts and the events behind it."""
    configure_logging()
    config = Config.from_environment()
    with compose.database(config, existing=True) as url:
        compose.prepare(config, url)
        with compose.application(config, url) as application, compose.connection_pool(config, url, size=1) as pool:
            now = as_of or compose.clock(config, pool).now()
            account = account_of(_known(_subscription_of(application, customer), as_of))
    if account is None:
        raise UnknownSubscription(f"customer {customer!r} had no subscription by {now.isoformat()}")
    shown = statement_at(account, period, now)
    for text in statement_in_words(shown, shown["figure_positions"]):
        click.echo(text)


def _subscription_of(application: CaselogApplication, customer: str) -> list[RecordedEvent]:
    """Return the events of a customer's subscription. Raises `UnknownCustomer` and `UnknownSubscription`."""
    stream_id = application.event_log.holder("live_subscription", customer)
    if stream_id is None:
        if not application.read(f"customer-{customer}"):
            raise UnknownCustomer(f"there is no customer {customer!r}")
        raise UnknownSubscription(f"customer {customer!r} has no subscription")
    return application.read(stream_id)


def _known(records: Sequence[RecordedEvent], as_of: datetime | None) -> Sequence[RecordedEvent]:
    return records if as_of is None else until(records, as_of)
