"""Work on a case: one append to the ticket and to the customer's subscription, so that money never trails work."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import uuid_utils

from commands.handlers.personal import personal_or_none
from commands.handlers.streams import subscription_of, ticket_named
from commands.handlers.tickets import facts, ticket_outcome
from commands.lookups import Settings
from commands.outcome import Outcome, PositionOf
from commands.unit_of_work import Stream, UnitOfWork
from domain.subscription import decider as subscriptions
from domain.subscription.commands import RateWork
from domain.subscription.events import Draw, WorkRated, WorkRerated
from domain.subscription.refusals import EntryRatedOtherwise
from domain.subscription.state import Subscription
from domain.ticket import decide as tickets
from domain.ticket.commands import LogWork
from domain.ticket.events import WorkLogged
from domain.ticket.refusals import EntryExists
from domain.ticket.scope import work_class


def log_work(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Record work done (SUPPORT_POLICY B1) and what it draws (B5).

    Result: `entry_id` and `draws`. Refused: `work_in_future`, `entry_exists`, `no_subscription`.
    """
    ticket_stream, ticket = ticket_named(work, data["ticket"])
    entry_id = _entry_id(work, ticket_stream.id, data.get("entry_id"))
    log = LogWork(
        **facts(work, settings),
        entry_id=entry_id,
        agent=data["agent"],
        started_at=data["started_at"],
        duration_seconds=data["duration_seconds"],
        activity=data["activity"],
        note=personal_or_none(data.get("note")),
    )
    ticket_stream.add(tickets.decide(log, ticket))
    subscription = subscription_of(work, ticket.case.customer_id)
    if not any(isinstance(event, WorkLogged) for event in ticket_stream.pending):
        return ticket_outcome(
            ticket_stream, {"entry_id": entry_id, "draws": _draws_of_earlier(work, subscription, entry_id)}
        )
    work.claim("entry", entry_id, ticket_stream.id)
    rate = RateWork(
        now=work.now,
        entry_id=entry_id,
        ticket_id=ticket.case.ticket_id,
        case_number=ticket.case.opened.case_number,
        agent=log.agent,
        started_at=log.started_at,
        duration_seconds=log.duration_seconds,
        work_class=work_class(ticket),
    )
    try:
        subscription.add(subscriptions.decide(rate, subscription.state))
    except EntryRatedOtherwise as refusal:
        # The subscription was read a moment after the ticket, and knows the entry of a rival already.
        raise EntryExists(f"entry {entry_id} was logged with other facts") from refusal
    return ticket_outcome(ticket_stream, {"entry_id": entry_id, "draws": _draws(subscription.pending, entry_id)})


def _entry_id(work: UnitOfWork, stream_id: str, asked: str | None) -> str:
    """Return the id of the entry: the client's, which no other ticket may have taken, or a new one."""
    if asked is None:
        return str(uuid_utils.uuid7())
    if work.holder("entry", asked) not in {None, stream_id}:
        raise EntryExists(f"entry {asked} was logged on another ticket")
    return asked


def _draws(events: Sequence[Any], entry_id: str) -> list[dict[str, Any]]:
    for event in reversed(events):
        if isinstance(event, WorkRated | WorkRerated) and event.entry_id == entry_id:
            return [_draw(draw, [PositionOf(event)]) for draw in event.draws]
    return []


def _draws_of_earlier(work: UnitOfWork, subscription: Stream[Subscription], entry_id: str) -> list[dict[str, Any]]:
    """Return what an entry draws that was logged before: a repeat is answered in full.

    A draw that a rerating left as it was keeps its position; another follows from the rating and from what changed it.
    """
    draws: dict[Draw, list[int | None]] = {}
    rated: int | None = None
    for recorded in work.read(subscription.id):
        event = recorded.event
        if isinstance(event, WorkRated) and event.entry_id == entry_id:
            rated = recorded.position
            draws = {draw: [rated] for draw in event.draws}
        elif isinstance(event, WorkRerated) and event.entry_id == entry_id:
            draws = {draw: draws.get(draw, [rated, recorded.position]) for draw in event.draws}
    return [_draw(draw, positions) for draw, positions in draws.items()]


def _draw(draw: Draw, positions: Sequence[PositionOf | int | None]) -> dict[str, Any]:
    found = {name: value for name, value in msgspec.structs.asdict(draw).items() if value is not None}
    return {**found, "positions": list(positions)}
