"""Missed deadlines: when one is missed, how it is recorded, and when a verdict is given."""

from typing import Any

from tests.scenarios.desk import Desk
from tests.scenarios.scenario import scenario
from tests.scenarios.words import HOUR, instant, local


@scenario("T7")
def test_t7_a_breach_is_recorded_once_as_of_when_it_happened_also_by_a_desk_that_was_down(desk: Desk) -> None:
    """A deadline can be met in its second; missed while the desk was down, it is a breach of that time, once."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    met, missed = desk.case(), desk.case()
    # at the due second nothing is missed yet
    desk.at("Tue 2037-11-03 10:00")
    assert desk.breaches(missed) == []
    desk.staff_reply(met)
    assert desk.clock(met, "first_response")["verdict"] == "met"
    # given a desk that is down over the deadline, and for two days more
    desk.goes_down()
    desk.is_still_down_at("Fri 2037-11-06 09:00")
    assert desk.breaches(missed) == []
    # when it comes up again
    desk.comes_up_again()
    # then each missed deadline is recorded as of when it was missed
    breaches = [(each["clock"], local(each["breached_at"])) for each in desk.breaches(missed)]
    assert breaches == [("first_response", "Tue 2037-11-03 10:00"), ("resolution", "Wed 2037-11-04 10:00")]
    # and once, however long it goes on
    desk.at("Mon 2037-11-09 09:00")
    assert len(desk.breaches(missed)) == 2
    # and a late answer is an answer, whose verdict stays breached
    desk.staff_reply(missed)
    clock = desk.clock(missed, "first_response")
    assert (clock["state"], clock["verdict"]) == ("fulfilled", "breached")
    assert local(clock["breached_at"]) == "Tue 2037-11-03 10:00"


@scenario("T7")
def test_t7_a_command_that_finds_a_deadline_passed_records_it_before_its_own_events(desk: Desk) -> None:
    """A reply that comes too late, while nothing is recorded by itself, is preceded by the breach."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case()
    desk.goes_down()
    desk.is_still_down_at("Tue 2037-11-03 10:00:01")
    desk.staff_reply(case)
    assert [each["type"] for each in desk.history(case)] == ["TicketOpened", "ServiceLevelBreached", "StaffReplied"]
    # and the desk that comes up again has nothing to add
    desk.comes_up_again()
    assert len(desk.breaches(case)) == 1


@scenario("T7", "R7")
def test_t7_a_call_counts_at_its_own_time_but_not_against_a_deadline_that_passed_before_it_was_told(desk: Desk) -> None:
    """A call may be told later, not of the future or before receipt; told after the deadline, that was missed."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    in_time, too_late = desk.case(), desk.case()

    def call(at: str) -> dict[str, Any]:
        return {"at": instant(at).isoformat(), "with": "Ada Guest"}

    desk.refuses("log-call", "call_before_receipt", ticket=in_time, **call("Mon 2037-11-02 09:59"))
    desk.refuses("log-call", "call_in_future", ticket=in_time, **call("Mon 2037-11-02 10:01"))
    # when a call of Monday is told within the business day
    desk.at("Tue 2037-11-03 09:00")
    desk.does("log-call", ticket=in_time, **call("Mon 2037-11-02 16:00"))
    clock = desk.clock(in_time, "first_response")
    assert (clock["verdict"], local(clock["ended_at"])) == ("met", "Mon 2037-11-02 16:00")
    # and the same of another case an hour after its deadline
    desk.at("Tue 2037-11-03 11:00")
    desk.does("log-call", ticket=too_late, **call("Mon 2037-11-02 16:00"))
    clock = desk.clock(too_late, "first_response")
    assert (clock["verdict"], local(clock["ended_at"])) == ("breached", "Mon 2037-11-02 16:00")


@scenario("T7")
def test_t7_whether_a_resolution_was_in_time_is_said_when_the_case_is_closed(desk: Desk) -> None:
    """Resolved in time, a case has no verdict until it is closed: it could be reopened."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case()
    desk.at("Mon 2037-11-02 12:00")
    desk.resolves(case)
    assert "verdict" not in desk.clock(case, "resolution")
    desk.closes(case)
    assert desk.clock(case, "resolution")["verdict"] == "met"


@scenario("T7", "T6")
def test_t7_a_deadline_is_missed_once_for_each_target_that_was_promised(desk: Desk) -> None:
    """Missed by nine hours, then by the two of high urgency, each as of its own instant; back again, nothing is new."""
    desk.at("Mon 2037-11-02 08:30")
    desk.customer()
    case = desk.case()
    desk.at("Tue 2037-11-03 09:00")
    desk.does("set-urgency", ticket=case, urgency="high")
    desk.at("Tue 2037-11-03 09:10")
    desk.does("set-urgency", ticket=case, urgency="normal")
    desk.at("Tue 2037-11-03 09:20")
    desk.does("set-urgency", ticket=case, urgency="high")
    desk.at("Tue 2037-11-03 09:30")
    missed = [
        (each["target_seconds"], local(each["breached_at"]))
        for each in desk.breaches(case)
        if each["clock"] == "first_response"
    ]
    assert missed == [(9 * HOUR, "Mon 2037-11-02 17:30"), (2 * HOUR, "Tue 2037-11-03 09:00")]
    # and the verdict is of the first
    assert local(desk.clock(case, "first_response")["breached_at"]) == "Mon 2037-11-02 17:30"


@scenario("T7", "T3")
def test_t7_a_case_that_is_reopened_can_still_miss_what_it_had_met(desk: Desk) -> None:
    """Closed in time, a resolution is met; taken up again, its time goes on, and its deadline can be missed."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case()
    desk.at("Mon 2037-11-02 12:00")
    desk.resolves(case)
    desk.closes(case)
    assert desk.clock(case, "resolution")["verdict"] == "met"
    # when staff reopen it two days later, 16 business hours are left
    desk.at("Wed 2037-11-04 12:00")
    desk.does("reopen-ticket", ticket=case, reason="It came back.")
    assert "verdict" not in desk.clock(case, "resolution")
    desk.at("Fri 2037-11-06 10:00:01")
    assert [local(each["breached_at"]) for each in desk.breaches(case)] == ["Fri 2037-11-06 10:00"]
    assert desk.clock(case, "resolution")["verdict"] == "breached"
