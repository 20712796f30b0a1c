"""Which version of the SLA policy and of each calendar counts at an instant."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from domain.business_time import ALWAYS, ROUND_THE_CLOCK, BusinessTime, whole_second
from domain.calendar import DESK_CALENDAR, CalendarPublished, compiled
from domain.refusal import Refusal
from domain.setting import in_force
from domain.sla_policy import ClockName, Reminders, SlaPolicyPublished, Target, Traits, target_for

Calendars = Mapping[tuple[str, int], BusinessTime]
"""Compiled calendar versions by (name, version); ("24x7", 0) is the round-the-clock calendar."""


class NoServiceLevels(Refusal):
    """No SLA policy, or no calendar that it counts by, is in force at that instant."""

    code = "no_service_levels"


class Level(msgspec.Struct, frozen=True, gc=False):
    """What one clock counts by: target, calendar version, policy version."""

    target_seconds: int | None
    calendar: str
    calendar_version: int
    policy_version: int


class InForce(msgspec.Struct, frozen=True, gc=False):
    """The settings in force from one instant to the next change."""

    policy_version: int
    targets: tuple[Target, ...]
    calendar_versions: Mapping[str, int]
    reminders: Reminders = Reminders()

    def level(self, clock: ClockName, traits: Traits) -> Level:
        """What a clock of such a ticket counts by; without a target, the desk's calendar (T5)."""
        target = target_for(self.targets, clock, traits)
        seconds = None if target is None else target.target_seconds
        name = DESK_CALENDAR if target is None or seconds is None else target.calendar
        version = self.calendar_versions.get(name)
        if version is None:
            raise NoServiceLevels(f"calendar {name!r} is not in force")
        return Level(seconds, name, version, self.policy_version)


class ServiceLevels:
    """The desk's SLA policy and calendars in all their versions, each from the whole second it takes effect.

    Immutable; made once for a set of published versions and shared between commands and threads.
    """

    def __init__(self, policy: Sequence[SlaPolicyPublished], calendars: Iterable[Sequence[CalendarPublished]]) -> None:
        published = [tuple(versions) for versions in calendars]
        self.calendars: Calendars = {
            (ROUND_THE_CLOCK, 0): ALWAYS,
            **{(each.calendar, each.version): compiled(each) for versions in published for each in versions},
        }
        instants = {each.effective_from for each in policy}.union(
            each.effective_from for versions in published for each in versions
        )
        # Several instants in one second: what holds after the last of them holds for that second.
        by_second = {whole_second(instant): instant for instant in sorted(instants)}
        self._instants = list(by_second)
        self._settings = [_in_force(policy, published, instant) for instant in by_second.values()]

    def at(self, instant: datetime) -> InForce:
        """The settings in force at an instant, cut to the whole second. Raises NoServiceLevels."""
        index = bisect_right(self._instants, whole_second(instant)) - 1
        settings = self._settings[index] if index >= 0 else None
        if settings is None:
            raise NoServiceLevels(f"no SLA policy is in force on {instant.isoformat()}")
        return settings

    def changes(self, since: datetime, until: datetime) -> Sequence[datetime]:
        """The whole seconds from `since` to `until`, both included, at which a version takes effect; in order."""
        low = bisect_left(self._instants, whole_second(since))
        return self._instants[low : bisect_right(self._instants, whole_second(until))]

    def desk_calendar(self, instant: datetime) -> BusinessTime:
        """The desk's business calendar in force at an instant. Raises NoServiceLevels."""
        version = self.at(instant).calendar_versions.get(DESK_CALENDAR)
        if version is None:
            raise NoServiceLevels(f"calendar {DESK_CALENDAR!r} is not in force on {instant.isoformat()}")
        return self.calendars[DESK_CALENDAR, version]


def _in_force(
    policy: Sequence[SlaPolicyPublished], calendars: Sequence[Sequence[CalendarPublished]], instant: datetime
) -> InForce | None:
    policy_in_force = in_force(policy, instant)
    if policy_in_force is None:
        return None
    in_force_calendars = (in_force(versions, instant) for versions in calendars)
    return InForce(
        policy_in_force.version,
        policy_in_force.targets,
        {ROUND_THE_CLOCK: 0, **{each.calendar: each.version for each in in_force_calendars if each is not None}},
        policy_in_force.reminders,
    )
