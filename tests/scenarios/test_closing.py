"""Closing a month: when it can be closed, what it takes along, and that it stands for ever."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.scenarios.desk import ALPINE, Desk
from tests.scenarios.examples import november_of_example_1
from tests.scenarios.scenario import scenario
from tests.scenarios.words import MINUTE, instant


@scenario("B8")
def test_b8_a_month_is_closed_once_it_has_ended_and_oldest_first(desk: Desk) -> None:
    """A month that runs cannot be closed, nor one after an open one; closed twice is closed once."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    desk.at("Mon 2037-11-30 23:59:59")
    desk.refuses("close-period", "period_not_ended", customer_id=ALPINE, period="2037-11")
    desk.at("Fri 2038-01-01 00:00")
    desk.refuses("close-period", "period_not_oldest", customer_id=ALPINE, period="2037-12")
    desk.closes_month("2037-11")
    desk.closes_month("2037-12")
    assert desk.does("close-period", customer_id=ALPINE, period="2037-11")["events"] == []
    assert desk.subscription()["open_from"] == "2038-01"


@scenario("B8", "B7")
def test_b8_work_that_arrives_after_the_close_is_rated_at_the_start_of_the_open_month(desk: Desk) -> None:
    """An hour of November told in December draws December's allowance, before December's own work."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    desk.at("Wed 2037-12-02 17:00")
    own = desk.works(case, "Wed 2037-12-02 10:00", minutes=60)
    assert desk.statement("2037-12").drawn(own) == "allowance 60 min"
    desk.closes_month("2037-11")
    # when the late hour is told
    late = desk.works(case, "Mon 2037-11-30 10:00", minutes=60)
    # then it comes first
    december = desk.statement("2037-12")
    assert december.drawn(late) == "allowance 60 min"
    assert december.drawn(own) == "on_demand 60 min $150.00"
    assert desk.statement("2037-11").entries == []


@scenario("B8", "R14")
def test_b8_work_that_waits_for_a_ruling_moves_to_the_next_open_month(desk: Desk) -> None:
    """An emergency of November that is not ruled at the close is held in December, and owed there once ruled."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    case = desk.emergency()
    desk.accepts(case)
    desk.at("Sun 2037-11-22 00:30")
    work = desk.works(case, "Sat 2037-11-21 22:30", minutes=30)
    desk.at("Wed 2037-12-02 10:00")
    desk.closes_month("2037-11")
    assert desk.statement("2037-11").entries == []
    assert desk.statement("2037-11").owed == "$150.00"
    assert desk.statement("2037-12").drawn(work) == "hold 30 min $150.00"
    desk.rules(case, "out_of_scope")
    december = desk.statement("2037-12")
    assert december.drawn(work) == "emergency 30 min $150.00"
    assert december.owed == "$300.00"


@scenario("B8", "B10")
def test_b8_a_statement_can_be_read_as_it_stood(desk: Desk) -> None:
    """Whatever is corrected, the statement as of an earlier instant says what was known then."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    desk.at("Mon 2037-11-02 17:00")
    work = desk.works(case, "Mon 2037-11-02 10:00", minutes=90)
    before = desk.statement("2037-11")
    desk.at("Tue 2037-11-03 09:00")
    desk.corrects(case, work, minutes=30)
    assert desk.statement("2037-11").owed == "$150.00"
    as_it_stood = desk.statement("2037-11", as_of=instant("Mon 2037-11-02 17:00").isoformat())
    assert as_it_stood.drawn(work) == before.drawn(work) == "allowance 60 min, on_demand 30 min $75.00"
    assert as_it_stood.owed == before.owed


@scenario("B8", "B9")
def test_b8_a_line_of_a_statement_is_explained(desk: Desk) -> None:
    """For each draw and credit the desk says from what it follows: the facts, what was left, and the rules."""
    case = november_of_example_1(desk)
    told = desk.asks(f"/v1/customers/{ALPINE}/statement/explain", period="2037-11", entry="nov-5")
    assert told["billed"]["duration_seconds"] == 50 * MINUTE
    assert told["billed"]["billed_seconds"] == 60 * MINUTE
    assert [(each["source"], each["left_seconds"]) for each in told["grants"]] == [("allowance", 15 * MINUTE)]
    assert [each["source"] for each in told["draws"]] == ["allowance", "on_demand"]
    (logged,) = desk.history(case, "WorkLogged")[1:2]
    assert logged["position"] in [each["position"] for each in told["facts"]]


@scenario("B8", "B11")
def test_b8_work_that_arrives_while_a_month_is_closed_is_in_one_month_or_the_other(desk: Desk) -> None:
    """Twelve entries are told while November is closed: each is billed once, in November or in December."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(allowance_seconds=0)
    case = desk.case()
    desk.at("Wed 2037-12-02 10:00")
    started = instant("Mon 2037-11-02 10:00").isoformat()
    work = {"ticket": case, "activity": "support", "started_at": started, "duration_seconds": 900}
    sent: list[tuple[str, dict[str, Any]]] = [("log-work", {**work, "agent": f"a{number}"}) for number in range(12)]
    sent.insert(6, ("close-period", {"customer_id": ALPINE, "period": "2037-11"}))
    with ThreadPoolExecutor(max_workers=6) as people:
        answers = list(people.map(lambda command: desk.sends_apart(command[0], **command[1]), sent))
    assert {answer.status for answer in answers} <= {200, 201}
    november, december = desk.statement("2037-11"), desk.statement("2037-12")
    assert november.state == "closed"
    assert len({*november.entries, *december.entries}) == len(november.entries) + len(december.entries) == 12
    owed = sum(bill.body["totals"]["owed_cents"] for bill in (november, december))
    assert owed == desk.balance("receivable", "money") == 2 * 150_00 + 12 * 37_50
