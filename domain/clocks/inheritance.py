"""What a case takes over of another one's clocks when cases are split or merged (SUPPORT_POLICY T9)."""

from collections.abc import Iterable
from datetime import datetime

from domain.business_time import whole_second
from domain.clocks import record
from domain.clocks.levels import ServiceLevels
from domain.clocks.state import Clocks, Instance, Pause
from domain.sla_policy import Traits
from domain.ticket.events import Segment
from domain.ticket.split_merge_events import InheritedBreach, InheritedClock, InheritedPause


def inheritable(clocks: Clocks) -> tuple[Instance, ...]:
    """What a split copies: the clocks that have not ended, and a first response that was given; no periodic update."""
    copied: list[Instance] = [clocks.first_response]
    if clocks.next_response is not None and clocks.next_response.ended_at is None:
        copied.append(clocks.next_response)
    if clocks.resolution.ended_at is None:
        copied.append(clocks.resolution)
    return tuple(copied)


def inherited_clock(instance: Instance) -> InheritedClock:
    """An instance as the event of a split tells it."""
    ended = instance.ended_at is not None
    return InheritedClock(
        clock=instance.clock,
        instance=instance.number,
        segments=instance.segments,
        positions=instance.positions,
        breaches=tuple(
            InheritedBreach(target_seconds=each.target_seconds, breached_at=each.breached_at, position=each.position)
            for each in instance.breaches
        ),
        due_at=instance.due_at if ended else None,
        ended_at=instance.ended_at,
    )


def inherited_pause(pause: Pause) -> InheritedPause:
    """A pause as the event of a split tells it."""
    return InheritedPause(
        reason=pause.reason,
        started_at=pause.started_at,
        position=pause.position,
        ended_at=pause.ended_at,
        end_position=pause.end_position,
    )


def unanswered(clocks: Clocks) -> tuple[datetime, ...]:
    """When the customer wrote what staff have not answered, in order; first the request itself without a response."""
    if clocks.first_response.ended_at is None:
        return (clocks.first_response.started_at, *clocks.unanswered)
    return clocks.unanswered


def next_response_with(
    messages: Iterable[datetime], clocks: Clocks, at: datetime, levels: ServiceLevels, traits: Traits
) -> tuple[Segment, ...]:
    """All segments of `next_response` once another case's unanswered messages stand here too, at the merge's instant.

    The oldest one begins the instance, or becomes the start of the running one if it is older; the merge starts a
    segment, and time before it counts by the same target and calendar. Nothing where the running instance began
    earlier, and before the first response. Raises NoServiceLevels.
    """
    oldest = min(messages, default=None)
    if oldest is None or clocks.first_response.ended_at is None:
        return ()
    latest, merged_at = clocks.next_response, whole_second(at)
    running = latest is not None and latest.ended_at is None
    if latest is not None and running and latest.started_at <= oldest:
        return ()
    number = 1 if latest is None else latest.number + (not running)
    level = levels.at(at).level("next_response", traits)
    starts = (oldest, merged_at) if oldest < merged_at else (merged_at,)
    return tuple(record.segment("next_response", number, start, level) for start in starts)
