"""A case's clocks: instances, segments, pauses, breaches and what was last said to be due."""

from datetime import datetime
from typing import Literal

import msgspec

from domain.sla_policy import ClockName
from domain.ticket.events import Segment

PauseReason = Literal["customer", "partner", "resolved"]
EndKind = Literal["fulfilled", "cancelled"]


class Pause(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A stretch without `resolution` time; open while `ended_at` is left out. Positions are those of its events."""

    reason: PauseReason
    started_at: datetime
    position: int = 0
    ended_at: datetime | None = None
    end_position: int = 0


class Breach(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A target that an instance missed, and when."""

    target_seconds: int
    breached_at: datetime
    position: int = 0


class Instance(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """One run of a clock, numbered from 1. `positions` are those of the events that began its segments.

    `due_position` is that of the event that said when it is due, `end_position` of the one that ended it.

    `levels_at` is the instant whose settings the last segment counts by; it differs from the segment's start where that
    lies ahead. `due_at` is what the last event that changed it said; it is left out while nothing can fall due.
    """

    clock: ClockName
    number: int
    segments: tuple[Segment, ...]
    positions: tuple[int, ...]
    levels_at: datetime
    due_at: datetime | None = None
    breaches: tuple[Breach, ...] = ()
    ended_at: datetime | None = None
    end_kind: EndKind | None = None
    due_position: int = 0
    end_position: int = 0

    @property
    def started_at(self) -> datetime:
        """When the instance begins to count; it can lie ahead (T3, `requested_for`)."""
        return self.segments[0].started_at

    @property
    def target_seconds(self) -> int | None:
        """The target that counts now."""
        return self.segments[-1].target_seconds

    @property
    def missed(self) -> bool:
        """Whether the target that counts now was missed by this instance."""
        return bool(self.breaches) and any(each.target_seconds == self.target_seconds for each in self.breaches)

    @property
    def pending_due_at(self) -> datetime | None:
        """The due instant that is still to be met or missed; a target is missed once (T7)."""
        return None if self.ended_at is not None or self.missed else self.due_at


class Clocks(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The latest instance of each clock of a case, and the pauses of `resolution`.

    `final` says that the case is closed, so that the verdict on `resolution` is given (T7), by the event at
    `final_position`. `unanswered` is when the
    customer wrote what staff have not answered, beside the request itself; in order, to the whole second.
    """

    first_response: Instance
    resolution: Instance
    next_response: Instance | None = None
    periodic_update: Instance | None = None
    pauses: tuple[Pause, ...] = ()
    final: bool = False
    unanswered: tuple[datetime, ...] = ()
    final_position: int = 0

    @property
    def latest(self) -> tuple[Instance, ...]:
        """The latest instances, in the order of SUPPORT_POLICY T3."""
        found = (self.first_response, self.next_response, self.resolution, self.periodic_update)
        return tuple([instance for instance in found if instance is not None])

    @property
    def running(self) -> tuple[Instance, ...]:
        """The instances that have not ended."""
        return tuple([instance for instance in self.latest if instance.ended_at is None])

    @property
    def next_due_at(self) -> datetime | None:
        """The earliest instant that is still to be met or missed."""
        earliest: datetime | None = None
        for instance in (self.first_response, self.next_response, self.resolution, self.periodic_update):
            # Most are told from a field: this is asked after every event of every case.
            if instance is None or instance.ended_at is not None or instance.due_at is None or instance.missed:
                continue
            if earliest is None or instance.due_at < earliest:
                earliest = instance.due_at
        return earliest

    def pauses_of(self, clock: ClockName) -> tuple[Pause, ...]:
        """The pauses that hold for a clock: waiting and being resolved pause `resolution` only (T4)."""
        return self.pauses if clock == "resolution" else ()


def instance_of(clocks: Clocks, clock: ClockName) -> Instance | None:
    """The latest instance of a clock."""
    found: Instance | None = getattr(clocks, clock)  # a field of its own for each
    return found
