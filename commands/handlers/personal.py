"""Personal data of a request, in the type that events carry it in."""

from collections.abc import Mapping
from typing import Any

from domain.personal import Person, Personal


def personal(text: str) -> Personal:
    """Mark text as personal data."""
    return Personal(text)


def personal_or_none(text: str | None) -> Personal | None:
    """Mark text as personal data, where there is any."""
    return None if text is None else Personal(text)


def person(data: Mapping[str, Any]) -> Person:
    """Return somebody of whom a request gives `name` and `email`."""
    return Person(name=Personal(data["name"]), email=Personal(data["email"]))
