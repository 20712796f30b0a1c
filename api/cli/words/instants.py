"""How is an instant said to people? By the desk's clock, with the zone's name."""

from datetime import datetime
from zoneinfo import ZoneInfo


def clock_time(instant: datetime, zone: ZoneInfo) -> str:
    """Return it as the desk's date and time of day: "2026-11-30 17:30:00 MST"."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M:%S %Z}"
