"""Requests: how they come in, when they can be worked on, and in which order."""

from tests.scenarios.desk import ADA, ALPINE, Desk
from tests.scenarios.scenario import scenario
from tests.scenarios.words import instant, local

DAILY = {"mon-fri": "08:30-17:30"}


@scenario("R1")
def test_r1_a_request_is_a_ticket_and_stands_in_the_queue_at_once(desk: Desk) -> None:
    """A customer's request is a ticket with a number, and staff see it in the queue at once."""
    # given a customer
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    # when it asks for something
    case = desk.case("setting_change", subject="Another arrival day", channel="phone")
    # then there is a new ticket, which an agent can take up at once
    assert desk.ticket(case)["status"] == "new"
    assert desk.queue(workable_now="true") == [case]
    desk.does("assign-ticket", ticket=case, agent="kim")
    assert desk.queue(agent="kim") == [case]


@scenario("R2")
def test_r2_customers_ask_for_these_reasons(desk: Desk) -> None:
    """How-to, settings, wrong data, errors, the right person, enhancements are the reasons; staff may correct them."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    reasons = ["how_to", "setting_change", "data_discrepancy", "technical_error", "right_resource", "enhancement"]
    # when a customer asks for each reason that the policy names, each is taken
    cases = {reason: desk.case(reason) for reason in reasons}
    for reason, case in cases.items():
        assert desk.ticket(case)["category"] == reason
    # and none that it does not name
    problem = desk.refuses("open-ticket", "invalid_data", customer_id=ALPINE, category="gossip")
    assert "/category" in {error["pointer"] for error in problem["errors"]}
    # and staff who find that it is about something else say so
    desk.does("set-category", ticket=cases["how_to"], category="technical_error")
    assert desk.ticket(cases["how_to"])["category"] == "technical_error"


@scenario("R2", "R13")
def test_r2_an_emergency_is_asked_for_beside_the_request(desk: Desk) -> None:
    """An emergency is no reason of its own: it is asked for beside the request, at once or when it becomes one."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    # given a request that came with an emergency, and one that turns out to be one
    outage = desk.case("technical_error", emergency={"kind": "business_hours", "symptom": "search_down"})
    question = desk.case("how_to")
    # when the customer asks for emergency support on the second as well
    desk.does("request-emergency", ticket=question, kind="business_hours", symptom="website_down")
    # then both keep their reason, and stand as emergencies to be decided on
    assert desk.ticket(outage)["category"] == "technical_error"
    assert desk.ticket(outage)["emergency"]["state"] == "requested"
    assert desk.ticket(question)["category"] == "how_to"
    assert desk.ticket(question)["emergency"]["state"] == "requested"


@scenario("R4")
def test_r4_a_suspected_error_is_told_with_its_details_or_marked(desk: Desk) -> None:
    """A suspected error says when, under which conditions and what was expected; without, it is taken and marked."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    noticed = instant("Sun 2037-11-01 18:00").isoformat()
    details = {"noticed_at": noticed, "conditions": "Every browser", "expected_behaviour": "Monday comes first"}
    # when one error is told in full, with its end goal, and another without details
    full = desk.case("technical_error", error=details, goal="Weeks that begin on Monday")
    bare = desk.case("technical_error")
    # then both are taken
    (opened,) = desk.history(full, "TicketOpened")
    assert local(opened["error"]["noticed_at"]) == "Sun 2037-11-01 18:00"
    assert opened["goal"] == "Weeks that begin on Monday"
    assert desk.ticket(full)["details_missing"] is False
    # and the second is marked: its details are missing
    assert desk.ticket(bare)["details_missing"] is True
    # but an error told in part is refused, and each missing detail is named
    problem = desk.refuses(
        "open-ticket",
        "invalid_data",
        customer_id=ALPINE,
        requester=ADA,
        category="technical_error",
        subject="Week",
        description="Wrong",
        error={"noticed_at": noticed},
    )
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {"/error/conditions", "/error/expected_behaviour"}


@scenario("R5")
def test_r5_every_request_has_a_case_number_under_which_the_customer_goes_on(desk: Desk) -> None:
    """Each request gets a case number, and what the customer writes under it belongs to that case."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    # given two requests, with a number each, the later one with the higher
    first, second = desk.case(), desk.case()
    assert first.startswith("C-")
    assert first < second
    # when the customer writes to the second by its number
    desk.customer_reply(second, "It is the mobile site.")
    # then the message is with the second, and with no other
    assert [reply["body"] for reply in desk.history(second, "CustomerReplied")] == ["It is the mobile site."]
    assert desk.history(first, "CustomerReplied") == []


@scenario("R6", "T1")
def test_r6_business_hours_are_half_past_eight_to_half_past_five_mountain_time(desk: Desk) -> None:
    """A request can be worked on from its receipt between 8:30 and 17:30, else from the next opening."""
    desk.at("Mon 2037-11-02 08:29:59")
    desk.customer()

    def workable_from() -> str:
        return local(desk.ticket(desk.case())["workable_from"])

    # just before the opening, at it, just before the end, and at the end
    assert workable_from() == "Mon 2037-11-02 08:30"
    desk.at("Mon 2037-11-02 08:30")
    assert workable_from() == "Mon 2037-11-02 08:30"
    desk.at("Mon 2037-11-02 17:29:59")
    assert workable_from() == "Mon 2037-11-02 17:29:59"
    desk.at("Mon 2037-11-02 17:30")
    assert workable_from() == "Tue 2037-11-03 08:30"
    # and at the end of the week
    desk.at("Fri 2037-11-06 18:00")
    assert workable_from() == "Mon 2037-11-09 08:30"


@scenario("R6")
def test_r6_holidays_and_special_days_are_settings(desk: Desk) -> None:
    """The hours are a setting: a holiday is closed, a special day has hours of its own and outranks a holiday."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    # given Thanksgiving as a holiday, the day after with a morning, and Christmas Eve as both
    desk.does(
        "publish-calendar",
        calendar="business",
        tz="America/Denver",
        hours=DAILY,
        holidays=["2037-11-26", "2037-12-24"],
        overrides={"2037-11-27": "09:00-12:00", "2037-12-24": "09:00-11:00"},
        breaks={},
    )
    # when requests come in on those days
    desk.at("Thu 2037-11-26 10:00")
    assert local(desk.ticket(desk.case())["workable_from"]) == "Fri 2037-11-27 09:00"
    desk.at("Fri 2037-11-27 12:00")
    assert local(desk.ticket(desk.case())["workable_from"]) == "Mon 2037-11-30 08:30"
    desk.at("Thu 2037-12-24 08:30")
    assert local(desk.ticket(desk.case())["workable_from"]) == "Thu 2037-12-24 09:00"


@scenario("R7", "T3")
def test_r7_a_call_is_arranged_and_held_on_a_ticket(desk: Desk) -> None:
    """A call needs a ticket; held, it answers the customer like a reply would."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    # given a case, and a call arranged with the agent who knows best
    case = desk.case()
    at = instant("Mon 2037-11-02 14:00").isoformat()
    desk.does("schedule-call", ticket=case, at=at, **{"with": "Ada Guest"}, note="Ring the reception")
    assert desk.clock(case, "first_response")["state"] == "running"
    # when it has been held
    desk.at("Mon 2037-11-02 14:20")
    desk.does("log-call", ticket=case, at=at, **{"with": "Ada Guest"})
    # then it counts as the first response, at the time of the call
    clock = desk.clock(case, "first_response")
    assert clock["state"] == "fulfilled"
    assert local(clock["ended_at"]) == "Mon 2037-11-02 14:00"
    # and there is no call without a ticket
    assert desk.sends("log-call", ticket="C-999999", at=at, **{"with": "Ada Guest"}).status == 404


@scenario("R8")
def test_r8_the_queue_is_by_urgency_then_in_the_order_received(desk: Desk) -> None:
    """Accepted emergencies come first, then requested ones, then high, normal and low urgency, each by receipt."""
    # given requests of every urgency, the least urgent first
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    low = desk.case(urgency="low")
    desk.at("Mon 2037-11-02 10:01")
    normal = desk.case()
    desk.at("Mon 2037-11-02 10:02")
    also_normal = desk.case(urgency="normal")
    high = desk.case(urgency="high")
    desk.at("Mon 2037-11-02 10:03")
    requested = desk.case(emergency={"kind": "business_hours", "symptom": "website_down"})
    desk.at("Mon 2037-11-02 10:04")
    accepted = desk.case(emergency={"kind": "business_hours", "symptom": "booking_down"})
    # when staff accept the last of them
    desk.accepts(accepted)
    # then the queue has it first, and the others by urgency, then by receipt
    assert desk.queue() == [accepted, requested, high, normal, also_normal, low]
    # and a case that becomes more urgent moves up, behind those as urgent that came before it
    desk.does("set-urgency", ticket=low, urgency="high")
    assert desk.queue() == [accepted, requested, low, high, normal, also_normal]
    # and a declined emergency stands by its urgency again
    desk.declines(requested)
    assert desk.queue() == [accepted, low, high, normal, also_normal, requested]


@scenario("R12")
def test_r12_what_comes_in_after_hours_is_for_the_next_business_day(desk: Desk) -> None:
    """A request of Friday evening is not workable at the weekend, and is assigned on Monday."""
    # given a request that comes in on Friday after hours
    desk.at("Fri 2037-11-06 18:00")
    desk.customer()
    case = desk.case()
    # its first response is owed on Monday: time counts on the desk's calendar, from its receipt on
    assert local(desk.clock(case, "first_response")["started_at"]) == "Fri 2037-11-06 18:00"
    assert local(desk.clock(case, "first_response")["due_at"]) == "Mon 2037-11-09 17:30"
    # when it is still the weekend, the queue has it, but nobody is to work on it
    desk.at("Sat 2037-11-07 12:00")
    assert desk.queue() == [case]
    assert desk.queue(workable_now="true") == []
    # then from Monday's opening on it is workable, and staff assign it
    desk.at("Mon 2037-11-09 08:30")
    assert desk.queue(workable_now="true") == [case]
    desk.does("assign-ticket", ticket=case, agent="kim")
    assert desk.ticket(case)["assignee"] == "kim"


@scenario("R18", "T3")
def test_r18_a_ticket_may_be_for_a_future_date(desk: Desk) -> None:
    """A request for a later date stands among the upcoming ones, and its resolution counts from that date."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    # given a request for today and one for Saturday the 14th
    today = desk.case()
    planned = desk.case("setting_change", requested_for="2037-11-14")
    # then the planned one is upcoming
    upcoming = [item["case_number"] for item in desk.asks("/v1/upcoming")["items"]]
    assert upcoming == [planned]
    assert today not in upcoming
    # and its resolution counts from the first opening on or after the date: two business days from Monday the 16th
    resolution = desk.clock(planned, "resolution")
    assert resolution["state"] == "not_started"
    assert local(resolution["started_at"]) == "Mon 2037-11-16 08:30"
    assert local(resolution["due_at"]) == "Tue 2037-11-17 17:30"
    # while the first response is owed as for any other
    assert local(desk.clock(planned, "first_response")["due_at"]) == "Tue 2037-11-03 10:00"
