"""What turns out after a month was closed: it is settled in the earliest open month, and the closed one stands."""

from tests.scenarios.desk import ALPINE, Desk
from tests.scenarios.examples import november_of_example_1
from tests.scenarios.scenario import scenario
from tests.scenarios.words import MINUTE


@scenario("B8")
def test_b8_a_correction_after_the_close_is_credited_in_the_open_month(desk: Desk) -> None:
    """Example 4 of the policy: Nov 5 corrected from 50 to 30 minutes after the close gives $75.00 back in December."""
    # given November closed with $112.50 on demand
    case = november_of_example_1(desk)
    desk.at("Wed 2037-12-02 10:00")
    desk.closes_month("2037-11")
    closed = desk.statement("2037-11")
    assert closed.state == "closed"
    assert closed.drawn("nov-5") == "allowance 15 min, on_demand 45 min $112.50"
    # when Nov 5 is corrected
    desk.corrects(case, "nov-5", minutes=30)
    # then 30 minutes fewer are credited from on demand, in December, linked to the entry
    december = desk.statement("2037-12")
    assert december.credited("nov-5") == "on_demand 30 min $75.00"
    assert december.total("credits") == "$75.00"
    assert december.owed == "$75.00", "the fee less the credit"
    # and November stands
    november = desk.statement("2037-11")
    assert november.drawn("nov-5") == closed.drawn("nov-5")
    assert november.owed == closed.owed


@scenario("B8")
def test_b8_closing_and_correcting_equals_the_difference(desk: Desk) -> None:
    """Whether an entry was right from the start or is corrected after the close, what is owed in all is the same."""
    desk.at("Thu 2037-11-05 12:00")
    cases = {}
    for customer_id, minutes in (("alpine", 50), ("beach", 30)):
        desk.customer(customer_id)
        case = desk.case("new_feature", customer_id=customer_id)
        desk.works(case, "Thu 2037-11-05 10:00", minutes=minutes, entry=f"{customer_id}-5")
        cases[customer_id] = case
    desk.at("Wed 2037-12-02 10:00")
    for customer_id in ("alpine", "beach"):
        desk.closes_month("2037-11", customer_id=customer_id)
    desk.corrects(cases["alpine"], "alpine-5", minutes=30)
    owed = [
        sum(
            desk.statement(period, customer_id=customer_id).body["totals"]["owed_cents"]
            for period in ("2037-11", "2037-12")
        )
        for customer_id in ("alpine", "beach")
    ]
    assert owed == [375_00, 375_00]


@scenario("B8")
def test_b8_more_time_than_was_frozen_is_rated_in_the_open_month(desk: Desk) -> None:
    """Nov 5 corrected from 50 to 90 minutes: the half hour more draws in December, November's hour stays."""
    case = november_of_example_1(desk)
    desk.at("Wed 2037-12-02 10:00")
    desk.closes_month("2037-11")
    desk.corrects(case, "nov-5", minutes=90)
    december = desk.statement("2037-12")
    assert december.drawn("nov-5") == "allowance 30 min"
    assert december.credited("nov-5") == ""
    assert desk.statement("2037-11").drawn("nov-5") == "allowance 15 min, on_demand 45 min $112.50"


@scenario("B8")
def test_b8_the_allowance_of_a_closed_month_is_not_restored_but_pack_time_is(desk: Desk) -> None:
    """Made void after the close: allowance is gone, on demand comes back in money, pack time to its pack."""
    case = november_of_example_1(desk)
    desk.at("Wed 2037-12-02 10:00")
    desk.closes_month("2037-11")
    (pack,) = desk.subscription()["packs"]
    assert pack["remaining_seconds"] == 180 * MINUTE
    # when all of November is made void
    for entry in ("nov-3", "nov-5", "nov-12"):
        desk.does("void-work", ticket=case, entry_id=entry, reason="It was another customer.")
    december = desk.statement("2037-12")
    assert december.credited("nov-3") == "allowance 45 min"
    assert december.credited("nov-5") == "on_demand 45 min $112.50, allowance 15 min"
    assert december.credited("nov-12") == "pack 120 min"
    assert december.owed == "$37.50", "the fee less the credit"
    # then the pack has its time again, and December's allowance is not more than it was
    assert desk.pack(pack["pack_id"])["remaining_seconds"] == 300 * MINUTE
    assert december.allowance("left") == "60 min"


@scenario("B8", "B6", "B9")
def test_b8_time_of_a_pack_that_has_expired_comes_back_in_money(desk: Desk) -> None:
    """A pack of Nov 10 that lasts 20 days has ended when December begins: an hour too much is worth $120.00."""
    case = november_of_example_1(desk, pack_validity_days=20)
    desk.at("Wed 2037-12-02 10:00")
    desk.closes_month("2037-11")
    desk.corrects(case, "nov-12", minutes=60)
    december = desk.statement("2037-12")
    assert december.credited("nov-12") == "pack 60 min $120.00"
    assert december.owed == "$30.00"


@scenario("B8", "B6")
def test_b8_time_of_a_pack_that_lasts_a_day_longer_goes_back_to_it(desk: Desk) -> None:
    """A pack of Nov 10 that lasts 21 days is still there on December 1: the hour goes back to it, and no money."""
    case = november_of_example_1(desk, pack_validity_days=21)
    desk.at("Tue 2037-12-01 10:00")
    desk.closes_month("2037-11")
    desk.corrects(case, "nov-12", minutes=60)
    december = desk.statement("2037-12")
    assert december.credited("nov-12") == "pack 60 min"
    assert december.owed == "$150.00"
    (pack,) = desk.subscription()["packs"]
    assert pack["remaining_seconds"] == 240 * MINUTE


@scenario("B8", "B4")
def test_b8_another_class_credits_all_and_rates_anew(desk: Desk) -> None:
    """Deemed billable after the close: what was drawn is credited, and the time is rated in December as billable."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    desk.at("Mon 2037-11-02 17:00")
    work = desk.works(case, "Mon 2037-11-02 10:00", minutes=90)
    desk.at("Wed 2037-12-02 10:00")
    desk.closes_month("2037-11")
    desk.does("decide-scope", ticket=case, scope="billable", reason="Engineering had to do it.")
    december = desk.statement("2037-12")
    assert december.credited(work) == "on_demand 30 min $75.00, allowance 60 min"
    assert december.drawn(work) == "on_demand 90 min $225.00"
    assert december.owed == "$300.00", "the fee, less 75, plus 225"


@scenario("B8", "B7")
def test_b8_what_is_credited_stands_before_the_open_months_first_draw(desk: Desk) -> None:
    """Pack time that comes back covers December's first work, though the correction is told after it."""
    case = november_of_example_1(desk)
    desk.at("Mon 2037-11-30 17:00")
    desk.works(case, "Mon 2037-11-30 09:00", minutes=180)
    desk.at("Thu 2037-12-03 09:00")
    own = desk.works(case, "Wed 2037-12-02 10:00", minutes=120)
    desk.closes_month("2037-11")
    assert desk.statement("2037-12").drawn(own) == "allowance 60 min, on_demand 60 min $150.00"
    # when an hour of November is given back to the pack
    desk.corrects(case, "nov-12", minutes=60)
    december = desk.statement("2037-12")
    assert december.credited("nov-12") == "pack 60 min"
    assert december.drawn(own) == "allowance 60 min, pack 60 min"


@scenario("B8", "B10")
def test_b8_corrections_over_several_closes_come_to_what_is_true_in_the_end(desk: Desk) -> None:
    """An hour is corrected to 30 minutes in December, in January to 45, to 15, then made void: it costs nothing."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case("new_feature")
    desk.at("Mon 2037-11-02 17:00")
    work = desk.works(case, "Mon 2037-11-02 10:00", minutes=60)
    desk.at("Wed 2037-12-02 09:00")
    desk.closes_month("2037-11")
    desk.corrects(case, work, minutes=30)
    # given December closed as well, with half of it credited
    desk.at("Mon 2038-01-04 09:00")
    desk.closes_month("2037-12")
    assert desk.statement("2037-12").credited(work) == "on_demand 30 min $75.00"
    # when it is corrected again, each time the difference to what is frozen is settled in January
    desk.corrects(case, work, minutes=45)
    assert desk.statement("2038-01").drawn(work) == "on_demand 15 min $37.50"
    desk.corrects(case, work, minutes=15)
    january = desk.statement("2038-01")
    assert (january.entries, january.credited(work)) == ([], "on_demand 15 min $37.50")
    desk.does("void-work", ticket=case, entry_id=work, reason="It was another customer.")
    assert desk.statement("2038-01").credited(work) == "on_demand 30 min $75.00"
    # then in all the three fees are owed, and the ledger has no time of it left
    owed = [desk.statement(period).body["totals"]["owed_cents"] for period in ("2037-11", "2037-12", "2038-01")]
    assert sum(owed) == desk.balance("receivable", "money") == 450_00
    assert desk.balance("worked", "seconds") == desk.balance("on_demand", "seconds") == 0


@scenario("B8", "B2")
def test_b8_what_a_closed_month_is_corrected_by_costs_what_it_cost_in_that_month(desk: Desk) -> None:
    """November's work is rounded and priced by November's plan, though it is settled in December on another."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case("new_feature")
    terms = desk.subscription()["terms"]
    dear = {**terms, "regular_rate_cents": 300_00, "billing_increment_seconds": 3600}
    desk.does("publish-plan", plan="dear", terms=dear)
    desk.does("change-plan", customer_id=ALPINE, plan="dear")
    desk.at("Mon 2037-11-02 17:00")
    work = desk.works(case, "Mon 2037-11-02 10:00", minutes=50)
    desk.at("Wed 2037-12-02 17:00")
    desk.closes_month("2037-11")
    desk.corrects(case, work, minutes=65)
    own = desk.works(case, "Wed 2037-12-02 10:00", minutes=10)
    december = desk.statement("2037-12")
    assert december.drawn(work) == "on_demand 15 min $37.50"
    assert december.drawn(own) == "on_demand 60 min $300.00"


@scenario("B8", "R11", "B4")
def test_b8_an_emergency_declined_after_the_close_is_billed_as_any_case_in_the_open_month(desk: Desk) -> None:
    """Held over into December, the work of an emergency that is declined after all draws December's allowance."""
    desk.at("Sat 2037-11-21 22:10")
    desk.customer()
    case = desk.emergency()
    desk.accepts(case)
    desk.at("Sun 2037-11-22 00:30")
    work = desk.works(case, "Sat 2037-11-21 22:30", minutes=30)
    desk.at("Wed 2037-12-02 10:00")
    desk.closes_month("2037-11")
    desk.declines(case, reason="It was a test page.")
    december = desk.statement("2037-12")
    assert december.drawn(work) == "allowance 30 min"
    assert december.total("hold") == "$0.00"
    assert desk.balance("memo:holds", "money") == desk.balance("hold", "seconds") == 0
