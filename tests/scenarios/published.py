"""Settings that scenarios publish, and deadlines that follow from them."""

from typing import Any

from tests.scenarios.desk import Desk
from tests.scenarios.words import local


def calendar(desk: Desk, hours: dict[str, str], **days: Any) -> None:
    """Publish the desk's hours, in effect at once."""
    setting = {"holidays": [], "overrides": {}, "breaks": {}, **days}
    desk.does("publish-calendar", calendar="business", tz="America/Denver", hours=hours, **setting)


def policy(desk: Desk, *targets: dict[str, Any], **effective: str) -> None:
    """Publish the desk's targets, the first that fits counts."""
    desk.does("publish-sla-policy", policy="standard", targets=list(targets), **effective)


def target(clock: str, seconds: int | None, calendar: str = "business", **when: Any) -> dict[str, Any]:
    """Return a row of the policy."""
    return {"when": when, "clock": clock, "target_seconds": seconds, "calendar": calendar}


def due(desk: Desk, case: str, clock: str) -> str:
    """Return when a clock falls due, in local time."""
    return local(desk.clock(case, clock)["due_at"])
