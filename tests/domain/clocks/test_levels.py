"""Which versions count at an instant."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from domain.clocks.levels import Level, NoServiceLevels, ServiceLevels
from domain.sla_policy import Target, Traits, When
from tests.domain.ticket.cases import CALENDAR, EPOCH, LEVELS, POLICY, nov, policy

NORMAL = Traits(urgency="normal", complexity="basic", category="how_to")
SECOND = timedelta(seconds=1)


def test_the_policy_in_force_changes_at_its_effective_instant() -> None:
    levels = ServiceLevels([POLICY, policy(2, nov(24, 9), resolution=60)], [[CALENDAR]])
    assert levels.at(nov(24, 9) - SECOND).policy_version == 1
    assert levels.at(nov(24, 9)).policy_version == 2
    assert levels.at(nov(24, 9)).level("resolution", NORMAL) == Level(60, "business", 1, 2)


def test_a_clock_without_a_target_counts_by_the_desks_calendar() -> None:
    none = Target(when=When(), clock="resolution", target_seconds=None, calendar="24x7")
    levels = ServiceLevels([replace(POLICY, targets=(none,))], [[CALENDAR]])
    assert levels.at(nov(24, 9)).level("resolution", NORMAL) == Level(None, "business", 1, 1)
    assert levels.at(nov(24, 9)).level("first_response", NORMAL) == Level(None, "business", 1, 1)


def test_a_target_can_count_round_the_clock() -> None:
    always = Target(when=When(), clock="resolution", target_seconds=60, calendar="24x7")
    levels = ServiceLevels([replace(POLICY, targets=(always,))], [[CALENDAR]])
    assert levels.at(nov(24, 9)).level("resolution", NORMAL) == Level(60, "24x7", 0, 1)


def test_a_target_counts_by_the_version_of_its_calendar_in_force() -> None:
    second = replace(CALENDAR, version=2, tz="Europe/Rome", effective_from=nov(24, 9))
    levels = ServiceLevels([POLICY], [[CALENDAR, second]])
    assert levels.at(nov(24, 9) - SECOND).level("resolution", NORMAL).calendar_version == 1
    assert levels.at(nov(24, 9)).level("resolution", NORMAL).calendar_version == 2
    assert levels.desk_calendar(nov(24, 8)).zone.key == "America/Denver"
    assert levels.desk_calendar(nov(24, 9)).zone.key == "Europe/Rome"


def test_a_version_counts_from_the_whole_second_it_takes_effect_in() -> None:
    late = nov(24, 9) + timedelta(microseconds=900_000)
    levels = ServiceLevels([POLICY, policy(2, late, resolution=60)], [[CALENDAR]])
    assert levels.at(nov(24, 9) + timedelta(microseconds=1)).policy_version == 2
    assert levels.changes(EPOCH, late) == [EPOCH, nov(24, 9)]


def test_of_two_versions_from_one_second_the_later_holds() -> None:
    at = nov(24, 9)
    versions = [POLICY, policy(2, at), policy(3, at + timedelta(microseconds=1)), policy(4, at)]
    assert ServiceLevels(versions, [[CALENDAR]]).at(at).policy_version == 3


def test_changes_are_told_with_both_ends_and_in_order() -> None:
    versions = [POLICY, policy(2, nov(25, 9)), policy(3, nov(24, 9))]
    levels = ServiceLevels(versions, [[CALENDAR, replace(CALENDAR, version=2, effective_from=nov(26, 9))]])
    assert levels.changes(nov(24, 9), nov(25, 9)) == [nov(24, 9), nov(25, 9)]
    assert levels.changes(nov(24, 9) + SECOND, nov(25, 9) - SECOND) == []
    assert levels.changes(EPOCH + SECOND, nov(30, 9)) == [nov(24, 9), nov(25, 9), nov(26, 9)]


def test_before_the_first_settings_nothing_can_be_decided() -> None:
    with pytest.raises(NoServiceLevels):
        LEVELS.at(EPOCH - SECOND)
    assert LEVELS.at(EPOCH).policy_version == 1
    with pytest.raises(NoServiceLevels):
        ServiceLevels([], [[CALENDAR]]).at(nov(24, 9))
    with pytest.raises(NoServiceLevels):
        ServiceLevels([POLICY], []).desk_calendar(nov(24, 9))
    with pytest.raises(NoServiceLevels):
        ServiceLevels([POLICY], []).at(nov(24, 9)).level("resolution", NORMAL)


def test_round_the_clock_needs_no_publication() -> None:
    assert LEVELS.calendars["24x7", 0].is_open(datetime(2026, 12, 25, 3, tzinfo=UTC))
