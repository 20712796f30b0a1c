"""Work on a case: one append to the ticket and to the customer's subscription, so that money never trails work."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import uuid_utils

from commands.handlers.personal import personal, personal_or_none
from commands.handlers.settlement import settle_work
from commands.handlers.streams import subscription_of, ticket_named
from commands.handlers.tickets import facts, ticket_outcome
from commands.lookups import Settings
from commands.outcome import Outcome, PositionOf
from commands.unit_of_work import Stream, UnitOfWork
from domain.event import Event
from domain.subscription import decider as subscriptions
from domain.subscription.commands import RateWork
from domain.subscription.events import Credit, Draw, PendingWorkCarriedOver, WorkRated, WorkRerated, WorkRevised
from domain.subscription.refusals import EntryRatedOtherwise
from domain.subscription.state import Subscription
from domain.ticket import decide as tickets
from domain.ticket.commands import CorrectWork, LogWork, VoidWork
from domain.ticket.events import WorkLogged
from domain.ticket.refusals import EntryExists
from domain.ticket.scope import work_facts
from domain.ticket.state import Ticket


def log_work(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Record work done (SUPPORT_POLICY B1) and what it draws (B5).

    Result: `entry_id`, `draws` and `credits` (none yet). Refused: `work_in_future`, `entry_exists`, `no_subscription`.
    """
    ticket_stream, ticket = ticket_named(work, data["ticket"])
    entry_id = _entry_id(work, ticket_stream, data.get("entry_id"))
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
        return _entry_outcome(work, ticket_stream, subscription, entry_id)
    work.claim("entry", entry_id, ticket_stream.id)
    after = ticket_stream.state
    assert after is not None  # noqa: S101 - it has just taken an event
    standing = work_facts(after)[entry_id]
    rate = RateWork(
        now=work.now,
        entry_id=entry_id,
        ticket_id=standing.ticket_id,
        case_number=standing.case_number,
        agent=log.agent,
        started_at=log.started_at,
        duration_seconds=standing.duration_seconds,
        work_class=standing.work_class,
        purpose=standing.purpose,
    )
    try:
        subscription.add(subscriptions.decide(rate, subscription.state))
    except EntryRatedOtherwise as refusal:
        # The subscription was read a moment after the ticket, and knows the entry of a rival already.
        raise EntryExists(f"entry {entry_id} was logged with other facts") from refusal
    made = {"entry_id": entry_id, "draws": _draws_made(subscription.pending, entry_id), "credits": []}
    return ticket_outcome(ticket_stream, made)


def correct_work(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Say how long an entry really took (B1), and settle the difference (B7, B8).

    Result: `entry_id`, its `draws`, and `credits`, what is given back of those of closed months.

    Refused: `unknown_entry`, `entry_void`, `work_in_future`.
    """
    command = CorrectWork(
        **facts(work, settings),
        entry_id=data["entry_id"],
        duration_seconds=data["duration_seconds"],
        reason=personal(data["reason"]),
    )
    return _changed_entry(work, data["ticket"], command)


def void_work(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Say that an entry should not have been logged (B1), and give back what it drew. Result as of `correct_work`.

    Refused: `unknown_entry`.
    """
    command = VoidWork(**facts(work, settings), entry_id=data["entry_id"], reason=personal(data["reason"]))
    return _changed_entry(work, data["ticket"], command)


def _changed_entry(work: UnitOfWork, name: str, command: CorrectWork | VoidWork) -> Outcome:
    stream, before = ticket_named(work, name)
    stream.add(tickets.decide(command, before))
    settle_work(work, (before, stream))
    return _entry_outcome(work, stream, subscription_of(work, before.case.customer_id), command.entry_id)


def _entry_id(work: UnitOfWork, stream: Stream[Ticket], asked: str | None) -> str:
    """Return the id of the entry: the client's, which no other ticket may have taken, or a new one."""
    if asked is None:
        return str(uuid_utils.uuid7())
    case = None if stream.state is None else stream.state.case
    known = case is not None and any(asked == entry.entry_id for entry in (*case.entries, *case.moved_away))
    if not known and work.holder("entry", asked) not in {None, stream.id}:
        raise EntryExists(f"entry {asked} was logged on another ticket")
    return asked


def _entry_outcome(
    work: UnitOfWork, stream: Stream[Ticket], subscription: Stream[Subscription], entry_id: str
) -> Outcome:
    return ticket_outcome(stream, {"entry_id": entry_id, **_standing(work, subscription, entry_id)})


def _draws_made(events: Sequence[Any], entry_id: str) -> list[dict[str, Any]]:
    """Return what an entry draws that these events rate."""
    for event in reversed(events):
        if isinstance(event, WorkRated) and event.entry_id == entry_id:
            return [_part(draw, [PositionOf(event)]) for draw in event.draws]
    return []


def _standing(work: UnitOfWork, subscription: Stream[Subscription], entry_id: str) -> dict[str, Any]:
    """Return an entry's `draws` and `credits`, by the log and by what was just decided, oldest posting month first.

    A draw that a later event left as it was keeps its positions; another follows from the facts (the rating and the
    last revision) and from that event, as in the view of work entries. A credit follows from the draw that it takes
    back, and from the event that gave it.
    """
    draws: dict[str, dict[Draw, list[Any]]] = {}
    credits_: dict[str, dict[Credit, list[Any]]] = {}
    facts_at: list[Any] = []
    for event, position in _with_places(work, subscription):
        match event:
            case WorkRated(entry_id=entry) if entry == entry_id:
                facts_at = [position]
                draws[event.month] = dict.fromkeys(event.draws, facts_at)
            case WorkRerated(entry_id=entry) | WorkRevised(entry_id=entry) if entry == entry_id:
                stood = draws.get(event.month, {})
                behind = facts_at[:1] if isinstance(event, WorkRevised) else facts_at
                made_at = [*behind, position]
                draws[event.month] = {draw: stood.get(draw, made_at) for draw in event.draws}
                if isinstance(event, WorkRevised):
                    facts_at = made_at
                    given = credits_.get(event.month, {})
                    credits_[event.month] = {
                        each: given.get(each) or [*_taken_back(draws, each), position] for each in event.credits
                    }
            case PendingWorkCarriedOver(entry_id=entry) if entry == entry_id:
                draws.pop(event.from_month, None)
                draws[event.month] = {draw: [*facts_at, position] for draw in event.draws}
            case _:
                pass
    return {"draws": _by_month(draws), "credits": _by_month(credits_)}


def _taken_back(draws: Mapping[str, Mapping[Draw, list[Any]]], credit: Credit) -> list[Any]:
    """Return the positions of the draw that a credit takes back."""
    taken = (credit.source, credit.pack_id, credit.month)
    frozen = draws.get(credit.posted_month, {})
    return next((at for draw, at in frozen.items() if (draw.source, draw.pack_id, draw.month) == taken), [])


def _by_month(parts: Mapping[str, Mapping[Draw, list[Any]] | Mapping[Credit, list[Any]]]) -> list[dict[str, Any]]:
    return [_part(part, places) for _, posted in sorted(parts.items()) for part, places in posted.items()]


def _with_places(work: UnitOfWork, stream: Stream[Any]) -> Iterator[tuple[Event, Any]]:
    """Yield the events of a stream with their positions, those just decided with what stands for them."""
    for recorded in work.read(stream.id)[: stream.loaded_version]:
        yield recorded.event, recorded.position
    for event in stream.pending:
        yield event, PositionOf(event)


def _part(part: Draw | Credit, positions: Sequence[PositionOf | int | None]) -> dict[str, Any]:
    found = {name: value for name, value in msgspec.structs.asdict(part).items() if value is not None}
    return {**found, "positions": list(positions)}
