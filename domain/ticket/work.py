"""Work on a case, and how it is billed (B1, R22); a closed case does not end it, because bills are put right later."""

from datetime import datetime, timedelta

from domain.ticket.case import Entry, keeps_classes, logged
from domain.ticket.commands import CorrectWork, DecideScope, LogWork, VoidWork
from domain.ticket.events import ScopeDecided, TicketEvent, WorkCorrected, WorkLogged, WorkVoided
from domain.ticket.guards import of
from domain.ticket.refusals import EntryExists, EntryIsVoid, InvalidDuration, UnknownEntry, WorkInFuture
from domain.ticket.state import Ticket

LONGEST_ENTRY_SECONDS = 86_400


def log(command: LogWork, state: Ticket) -> list[TicketEvent]:
    """Work is taken in every state, a closed one too: an entry can arrive late (B7). What has moved away was logged.

    Raises EntryExists, InvalidDuration and WorkInFuture.
    """
    event = WorkLogged(
        **of(command, state),
        entry_id=command.entry_id,
        agent=command.agent,
        started_at=command.started_at,
        duration_seconds=command.duration_seconds,
        activity=command.activity,
        note=command.note,
    )
    for entry in (*state.case.entries, *state.case.moved_away):
        if entry.entry_id == command.entry_id:
            if _as_logged(entry) == _as_logged(logged(event)):
                return []
            raise EntryExists(f"entry {command.entry_id} was logged with other facts")
    _check_duration(command.started_at, command.duration_seconds, command.now)
    return [event]


def _as_logged(entry: Entry) -> tuple[object, ...]:
    return entry.agent, entry.started_at, entry.logged_seconds, entry.activity, entry.note


def correct(command: CorrectWork, state: Ticket) -> list[TicketEvent]:
    """Say how long an entry really took. Raises UnknownEntry, EntryIsVoid, InvalidDuration and WorkInFuture."""
    entry = _entry(state, command.entry_id)
    if entry.voided:
        raise EntryIsVoid(f"entry {entry.entry_id} is void, for good")
    if entry.duration_seconds == command.duration_seconds:
        return []
    _check_duration(entry.started_at, command.duration_seconds, command.now)
    return [
        WorkCorrected(
            **of(command, state),
            entry_id=entry.entry_id,
            duration_seconds=command.duration_seconds,
            former_duration_seconds=entry.duration_seconds,
            reason=command.reason,
        )
    ]


def void(command: VoidWork, state: Ticket) -> list[TicketEvent]:
    """Take an entry out of the bill, for good. Raises UnknownEntry."""
    entry = _entry(state, command.entry_id)
    if entry.voided:
        return []
    return [
        WorkVoided(
            **of(command, state),
            entry_id=entry.entry_id,
            former_duration_seconds=entry.duration_seconds,
            reason=command.reason,
        )
    ]


def decide_scope(command: DecideScope, state: Ticket) -> list[TicketEvent]:
    """Say how the work is billed, or revise it; said again it is a decision on what has moved here since (B4)."""
    stands = state.case.scope
    same = stands is not None and (stands.scope, stands.reason) == (command.scope, command.reason)
    if same and not keeps_classes(state.case):
        return []
    return [ScopeDecided(**of(command, state), scope=command.scope, reason=command.reason)]


def _entry(state: Ticket, entry_id: str) -> Entry:
    for entry in state.case.entries:
        if entry.entry_id == entry_id:
            return entry
    raise UnknownEntry(f"there is no entry {entry_id!r} on the ticket")


def _check_duration(started_at: datetime, seconds: int, now: datetime) -> None:
    if not 1 <= seconds <= LONGEST_ENTRY_SECONDS:
        raise InvalidDuration(f"{seconds} is not within 1 to {LONGEST_ENTRY_SECONDS} seconds")
    if started_at + timedelta(seconds=seconds) > now:
        raise WorkInFuture(f"the work would end after now, {now.isoformat()}")
