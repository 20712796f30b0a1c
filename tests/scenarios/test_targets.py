"""What is promised for which ticket, and what becomes of it when the ticket or the setting changes."""

from typing import Any

from tests.scenarios.desk import Desk
from tests.scenarios.published import due, policy, target
from tests.scenarios.scenario import scenario
from tests.scenarios.words import HOUR, instant, local

TWO_BUSINESS_DAYS = 18 * HOUR


@scenario("T5", "R19", "R20")
def test_t5_the_first_row_that_fits_a_ticket_counts(desk: Desk) -> None:
    """By default: an enhancement has two business days to respond, high urgency two hours, complex cases five days."""
    desk.at("Mon 2037-11-02 08:30")
    desk.customer()
    plain, high = desk.case(), desk.case(urgency="high")
    complicated, enhancement = desk.case(complexity="complex"), desk.case("enhancement", urgency="high")
    assert due(desk, plain, "first_response") == "Mon 2037-11-02 17:30"
    assert due(desk, plain, "resolution") == "Tue 2037-11-03 17:30"
    assert due(desk, high, "first_response") == "Mon 2037-11-02 10:30"
    assert due(desk, high, "resolution") == "Mon 2037-11-02 17:30"
    assert due(desk, complicated, "resolution") == "Fri 2037-11-06 17:30"
    # an enhancement comes before its urgency, and nothing is promised for its resolution
    assert due(desk, enhancement, "first_response") == "Tue 2037-11-03 17:30"
    clock = desk.clock(enhancement, "resolution")
    assert "target_seconds" not in clock
    assert "due_at" not in clock


@scenario("T5")
def test_t5_targets_are_a_setting_and_a_target_of_none_ends_the_search(desk: Desk) -> None:
    """The desk may promise otherwise: rows in order, each on a calendar of its own; none means none."""
    desk.at("Mon 2037-11-02 08:30")
    desk.customer()
    desk.does(
        "publish-calendar",
        calendar="weekend",
        tz="America/Denver",
        hours={"sat-sun": "10:00-12:00"},
        holidays=[],
        overrides={},
        breaks={},
    )
    policy(
        desk,
        target("first_response", HOUR, "24x7", urgency="high"),
        target("first_response", None, urgency="low"),
        target("first_response", HOUR, "weekend"),
    )
    assert due(desk, desk.case(urgency="high"), "first_response") == "Mon 2037-11-02 09:30"
    assert due(desk, desk.case(), "first_response") == "Sat 2037-11-07 11:00"
    low = desk.case(urgency="low")
    assert "due_at" not in desk.clock(low, "first_response")
    # a clock without a target is kept all the same, by the desk's own calendar
    desk.at("Tue 2037-11-03 08:30")
    clock = desk.clock(low, "first_response")
    assert clock["calendar"] == "business"
    assert clock["elapsed_seconds"] == 9 * HOUR
    # and a calendar that does not exist cannot be promised by
    rows = [target("first_response", HOUR, "lunar")]
    desk.refuses("publish-sla-policy", "unknown_calendar", policy="standard", targets=rows)


@scenario("T6", "R8")
def test_t6_time_already_counted_counts_against_the_new_target(desk: Desk) -> None:
    """A case that becomes urgent after six hours has three left of nine; one that is over already is due at once."""
    desk.at("Mon 2037-11-02 08:30")
    desk.customer()
    case, late = desk.case(), desk.case()
    # when its urgency rises after six hours
    desk.at("Mon 2037-11-02 14:30")
    desk.does("set-urgency", ticket=case, urgency="high")
    # then three are left until nine are full
    clock = desk.clock(case, "resolution")
    assert clock["elapsed_seconds"] == 6 * HOUR
    assert local(clock["due_at"]) == "Mon 2037-11-02 17:30"
    # and two segments are told of it
    assert [each["target_seconds"] for each in clock["why"]] == [TWO_BUSINESS_DAYS]
    # the first response's two hours have passed by then: it is due when the segment starts
    assert due(desk, case, "first_response") == "Mon 2037-11-02 14:30"
    # and so it is with a resolution that has had ten hours
    desk.at("Tue 2037-11-03 09:30")
    desk.does("set-urgency", ticket=late, urgency="high")
    assert due(desk, late, "resolution") == "Tue 2037-11-03 09:30"


@scenario("T6")
def test_t6_complexity_and_category_set_clocks_anew_too(desk: Desk) -> None:
    """Found complex, a case has five business days in all; found an enhancement, it has no resolution target."""
    desk.at("Mon 2037-11-02 08:30")
    desk.customer()
    case = desk.case()
    desk.at("Tue 2037-11-03 08:30")
    desk.does("set-complexity", ticket=case, complexity="complex")
    assert due(desk, case, "resolution") == "Fri 2037-11-06 17:30"
    desk.does("set-category", ticket=case, category="enhancement")
    clock = desk.clock(case, "resolution")
    assert "due_at" not in clock
    assert clock["elapsed_seconds"] == 9 * HOUR


@scenario("T6")
def test_t6_settings_change_from_when_they_take_effect_and_never_in_the_past(desk: Desk) -> None:
    """A new calendar counts from its day on for what runs; what is ended keeps its verdict; the past is refused."""
    desk.at("Mon 2037-11-02 08:30")
    desk.customer()
    running, ended = desk.case(), desk.case()
    desk.at("Mon 2037-11-02 10:00")
    desk.staff_reply(ended)
    verdict = desk.clock(ended, "first_response")
    # given mornings only from Tuesday on, published on Monday
    change: dict[str, Any] = {
        "calendar": "business",
        "tz": "America/Denver",
        "holidays": [],
        "overrides": {},
        "breaks": {},
    }
    hours = {"mon-fri": "08:30-12:00"}
    tuesday = instant("Tue 2037-11-03 00:00").isoformat()
    desk.does("publish-calendar", **change, hours=hours, effective_from=tuesday)
    # then on Monday a due instant still counts by what is in effect
    assert due(desk, running, "resolution") == "Tue 2037-11-03 17:30"
    # and from Tuesday on by the mornings: nine hours were counted on Monday, nine are left
    desk.at("Tue 2037-11-03 08:30")
    clock = desk.clock(running, "resolution")
    assert clock["elapsed_seconds"] == 9 * HOUR
    assert local(clock["due_at"]) == "Thu 2037-11-05 10:30"
    # and a verdict that was given stands as it was given
    assert desk.clock(ended, "first_response") == verdict
    # and nothing takes effect in the past
    past = {**change, "hours": {"mon-fri": "09:00-12:00"}, "effective_from": tuesday}
    desk.refuses("publish-calendar", "effective_in_past", **past)


@scenario("R19")
def test_r19_basic_requests_have_two_business_days_and_complex_ones_a_week(desk: Desk) -> None:
    """A basic request is to be resolved within 18 business hours, a complex one within 45."""
    desk.at("Thu 2037-11-05 10:00")
    desk.customer()
    basic, complicated = desk.case(), desk.case(complexity="complex")
    assert due(desk, basic, "resolution") == "Mon 2037-11-09 10:00"
    assert due(desk, complicated, "resolution") == "Thu 2037-11-12 10:00"
    # and staff may find that it is more complex than it seemed
    desk.does("set-complexity", ticket=basic, complexity="complex")
    assert due(desk, basic, "resolution") == "Thu 2037-11-12 10:00"


@scenario("T6", "T5")
def test_t6_a_new_policy_counts_for_what_runs_by_its_own_targets(desk: Desk) -> None:
    """Three hours into a case the desk promises six instead of eighteen: three are left, and both promises are told."""
    desk.at("Mon 2037-11-02 08:30")
    desk.customer()
    case = desk.case()
    desk.at("Mon 2037-11-02 11:30")
    policy(desk, target("first_response", 9 * HOUR), target("resolution", 6 * HOUR))
    desk.settles()
    desk.at("Mon 2037-11-02 12:30")
    clock = desk.clock(case, "resolution")
    assert local(clock["due_at"]) == "Mon 2037-11-02 14:30"
    assert [(each["target_seconds"], each["seconds"], each["policy_version"]) for each in clock["why"]] == [
        (18 * HOUR, 3 * HOUR, 1),
        (6 * HOUR, HOUR, 2),
    ]


@scenario("T6", "T3")
def test_t6_while_a_case_is_resolved_nothing_falls_due(desk: Desk) -> None:
    """Resolved an hour before its deadline, a case misses nothing for weeks; reopened, it has that hour."""
    desk.at("Mon 2037-11-02 08:30")
    desk.customer()
    case = desk.case(urgency="high")
    desk.staff_reply(case)
    desk.at("Mon 2037-11-02 16:30")
    desk.resolves(case)
    desk.at("Mon 2037-11-23 10:00")
    assert desk.breaches(case) == []
    desk.does("reopen-ticket", ticket=case, reason="It came back.")
    assert due(desk, case, "resolution") == "Mon 2037-11-23 11:00"
    desk.at("Mon 2037-11-23 11:00:01")
    assert [local(each["breached_at"]) for each in desk.breaches(case)] == ["Mon 2037-11-23 11:00"]
