"""Split and merge: one append to both cases and to the customer's subscription (SUPPORT_POLICY R3, T9)."""

from collections.abc import Mapping, Sequence
from typing import Any

import uuid_utils

from commands.handlers.personal import personal
from commands.handlers.settlement import settle_work
from commands.handlers.streams import EVOLVE_TICKET, surviving_ticket, ticket_named
from commands.handlers.tickets import facts, ticket_outcome
from commands.lookups import Settings
from commands.outcome import Outcome
from commands.unit_of_work import Stream, UnitOfWork
from domain.clocks import fold as clock_fold
from domain.clocks.state import Clocks
from domain.ticket.events import TicketEvent
from domain.ticket.merge import MergeTicket, merge
from domain.ticket.moving import standing_replies
from domain.ticket.refusals import SameTicket
from domain.ticket.split import SplitTicket, split
from domain.ticket.state import Ticket

Placed = Sequence[tuple[int, TicketEvent]]
"""Events of a case, each with its position in the log."""


def split_ticket(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Take a topic out of a case into a new one. Result: `ticket_id` and `case_number` of the new case.

    Refused: `ticket_closed`, `ticket_resolved`, `unknown_entry`, `unknown_reply`, `ruling_pending`.
    """
    stream, source = ticket_named(work, data["ticket"])
    placed = _placed(work, stream)
    ticket_id = str(uuid_utils.uuid7())
    case_number = work.next_case_number()
    new: Stream[Ticket] = work.stream(
        f"ticket-{ticket_id}", EVOLVE_TICKET, customer_id=source.case.customer_id, is_new=True
    )
    work.claim("case_number", case_number, new.id)
    command = SplitTicket(
        **facts(work, settings),
        ticket_id=ticket_id,
        case_number=case_number,
        subject=personal(data["subject"]),
        description=personal(data["description"]),
        category=data["category"],
        entry_ids=tuple(data.get("entry_ids", ())),
        reply_positions=tuple(data.get("reply_positions", ())),
        clocks=_clocks(placed, source.case.clocks),
        replies=standing_replies(placed),
    )
    parted = split(command, source)
    stream.add(parted.source)
    new.add(parted.new)
    settle_work(work, (source, stream), (None, new))
    return Outcome(
        stream=new,
        location=f"/v1/tickets/{ticket_id}",
        result={"ticket_id": ticket_id, "case_number": case_number},
        created=True,
    )


def merge_ticket(work: UnitOfWork, settings: Settings, data: Mapping[str, Any]) -> Outcome:
    """Merge a case into another of the customer. Result: `ticket_id` and `case_number` of the one that goes on.

    Of cases that were merged already, those that go on for them are meant: two that became one are merged. Refused:
    `same_ticket`, `different_customers`, `ruling_pending`; `ticket_closed` and `ticket_resolved` where the survivor is.
    """
    stream, source = ticket_named(work, data["ticket"])
    surviving, survivor = surviving_ticket(work, data["into"], pointer="/into")
    goes_on = survivor.case.opened
    result = {"ticket_id": goes_on.ticket_id, "case_number": goes_on.case_number}
    if stream is surviving:
        if data["ticket"] in result.values():
            raise SameTicket("a ticket cannot be merged into itself")
        return ticket_outcome(surviving, result)
    command = MergeTicket(**facts(work, settings), replies=standing_replies(_placed(work, stream)))
    merged = merge(command, source, survivor)
    stream.add(merged.source)
    surviving.add(merged.survivor)
    settle_work(work, (source, stream), (survivor, surviving))
    return ticket_outcome(surviving, result)


def _placed(work: UnitOfWork, stream: Stream[Ticket]) -> Placed:
    """Return the events that the state was folded from; what a rival appended since is refused with the append."""
    return [
        (recorded.position or 0, recorded.event)
        for recorded in work.read(stream.id)[: stream.loaded_version]
        if isinstance(recorded.event, TicketEvent)
    ]


def _clocks(placed: Placed, clocks: Clocks) -> Clocks:
    """Return the clocks with the positions of the events that moved them, which the state's do not have."""
    located: Clocks | None = None
    for position, event in placed:
        located = clock_fold.evolve(located, event, position)
    return clocks if located is None else located
