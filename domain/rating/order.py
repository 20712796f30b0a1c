"""In which order can draws change, so that no grant is overdrawn in between? (SUPPORT_POLICY B11)"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from domain.rating.book import Book, Grant, drawn
from domain.rating.entries import Entry
from domain.rating.income import expired, recognitions
from domain.rating.waterfall import charge
from domain.subscription.events import Draw, Expiry, Recognition


class Change(NamedTuple):
    """An entry as it was (`None`: not known), and as the facts known now have it. `revised`: in more than its draws."""

    before: Entry | None
    after: Entry
    revised: bool = False


class Step(NamedTuple):
    """A change that can be recorded once those before it are, with the pack income and the expiry that it changes."""

    change: Change
    recognised: tuple[Recognition, ...]
    expired: tuple[Expiry, ...]


def steps(book: Book, changes: Sequence[Change], *, latest_first: bool = True) -> Iterator[Step]:
    """Take changes to a book in an order in which no grant is overdrawn at any time; `changes` come in B7's order.

    Where less is left at each place than before, as after more work, going from the last entry to the first is such an
    order (`latest_first`); where more is left, as after one more pack, going from the first to the last. The other
    one is tried for what the first leaves over.
    Where entries swap grants, there may be none: then those give up first what they will not keep, on demand for the
    moment, and take afterwards what is theirs.
    """
    left = list(changes)
    for downward in (latest_first, not latest_first):
        waiting: list[Change] = []
        for change in reversed(left) if downward else left:
            taken = book.taken(change.before, change.after)
            if all(seconds <= 0 or seconds <= book.free(grant) for grant, seconds in taken.items()):
                book, step = _taken(book, change, taken)
                yield step
            else:
                waiting.append(change)
        left = waiting[::-1] if downward else waiting
    for change in _in_two(left, book):
        book, step = _taken(book, change, book.taken(change.before, change.after))
        yield step


def _taken(book: Book, change: Change, taken: dict[Grant, int]) -> tuple[Book, Step]:
    after = book.with_entry(change.before, change.after)
    return after, Step(change, recognitions(book, after, taken), expired(book, after, taken))


def _in_two(changes: Sequence[Change], book: Book) -> list[Change]:
    """Split each change into one that only gives back and one that only takes; the former come first."""
    giving: list[Change] = []
    taking: list[Change] = []
    for before, after, revised in changes:
        stood = before if before is not None and book.is_open(before) else None
        kept = {} if stood is None else _kept(stood, after)
        if before is None:
            taking.append(Change(before, after, revised))
        elif stood is not None and (not revised or _credited(after) < _credited(stood)):
            between = stood.drawing(_covering(stood, kept))
            giving.append(Change(stood, between))
            taking.append(Change(between, after, revised))
        else:
            between = after.drawing(_covering(after, kept))
            giving.append(Change(before, between, revised=True))
            taking.append(Change(between, after))
    return [each for each in (*giving, *taking) if each.revised or each.before != each.after]


def _kept(before: Entry, after: Entry) -> dict[Grant, int]:
    """Return the seconds of each grant that an entry draws both before and after."""
    draws = drawn(after)
    return {grant: min(seconds, draws.get(grant, 0)) for grant, seconds in drawn(before).items()}


def _credited(entry: Entry) -> int:
    return sum(credit.seconds for credit in entry.credits)


def _covering(entry: Entry, kept: dict[Grant, int]) -> tuple[Draw, ...]:
    """Return draws of an entry that take only what it keeps of each grant, and the rest on demand."""
    if entry.work_class not in {"included", "billable"} or not entry.draws:
        return entry.draws
    draws = []
    for (source, name), seconds in kept.items():
        if seconds and source == "pack":
            draws.append(Draw(source=source, seconds=seconds, pack_id=name))
        elif seconds:
            draws.append(Draw(source=source, seconds=seconds, month=name))
    rest = entry.open_seconds - sum(draw.seconds for draw in draws)
    return (*draws, charge("on_demand", entry, rest, 1)) if rest else tuple(draws)
