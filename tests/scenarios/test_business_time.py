"""Business time: how the desk counts the hours that it is open, to the second, and how it explains itself."""

from tests.scenarios.desk import Desk
from tests.scenarios.published import calendar, due, policy, target
from tests.scenarios.scenario import scenario
from tests.scenarios.words import HOUR, MINUTE, local

TWO_BUSINESS_DAYS = 18 * HOUR


@scenario("T1")
def test_t1_an_hour_is_an_hour_when_the_clocks_are_put_back(desk: Desk) -> None:
    """In the night when 1:00 to 2:00 occurs twice, both hours count, and the first 1:30 is meant by 1:30."""
    # given a desk that is open that Sunday from midnight to four, and promises an answer in four hours
    desk.at("Sat 2037-10-31 12:00")
    desk.customer()
    calendar(desk, {"sun": "00:00-04:00"})
    policy(desk, target("first_response", 4 * HOUR), target("resolution", 24 * HOUR, "24x7"))
    # when a request comes in on Saturday at noon
    case = desk.case()
    # then four hours after midnight it is three by the clock on the wall
    assert due(desk, case, "first_response") == "Sun 2037-11-01 03:00"
    # and 24 hours after noon it is eleven
    assert due(desk, case, "resolution") == "Sun 2037-11-01 11:00"
    # and work of 90 minutes from half past one ends at two, when the clock shows it for the first time again
    desk.at("Sun 2037-11-01 04:00")
    work = desk.works(case, "Sun 2037-11-01 01:30", minutes=90)
    assert desk.statement("2037-11").entry(work)["duration_seconds"] == 90 * MINUTE


@scenario("T1")
def test_t1_a_local_time_that_does_not_exist_is_later_by_the_gap(desk: Desk) -> None:
    """In the night when 2:00 to 3:00 does not exist, a desk that opens at 2:30 opens at 3:30."""
    desk.at("Sat 2037-03-07 12:00")
    desk.customer()
    calendar(desk, {"sun": "02:30-06:00"})
    policy(desk, target("first_response", HOUR), target("resolution", 24 * HOUR, "24x7"))
    case = desk.case()
    assert local(desk.ticket(case)["workable_from"]) == "Sun 2037-03-08 03:30"
    assert due(desk, case, "first_response") == "Sun 2037-03-08 04:30"
    assert due(desk, case, "resolution") == "Sun 2037-03-08 13:00"


@scenario("T1", "R6")
def test_t1_spans_that_overlap_count_once(desk: Desk) -> None:
    """Hours from 8:30 to 12:00 and from 11:00 to 17:30 are nine hours, not ten."""
    desk.at("Sun 2037-11-01 12:00")
    desk.customer()
    calendar(desk, {"mon-fri": "08:30-12:00 11:00-17:30"})
    assert due(desk, desk.case(), "first_response") == "Mon 2037-11-02 17:30"


@scenario("T2")
def test_t2_due_is_the_earliest_instant_at_which_the_time_has_passed(desk: Desk) -> None:
    """Nine business hours from an opening end at that day's closing, not at the next opening; each second counts."""
    # given an hour of each kind: at the opening, in the last second of Friday, and at the weekend
    desk.at("Mon 2037-11-02 08:30")
    desk.customer()
    assert due(desk, desk.case(), "first_response") == "Mon 2037-11-02 17:30"
    desk.at("Mon 2037-11-02 08:30:01")
    assert due(desk, desk.case(), "first_response") == "Tue 2037-11-03 08:30:01"
    desk.at("Fri 2037-11-06 17:29:59")
    assert due(desk, desk.case(), "first_response") == "Mon 2037-11-09 17:29:59"
    desk.at("Sat 2037-11-07 12:00")
    assert due(desk, desk.case(), "first_response") == "Mon 2037-11-09 17:30"
    # and what is to be done at once is due at the first open instant
    policy(desk, target("first_response", 0))
    assert due(desk, desk.case(), "first_response") == "Mon 2037-11-09 08:30"


@scenario("T8", "T2")
def test_t8_the_desk_says_why_a_clock_stands_where_it_stands(desk: Desk) -> None:
    """The example of the policy: over Thanksgiving, 18 hours of resolution have used five and a half."""
    # given Thanksgiving, a short Friday, and a case of Wednesday at three
    desk.at("Wed 2037-11-25 08:30")
    desk.customer()
    calendar(desk, {"mon-fri": "08:30-17:30"}, holidays=["2037-11-26"], overrides={"2037-11-27": "08:30-12:00"})
    desk.at("Wed 2037-11-25 15:00")
    case = desk.case()
    # when it waits for the customer from four, who replies on Friday at nine
    desk.at("Wed 2037-11-25 16:00")
    desk.does("wait-for-customer", ticket=case, reason="Which page?")
    desk.at("Fri 2037-11-27 09:00")
    desk.customer_reply(case)
    # then on Monday at ten each stretch is told
    desk.at("Mon 2037-11-30 10:00")
    clock = desk.clock(case, "resolution")
    assert [(local(each["from"]), each["kind"], each["seconds"]) for each in clock["why"]] == [
        ("Wed 2037-11-25 15:00", "counted", 1 * HOUR),
        ("Wed 2037-11-25 16:00", "paused", 41 * HOUR),
        ("Fri 2037-11-27 09:00", "counted", 3 * HOUR),
        ("Fri 2037-11-27 12:00", "closed", 68 * HOUR + 30 * MINUTE),
        ("Mon 2037-11-30 08:30", "counted", 90 * MINUTE),
    ]
    assert clock["target_seconds"] == TWO_BUSINESS_DAYS
    assert clock["elapsed_seconds"] == 19_800
    assert clock["remaining_seconds"] == TWO_BUSINESS_DAYS - 19_800
    # and the first response, which does not pause, has seven and a half hours, its holiday told as one
    clock = desk.clock(case, "first_response")
    assert clock["elapsed_seconds"] == 27_000
    assert ("holiday", 24 * HOUR) in [(each["kind"], each["seconds"]) for each in clock["why"]]


@scenario("T1")
def test_t1_clocks_count_from_whole_seconds(desk: Desk) -> None:
    """What comes in a moment before the next second is counted from the second it came in."""
    desk.at("Mon 2037-11-02 10:00:00.999")
    desk.customer()
    assert due(desk, desk.case(), "first_response") == "Tue 2037-11-03 10:00"
