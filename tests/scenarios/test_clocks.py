"""The clocks of a ticket: what starts each of them, what pauses it, what ends it."""

from tests.scenarios.desk import Desk
from tests.scenarios.published import due
from tests.scenarios.scenario import scenario
from tests.scenarios.words import HOUR, instant, local


@scenario("T3")
def test_t3_the_first_public_reply_is_the_first_response_and_a_note_is_none(desk: Desk) -> None:
    """The first response is owed from receipt to the first public reply; a note does not count, resolving does."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    answered, resolved = desk.case(), desk.case()
    desk.at("Mon 2037-11-02 11:00")
    author = {"role": "staff", "name": "Kim Staff", "email": "kim@example.com"}
    desk.does("add-note", ticket=answered, author=author, body="Ask the host.")
    assert desk.clock(answered, "first_response")["state"] == "running"
    # when staff reply to one and resolve the other
    desk.at("Mon 2037-11-02 12:00")
    desk.staff_reply(answered)
    desk.resolves(resolved)
    # then both have their first response
    for case in (answered, resolved):
        clock = desk.clock(case, "first_response")
        assert clock["state"] == "fulfilled"
        assert clock["verdict"] == "met"
        assert clock["elapsed_seconds"] == 2 * HOUR


@scenario("T3")
def test_t3_the_next_response_counts_from_the_oldest_message_that_is_unanswered(desk: Desk) -> None:
    """After the first response the next is owed from the oldest unanswered message; further ones do not move it."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case()
    # given a customer who writes before there is any response: that starts nothing
    desk.customer_reply(case)
    assert desk.clock(case, "next_response") is None
    desk.staff_reply(case)
    # when it writes twice after the first response
    desk.at("Tue 2037-11-03 10:00")
    desk.customer_reply(case, "And the other page?")
    desk.at("Tue 2037-11-03 14:00")
    desk.customer_reply(case, "Are you there?")
    # then the next response is owed a business day after the first of the two
    assert due(desk, case, "next_response") == "Wed 2037-11-04 10:00"
    # and a reply ends it, until the customer writes again
    desk.at("Tue 2037-11-03 15:00")
    desk.staff_reply(case)
    assert desk.clock(case, "next_response")["state"] == "fulfilled"
    desk.at("Tue 2037-11-03 16:00")
    desk.customer_reply(case)
    again = desk.clock(case, "next_response")
    assert again["instance"] == 2
    assert local(again["due_at"]) == "Wed 2037-11-04 16:00"


@scenario("T3")
def test_t3_reopening_continues_the_resolution_without_the_time_between(desk: Desk) -> None:
    """What was counted until a case was resolved stays counted; the time it was resolved does not count."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case()
    desk.at("Mon 2037-11-02 12:00")
    desk.resolves(case)
    desk.at("Wed 2037-11-04 12:00")
    desk.does("reopen-ticket", ticket=case, reason="It came back.")
    desk.at("Wed 2037-11-04 13:00")
    clock = desk.clock(case, "resolution")
    assert clock["elapsed_seconds"] == 3 * HOUR
    # 15 hours are left of the 18: 4.5 on Wednesday, 9 on Thursday, 1.5 on Friday
    assert local(clock["due_at"]) == "Fri 2037-11-06 10:00"


@scenario("T3", "R11")
def test_t3_an_accepted_emergency_owes_an_update_every_hour(desk: Desk) -> None:
    """Updates are owed anew from each public reply, not from a call, until the emergency is resolved or declined."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    case = desk.emergency()
    assert desk.clock(case, "periodic_update") is None
    # when it is accepted, the first update is owed in an hour
    desk.at("Sat 2037-11-21 22:20")
    desk.accepts(case)
    assert due(desk, case, "periodic_update") == "Sat 2037-11-21 23:20"
    # a call does not count as one
    desk.at("Sat 2037-11-21 22:30")
    desk.does("log-call", ticket=case, at=instant("Sat 2037-11-21 22:25").isoformat(), **{"with": "Ada Guest"})
    assert due(desk, case, "periodic_update") == "Sat 2037-11-21 23:20"
    # a reply does, and the next is owed an hour after it
    desk.at("Sat 2037-11-21 23:00")
    desk.staff_reply(case)
    clock = desk.clock(case, "periodic_update")
    assert clock["instance"] == 2
    assert local(clock["due_at"]) == "Sun 2037-11-22 00:00"
    # and once declined none is owed
    desk.declines(case)
    assert desk.clock(case, "periodic_update")["state"] == "cancelled"


@scenario("T4", "R16")
def test_t4_waiting_pauses_the_resolution_only(desk: Desk) -> None:
    """While a case waits for its customer the resolution stands still, and the responses do not."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    case = desk.case()
    desk.at("Mon 2037-11-02 11:00")
    desk.does("wait-for-customer", ticket=case, reason="Which page?")
    desk.at("Mon 2037-11-02 14:00")
    assert desk.clock(case, "resolution")["state"] == "paused"
    assert desk.clock(case, "resolution")["elapsed_seconds"] == HOUR
    assert desk.clock(case, "first_response")["state"] == "running"
    # a reply of staff does not end the waiting
    desk.staff_reply(case, "Which page do you mean?")
    assert desk.ticket(case)["status"] == "waiting_customer"
    # the customer's does
    desk.customer_reply(case)
    assert desk.ticket(case)["status"] == "open"
    assert desk.clock(case, "resolution")["state"] == "running"


@scenario("T4")
def test_t4_what_a_customers_reply_does_depends_on_where_the_case_stands(desk: Desk) -> None:
    """A reply reopens a resolved case, leaves one waiting for a partner, and is refused on a closed one."""
    desk.at("Mon 2037-11-02 10:00")
    desk.customer()
    # given one that waits for a partner: it goes on waiting
    partner = desk.case()
    desk.does("wait-for-partner", ticket=partner, reason="Their feed is empty.", partner="Channel Partners")
    desk.customer_reply(partner)
    assert desk.ticket(partner)["status"] == "waiting_partner"
    # one that waited for the customer when it was resolved: it is open again, and waits for nobody
    resolved = desk.case()
    desk.does("wait-for-customer", ticket=resolved, reason="Which page?")
    desk.resolves(resolved)
    desk.customer_reply(resolved, "It is not solved.")
    assert desk.ticket(resolved)["status"] == "open"
    # and closing needs resolving first; a closed case takes no reply
    case = desk.case()
    desk.refuses("close-ticket", "ticket_not_resolved", ticket=case, reason="Enough")
    desk.resolves(case)
    desk.closes(case)
    author = {"role": "requester", "name": "Ada Guest", "email": "ada@example.com"}
    desk.refuses("add-reply", "ticket_closed", ticket=case, author=author, body="One more thing")


@scenario("T4")
def test_t4_a_clock_is_in_one_of_seven_states(desk: Desk) -> None:
    """A clock is not started, running, out of hours, paused, breached, fulfilled or cancelled."""

    def state(case: str, clock: str = "resolution") -> str:
        return str(desk.clock(case, clock)["state"])

    desk.at("Mon 2037-11-02 17:00")
    desk.customer()
    planned = desk.case(requested_for="2037-11-14")
    paused, plain, done = desk.case(), desk.case(), desk.case()
    desk.does("wait-for-customer", ticket=paused, reason="Which page?")
    desk.resolves(done)
    assert state(planned) == "not_started"
    assert state(plain) == "running"
    assert state(done) == "fulfilled"
    # after hours what runs is out of hours, and what is paused is paused
    desk.at("Mon 2037-11-02 17:30")
    assert state(plain) == "out_of_hours"
    assert state(paused) == "paused"
    # a day and a half later the first response is missed
    desk.at("Wed 2037-11-04 08:30")
    assert state(plain, "first_response") == "breached"
    # and a merged case's clocks are cancelled
    desk.does("merge-ticket", ticket=paused, into=plain)
    assert state(paused) == "cancelled"


@scenario("T3")
def test_t3_updates_are_owed_anew_when_an_emergency_is_reopened(desk: Desk) -> None:
    """Resolved, an emergency owes no update; reopened, it owes the next an hour later."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    case = desk.emergency()
    desk.accepts(case)
    desk.resolves(case)
    assert desk.clock(case, "periodic_update")["state"] == "fulfilled"
    desk.at("Sun 2037-11-22 10:00")
    desk.does("reopen-ticket", ticket=case, reason="It is down again.")
    assert due(desk, case, "periodic_update") == "Sun 2037-11-22 11:00"


@scenario("T3", "T7", "R7")
def test_t3_a_call_answers_what_was_written_before_it_and_nothing_later(desk: Desk) -> None:
    """A call of eleven, told at noon, answers the message of ten; that of half past eleven is still to be answered."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    desk.staff_reply(case)
    responded = desk.clock(case, "first_response")
    desk.at("Mon 2037-11-02 10:00")
    desk.customer_reply(case)
    desk.at("Mon 2037-11-02 11:30")
    desk.customer_reply(case)
    desk.at("Mon 2037-11-02 12:00")
    desk.does("log-call", ticket=case, at=instant("Mon 2037-11-02 11:00").isoformat(), **{"with": "Ada Guest"})
    clock = desk.clock(case, "next_response")
    assert (clock["instance"], local(clock["started_at"])) == (2, "Mon 2037-11-02 11:30")
    assert local(clock["due_at"]) == "Tue 2037-11-03 11:30"
    # and a clock that was fulfilled is not moved by it
    assert desk.clock(case, "first_response") == responded
