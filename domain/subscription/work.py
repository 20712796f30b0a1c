"""Work is rated, and its facts are taken into account when they change (SUPPORT_POLICY B1, B4, B7, B8)."""

from collections.abc import Iterable
from datetime import datetime

from msgspec.structs import replace

from domain.rating.book import Book
from domain.rating.entries import Entry, Place
from domain.rating.order import Change, steps
from domain.rating.settlement import revised
from domain.rating.waterfall import billed_seconds, redraws
from domain.subscription.commands import RateWork, ReviseWork, WorkRevision
from domain.subscription.due import catch_up
from domain.subscription.events import SubscriptionEvent
from domain.subscription.recording import told
from domain.subscription.refusals import EntryRatedOtherwise, NoSubscription
from domain.subscription.state import Subscription


def rate_work(command: RateWork, state: Subscription) -> list[SubscriptionEvent]:
    """Rate an entry, and those after it that draw otherwise now (B7). A known entry changes nothing."""
    if command.started_at < state.starts_at:
        raise NoSubscription(f"the subscription starts at {state.starts_at.isoformat()}", pointer="/started_at")
    known = state.book.entries.get(command.entry_id)
    if known is not None:
        if _is_known(command, known):
            return []
        raise EntryRatedOtherwise(f"entry {command.entry_id} was rated with other facts")
    events, state = catch_up(state, command.now)
    entry = _unrated(command, state.book)
    book = state.book.with_unrated(entry)
    changes = [
        Change(None if each is entry else each, each.drawing(draws), revised=each is entry)
        for each, draws in redraws(book, entry.key)
    ]
    return [*events, *(told(state, step, command.now, caused_by=entry.entry_id) for step in steps(state.book, changes))]


def revise_work(command: ReviseWork, state: Subscription) -> list[SubscriptionEvent]:
    """Take changed facts of entries into account; those that are known already change nothing.

    Raises `LookupError` for an entry that was never rated: it is on a case only together with its rating.
    """
    changed = [(entry, facts) for facts in command.revisions if not _says(entry := _known(state, facts), facts)]
    if not changed:
        return []
    events, state = catch_up(state, command.now)
    entries = {entry.entry_id: (entry, revised(state.book, entry, facts)) for entry, facts in changed}
    return [*events, *_revised(state, entries, command.now)]


def billed_anew(state: Subscription, since: datetime, now: datetime) -> Iterable[SubscriptionEvent]:
    """Rate work anew that was done since a subscription started in the past: its terms are others (B2)."""
    entries = {}
    for entry in state.book.entries.since((since,)):
        if entry.started_at >= since and not entry.voided:
            billed = billed_seconds(entry.duration_seconds, state.book.month_at(entry.started_at).terms)
            if billed != entry.billed_seconds:
                entries[entry.entry_id] = (entry, replace(entry, billed_seconds=billed, draws=()))
    return _revised(state, entries, now, since=since)


def _revised(
    state: Subscription, entries: dict[str, tuple[Entry, Entry]], now: datetime, *, since: datetime | None = None
) -> Iterable[SubscriptionEvent]:
    """Rate entries with other facts, given as they were and as they are but for the draws, and those after them.

    Everything from `since` on is rated anew, where that is earlier.
    """
    book = state.book
    for before, after in entries.values():
        book = book.with_entry(before, after)
    places: list[Place] = [after.key for _, after in entries.values()]
    if since is not None:
        places.append((since,))
    if any(after.frozen for _, after in entries.values()):
        places.append((book.open_from,))  # credits stand before the open month's first draw
    place = min(places, default=None)
    if place is None:
        return
    draws_of = {entry.entry_id: (entry, draws) for entry, draws in redraws(book, place)}
    for before, after in entries.values():
        draws_of.setdefault(before.entry_id, (after, ()))
    changes = [
        Change(entries[entry_id][0] if entry_id in entries else entry, entry.drawing(draws), entry_id in entries)
        for entry_id, (entry, draws) in sorted(draws_of.items(), key=lambda item: item[1][0].key)
    ]
    caused_by = min(entries.values(), key=lambda pair: pair[1].key)[1].entry_id if entries else state.subscription_id
    for step in steps(state.book, changes):
        yield told(state, step, now, caused_by=caused_by)


def _unrated(command: RateWork, book: Book) -> Entry:
    terms = book.month_at(command.started_at).terms
    return Entry(
        entry_id=command.entry_id,
        ticket_id=command.ticket_id,
        case_number=command.case_number,
        agent=command.agent,
        started_at=command.started_at,
        duration_seconds=command.duration_seconds,
        rating_at=book.rating_at(command.started_at),
        work_class=command.work_class,
        purpose=command.purpose,
        billed_seconds=billed_seconds(command.duration_seconds, terms),
        rate_cents_per_hour=terms.regular_rate_cents,
        multiplier=terms.emergency_multiplier,
    )


def _is_known(command: RateWork, entry: Entry) -> bool:
    """Whether the entry was logged so; corrections and moves since do not count."""
    if (entry.started_at, entry.agent) != (command.started_at, command.agent):
        return False
    return entry.revised or (entry.ticket_id, entry.duration_seconds) == (command.ticket_id, command.duration_seconds)


def _known(state: Subscription, facts: WorkRevision) -> Entry:
    entry = state.book.entries.get(facts.entry_id)
    if entry is None:
        raise LookupError(f"entry {facts.entry_id} was never rated")
    return entry


def _says(entry: Entry, facts: WorkRevision) -> bool:
    """Whether the facts are those that the entry has."""
    return (
        (entry.ticket_id, entry.duration_seconds, entry.voided, entry.work_class, entry.purpose)
        == (facts.ticket_id, facts.duration_seconds, facts.voided, facts.work_class, facts.purpose)
    )  # fmt: skip
