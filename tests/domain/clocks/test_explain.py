"""T4, T7, T8: what a clock shows at an instant, and why."""

from datetime import date, datetime, timedelta

import msgspec
import pytest

from domain.clocks.explain import History, Reading, evolve_history, readings
from domain.sla_policy import ClockName
from domain.ticket.commands import TicketCommand
from tests.domain.ticket.cases import (
    LEVELS,
    after,
    call_logged,
    closed,
    customer_writes,
    due_recorded,
    emergency_accepted,
    emergency_requested,
    nov,
    opened,
    policy,
    reopened,
    resolved,
    resumed,
    staff_replies,
    waits_for_customer,
    waits_for_partner,
    with_policy,
)

RECEIPT = nov(23, 10)
SECOND = timedelta(seconds=1)


def history_of(*commands: TicketCommand) -> History:
    """The clocks after these commands, their events at the log's positions 1, 2, 3…"""
    history: History | None = None
    for position, event in enumerate(after(*commands).events, start=1):
        history = evolve_history(history, event, position)
    assert history is not None
    return history


def read(name: ClockName, now: datetime, *commands: TicketCommand) -> Reading:
    """The latest instance of a clock as of an instant."""
    calendars = commands[-1].levels.calendars
    return [each for each in readings(history_of(*commands), calendars, now) if each.clock == name][-1]


T8 = (opened(nov(25, 15)), waits_for_customer(nov(25, 16)), customer_writes(nov(27, 9)))


def test_the_example_of_t8_comes_out_as_written() -> None:
    reading = read("resolution", nov(30, 10), *T8)
    assert [(each.kind, each.seconds / 3600, each.reason) for each in reading.why] == [
        ("counted", 1, None),
        ("paused", 41, "customer"),
        ("counted", 3, None),
        ("closed", 68.5, None),
        ("counted", 1.5, None),
    ]
    assert (reading.elapsed_seconds, reading.target_seconds, reading.remaining_seconds) == (19_800, 64_800, 45_000)
    assert read("first_response", nov(30, 10), *T8).elapsed_seconds == 27_000


def test_a_clock_that_does_not_pause_shows_the_holiday() -> None:
    why = read("first_response", nov(30, 10), *T8).why
    assert [(each.kind, each.start, each.end) for each in why][1:4] == [
        ("closed", nov(25, 17, 30), nov(26, 0)),
        ("holiday", nov(26, 0), nov(27, 0)),
        ("closed", nov(27, 0), nov(27, 8, 30)),
    ]


def test_each_stretch_names_the_events_that_began_it() -> None:
    # 1 opened, 2 waiting, 3 the reply, 4 resumed
    assert [each.positions for each in read("resolution", nov(30, 10), *T8).why] == [(1,), (2,), (4,), (4,), (4,)]


def test_a_reading_has_the_fields_of_the_contract() -> None:
    shown = msgspec.json.decode(msgspec.json.encode(read("resolution", nov(25, 16), *T8[:1])))
    assert shown == {
        "clock": "resolution",
        "instance": 1,
        "state": "running",
        "started_at": "2026-11-25T22:00:00Z",
        "target_seconds": 64_800,
        "calendar": "business",
        "policy_version": 1,
        "elapsed_seconds": 3600,
        "remaining_seconds": 61_200,
        "due_at": "2026-12-01T18:30:00Z",
        "why": [
            {
                "from": "2026-11-25T22:00:00Z",
                "to": "2026-11-25T23:00:00Z",
                "kind": "counted",
                "seconds": 3600,
                "target_seconds": 64_800,
                "calendar": "business",
                "calendar_version": 1,
                "policy_version": 1,
                "positions": [1],
            }
        ],
        "positions": [1],
        "figure_positions": {
            name: [1] for name in ("started_at", "elapsed_seconds", "target_seconds", "remaining_seconds", "due_at")
        },
    }


def test_what_a_view_keeps_comes_back_the_same_from_json() -> None:
    levels = with_policy(policy(2, nov(30, 9), resolution=3600))
    history = history_of(*T8, staff_replies(nov(30, 9)), due_recorded(nov(30, 10), levels))
    assert history.clocks.resolution.breaches
    assert msgspec.json.decode(msgspec.json.encode(history), type=History) == history


# States


@pytest.mark.parametrize(
    ("now", "state"),
    [
        (nov(23, 10), "running"),
        (nov(23, 17, 29, 59), "running"),
        (nov(23, 17, 30), "out_of_hours"),
        (nov(24, 8, 29, 59), "out_of_hours"),
        (nov(24, 8, 30), "running"),
    ],
)
def test_a_clock_runs_in_its_calendars_hours(now: datetime, state: str) -> None:
    assert read("resolution", now, opened(RECEIPT)).state == state


def test_a_clock_that_begins_later_has_not_started() -> None:
    history = (opened(RECEIPT, requested_for=date(2026, 11, 30)), waits_for_customer(RECEIPT))
    before = read("resolution", nov(30, 8, 30) - SECOND, *history)
    assert (before.state, before.elapsed_seconds, before.why) == ("not_started", 0, ())
    assert read("resolution", nov(30, 8, 30), *history).state == "paused"
    assert read("resolution", nov(30, 8, 30), history[0]).state == "running"


def test_waiting_pauses_resolution_in_and_out_of_hours() -> None:
    history = (opened(RECEIPT), waits_for_partner(nov(23, 11)))
    for now in (nov(23, 11), nov(23, 20)):
        assert read("resolution", now, *history).state == "paused"
        assert read("first_response", now, *history).state != "paused"


def test_a_pause_lasts_to_the_instant_it_ends() -> None:
    history = (opened(RECEIPT), waits_for_customer(nov(23, 11)), resumed(nov(23, 12)))
    states = [read("resolution", now, *history).state for now in (nov(23, 12) - SECOND, nov(23, 12), nov(23, 13))]
    assert states == ["paused", "running", "running"]


def test_a_breach_is_shown_before_a_pause() -> None:
    history = (opened(RECEIPT), waits_for_customer(nov(25, 12)))
    reading = read("resolution", nov(25, 13), *history)
    assert (reading.state, reading.verdict, reading.breached_at) == ("breached", "breached", nov(25, 10))


def test_a_clock_that_was_missed_and_then_fulfilled_is_fulfilled_with_the_verdict_breached() -> None:
    reading = read("first_response", nov(30, 12), opened(RECEIPT), staff_replies(nov(25, 9)))
    assert (reading.state, reading.verdict, reading.ended_at) == ("fulfilled", "breached", nov(25, 9))
    assert (reading.breached_at, reading.due_at, reading.remaining_seconds) == (nov(24, 10), nov(24, 10), -28_800)


# Verdicts


def test_a_response_in_time_is_met_at_once() -> None:
    assert read("first_response", nov(23, 12), opened(RECEIPT)).verdict is None
    assert read("first_response", nov(23, 12), opened(RECEIPT), staff_replies(nov(24, 10))).verdict == "met"


def test_resolution_is_met_only_when_the_case_is_closed() -> None:
    history = (opened(RECEIPT), resolved(nov(23, 11)))
    assert read("resolution", nov(23, 12), *history).verdict is None
    assert read("resolution", nov(23, 12), *history, closed(nov(23, 12))).verdict == "met"
    again = (*history, closed(nov(23, 12)), reopened(nov(23, 13)))
    assert read("resolution", nov(23, 14), *again).verdict is None


def test_an_instance_with_a_breach_stays_breached() -> None:
    history = (opened(RECEIPT), resolved(nov(30, 9)), closed(nov(30, 10)))
    assert read("resolution", nov(30, 12), *history).verdict == "breached"
    assert read("resolution", nov(30, 12), *history, reopened(nov(30, 11))).verdict == "breached"


def test_a_target_missed_before_is_due_at_the_start_of_the_segment() -> None:
    life = (opened(RECEIPT), resolved(nov(25, 12)), reopened(nov(25, 13)))
    reading = read("resolution", nov(25, 14), *life)
    assert (reading.state, reading.breached_at, reading.due_at) == ("breached", nov(25, 10), nov(25, 13))
    again = read("resolution", nov(25, 16), *life, resolved(nov(25, 15)))
    assert (again.state, again.verdict, again.due_at) == ("fulfilled", "breached", nov(25, 13))


def test_without_a_target_there_is_no_verdict() -> None:
    history = (opened(RECEIPT, category="enhancement"), resolved(nov(23, 11)), closed(nov(23, 12)))
    reading = read("resolution", nov(30, 12), *history)
    assert (reading.verdict, reading.due_at, reading.remaining_seconds) == (None, None, None)
    assert reading.elapsed_seconds == 3600


# Segments and pauses in the reasons


def test_reopening_is_told_as_a_pause_and_a_new_segment() -> None:
    history = (opened(RECEIPT), resolved(nov(23, 11)), reopened(nov(23, 13)))
    why = read("resolution", nov(23, 14), *history).why
    assert [(each.kind, each.reason, each.start, each.end, each.positions) for each in why] == [
        ("counted", None, RECEIPT, nov(23, 11), (1,)),
        ("paused", "resolved", nov(23, 11), nov(23, 13), (2,)),
        ("counted", None, nov(23, 13), nov(23, 14), (3,)),
    ]


def test_a_resolved_clock_is_told_up_to_its_end() -> None:
    why = read("resolution", nov(23, 14), opened(RECEIPT), resolved(nov(23, 11))).why
    assert [(each.start, each.end) for each in why] == [(RECEIPT, nov(23, 11))]


def test_a_new_segment_cuts_a_stretch_and_a_pause() -> None:
    levels = with_policy(policy(2, nov(23, 11), first_response=3600, resolution=7200))
    history = (opened(RECEIPT), waits_for_customer(nov(23, 10, 30)), resumed(nov(23, 12), levels))
    why = read("resolution", nov(23, 13), *history).why
    # 1 opened, 2 waiting, 3 levels changed, 4 first response missed, 5 resumed
    assert [(each.kind, each.start, each.target_seconds, each.policy_version, each.positions) for each in why] == [
        ("counted", RECEIPT, 64_800, 1, (1,)),
        ("paused", nov(23, 10, 30), 64_800, 1, (2,)),
        ("paused", nov(23, 11), 7200, 2, (2, 3)),
        ("counted", nov(23, 12), 7200, 2, (5,)),
    ]
    first = read("first_response", nov(23, 13), *history).why
    assert [(each.start, each.positions) for each in first] == [(RECEIPT, (1,)), (nov(23, 11), (3,))]


def test_a_stretch_that_a_segment_and_a_resumption_begin_names_both() -> None:
    levels = with_policy(policy(2, nov(23, 12), first_response=36_000, resolution=36_000))
    history = (opened(RECEIPT), waits_for_customer(nov(23, 11)), resumed(nov(23, 12), levels))
    # 1 opened, 2 waiting, 3 levels changed, 4 resumed
    assert [each.positions for each in read("resolution", nov(23, 13), *history).why] == [(1,), (2,), (3, 4)]


def test_every_segment_is_told() -> None:
    levels = with_policy(
        policy(2, nov(23, 11), first_response=36_000, resolution=36_000),
        policy(3, nov(23, 12), first_response=36_000, resolution=36_000),
    )
    why = read("resolution", nov(23, 13), opened(RECEIPT), due_recorded(nov(23, 12), levels)).why
    assert [(each.start, each.end, each.policy_version) for each in why] == [
        (RECEIPT, nov(23, 11), 1),
        (nov(23, 11), nov(23, 12), 2),
        (nov(23, 12), nov(23, 13), 3),
    ]


def test_former_instances_are_told_beside_the_latest() -> None:
    history = (
        opened(RECEIPT),
        staff_replies(nov(23, 11)),
        customer_writes(nov(23, 12)),
        staff_replies(nov(23, 13)),
        customer_writes(nov(23, 14)),
    )
    found = readings(history_of(*history), LEVELS.calendars, nov(23, 15))
    assert [(each.clock, each.instance, each.state, each.elapsed_seconds) for each in found] == [
        ("first_response", 1, "fulfilled", 3600),
        ("next_response", 1, "fulfilled", 3600),
        ("next_response", 2, "running", 3600),
        ("resolution", 1, "running", 5 * 3600),
    ]


def test_an_update_that_a_reply_gave_is_told_as_given() -> None:
    """The same reply ends one instance of `periodic_update` and begins the next (T3)."""
    history = (
        opened(RECEIPT),
        emergency_requested(RECEIPT, kind="business_hours"),
        emergency_accepted(nov(23, 11)),
        staff_replies(nov(23, 11, 40)),
        due_recorded(nov(23, 12, 50)),
        staff_replies(nov(23, 12, 55)),
    )
    found = [each for each in readings(history_of(*history), LEVELS.calendars, nov(23, 13)) if "update" in each.clock]
    assert [(each.instance, each.state, each.ended_at, each.verdict, each.elapsed_seconds) for each in found] == [
        (1, "fulfilled", nov(23, 11, 40), "met", 40 * 60),
        (2, "fulfilled", nov(23, 12, 55), "breached", 75 * 60),
        (3, "running", None, None, 5 * 60),
    ]


def test_a_response_that_a_call_gave_is_told_as_given_though_the_call_begins_the_next() -> None:
    """A call logged late answers what had been written by its own instant, and no later message (T7)."""
    history = (
        opened(RECEIPT),
        staff_replies(nov(23, 11)),
        customer_writes(nov(23, 12)),
        customer_writes(nov(23, 13)),
        call_logged(nov(23, 14), at=nov(23, 12, 30)),
    )
    found = [each for each in readings(history_of(*history), LEVELS.calendars, nov(23, 15)) if "next" in each.clock]
    assert [(each.instance, each.state, each.ended_at, each.verdict, each.elapsed_seconds) for each in found] == [
        (1, "fulfilled", nov(23, 12, 30), "met", 30 * 60),
        (2, "running", None, None, 2 * 3600),
    ]
