"""The SLA policy as a setting of the desk: which clock of which ticket has which target."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

import msgspec

from domain.business_time import ROUND_THE_CLOCK
from domain.calendar import DESK_CALENDAR
from domain.event import Event, Value
from domain.refusal import Refusal
from domain.setting import InvalidSetting, effective_instant, in_force

LONGEST_TARGET_SECONDS = 10 * 366 * 86_400
MOST_REMINDERS = 100

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


class Traits(Value, frozen=True, kw_only=True):
    """What of a ticket its targets depend on. `emergency` is true while an emergency stands accepted."""

    urgency: str
    complexity: str
    category: str
    emergency: bool = False


class Reminders(Value, frozen=True, kw_only=True):
    """When a customer for whom a case waits is asked again (R16): seconds of the desk's business time.

    First after `after_seconds` of waiting, then every `every_seconds`, at most `most` times (0: never).
    """

    after_seconds: int = 2 * 9 * 3600
    every_seconds: int = 2 * 9 * 3600
    most: int = 3


class SlaPolicyPublished(Event, frozen=True, kw_only=True):
    """A version of the SLA policy was published; the first target that fits a ticket counts (T5)."""

    policy: str
    version: int
    targets: tuple[Target, ...]
    effective_from: datetime
    reminders: Reminders = Reminders()


class PublishSlaPolicy(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Publish the next version of the desk's one SLA policy, in effect from `effective_from` or else from `now`.

    `policy` is a label. `calendars` are the names of the desk's calendars, each with the instant since which it is in
    force. `founding` marks a desk's first settings, which alone may take effect in the past.
    """

    now: datetime
    policy: str
    targets: Sequence[Target]
    calendars: Mapping[str, datetime]
    reminders: Reminders = Reminders()
    effective_from: datetime | None = None
    founding: bool = False


class SlaPolicy(msgspec.Struct, frozen=True, gc=False):
    """All versions of the policy, in the order of publication."""

    versions: tuple[SlaPolicyPublished, ...]


class InvalidSlaPolicy(InvalidSetting):
    """A policy with targets or reminders that no time can be counted by; `errors` names each wrong field."""

    code = "invalid_sla_policy"


class UnknownCalendar(Refusal):
    """A target counts by a calendar that is not in force when the policy takes effect."""

    code = "unknown_calendar"


def decide(command: PublishSlaPolicy, state: SlaPolicy | None) -> list[SlaPolicyPublished]:
    """Decide on a publication. What the version in force by then says already is not published again.

    Raises InvalidSlaPolicy, UnknownCalendar and EffectiveInPast.
    """
    takes_effect = command.effective_from or command.now
    _check(command, takes_effect)
    versions = state.versions if state else ()
    event = SlaPolicyPublished(
        occurred_at=command.now,
        policy=command.policy,
        version=len(versions) + 1,
        targets=tuple(command.targets),
        effective_from=takes_effect,
        reminders=command.reminders,
    )
    followed = in_force(versions, takes_effect)
    if followed is not None and _content(followed) == _content(event):
        return []
    effective_instant(command.now, command.effective_from, founding=command.founding)
    return [event]


def evolve(state: SlaPolicy | None, event: SlaPolicyPublished) -> SlaPolicy:
    """Fold a publication."""
    return SlaPolicy((*state.versions, event) if state else (event,))


def target_for(targets: Sequence[Target], clock: ClockName, traits: Traits) -> Target | None:
    """The first target of the clock that fits; one without seconds says that the clock has none (T5)."""
    for target in targets:
        when = target.when
        if (
            target.clock == clock
            and when.urgency in (None, traits.urgency)
            and when.complexity in (None, traits.complexity)
            and when.category in (None, traits.category)
            and when.emergency in (None, traits.emergency)
        ):
            return target
    return None


def _check(command: PublishSlaPolicy, takes_effect: datetime) -> None:
    errors = [
        (f"/targets/{index}/target_seconds", f"not within 0 to {LONGEST_TARGET_SECONDS} seconds")
        for index, target in enumerate(command.targets)
        if target.target_seconds is not None and not 0 <= target.target_seconds <= LONGEST_TARGET_SECONDS
    ]
    spans = {"after_seconds": command.reminders.after_seconds, "every_seconds": command.reminders.every_seconds}
    errors += [
        (f"/reminders/{name}", f"not within 1 to {LONGEST_TARGET_SECONDS} seconds")
        for name, seconds in spans.items()
        if not 1 <= seconds <= LONGEST_TARGET_SECONDS
    ]
    if not 0 <= command.reminders.most <= MOST_REMINDERS:
        errors.append(("/reminders/most", f"not within 0 to {MOST_REMINDERS}"))
    if errors:
        raise InvalidSlaPolicy(errors)
    for index, target in enumerate(command.targets):
        if target.calendar == ROUND_THE_CLOCK:
            continue
        since = command.calendars.get(target.calendar)
        if since is None or since > takes_effect:
            raise UnknownCalendar(
                f"no calendar {target.calendar!r} is in force on {takes_effect.isoformat()}",
                pointer=f"/targets/{index}/calendar",
            )


def _content(event: SlaPolicyPublished) -> tuple[object, ...]:
    return event.policy, event.targets, event.reminders


_BUSINESS_DAY = 9 * 3600


def _targets(when: When, seconds: Mapping[ClockName, int | None], calendar: str) -> tuple[Target, ...]:
    return tuple(
        Target(when=when, clock=clock, target_seconds=target, calendar=calendar) for clock, target in seconds.items()
    )


DEFAULT_TARGETS: tuple[Target, ...] = (
    *_targets(
        When(emergency=True),
        {"first_response": 1800, "next_response": 3600, "resolution": None, "periodic_update": 3600},
        ROUND_THE_CLOCK,
    ),
    *_targets(
        When(category="enhancement"),
        {"first_response": 2 * _BUSINESS_DAY, "next_response": 2 * _BUSINESS_DAY, "resolution": None},
        DESK_CALENDAR,
    ),
    *_targets(
        When(urgency="high"),
        {"first_response": 7200, "next_response": 14400, "resolution": _BUSINESS_DAY},
        DESK_CALENDAR,
    ),
    *_targets(
        When(complexity="complex"),
        {"first_response": _BUSINESS_DAY, "next_response": _BUSINESS_DAY, "resolution": 5 * _BUSINESS_DAY},
        DESK_CALENDAR,
    ),
    *_targets(
        When(),
        {"first_response": _BUSINESS_DAY, "next_response": _BUSINESS_DAY, "resolution": 2 * _BUSINESS_DAY},
        DESK_CALENDAR,
    ),
)
"""The targets of SUPPORT_POLICY T5, in the order of its table."""
