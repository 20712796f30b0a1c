"""Settings in force: what a decision needs to know of the desk, read from the settings' own streams.

They are read often and changed seldom, so they are kept in memory. Whoever decides by one names its stream as a guard:
if the setting has moved on since it was read, the append is refused, the settings are read anew and the command is
decided again. So no decision is ever made by a setting that another process has replaced.
"""

from typing import Any, Generic, TypeVar

import msgspec

from commands.application import CaselogApplication, Evolve
from commands.ports import Guard
from domain import calendar, desk, plan, sla_policy
from domain.calendar import DESK_CALENDAR, Calendar
from domain.clocks.levels import ServiceLevels
from domain.desk import Desk
from domain.plan import Plan
from domain.sla_policy import SlaPolicy

S = TypeVar("S")


class NoDesk(Exception):
    """The log has no `DeskCreated`: this desk has not been started yet."""


class Setting(msgspec.Struct, Generic[S], frozen=True):
    """A setting's stream, folded: its state, and the guard that tells whether it has moved on."""

    state: S
    guard: Guard


class Settings:
    """The desk's settings as last read. Safe to use from many threads."""

    def __init__(self, application: CaselogApplication) -> None:
        self._application = application
        self._known: dict[str, Setting[Any]] = {}
        self._levels: tuple[ServiceLevels, tuple[Guard, ...]] | None = None

    def refresh(self) -> None:
        """Forget what was read, so that the next look reads the log."""
        self._known = {}
        self._levels = None

    def desk(self) -> Desk:
        """Return the desk. Raises `NoDesk`."""
        found = self._setting("desk", desk.evolve)
        if found is None:
            raise NoDesk("this desk has not been created yet")
        return found.state

    def plan(self, name: str) -> Setting[Plan] | None:
        """Return a plan with all its versions."""
        return self._setting(f"plan-{name}", plan.evolve)

    def calendar(self, name: str) -> Setting[Calendar] | None:
        """Return a calendar with all its versions."""
        return self._setting(f"calendar-{name}", calendar.evolve)

    def service_levels(self) -> tuple[ServiceLevels, tuple[Guard, ...]]:
        """Return the SLA policy and the calendars it counts by, in all versions, with the guards of their streams."""
        levels = self._levels
        if levels is None:
            levels = self._levels = self._read_service_levels()
        return levels

    def _read_service_levels(self) -> tuple[ServiceLevels, tuple[Guard, ...]]:
        policy: Setting[SlaPolicy] | None = self._setting("sla_policy", sla_policy.evolve)
        versions = () if policy is None else policy.state.versions
        names = {DESK_CALENDAR} | {target.calendar for version in versions for target in version.targets}
        calendars = [found for name in sorted(names) if (found := self.calendar(name)) is not None]
        guards = [found.guard for found in calendars]
        if policy is not None:
            guards.append(policy.guard)
        return ServiceLevels(versions, [found.state.versions for found in calendars]), tuple(guards)

    def _setting(self, stream_id: str, evolve: Evolve[S]) -> Setting[S] | None:
        known = self._known
        found: Setting[S] | None = known.get(stream_id)
        if found is None:
            loaded = self._application.load(stream_id, evolve)
            if loaded.state is None:
                return None
            found = known[stream_id] = Setting(loaded.state, Guard(stream_id, loaded.version))
        return found
