"""Two cases about the same become one (SUPPORT_POLICY R3, T9)."""

from typing import NamedTuple

from domain.clocks import record
from domain.clocks.inheritance import next_response_with, unanswered
from domain.ticket.commands import Command
from domain.ticket.decide import catch_up
from domain.ticket.events import TicketEvent
from domain.ticket.moving import moved_entries, moved_seconds, refuse_pending_work
from domain.ticket.refusals import DifferentCustomers, SameTicket, TicketIsClosed, TicketIsMerged, TicketIsResolved
from domain.ticket.split_merge_events import TicketAbsorbed, TicketMerged
from domain.ticket.state import Closed, Merged, Open, Resolved, Ticket, Waiting, evolve


class MergeTicket(Command, frozen=True, kw_only=True):
    """Merge a case into another; `replies` are the positions of the replies and notes that stand on it."""

    replies: tuple[int, ...] = ()


class Merge(NamedTuple):
    """The events of both cases, each in order; those of the source come first in the log."""

    source: list[TicketEvent]
    survivor: list[TicketEvent]


def merge(command: MergeTicket, source: Ticket, survivor: Ticket) -> Merge:
    """Return the events of a merge, for each case first of them what fell due before it (T6, T7).

    The source may be in any state. One that was merged into the survivor before leads to nothing. Raises SameTicket,
    DifferentCustomers, RulingPending, TicketIsResolved, TicketIsClosed, TicketIsMerged, and NoServiceLevels outside the
    desk's settings.
    """
    if isinstance(source, Merged) and source.into_ticket_id == survivor.case.ticket_id:
        return Merge([], [])
    _refuse(source, survivor)
    source_due = catch_up(source, command.now, command.levels)
    for event in source_due:
        source = evolve(source, event)
    survivor_due = catch_up(survivor, command.now, command.levels)
    for event in survivor_due:
        survivor = evolve(survivor, event)
    return Merge(
        [*source_due, _merged(command, source, survivor)],
        [*survivor_due, _absorbed(command, source, survivor)],
    )


def _refuse(source: Ticket, survivor: Ticket) -> None:
    if source.case.ticket_id == survivor.case.ticket_id:
        raise SameTicket("a ticket cannot be merged into itself")
    if source.case.customer_id != survivor.case.customer_id:
        raise DifferentCustomers("the tickets are of different customers")
    if isinstance(source, Merged):
        raise TicketIsMerged(f"the ticket was merged into {source.into_case_number}", pointer="/ticket")
    match survivor:
        case Closed():
            raise TicketIsClosed("the ticket to merge into is closed", pointer="/into")
        case Resolved():
            raise TicketIsResolved("the ticket to merge into is resolved; reopen it first", pointer="/into")
        case Merged():
            raise TicketIsMerged(f"the ticket was merged into {survivor.into_case_number}", pointer="/into")
        case Open() | Waiting():
            pass
    if source.case.entries:
        refuse_pending_work(source, pointer="/ticket")


def _merged(command: MergeTicket, source: Ticket, survivor: Ticket) -> TicketMerged:
    entry_ids = tuple(entry.entry_id for entry in source.case.entries)
    event = TicketMerged(
        occurred_at=command.now,
        ticket_id=source.case.ticket_id,
        customer_id=source.case.customer_id,
        into_ticket_id=survivor.case.ticket_id,
        into_case_number=survivor.case.opened.case_number,
        entry_ids=entry_ids,
        moved_seconds=moved_seconds(source, entry_ids),
    )
    return record.with_deadlines(event, source.case.clocks, command.levels)


def _absorbed(command: MergeTicket, source: Ticket, survivor: Ticket) -> TicketAbsorbed:
    """What stands on the survivor from now on; of its clocks only `next_response` can change."""
    clocks = survivor.case.clocks
    messages = unanswered(source.case.clocks)
    event = TicketAbsorbed(
        occurred_at=command.now,
        ticket_id=survivor.case.ticket_id,
        customer_id=survivor.case.customer_id,
        from_ticket_id=source.case.ticket_id,
        from_case_number=source.case.opened.case_number,
        entries=moved_entries(source, tuple(entry.entry_id for entry in source.case.entries)),
        reply_positions=command.replies,
        unanswered=tuple(sorted((*clocks.unanswered, *messages))),
        segments=next_response_with(messages, clocks, command.now, command.levels, survivor.case.traits),
    )
    return record.with_deadlines(event, clocks, command.levels)
