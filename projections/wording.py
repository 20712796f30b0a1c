"""How is a length of time said to people?"""


def spoken(seconds: int) -> str:
    """Return it in hours, minutes and seconds, without those that are none: "1 h 30 min"."""
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    parts = [f"{number} {unit}" for number, unit in ((hours, "h"), (minutes, "min"), (left, "s")) if number]
    return " ".join(parts) or "0 s"
