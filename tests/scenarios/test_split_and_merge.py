"""One topic a ticket: a second topic is split off, two tickets about the same are merged, and nothing is lost."""

from tests.scenarios.desk import ALPINE, Desk
from tests.scenarios.scenario import scenario
from tests.scenarios.words import HOUR, MINUTE, local


@scenario("R3")
def test_r3_a_second_topic_is_split_off_and_the_two_know_each_other(desk: Desk) -> None:
    """A ticket on two topics becomes two, each linked with the other, by the same customer."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case("how_to", subject="Rates, and by the way")
    split = desk.does(
        "split-ticket", ticket=case, subject="By the way", description="Another design.", category="design_change"
    )
    new = split["result"]["case_number"]
    assert [(link["kind"], link["case_number"]) for link in desk.ticket(case)["links"]] == [("split_into", new)]
    assert [(link["kind"], link["case_number"]) for link in desk.ticket(new)["links"]] == [("split_from", case)]
    assert (desk.ticket(new)["customer_id"], desk.ticket(new)["category"]) == (ALPINE, "design_change")
    assert sorted(desk.queue()) == [case, new]


@scenario("R3", "T9")
def test_r3_two_tickets_about_the_same_are_merged_and_the_survivor_goes_on_for_both(desk: Desk) -> None:
    """After a merge, whatever names the merged ticket acts on the survivor; other customers' tickets are refused."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    desk.customer("beach")
    survivor, source, stranger = desk.case(), desk.case(), desk.case(customer_id="beach")
    desk.refuses("merge-ticket", "different_customers", ticket=source, into=stranger)
    desk.refuses("merge-ticket", "same_ticket", ticket=source, into=source)
    # when the second is merged into the first
    desk.does("merge-ticket", ticket=source, into=survivor)
    assert desk.ticket(source)["status"] == "merged"
    assert desk.queue(customer=ALPINE) == [survivor]
    assert [(link["kind"], link["case_number"]) for link in desk.ticket(source)["links"]] == [("merged_into", survivor)]
    assert [(link["kind"], link["case_number"]) for link in desk.ticket(survivor)["links"]] == [("merged_from", source)]
    # then a reply, work and a resolution under its number are the survivor's
    desk.at("Mon 2037-11-02 12:00")
    desk.customer_reply(source, "It is on the mobile site.")
    desk.works(source, "Mon 2037-11-02 11:00", minutes=15)
    assert [each["body"] for each in desk.history(survivor, "CustomerReplied")] == ["It is on the mobile site."]
    assert desk.ticket(survivor)["worked_seconds"] == 15 * MINUTE
    # also once the survivor has been merged into a third
    third = desk.case()
    desk.does("merge-ticket", ticket=survivor, into=third)
    desk.resolves(source)
    assert desk.ticket(third)["status"] == "resolved"
    assert desk.ticket(third)["worked_seconds"] == 15 * MINUTE
    # and a resolved or closed survivor takes none
    another = desk.case()
    desk.refuses("merge-ticket", "ticket_resolved", ticket=another, into=third)
    desk.closes(third)
    desk.refuses("merge-ticket", "ticket_closed", ticket=another, into=third)


@scenario("R3", "B4")
def test_r3_work_of_an_emergency_moves_only_once_its_cause_is_ruled(desk: Desk) -> None:
    """An accepted emergency without a ruling is neither merged nor loses entries by a split."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    case, other = desk.emergency(), desk.case()
    desk.accepts(case)
    desk.at("Sat 2037-11-21 23:00")
    work = desk.works(case, "Sat 2037-11-21 22:30", minutes=30)
    split = {"ticket": case, "subject": "By the way", "description": "Another.", "category": "how_to"}
    desk.refuses("merge-ticket", "ruling_pending", ticket=case, into=other)
    desk.refuses("split-ticket", "ruling_pending", **split, entry_ids=[work])
    desk.rules(case, "out_of_scope")
    desk.does("merge-ticket", ticket=case, into=other)
    # and the work keeps its class on the survivor
    assert desk.statement("2037-11").drawn(work) == "emergency 30 min $150.00"


@scenario("T9", "B4", "B11")
def test_t9_time_and_money_are_conserved_by_a_split_and_a_merge(desk: Desk) -> None:
    """Moved work keeps its class, so the bill is the same, until the ticket it stands on gets a decision."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case("how_to")
    desk.at("Mon 2037-11-02 17:00")
    stays = desk.works(case, "Mon 2037-11-02 10:00", minutes=30)
    moves = desk.works(case, "Mon 2037-11-02 11:00", minutes=60)
    owed = desk.statement("2037-11").owed
    # when an entry moves to a new ticket on something billable
    new = desk.does(
        "split-ticket",
        ticket=case,
        subject="A new feature",
        description="With two calendars.",
        category="new_feature",
        entry_ids=[moves],
    )["result"]["case_number"]
    # then the time is divided, and the bill is what it was
    assert desk.ticket(case)["worked_seconds"] == 30 * MINUTE
    assert desk.ticket(new)["worked_seconds"] == 60 * MINUTE
    bill = desk.statement("2037-11")
    assert (bill.entry(moves)["case_number"], bill.entry(moves)["class"]) == (new, "included")
    assert bill.owed == owed
    # and so it is when the two are one again
    desk.does("merge-ticket", ticket=new, into=case)
    assert desk.ticket(case)["worked_seconds"] == 90 * MINUTE
    assert desk.statement("2037-11").owed == owed
    assert sorted(desk.statement("2037-11").entries) == sorted([stays, moves])
    # and a decision on the survivor holds for all of it
    desk.does("decide-scope", ticket=case, scope="billable", reason="It was all new.")
    assert desk.statement("2037-11").total("on_demand") == "90 min $225.00"


@scenario("T9")
def test_t9_a_merged_tickets_clocks_are_cancelled_and_its_breaches_stay(desk: Desk) -> None:
    """The survivor's clocks go on as they were; the source's end, and what it missed stays missed."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    source, survivor = desk.case(), desk.case()
    desk.at("Mon 2037-11-02 11:00")
    desk.staff_reply(survivor)
    before = {name: desk.clock(survivor, name)["due_at"] for name in ("first_response", "resolution")}
    desk.at("Tue 2037-11-03 11:00")
    assert [each["clock"] for each in desk.breaches(source)] == ["first_response"]
    desk.does("merge-ticket", ticket=source, into=survivor)
    assert desk.clock(source, "resolution")["state"] == "cancelled"
    assert len(desk.breaches(source)) == 1
    assert {name: desk.clock(survivor, name)["due_at"] for name in before} == before
    # and nothing falls due on the source any more
    desk.at("Fri 2037-11-06 11:00")
    assert len(desk.breaches(source)) == 1


@scenario("T9", "T3")
def test_t9_what_the_source_had_unanswered_is_owed_by_the_survivor(desk: Desk) -> None:
    """The source's oldest unanswered message starts the survivor's next response, or makes the running one older."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    answered, unanswered = desk.case(), desk.case()
    desk.staff_reply(answered)
    desk.at("Mon 2037-11-02 12:00")
    source = desk.case()
    # given a source without any response: its opening of twelve is unanswered
    desk.at("Mon 2037-11-02 14:00")
    desk.does("merge-ticket", ticket=source, into=answered)
    clock = desk.clock(answered, "next_response")
    assert local(clock["started_at"]) == "Mon 2037-11-02 12:00"
    assert clock["elapsed_seconds"] == 2 * HOUR
    assert local(clock["due_at"]) == "Tue 2037-11-03 12:00"
    # when one merged in later had been waiting longer, the running one is as old
    desk.does("merge-ticket", ticket=unanswered, into=answered)
    clock = desk.clock(answered, "next_response")
    assert local(clock["started_at"]) == "Mon 2037-11-02 10:00"
    assert local(clock["due_at"]) == "Tue 2037-11-03 10:00"
    # and one answer is an answer to all
    desk.staff_reply(answered)
    assert desk.clock(answered, "next_response")["state"] == "fulfilled"


@scenario("T9")
def test_t9_without_a_first_response_of_the_survivor_no_next_response_starts_and_moved_replies_fulfil_nothing(
    desk: Desk,
) -> None:
    """A survivor that owes its first response goes on owing it, though the source had been answered."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    source, survivor = desk.case(), desk.case()
    desk.at("Mon 2037-11-02 11:00")
    desk.staff_reply(source)
    desk.customer_reply(source, "And now?")
    desk.does("merge-ticket", ticket=source, into=survivor)
    assert desk.clock(survivor, "next_response") is None
    clock = desk.clock(survivor, "first_response")
    assert clock["state"] == "running"
    assert local(clock["due_at"]) == "Tue 2037-11-03 10:00"


@scenario("T9")
def test_t9_a_ticket_split_off_has_the_clocks_of_its_source(desk: Desk) -> None:
    """It has the same receipt, urgency, waiting and clocks with their pauses and breaches, but not the emergency."""
    # given an accepted emergency of Monday, answered, that waits for the customer
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case(urgency="high", emergency={"kind": "business_hours", "symptom": "website_down"})
    desk.accepts(case)
    desk.staff_reply(case)
    desk.at("Mon 2037-11-02 13:00")
    desk.does("wait-for-customer", ticket=case, reason="Which page?")
    source = desk.clock(case, "resolution")
    # when a topic is split off on Tuesday
    desk.at("Tue 2037-11-03 10:00")
    new = desk.does("split-ticket", ticket=case, subject="By the way", description="Another.", category="how_to")[
        "result"
    ]["case_number"]
    ticket = desk.ticket(new)
    assert (ticket["status"], ticket["urgency"]) == ("waiting_customer", "high")
    assert local(ticket["received_at"]) == "Mon 2037-11-02 10:00"
    # then its first response counts as given, its resolution has the same past, and counts on by its own target
    assert desk.clock(new, "first_response")["verdict"] == "met"
    clock = desk.clock(new, "resolution")
    assert clock["started_at"] == source["started_at"]
    assert clock["state"] == "paused"
    assert clock["target_seconds"] == 9 * HOUR
    # and it is no emergency, and owes no updates
    assert "emergency" not in ticket
    assert desk.clock(new, "periodic_update") is None


@scenario("T9", "T7")
def test_t9_a_breach_goes_with_the_copy_and_is_not_recorded_again(desk: Desk) -> None:
    """A clock that the source had missed is missed on the new ticket too, as of the same instant, once."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case()
    desk.at("Tue 2037-11-03 12:00")
    new = desk.does("split-ticket", ticket=case, subject="By the way", description="Another.", category="how_to")[
        "result"
    ]["case_number"]
    clock = desk.clock(new, "first_response")
    assert clock["state"] == "breached"
    assert local(clock["breached_at"]) == "Tue 2037-11-03 10:00"
    desk.settles()
    assert desk.breaches(new) == []


@scenario("T9")
def test_t9_replies_move_and_change_no_clock(desk: Desk) -> None:
    """The replies named go with the new ticket; clocks of neither ticket move by that."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case()
    desk.staff_reply(case)
    desk.at("Mon 2037-11-02 11:00")
    message = desk.customer_reply(case, "By the way, another design?")["events"][0]["position"]
    before = desk.clock(case, "next_response")
    split = {"ticket": case, "subject": "Design", "description": "Another design.", "category": "design_change"}
    desk.refuses("split-ticket", "unknown_reply", **split, reply_positions=[1])
    new = desk.does("split-ticket", **split, reply_positions=[message])["result"]["case_number"]
    after = desk.clock(case, "next_response")
    assert (after["started_at"], after["due_at"]) == (before["started_at"], before["due_at"])
    assert desk.clock(new, "next_response")["started_at"] == before["started_at"]
    (moved,) = desk.history(new, "TicketSplitOff")
    assert moved["reply_positions"] == [message]


@scenario("T9", "T6")
def test_t9_the_time_before_a_merge_counts_by_the_survivors_target_and_calendar(desk: Desk) -> None:
    """On an accepted emergency an hour round the clock is owed, from when the merged ticket came in at night."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    survivor = desk.emergency()
    desk.accepts(survivor)
    desk.staff_reply(survivor)
    # given another request about the same, in closed hours, that nobody answered
    desk.at("Sat 2037-11-21 22:20")
    source = desk.case("technical_error")
    # when it is merged into the emergency a quarter of an hour later
    desk.at("Sat 2037-11-21 22:35")
    desk.does("merge-ticket", ticket=source, into=survivor)
    # then that quarter has counted
    clock = desk.clock(survivor, "next_response")
    assert clock["elapsed_seconds"] == 15 * MINUTE
    assert local(clock["due_at"]) == "Sat 2037-11-21 23:20"


@scenario("T9", "B4")
def test_t9_moved_work_keeps_its_class_until_a_decision_that_comes_after_the_move(desk: Desk) -> None:
    """A survivor that was deemed billable before takes an included entry as it is; a category changes nothing of it."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    source, survivor = desk.case(), desk.case()
    desk.at("Mon 2037-11-02 17:00")
    moved = desk.works(source, "Mon 2037-11-02 10:00", minutes=30)
    desk.does("decide-scope", ticket=survivor, scope="billable", reason="Engineering does it.")
    desk.does("merge-ticket", ticket=source, into=survivor)
    desk.does("set-category", ticket=survivor, category="design_change")
    later = desk.works(survivor, "Mon 2037-11-02 11:00", minutes=30)
    bill = desk.statement("2037-11")
    assert bill.drawn(moved) == "allowance 30 min"
    assert bill.drawn(later) == "on_demand 30 min $75.00"
    # corrected, it is still what it was
    desk.corrects(survivor, moved, minutes=45)
    assert desk.statement("2037-11").drawn(moved) == "allowance 45 min"
    # and the same decision, taken again, is of all
    desk.does("decide-scope", ticket=survivor, scope="billable", reason="All of it.")
    assert desk.statement("2037-11").drawn(moved) == "on_demand 45 min $112.50"
