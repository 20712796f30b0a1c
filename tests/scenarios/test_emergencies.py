"""Emergencies: who may ask for which, who decides, what they cost, and that a ruling can be revised."""

from typing import Any

from tests.scenarios.desk import ADA, ALPINE, Desk
from tests.scenarios.scenario import scenario
from tests.scenarios.words import MINUTE, local, money


@scenario("R10")
def test_r10_emergency_support_is_never_for_boost_or_hub(desk: Desk) -> None:
    """For Boost and Hub the ticket is opened and its emergency declined at once, whatever the hour, with the reason."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer(products=("website", "boost", "hub"))
    # when emergencies are asked for after hours on Boost and on Hub
    for product in ("boost", "hub"):
        case = desk.emergency(product=product)
        # then the ticket is there, and its emergency is declined in the same step, with the reason
        assert desk.ticket(case)["emergency"]["state"] == "declined"
        (declined,) = desk.history(case, "EmergencyDeclined")
        assert "Boost or Hub" in declined["reason"]
        # and staff cannot accept it either
        desk.refuses("decide-emergency", "emergency_not_eligible", ticket=case, accepted=True, reason="A good customer")
    # and in business hours it is the same
    desk.at("Mon 2037-11-23 10:00")
    case = desk.case(product="hub", emergency={"kind": "business_hours", "symptom": "website_down"})
    assert desk.ticket(case)["emergency"]["state"] == "declined"


@scenario("R10", "R11")
def test_r10_emergencies_of_other_products_go_to_staff(desk: Desk) -> None:
    """An emergency of the website, or of no product named, waits for the decision of staff."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    named = desk.emergency(product="website")
    unnamed = desk.case("technical_error", emergency={"kind": "after_hours", "symptom": "other"})
    assert desk.ticket(named)["emergency"]["state"] == "requested"
    assert desk.ticket(unnamed)["emergency"]["state"] == "requested"


@scenario("R11")
def test_r11_qualifying_outages_are_granted_at_the_providers_discretion(desk: Desk) -> None:
    """Four outages may be asked for; staff accept or decline with a reason, and may think again until the ruling."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    # given an emergency for each outage that the policy names
    for symptom in ("website_down", "listings_down", "search_down", "booking_down"):
        assert desk.ticket(desk.emergency(symptom))["emergency"]["symptom"] == symptom
    case = desk.emergency("booking_down")
    # when staff decline it, and then accept it after all, each with a reason
    desk.declines(case, reason="The site answers from here.")
    assert desk.ticket(case)["emergency"]["state"] == "declined"
    desk.accepts(case, reason="It fails for everybody outside.")
    # then it is accepted, and both reasons stand in the history
    assert desk.ticket(case)["emergency"]["state"] == "accepted"
    assert [each["reason"] for each in desk.history(case, "EmergencyDeclined")] == ["The site answers from here."]
    assert [each["reason"] for each in desk.history(case, "EmergencyAccepted")] == ["It fails for everybody outside."]
    # but once its cause is ruled, the decision stands
    desk.rules(case, "out_of_scope")
    desk.refuses("decide-emergency", "cause_ruled", ticket=case, accepted=False, reason="Too late")


@scenario("R13")
def test_r13_there_is_one_form_for_business_hours_and_one_for_after_hours(desk: Desk) -> None:
    """The wrong form for the hour is refused with the right one named, even for Boost and Hub."""
    desk.at("Mon 2037-11-02 17:29:59")
    desk.customer(products=("website", "hub"))
    request = {
        "customer_id": ALPINE,
        "requester": ADA,
        "category": "technical_error",
        "subject": "x",
        "description": "x",
    }

    def asked(kind: str) -> dict[str, Any]:
        return {**request, "emergency": {"kind": kind, "symptom": "website_down"}}

    # until the end of business hours only their form is right
    problem = desk.refuses("open-ticket", "wrong_emergency_kind", **asked("after_hours"))
    assert "business_hours" in problem["detail"]
    desk.does("open-ticket", **asked("business_hours"))
    # from then on only the other
    desk.at("Mon 2037-11-02 17:30")
    problem = desk.refuses("open-ticket", "wrong_emergency_kind", **asked("business_hours"))
    assert "after_hours" in problem["detail"]
    desk.does("open-ticket", **asked("after_hours"))
    # and this is looked at before the product is
    desk.refuses("open-ticket", "wrong_emergency_kind", product="hub", **asked("business_hours"))
    # and it is the same on a case that is there already
    case = desk.case()
    desk.refuses("request-emergency", "wrong_emergency_kind", ticket=case, kind="business_hours", symptom="other")


@scenario("R14", "B4", "B5")
def test_r14_an_emergency_out_of_scope_costs_double(desk: Desk) -> None:
    """Example 3 of the policy: 90 minutes on Saturday night are held at $450.00, and owed once ruled out of scope."""
    # given an outage on Saturday at 22:10, accepted, and 90 minutes of work
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    case = desk.emergency()
    desk.accepts(case)
    desk.at("Sun 2037-11-22 00:30")
    work = desk.works(case, "Sat 2037-11-21 22:30", minutes=90)
    # then until the cause is ruled it is held at double the regular rate, and not owed
    bill = desk.statement("2037-11")
    assert bill.entry(work)["class"] == "pending"
    assert bill.drawn(work) == "hold 90 min $450.00"
    assert bill.total("hold") == "$450.00"
    assert bill.owed == "$150.00", "the month's fee alone"
    # when the cause is found outside the service agreement
    desk.rules(case, "out_of_scope")
    # then it is owed, and the allowance is untouched
    bill = desk.statement("2037-11")
    assert bill.entry(work)["class"] == "emergency"
    assert bill.drawn(work) == "emergency 90 min $450.00"
    assert bill.total("hold") == "$0.00"
    assert bill.owed == "$600.00"
    assert bill.allowance("left") == "60 min"


@scenario("R14", "B4")
def test_r14_an_emergency_in_scope_is_drawn_as_any_included_work(desk: Desk) -> None:
    """Example 3 of the policy, the other ruling: the cause is within the agreement, so the allowance is drawn."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    case = desk.emergency()
    desk.accepts(case)
    desk.at("Sun 2037-11-22 00:30")
    work = desk.works(case, "Sat 2037-11-21 22:30", minutes=90)
    # when the cause is found inside the service agreement
    desk.rules(case, "in_scope")
    # then the hour of the month is drawn, and the rest is on demand at the regular rate
    bill = desk.statement("2037-11")
    assert bill.drawn(work) == "allowance 60 min, on_demand 30 min $75.00"
    assert bill.owed == "$225.00"


@scenario("R25", "R14")
def test_r25_a_ruling_can_be_revised(desk: Desk) -> None:
    """A ruling needs an accepted emergency, has a reason, and a later one takes its place, on the bill as well."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    case = desk.emergency()
    # given an emergency that is not accepted: there is nothing to rule
    desk.refuses("rule-cause", "emergency_not_accepted", ticket=case, scope="in_scope", reason="A guess")
    desk.accepts(case)
    desk.at("Sun 2037-11-22 00:30")
    work = desk.works(case, "Sat 2037-11-21 22:30", minutes=30)
    # when it is ruled in scope, and then out of scope, each with its reason
    desk.rules(case, "in_scope", reason="Our update broke it.")
    assert desk.statement("2037-11").drawn(work) == "allowance 30 min"
    desk.rules(case, "out_of_scope", reason="Their own script broke it.")
    # then the later ruling holds, and both stand in the history
    assert desk.statement("2037-11").drawn(work) == "emergency 30 min $150.00"
    assert desk.ticket(case)["emergency"]["cause"] == "out_of_scope"
    rulings = [(each["scope"], each["reason"]) for each in desk.history(case, "CauseRuled")]
    assert rulings == [("in_scope", "Our update broke it."), ("out_of_scope", "Their own script broke it.")]


@scenario("R25", "B8")
def test_r25_a_ruling_revised_after_the_close_is_settled_in_the_open_month(desk: Desk) -> None:
    """Ruled out of scope, closed, then ruled in scope: the money comes back in December, and November stands."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    case = desk.emergency()
    desk.accepts(case)
    desk.at("Sun 2037-11-22 00:30")
    work = desk.works(case, "Sat 2037-11-21 22:30", minutes=30)
    desk.rules(case, "out_of_scope")
    # given November closed with it
    desk.at("Wed 2037-12-02 10:00")
    desk.closes_month("2037-11")
    before = desk.statement("2037-11")
    assert before.drawn(work) == "emergency 30 min $150.00"
    # when the ruling is revised
    desk.rules(case, "in_scope")
    # then all of it is credited in December, and rated anew as included, in December
    december = desk.statement("2037-12")
    assert december.credited(work) == "emergency 30 min $150.00"
    assert december.drawn(work) == "allowance 30 min"
    assert december.owed == money(150_00 - 150_00)
    # and November is what it was
    november = desk.statement("2037-11")
    assert november.drawn(work) == before.drawn(work)
    assert november.owed == before.owed


@scenario("T6", "R11", "T5")
def test_t6_an_emergency_accepted_half_an_hour_later_is_due_half_an_hour_after_that(desk: Desk) -> None:
    """The example of the policy: received on Saturday at 22:10, accepted at 22:40, first response due at 23:10."""
    # given an outage on Saturday night; closed hours do not count, so its first response is due on Monday
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    case = desk.emergency()
    assert local(desk.clock(case, "first_response")["due_at"]) == "Mon 2037-11-23 17:30"
    # when it is accepted at 22:40
    desk.at("Sat 2037-11-21 22:40")
    desk.accepts(case)
    # then a new segment counts round the clock: 30 minutes from the acceptance
    clock = desk.clock(case, "first_response")
    assert local(clock["due_at"]) == "Sat 2037-11-21 23:10"
    assert clock["target_seconds"] == 30 * 60
    assert [(each["kind"], each["seconds"]) for each in clock["why"]] == [("closed", 30 * 60)]
    # and updates are owed every hour from the acceptance on
    assert local(desk.clock(case, "periodic_update")["due_at"]) == "Sat 2037-11-21 23:40"


@scenario("T5", "T3", "R11")
def test_t5_an_accepted_emergency_has_the_promises_of_one_whatever_its_urgency(desk: Desk) -> None:
    """Round the clock: half an hour to the first response, an hour to each next, and none for the resolution."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    case = desk.emergency(urgency="low")
    desk.accepts(case)
    desk.staff_reply(case)
    desk.at("Sat 2037-11-21 22:20")
    desk.customer_reply(case)
    assert desk.clock(case, "first_response")["target_seconds"] == 30 * MINUTE
    assert local(desk.clock(case, "next_response")["due_at"]) == "Sat 2037-11-21 23:20"
    assert "due_at" not in desk.clock(case, "resolution")
    # when it is declined after all, it has those of any other case again
    desk.declines(case)
    assert local(desk.clock(case, "resolution")["due_at"]) == "Tue 2037-11-24 17:30"
    assert local(desk.clock(case, "next_response")["due_at"]) == "Mon 2037-11-23 17:30"
