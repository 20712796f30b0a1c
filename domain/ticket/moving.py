"""Work and replies that go from one case to another, whole and with their class (SUPPORT_POLICY R3, B4)."""

from collections.abc import Collection, Iterable

from domain.ticket.events import CustomerReplied, NoteAdded, StaffReplied, TicketEvent
from domain.ticket.refusals import RulingPending
from domain.ticket.scope import work_facts
from domain.ticket.split_merge_events import MovedEntry, TicketAbsorbed, TicketSplit, TicketSplitOff
from domain.ticket.state import Ticket


def refuse_pending_work(ticket: Ticket, *, pointer: str) -> None:
    """Work of an accepted emergency stays on its case until the cause is ruled (R3). Raises RulingPending."""
    emergency = ticket.case.emergency
    if ticket.case.is_emergency and emergency is not None and emergency.cause is None:
        raise RulingPending(
            "the emergency's cause is not ruled yet, so its work cannot move to another ticket", pointer=pointer
        )


def moved_entries(ticket: Ticket, entry_ids: Collection[str]) -> tuple[MovedEntry, ...]:
    """These entries of the case as another takes them over, with the class and the purpose that they have here."""
    facts = work_facts(ticket)
    return tuple(
        MovedEntry(
            entry_id=entry.entry_id,
            agent=entry.agent,
            started_at=entry.started_at,
            logged_seconds=entry.logged_seconds,
            duration_seconds=entry.duration_seconds,
            activity=entry.activity,
            note=entry.note,
            voided=entry.voided,
            work_class=facts[entry.entry_id].work_class,
            purpose=facts[entry.entry_id].purpose,
        )
        for entry in ticket.case.entries
        if entry.entry_id in entry_ids
    )


def moved_seconds(ticket: Ticket, entry_ids: Collection[str]) -> int:
    """What these entries last as they stand; a void lasts nothing."""
    return sum(e.duration_seconds for e in ticket.case.entries if e.entry_id in entry_ids and not e.voided)


def standing_replies(history: Iterable[tuple[int, TicketEvent]]) -> tuple[int, ...]:
    """The positions of the replies and notes that stand on a case, from its events with their places in the log."""
    standing: dict[int, None] = {}
    for position, event in history:
        match event:
            case CustomerReplied() | StaffReplied() | NoteAdded():
                standing[position] = None
            case TicketSplitOff() | TicketAbsorbed():
                standing.update(dict.fromkeys(event.reply_positions))
            case TicketSplit():
                for moved in event.reply_positions:
                    standing.pop(moved, None)
            case _:
                pass
    return tuple(sorted(standing))
