"""Waiting: for the customer, who is reminded, for partners and senior resources, and for a place on the roadmap."""

from tests.scenarios.desk import Desk
from tests.scenarios.scenario import scenario
from tests.scenarios.words import HOUR, local


@scenario("R16", "T4")
def test_r16_a_case_waits_for_the_customer_whose_reply_takes_it_up_again(desk: Desk) -> None:
    """Information that is missing is asked for; until the customer answers, the resolution stands still."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case()
    desk.staff_reply(case, "Which page do you mean?")
    desk.does("wait-for-customer", ticket=case, reason="Which page?")
    assert desk.ticket(case)["status"] == "waiting_customer"
    # when the customer answers a day later, the case is open again by itself
    desk.at("Tue 2037-11-03 10:00")
    desk.customer_reply(case, "The one with the calendar.")
    assert desk.ticket(case)["status"] == "open"
    assert desk.clock(case, "resolution")["elapsed_seconds"] == 0
    assert local(desk.clock(case, "resolution")["due_at"]) == "Thu 2037-11-05 10:00"


@scenario("R16")
def test_r16_a_customer_who_does_not_answer_is_reminded_three_times(desk: Desk) -> None:
    """Reminders come after two business days of waiting, then every two, at most three; an answer ends them."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    silent, answering = desk.case(), desk.case()
    for case in (silent, answering):
        desk.does("wait-for-customer", ticket=case, reason="Which page?")

    def reminded(case: str) -> list[str]:
        return [local(each["due_at"]) for each in desk.history(case, "CustomerReminded")]

    # one second before two business days have passed there is none
    desk.at("Wed 2037-11-04 09:59:59")
    assert reminded(silent) == []
    desk.at("Wed 2037-11-04 10:00")
    assert reminded(silent) == reminded(answering) == ["Wed 2037-11-04 10:00"]
    # when one of them answers, it is not reminded again
    desk.customer_reply(answering)
    desk.at("Mon 2037-11-30 10:00")
    assert reminded(answering) == ["Wed 2037-11-04 10:00"]
    # and the other is, three times in all
    assert reminded(silent) == ["Wed 2037-11-04 10:00", "Fri 2037-11-06 10:00", "Tue 2037-11-10 10:00"]
    # and each is a notice that the customer gets
    notices = desk.asks("/v1/notices", kind="customer_reminded")["items"]
    assert sorted(each["reminder"] for each in notices) == [1, 1, 2, 3]


@scenario("R16")
def test_r16_reminders_are_a_setting(desk: Desk) -> None:
    """The desk may remind after one business day, and once only."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    resolution = {"when": {}, "clock": "resolution", "target_seconds": 18 * HOUR, "calendar": "business"}
    reminders = {"after_seconds": 9 * HOUR, "every_seconds": 9 * HOUR, "most": 1}
    desk.does("publish-sla-policy", policy="standard", targets=[resolution], reminders=reminders)
    case = desk.case()
    desk.does("wait-for-customer", ticket=case, reason="Which page?")
    desk.at("Mon 2037-11-30 10:00")
    assert [local(each["due_at"]) for each in desk.history(case, "CustomerReminded")] == ["Tue 2037-11-03 10:00"]


@scenario("R16", "R17")
def test_r16_the_pause_report_tells_who_is_waited_for_and_whom_the_customer_waits_for(desk: Desk) -> None:
    """Cases that wait are listed, the longest first; one waiting for a partner though the customer wrote is flagged."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    customer, partner = desk.case(), desk.case()
    desk.does("wait-for-customer", ticket=customer, reason="Which page?")
    desk.at("Mon 2037-11-02 11:00")
    desk.does("wait-for-partner", ticket=partner, reason="Their feed is empty.", partner="Channel Partners")
    desk.at("Mon 2037-11-02 12:00")
    report = desk.asks("/v1/pauses")["items"]
    waiting = [(each["case_number"], each["waiting_for"], each["waiting_seconds"], each["flagged"]) for each in report]
    assert waiting == [(customer, "customer", 2 * HOUR, False), (partner, "partner", 1 * HOUR, False)]
    # when the customer writes to the one that waits for a partner
    desk.customer_reply(partner, "Any news?")
    (flagged,) = desk.asks("/v1/pauses", flagged="true")["items"]
    assert (flagged["case_number"], flagged["partner"]) == (partner, "Channel Partners")
    # then an answer takes the flag away, and resuming the case takes it off the report
    desk.staff_reply(partner, "They look into it.")
    assert desk.asks("/v1/pauses", flagged="true")["items"] == []
    desk.does("resume-ticket", ticket=partner, reason="Their feed is back.")
    assert [each["case_number"] for each in desk.asks("/v1/pauses")["items"]] == [customer]


@scenario("R17", "T4")
def test_r17_partners_and_senior_resources_prolong_the_resolution(desk: Desk) -> None:
    """Time that a partner takes does not count; a case for senior resources is passed to their team."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case("data_discrepancy")
    # when staff need a partner for a day
    desk.does("wait-for-partner", ticket=case, reason="Their feed is empty.", partner="Channel Partners")
    assert desk.ticket(case)["status"] == "waiting_partner"
    desk.at("Tue 2037-11-03 10:00")
    desk.does("resume-ticket", ticket=case, reason="Their feed is back.")
    # then the resolution is due a day later than it was
    assert local(desk.clock(case, "resolution")["due_at"]) == "Thu 2037-11-05 10:00"
    # and a case that is passed to engineering stands in that team's part of the queue
    desk.does("escalate-ticket", ticket=case, team="engineering", reason="The import fails.")
    assert desk.queue(team="engineering") == [case]
    assert desk.queue(team="production") == []


@scenario("R20")
def test_r20_enhancements_are_put_on_the_roadmap_and_alternatives_are_offered(desk: Desk) -> None:
    """An enhancement may be months away: no resolution is promised, a period may be, and another way is offered."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case("enhancement")
    # when staff plan it and offer another way meanwhile
    desk.does("plan-enhancement", ticket=case, target_period="2038-Q2")
    desk.does("propose-alternative", ticket=case, text="Until then, use two calendars.")
    # then both can be read, and nothing falls due however long it takes
    assert desk.ticket(case)["target_period"] == "2038-Q2"
    assert [each["text"] for each in desk.history(case, "AlternativeProposed")] == ["Until then, use two calendars."]
    desk.staff_reply(case)
    desk.at("Mon 2038-03-01 10:00")
    assert desk.breaches(case) == []
    assert desk.clock(case, "resolution")["state"] == "running"
