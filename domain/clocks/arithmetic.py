"""How much of a clock has elapsed, and when is it due? (SUPPORT_POLICY T2, T4, T6)

A segment counts by its own calendar from its start to the next segment's, less the pauses; the sum of all segments is
set against the target of the last. Everything is on whole seconds.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from domain.business_time import BeyondCalendar
from domain.clocks.levels import Calendars
from domain.clocks.state import Instance, Pause

END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def unpaused(start: datetime, end: datetime, pauses: Sequence[Pause]) -> Iterator[tuple[datetime, datetime]]:
    """The stretches of `start`..`end` outside pauses, in order; a pause that still holds lasts to the end."""
    reached = start
    for pause in pauses:
        if pause.started_at >= end:
            break
        if pause.started_at > reached:
            yield reached, pause.started_at
        reached = max(reached, pause.ended_at or end)
    if reached < end:
        yield reached, end


def elapsed_seconds(instance: Instance, pauses: Sequence[Pause], calendars: Calendars, until: datetime) -> int:
    """Seconds that the instance has counted from its start to `until` or to its end, whichever is earlier."""
    end = until if instance.ended_at is None else min(until, instance.ended_at)
    segments = instance.segments
    total = 0
    for index, segment in enumerate(segments):
        to = end if index + 1 == len(segments) else min(end, segments[index + 1].started_at)
        calendar = calendars[segment.calendar, segment.calendar_version]
        total += sum(calendar.elapsed(*stretch) for stretch in unpaused(segment.started_at, to, pauses))
    return total


def due_at(instance: Instance, pauses: Sequence[Pause], calendars: Calendars) -> datetime | None:
    """The earliest instant of the last segment where the sum of the segments has reached its target (T6).

    That is the segment's start where the sum had reached it by then. Nothing without a target, while a pause
    without an end keeps the target out of reach, or where the calendar's years end before it.
    """
    try:
        return _due_at(instance, pauses, calendars)
    except BeyondCalendar:
        return None


def _due_at(instance: Instance, pauses: Sequence[Pause], calendars: Calendars) -> datetime | None:
    segment = instance.segments[-1]
    if segment.target_seconds is None:
        return None
    start = segment.started_at
    calendar = calendars[segment.calendar, segment.calendar_version]
    carried = elapsed_seconds(instance, pauses, calendars, start) if len(instance.segments) > 1 else 0
    left = segment.target_seconds - carried
    if left < 0 or (left == 0 and carried > 0):
        return start
    for begin, end in unpaused(start, END_OF_TIME, pauses):
        if end == END_OF_TIME:
            return calendar.due(begin, left)
        if left == 0:
            opening = calendar.next_opening(begin)
            if opening < end:
                return opening
            continue
        counted = calendar.elapsed(begin, end)
        if counted >= left:
            return calendar.due(begin, left)
        left -= counted
    return None
