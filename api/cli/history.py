"""`caselog history`: a case, event by event, as it stood at an instant."""

from datetime import datetime
from zoneinfo import ZoneInfo

import click

from api import compose
from api.cli.instant import Instant
from api.cli.sentences import sentence
from commands.errors import UnknownTicket
from domain.recorded import RecordedEvent
from domain.tags import tag_of
from domain.ticket.events import TicketEvent
from domain.ticket.state import Closed, Merged, Open, Resolved, Ticket, Waiting, evolve
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
            stream_id = application.event_log.holder("case_number", case) or f"ticket-{case}"
            recorded = [
                each for each in application.read(stream_id) if as_of is None or each.event.occurred_at <= as_of
            ]
    if not recorded:
        moment = "" if as_of is None else f" at {as_of.isoformat()}"
        raise UnknownTicket(f"there was no case {case}{moment}" if moment else f"there is no case {case}")
    zone = ZoneInfo(desk.zone)
    click.echo(_standing(recorded, zone))
    for each in recorded:
        click.echo(_line(each, zone))


def _standing(recorded: list[RecordedEvent], zone: ZoneInfo) -> str:
    """Tell how the case stood after its events."""
    state: Ticket | None = None
    for each in recorded:
        if isinstance(each.event, TicketEvent):
            state = evolve(state, each.event)
    if state is None:
        raise UnknownTicket(f"{recorded[0].originator_id} holds no case")
    opened = state.case.opened
    worked = sum(entry.duration_seconds for entry in state.case.entries if not entry.voided)
    received = opened.received_at.astimezone(zone)
    return (
        f"{opened.case_number}  {opened.subject.text}\n"
        f"  {_status(state)}, {state.case.urgency} urgency, {state.case.category}, customer {opened.customer_id}\n"
        f"  received {received:%Y-%m-%d %H:%M:%S %Z}, assigned to {state.case.assignee or 'nobody'}, "
        f"{worked // 60} min worked, version {recorded[-1].originator_version}\n"
    )


def _status(state: Ticket) -> str:
    match state:
        case Open():
            return "open"
        case Waiting():
            return f"waiting for the {state.waiting_for}"
        case Resolved():
            return "resolved"
        case Closed():
            return "closed"
        case Merged():
            return f"merged into {state.into_case_number}"


def _line(each: RecordedEvent, zone: ZoneInfo) -> str:
    at = each.event.occurred_at.astimezone(zone)
    tag = tag_of(type(each.event))
    return f"{each.position:>9}  {at:%Y-%m-%d %H:%M:%S %Z}  {tag:<24} {each.metadata.actor:<12} {sentence(each.event)}"
