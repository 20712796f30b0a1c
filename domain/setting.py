"""What the desk's settings have in common: published in versions, each with the instant it takes effect."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from domain.refusal import Refusal


class EffectiveInPast(Refusal):
    """A version may not take effect before it is published: old verdicts and bills would change (SUPPORT_POLICY T6)."""

    code = "effective_in_past"
    pointer = "/effective_from"


class InvalidSetting(Refusal):
    """The content of a setting has wrong fields; `errors` names each as (JSON pointer, detail)."""

    code = "invalid_setting"

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{pointer}: {detail}" for pointer, detail in errors), pointer=errors[0][0])
        self.errors = tuple(errors)


class Version(Protocol):
    """A published version of a setting; numbers rise by one in the order of publication."""

    @property
    def version(self) -> int:
        """Its number, from 1."""
        ...

    @property
    def effective_from(self) -> datetime:
        """The instant it takes effect."""
        ...


V = TypeVar("V", bound=Version)


def in_force(versions: Sequence[V], at: datetime) -> V | None:
    """The version in force at an instant: the last to take effect by then; of those from one instant, the highest.

    So a version that was published later, to take effect earlier, holds until the other takes effect.
    """
    begun = [each for each in versions if each.effective_from <= at]
    return max(begun, key=lambda each: (each.effective_from, each.version)) if begun else None


def effective_instant(now: datetime, effective_from: datetime | None, *, founding: bool) -> datetime:
    """When a version published at `now` takes effect: at once unless it says otherwise.

    Raises EffectiveInPast for an instant before `now`, unless it is one of a desk's `founding` settings.
    """
    if effective_from is None:
        return now
    if effective_from < now and not founding:
        raise EffectiveInPast(f"effective_from {effective_from.isoformat()} is before now, {now.isoformat()}")
    return effective_from
