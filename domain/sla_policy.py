"""The SLA policy as a setting of the desk: which clock of which ticket has which target."""

from datetime import datetime
from typing import Literal

from domain.event import Event, Value

ClockName = Literal["first_response", "next_response", "resolution", "periodic_update"]


class When(Value, frozen=True, kw_only=True):
    """What a ticket must be for a target to fit; a field left out fits every ticket."""

    urgency: str | None = None
    complexity: str | None = None
    category: str | None = None
    emergency: bool | None = None


class Target(Value, frozen=True, kw_only=True):
    """Seconds of a calendar's time that a clock may take; `None` ends the search without a target (T5)."""

    when: When
    clock: ClockName
    target_seconds: int | None
    calendar: str


class SlaPolicyPublished(Event, frozen=True, kw_only=True):
    """A version of the SLA policy was published; the first target that fits a ticket counts (T5)."""

    policy: str
    version: int
    targets: tuple[Target, ...]
    effective_from: datetime
