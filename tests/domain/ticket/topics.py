"""What the tests of split and merge speak of: two cases of one customer, each with its events in one log."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from domain.clocks import fold as clock_fold
from domain.clocks.state import Clocks
from domain.personal import Personal
from domain.refusal import Refusal
from domain.ticket.commands import TicketCommand
from domain.ticket.events import TicketEvent
from domain.ticket.merge import Merge, MergeTicket, merge
from domain.ticket.moving import standing_replies
from domain.ticket.split import Split, SplitTicket, split
from domain.ticket.state import Ticket, evolve
from tests.domain.ticket.cases import LEVELS, after

Placed = list[tuple[int, TicketEvent]]

FIRST, SECOND, NEW = 0, 100, 200
"""Where in the log the events of each case come after."""


class Told:
    """A case as its events tell it, each with its place in the log."""

    def __init__(self, events: Placed) -> None:
        self.events = events

    @property
    def state(self) -> Ticket:
        state: Ticket | None = None
        for _, event in self.events:
            state = evolve(state, event)
        assert state is not None
        return state

    @property
    def clocks(self) -> Clocks:
        """The clocks with the positions of the events that moved them."""
        clocks: Clocks | None = None
        for position, event in self.events:
            clocks = clock_fold.evolve(clocks, event, position)
        assert clocks is not None
        return clocks

    @property
    def replies(self) -> tuple[int, ...]:
        return standing_replies(self.events)

    def having(self, events: list[TicketEvent], position: int) -> "Told":
        return Told([*self.events, *enumerate(events, position)])


def told(*commands: TicketCommand, after_position: int = FIRST) -> Told:
    """The case that these commands make."""
    return Told(list(enumerate(after(*commands).events, after_position + 1)))


def splitting(now: datetime, source: Told, **changes: Any) -> Split:
    """What a split of the case into one of another category makes."""
    command = SplitTicket(
        now=now,
        levels=LEVELS,
        ticket_id="t9",
        case_number="C-000009",
        subject=Personal("Another matter"),
        description=Personal("And could you also …"),
        category="other",
        clocks=source.clocks,
        replies=source.replies,
    )
    return split(replace(command, **changes), source.state)


def merging(now: datetime, source: Told, survivor: Told, **changes: Any) -> Merge:
    """What a merge of the first case into the second makes."""
    command = MergeTicket(now=now, levels=LEVELS, replies=source.replies)
    return merge(replace(command, **changes), source.state, survivor.state)


def refusal_of(decision: Callable[..., object], *arguments: Any, **named: Any) -> Refusal:
    """The rule that forbids it."""
    try:
        made = decision(*arguments, **named)
    except Refusal as refusal:
        return refusal
    raise AssertionError(f"taken: {made}")
