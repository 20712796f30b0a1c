"""How scenarios speak of instants, time and money: as people in the desk's zone would write them."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/Denver")


def instant(local: str) -> datetime:
    """Return the instant of a local time such as "Mon 2037-11-02 10:00" or "Mon 2037-11-02 10:00:30".

    The weekday is there for the reader, and must be right. A local time that does not exist, or occurs twice, is
    read as the desk reads it (SUPPORT_POLICY T1).
    """
    weekday, clock = local.split(" ", 1)
    wall = datetime.fromisoformat(clock).replace(tzinfo=ZONE)
    assert wall.strftime("%a") == weekday, f"{clock} is a {wall:%a}"
    return wall.astimezone(UTC)


def local(text: str) -> str:
    """Return an instant of an answer as people in the desk's zone write it: "Mon 2037-11-02 10:00"."""
    wall = datetime.fromisoformat(text).astimezone(ZONE)
    return wall.strftime("%a %Y-%m-%d %H:%M:%S").removesuffix(":00")


def money(cents: int) -> str:
    """Return an amount as "$1,234.56", "-$5.00"."""
    return f"{'-' if cents < 0 else ''}${abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def time(seconds: int) -> str:
    """Return a length of time as "45 min", or "90 s" where it is no whole number of minutes."""
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def draw(drawn: Any) -> str:
    """Return a draw or a credit as "allowance 45 min" or "on_demand 45 min $112.50"."""
    text = f"{drawn['source']} {time(drawn['seconds'])}"
    return text if drawn["amount_cents"] == 0 else f"{text} {money(drawn['amount_cents'])}"


HOUR = 3600
MINUTE = 60
