"""The events of one topic a ticket: cases that are split and merged (SUPPORT_POLICY R3, T9).

A split appends `TicketSplit` to the source, `TicketOpened` and `TicketSplitOff` to the new case; a merge appends
`TicketMerged` to the source and `TicketAbsorbed` to the survivor. Each is one append, so nothing is on both or neither.
"""

from datetime import datetime
from typing import Literal

from domain.event import Value
from domain.personal import Personal
from domain.sla_policy import ClockName
from domain.subscription.events import Purpose, WorkClass
from domain.ticket.events import AwaitedParty, Segment, TicketEvent, WithDeadlines


class MovedEntry(Value, frozen=True, kw_only=True):
    """A work entry as it stands when it moves: as logged, with its present duration.

    It keeps `work_class` and `purpose` until the case that it now stands on gets a decision (B4).
    """

    entry_id: str
    agent: str
    started_at: datetime
    logged_seconds: int
    duration_seconds: int
    activity: str
    note: Personal | None = None
    voided: bool = False
    work_class: WorkClass
    purpose: Purpose = "maintenance"


class InheritedBreach(Value, frozen=True, kw_only=True):
    """A target that the source's clock had missed; `position` is that of the breach in the log."""

    target_seconds: int
    breached_at: datetime
    position: int


class InheritedClock(Value, frozen=True, kw_only=True):
    """A clock's latest instance as the source had it; `positions` are those of the events that began its segments.

    A first response that was given is there with `ended_at` and the `due_at` it is judged by; any other has not ended.
    """

    clock: ClockName
    instance: int
    segments: tuple[Segment, ...]
    positions: tuple[int, ...]
    breaches: tuple[InheritedBreach, ...] = ()
    due_at: datetime | None = None
    ended_at: datetime | None = None


class InheritedPause(Value, frozen=True, kw_only=True):
    """A stretch in which the source waited, with the positions of the events that began and ended it."""

    reason: AwaitedParty | Literal["resolved"]
    started_at: datetime
    position: int
    ended_at: datetime | None = None
    end_position: int = 0


class InheritedWaiting(Value, frozen=True, kw_only=True):
    """For whom the source waits."""

    waiting_for: AwaitedParty
    reason: Personal
    partner: str | None = None
    remind_at: datetime | None = None
    reminders: int = 0


class TicketSplit(TicketEvent, frozen=True, kw_only=True):
    """A second topic was taken out of the case into one of its own (R3); these entries and replies went with it.

    `moved_seconds` is what the moved entries last: the case's worked time is less by it. `reply_positions` are those of
    the replies and notes in the log.
    """

    into_ticket_id: str
    into_case_number: str
    entry_ids: tuple[str, ...] = ()
    moved_seconds: int = 0
    reply_positions: tuple[int, ...] = ()


class TicketSplitOff(WithDeadlines, frozen=True, kw_only=True):
    """This case was taken out of another: what it has of that one (R3, T9).

    `clocks`, `pauses` and `unanswered` (when the customer wrote what staff have not answered) take the place of the
    clocks that `TicketOpened` began; `segments` are those that the split starts. A position of 0 among them is that of
    an event of the source recorded together with this one, which then stands for it.
    """

    from_ticket_id: str
    from_case_number: str
    entries: tuple[MovedEntry, ...] = ()
    reply_positions: tuple[int, ...] = ()
    clocks: tuple[InheritedClock, ...]
    pauses: tuple[InheritedPause, ...] = ()
    unanswered: tuple[datetime, ...] = ()
    waiting: InheritedWaiting | None = None
    segments: tuple[Segment, ...] = ()


class TicketMerged(WithDeadlines, frozen=True, kw_only=True):
    """The case is about the same as another, which goes on for both; its own clocks are cancelled (R3, T9)."""

    into_ticket_id: str
    into_case_number: str
    entry_ids: tuple[str, ...] = ()
    moved_seconds: int = 0


class TicketAbsorbed(WithDeadlines, frozen=True, kw_only=True):
    """Another case about the same was merged into this one: its replies, notes and work stand here now (R3, T9).

    `segments`, where there are any, are all those of `next_response`: they begin its instance, or take the place of
    those that the running instance had. `unanswered` is when the customer wrote what neither case has answered.
    """

    from_ticket_id: str
    from_case_number: str
    entries: tuple[MovedEntry, ...] = ()
    reply_positions: tuple[int, ...] = ()
    unanswered: tuple[datetime, ...] = ()
    segments: tuple[Segment, ...] = ()
