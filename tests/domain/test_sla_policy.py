"""The SLA policy: publishing it, and which target a ticket's clock has (T5)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from domain.setting import EffectiveInPast
from domain.sla_policy import (
    DEFAULT_TARGETS,
    LONGEST_TARGET_SECONDS,
    MOST_REMINDERS,
    ClockName,
    InvalidSlaPolicy,
    PublishSlaPolicy,
    Reminders,
    SlaPolicy,
    SlaPolicyPublished,
    Target,
    Traits,
    UnknownCalendar,
    When,
    decide,
    evolve,
    target_for,
)
from tests.spec import Decider

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

policy: Decider[PublishSlaPolicy, SlaPolicy, SlaPolicyPublished] = Decider(decide, evolve)


def target(seconds: int | None, calendar: str = "business", **when: Any) -> Target:
    return Target(when=When(**when), clock="resolution", target_seconds=seconds, calendar=calendar)


def publish(**changes: Any) -> PublishSlaPolicy:
    command = PublishSlaPolicy(now=NOW, policy="standard", targets=DEFAULT_TARGETS, calendars={"business": EPOCH})
    return replace(command, **changes)


def published(**changes: Any) -> SlaPolicyPublished:
    event = SlaPolicyPublished(
        occurred_at=NOW, policy="standard", version=1, targets=DEFAULT_TARGETS, effective_from=NOW
    )
    return replace(event, **changes)


def test_the_default_policy_is_published() -> None:
    policy.given().when(publish()).then(published())


def test_the_policys_name_is_a_label_of_the_one_line_of_versions() -> None:
    policy.given(published()).when(publish(policy="holiday season")).then(published(policy="holiday season", version=2))


def test_the_same_content_again_is_no_version() -> None:
    policy.given(published()).when(publish()).then_nothing()
    policy.given(published()).when(publish(now=NOW + HOUR)).then_nothing()
    policy.given(published(effective_from=NOW + HOUR)).when(publish()).then(published(version=2))


def test_other_targets_are_the_next_version() -> None:
    policy.given(published()).when(publish(targets=(target(60),))).then(published(version=2, targets=(target(60),)))


def test_other_reminders_are_the_next_version() -> None:
    assert published().reminders == Reminders(after_seconds=2 * 9 * 3600, every_seconds=2 * 9 * 3600, most=3)
    for reminders in (Reminders(after_seconds=60), Reminders(every_seconds=60), Reminders(most=0)):
        policy.given(published()).when(publish(reminders=reminders)).then(published(version=2, reminders=reminders))
        policy.given(published(reminders=reminders)).when(publish(reminders=reminders)).then_nothing()


def test_reminders_that_no_time_can_be_counted_by_are_named() -> None:
    least = Reminders(after_seconds=1, every_seconds=1, most=0)
    most = Reminders(after_seconds=LONGEST_TARGET_SECONDS, every_seconds=LONGEST_TARGET_SECONDS, most=MOST_REMINDERS)
    for reminders in (least, most):
        policy.given().when(publish(reminders=reminders)).then(published(reminders=reminders))
    for reminders in (
        Reminders(after_seconds=0, every_seconds=0, most=-1),
        Reminders(
            after_seconds=LONGEST_TARGET_SECONDS + 1, every_seconds=LONGEST_TARGET_SECONDS + 1, most=MOST_REMINDERS + 1
        ),
    ):
        refusal = policy.given().when(publish(reminders=reminders)).then_refused(InvalidSlaPolicy)
        assert isinstance(refusal, InvalidSlaPolicy)
        assert [pointer for pointer, _ in refusal.errors] == [
            "/reminders/after_seconds",
            "/reminders/every_seconds",
            "/reminders/most",
        ]


def test_a_version_may_not_take_effect_in_the_past() -> None:
    policy.given().when(publish(effective_from=NOW)).then(published())
    policy.given().when(publish(effective_from=NOW - timedelta(seconds=1))).then_refused(EffectiveInPast)
    policy.given().when(publish(effective_from=EPOCH, founding=True)).then(published(effective_from=EPOCH))


def test_a_target_by_a_calendar_that_is_not_there_is_refused() -> None:
    targets = (target(60), target(60, "night"))
    refusal = policy.given().when(publish(targets=targets)).then_refused(UnknownCalendar)
    assert refusal.pointer == "/targets/1/calendar"
    policy.given().when(publish(targets=targets, calendars={"business": EPOCH, "night": NOW})).then(
        published(targets=targets)
    )


def test_a_target_by_a_calendar_that_takes_effect_only_later_is_refused() -> None:
    targets = (target(60, "night"),)
    calendars = {"night": NOW + HOUR}
    policy.given().when(publish(targets=targets, calendars=calendars)).then_refused(UnknownCalendar)
    policy.given().when(publish(targets=targets, calendars=calendars, effective_from=NOW + HOUR)).then(
        published(targets=targets, effective_from=NOW + HOUR)
    )


def test_the_round_the_clock_calendar_is_always_there() -> None:
    policy.given().when(publish(targets=(target(60, "24x7"),), calendars={})).then(
        published(targets=(target(60, "24x7"),))
    )


def test_targets_of_impossible_length_are_named() -> None:
    targets = (target(0), target(-1), target(None), target(LONGEST_TARGET_SECONDS), target(LONGEST_TARGET_SECONDS + 1))
    refusal = policy.given().when(publish(targets=targets)).then_refused(InvalidSlaPolicy)
    assert isinstance(refusal, InvalidSlaPolicy)
    assert [pointer for pointer, _ in refusal.errors] == ["/targets/1/target_seconds", "/targets/4/target_seconds"]


NORMAL = Traits(urgency="normal", complexity="basic", category="how_to")
MINUTE, BUSINESS_DAY = 60, 9 * 3600


@pytest.mark.parametrize(
    ("traits", "first", "following", "resolution", "update"),
    [
        (replace(NORMAL, emergency=True, urgency="high"), 30 * MINUTE, 60 * MINUTE, None, 60 * MINUTE),
        (replace(NORMAL, category="enhancement", urgency="high"), 2 * BUSINESS_DAY, 2 * BUSINESS_DAY, None, None),
        (replace(NORMAL, urgency="high", complexity="complex"), 7200, 14400, BUSINESS_DAY, None),
        (replace(NORMAL, complexity="complex"), BUSINESS_DAY, BUSINESS_DAY, 5 * BUSINESS_DAY, None),
        (NORMAL, BUSINESS_DAY, BUSINESS_DAY, 2 * BUSINESS_DAY, None),
        (replace(NORMAL, urgency="low"), BUSINESS_DAY, BUSINESS_DAY, 2 * BUSINESS_DAY, None),
    ],
)
def test_the_default_targets_are_those_of_the_support_policy(
    traits: Traits, first: int, following: int, resolution: int | None, update: int | None
) -> None:
    clocks: tuple[ClockName, ...] = ("first_response", "next_response", "resolution", "periodic_update")
    found = [target_for(DEFAULT_TARGETS, clock, traits) for clock in clocks]
    assert [each and each.target_seconds for each in found] == [first, following, resolution, update]
    assert {each.calendar for each in found if each} == {"24x7" if traits.emergency else "business"}


def test_the_first_target_that_fits_counts_even_if_it_says_none() -> None:
    targets = (target(None, urgency="high"), target(60, urgency="high", complexity="basic"), target(90))
    assert target_for(targets, "resolution", replace(NORMAL, urgency="high")) is targets[0]
    assert target_for(targets, "resolution", NORMAL) is targets[2]
    assert target_for(targets, "first_response", NORMAL) is None


def test_a_target_can_be_for_tickets_that_are_no_emergency() -> None:
    targets = (target(60, emergency=False), target(90, emergency=True))
    assert target_for(targets, "resolution", NORMAL) is targets[0]
    assert target_for(targets, "resolution", replace(NORMAL, emergency=True)) is targets[1]
