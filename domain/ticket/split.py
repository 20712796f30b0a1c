"""A second topic is taken out of a case into one of its own (SUPPORT_POLICY R3, T9)."""

from collections.abc import Collection
from typing import NamedTuple

from msgspec.structs import replace

from domain.clocks import fold as clock_fold
from domain.clocks import record
from domain.clocks.inheritance import inheritable, inherited_clock, inherited_pause
from domain.clocks.state import Clocks, Instance
from domain.personal import Personal
from domain.ticket.commands import Command
from domain.ticket.decide import catch_up
from domain.ticket.events import Category, Segment, TicketEvent, TicketOpened
from domain.ticket.moving import moved_entries, moved_seconds, refuse_pending_work
from domain.ticket.refusals import TicketIsClosed, TicketIsMerged, TicketIsResolved, UnknownEntry, UnknownReply
from domain.ticket.split_merge_events import InheritedWaiting, TicketSplit, TicketSplitOff
from domain.ticket.state import Closed, Merged, Open, Resolved, Ticket, Waiting, evolve


class SplitTicket(Command, frozen=True, kw_only=True):
    """Take a topic out of a case, with the entries and the replies that belong to it.

    `ticket_id` and `case_number` are those of the new case. `clocks` are the source's, with the positions of the events
    that moved them; `replies` are the positions of the replies and notes that stand on the source.
    """

    ticket_id: str
    case_number: str
    subject: Personal
    description: Personal
    category: Category
    entry_ids: tuple[str, ...] = ()
    reply_positions: tuple[int, ...] = ()
    clocks: Clocks
    replies: Collection[int] = ()


class Split(NamedTuple):
    """The events of both cases, each in order; those of the source come first in the log."""

    source: list[TicketEvent]
    new: list[TicketEvent]


def split(command: SplitTicket, source: Ticket) -> Split:
    """Return the events of a split, for the source first of them what fell due before it (T6, T7).

    A resolved or closed case is refused: it has no clock left for the new case to go on with, so it is reopened first.
    Raises also UnknownEntry, UnknownReply, RulingPending, and NoServiceLevels outside the desk's settings.
    """
    _refuse(command, source)
    fallen_due = catch_up(source, command.now, command.levels)
    clocks = command.clocks
    for event in fallen_due:
        source = evolve(source, event)
        clocks = clock_fold.evolve(clocks, event)
    opened = _opened(command, source)
    return Split([*fallen_due, _split(command, source)], [opened, _split_off(command, source, clocks, opened)])


def _refuse(command: SplitTicket, source: Ticket) -> None:
    match source:
        case Closed():
            raise TicketIsClosed("the ticket is closed")
        case Resolved():
            raise TicketIsResolved("the ticket is resolved; reopen it first")
        case Merged():
            raise TicketIsMerged(f"the ticket was merged into {source.into_case_number}")
        case Open() | Waiting():
            pass
    known = {entry.entry_id for entry in source.case.entries}
    for index, entry_id in enumerate(command.entry_ids):
        if entry_id not in known:
            raise UnknownEntry(f"no entry {entry_id!r} stands on the ticket", pointer=f"/entry_ids/{index}")
    for index, position in enumerate(command.reply_positions):
        if position not in command.replies:
            raise UnknownReply(
                f"no reply or note at position {position} stands on the ticket", pointer=f"/reply_positions/{index}"
            )
    if command.entry_ids:
        refuse_pending_work(source, pointer="/entry_ids")


def _opened(command: SplitTicket, source: Ticket) -> TicketOpened:
    """The new case as a request: received with the source, by the same person, about something else.

    What was reported of an error is the source's matter. The first segments are those that its clocks began with;
    `TicketSplitOff` says where they stand.
    """
    request, clocks = source.case.opened, source.case.clocks
    return TicketOpened(
        occurred_at=command.now,
        ticket_id=command.ticket_id,
        customer_id=request.customer_id,
        case_number=command.case_number,
        requester=request.requester,
        category=command.category,
        subject=command.subject,
        description=command.description,
        urgency=source.case.urgency,
        complexity=source.case.complexity,
        channel=request.channel,
        product=request.product,
        details_missing=command.category == "technical_error",
        requested_for=request.requested_for,
        received_at=request.received_at,
        workable_from=request.workable_from,
        segments=(_first_segment(clocks.first_response), _first_segment(clocks.resolution)),
    )


def _first_segment(instance: Instance) -> Segment:
    return replace(instance.segments[0], instance=1)


def _split(command: SplitTicket, source: Ticket) -> TicketSplit:
    return TicketSplit(
        occurred_at=command.now,
        ticket_id=source.case.ticket_id,
        customer_id=source.case.customer_id,
        into_ticket_id=command.ticket_id,
        into_case_number=command.case_number,
        entry_ids=command.entry_ids,
        moved_seconds=moved_seconds(source, command.entry_ids),
        reply_positions=command.reply_positions,
    )


def _split_off(command: SplitTicket, source: Ticket, clocks: Clocks, opened: TicketOpened) -> TicketSplitOff:
    """What the new case has of the source; its clocks go on in a segment by its own category, without the emergency."""
    copied = inheritable(clocks)
    running = [each for each in copied if each.ended_at is None]
    traits = replace(source.case.traits, category=command.category, emergency=False)
    event = TicketSplitOff(
        occurred_at=command.now,
        ticket_id=command.ticket_id,
        customer_id=opened.customer_id,
        from_ticket_id=source.case.ticket_id,
        from_case_number=source.case.opened.case_number,
        entries=moved_entries(source, command.entry_ids),
        reply_positions=command.reply_positions,
        clocks=tuple(inherited_clock(each) for each in copied),
        pauses=tuple(inherited_pause(each) for each in clocks.pauses),
        unanswered=clocks.unanswered,
        waiting=_waiting(source),
        segments=record.segments(running, command.now, command.levels, traits),
    )
    return record.with_deadlines(event, clock_fold.evolve(None, opened), command.levels)


def _waiting(source: Ticket) -> InheritedWaiting | None:
    if not isinstance(source, Waiting):
        return None
    return InheritedWaiting(
        waiting_for=source.waiting_for,
        reason=source.reason,
        partner=source.partner,
        remind_at=source.remind_at,
        reminders=source.reminders,
    )
