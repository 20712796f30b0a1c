"""Hours and money: what work draws on, what it costs, and that neither depends on the order it is told in."""

from tests.scenarios.desk import ALPINE, Desk
from tests.scenarios.scenario import scenario
from tests.scenarios.words import HOUR, MINUTE, instant


@scenario("B5", "B3", "R9")
def test_b5_work_draws_the_allowance_then_packs_then_is_on_demand(desk: Desk) -> None:
    """Example 1 of the policy: 40, 50 and 120 minutes, and five hours bought between them."""
    # given a customer on an hour a month
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()

    # when staff work on the 3rd, the 5th and the 12th, and five hours are bought on the 10th
    desk.at("Tue 2037-11-03 12:00")
    desk.works(case, "Tue 2037-11-03 10:00", minutes=40, entry="nov-3")
    desk.at("Thu 2037-11-05 12:00")
    desk.works(case, "Thu 2037-11-05 10:00", minutes=50, entry="nov-5")
    desk.at("Tue 2037-11-10 12:00")
    pack = desk.buys(5)
    desk.at("Thu 2037-11-12 15:00")
    desk.works(case, "Thu 2037-11-12 10:00", minutes=120, entry="nov-12")

    # then each is billed in steps of 15 minutes and drawn from the cheapest that is left
    bill = desk.statement("2037-11")
    assert bill.billed("nov-3") == "45 min"
    assert bill.drawn("nov-3") == "allowance 45 min"
    assert bill.billed("nov-5") == "60 min"
    assert bill.drawn("nov-5") == "allowance 15 min, on_demand 45 min $112.50"
    assert bill.drawn("nov-12") == "pack 120 min"
    assert bill.total("packs") == "$600.00"
    assert desk.pack(pack)["remaining_seconds"] == 180 * 60
    # and the fee, the pack and the on-demand time are owed
    assert bill.owed == "$862.50"


@scenario("B7", "B5")
def test_b7_a_late_entry_rates_what_follows_it_anew(desk: Desk) -> None:
    """Example 2 of the policy: an entry of the 2nd arrives on the 15th; the bill is as if it had come first."""
    # given example 1
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case()
    desk.at("Tue 2037-11-03 12:00")
    desk.works(case, "Tue 2037-11-03 10:00", minutes=40, entry="nov-3")
    desk.at("Thu 2037-11-05 12:00")
    desk.works(case, "Thu 2037-11-05 10:00", minutes=50, entry="nov-5")
    desk.at("Tue 2037-11-10 12:00")
    desk.buys(5)
    desk.at("Thu 2037-11-12 15:00")
    desk.works(case, "Thu 2037-11-12 10:00", minutes=120, entry="nov-12")
    # when 30 minutes of the 2nd are told on the 15th
    desk.at("Sun 2037-11-15 12:00")
    desk.works(case, "Mon 2037-11-02 11:00", minutes=30, entry="nov-2")
    # then all is drawn in the order of the work
    bill = desk.statement("2037-11")
    assert bill.drawn("nov-2") == "allowance 30 min"
    assert bill.drawn("nov-3") == "allowance 30 min, on_demand 15 min $37.50"
    assert bill.drawn("nov-5") == "on_demand 60 min $150.00"
    assert bill.drawn("nov-12") == "pack 120 min"
    assert bill.total("on_demand") == "75 min $187.50"
    # and each draw that changed is told in an event, with what made it change
    journal = desk.asks("/v1/ledger", customer=ALPINE, caused_by="nov-2")["items"]
    assert {each["subject"] for each in journal if each["kind"] == "rerating"} == {"nov-3", "nov-5"}


@scenario("B7")
def test_b7_the_same_facts_in_any_order_make_the_same_bill(desk: Desk) -> None:
    """Two customers whose work is told in opposite orders, a correction among it, owe the same for each entry."""
    desk.at("Mon 2037-11-02 09:00")
    work = {"a": ("Tue 2037-11-03 10:00", 40), "b": ("Wed 2037-11-04 10:00", 50), "c": ("Thu 2037-11-05 10:00", 20)}
    bills = []
    cases = {}
    for customer_id in ("alpine", "beach"):
        desk.customer(customer_id)
        cases[customer_id] = desk.case(customer_id=customer_id)
    desk.at("Mon 2037-11-09 09:00")
    for customer_id, order in (("alpine", "abc"), ("beach", "cba")):
        for name in order:
            started, minutes = work[name]
            desk.works(cases[customer_id], started, minutes=minutes, entry=f"{customer_id}-{name}")
        desk.corrects(cases[customer_id], f"{customer_id}-a", minutes=10)
        bill = desk.statement("2037-11", customer_id=customer_id)
        bills.append(({name: bill.drawn(f"{customer_id}-{name}") for name in work}, bill.owed))
    assert bills[0] == bills[1]
    assert bills[0][0] == {
        "a": "allowance 15 min",
        "b": "allowance 45 min, on_demand 15 min $37.50",
        "c": "on_demand 30 min $75.00",
    }


@scenario("R21", "B5")
def test_r21_hours_are_bought_in_steps_of_five_or_work_is_on_demand(desk: Desk) -> None:
    """Example 5 of the policy: seven hours are refused; ten cost $1,200.00, and what they do not cover is on demand."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer(allowance_seconds=0)
    case = desk.case()
    desk.refuses("buy-hours", "hours_not_in_steps", customer_id=ALPINE, hours=7)
    # when the subscription is used up, work is on demand at $150 an hour
    desk.at("Mon 2037-11-02 17:00")
    before = desk.works(case, "Mon 2037-11-02 10:00", minutes=60)
    # or drawn from hours bought at $120
    pack = desk.buys(10)
    desk.at("Tue 2037-11-03 17:00")
    after = desk.works(case, "Tue 2037-11-03 10:00", minutes=90)
    bill = desk.statement("2037-11")
    assert bill.drawn(before) == "on_demand 60 min $150.00"
    assert bill.drawn(after) == "pack 90 min"
    assert bill.total("packs") == "$1,200.00"
    assert desk.pack(pack)["remaining_seconds"] == (600 - 90) * MINUTE


@scenario("R22", "B4")
def test_r22_what_the_subscription_does_not_cover_is_billable(desk: Desk) -> None:
    """Example 5 of the policy: an hour on a new feature is on demand and leaves the allowance alone."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    not_covered = (
        "design_change",
        "new_feature",
        "feature_change",
        "enhancement",
        "third_party_training",
        "third_party_customisation",
        "specialised_project",
    )
    cases = [desk.case(category) for category in not_covered]
    desk.at("Mon 2037-11-02 17:00")
    for case in cases:
        work = desk.works(case, "Mon 2037-11-02 10:00", minutes=60)
        assert desk.ticket(case)["class"] == "billable"
        assert desk.statement("2037-11").drawn(work) == "on_demand 60 min $150.00"
    assert desk.statement("2037-11").allowance("left") == "60 min"
    # and what it covers draws on the allowance
    work = desk.works(desk.case("data_discrepancy"), "Mon 2037-11-02 14:00", minutes=60)
    assert desk.statement("2037-11").drawn(work) == "allowance 60 min"


@scenario("R22", "B4", "R17")
def test_r22_staff_decide_what_is_billable(desk: Desk) -> None:
    """Work escalated to engineering may be deemed billable, and made included or waived after all, with reasons."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case("technical_error")
    desk.does("escalate-ticket", ticket=case, team="engineering", reason="It is in the core.")
    desk.at("Mon 2037-11-02 17:00")
    work = desk.works(case, "Mon 2037-11-02 10:00", minutes=60)
    drawn = [desk.statement("2037-11").drawn(work)]
    # when staff decide one way and another, the latest decision holds for all work of the case
    for scope in ("billable", "waived", "included"):
        desk.does("decide-scope", ticket=case, scope=scope, reason=f"Deemed {scope}.")
        drawn.append(desk.statement("2037-11").drawn(work))
    assert drawn == ["allowance 60 min", "on_demand 60 min $150.00", "waived 60 min", "allowance 60 min"]
    assert [each["reason"] for each in desk.history(case, "ScopeDecided")][-1] == "Deemed included."


@scenario("R9", "B2")
def test_r9_a_subscription_is_an_hour_a_month_or_a_designated_plan(desk: Desk) -> None:
    """The standard plan grants an hour a month; another plan grants what it says."""
    desk.at("Mon 2037-11-02 09:00")
    terms = {
        "currency": "USD",
        "monthly_fee_cents": 400_00,
        "allowance_seconds": 3 * HOUR,
        "regular_rate_cents": 140_00,
        "pack_rate_cents": 110_00,
        "pack_step_hours": 10,
        "pack_validity_days": None,
        "emergency_multiplier": 2,
        "billing_increment_seconds": 900,
        "minimum_charge_seconds": 0,
        "rollover_cap_seconds": 0,
    }
    desk.does("publish-plan", plan="plus", terms=terms)
    desk.customer("alpine")
    desk.customer("beach", plan="plus", starts_on="2037-12-01")
    assert desk.statement("2037-11").allowance("granted") == "60 min"
    # and each month anew
    desk.at("Tue 2037-12-01 09:00")
    assert desk.statement("2037-12").allowance("left") == "60 min"
    december = desk.statement("2037-12", customer_id="beach")
    assert december.allowance("granted") == "180 min"
    assert december.fee == "$400.00"


@scenario("B1")
def test_b1_facts_are_never_edited_but_corrected_and_made_void(desk: Desk) -> None:
    """A wrong entry is corrected or made void by a further fact with a reason; a void is final."""
    desk.at("Mon 2037-11-02 12:00")
    desk.customer()
    case = desk.case()
    started = instant("Mon 2037-11-02 11:00").isoformat()
    facts = {"ticket": case, "agent": "kim", "activity": "support", "entry_id": "w", "started_at": started}
    # given work that ends now; a minute more would end in the future, and a day is the most
    desk.refuses("log-work", "work_in_future", **facts, duration_seconds=61 * MINUTE)
    desk.refuses("log-work", "invalid_data", **facts, duration_seconds=86_401)
    desk.does("log-work", **facts, duration_seconds=60 * MINUTE)
    # when it is logged otherwise under the same id: facts are not edited
    desk.refuses("log-work", "entry_exists", **facts, duration_seconds=30 * MINUTE)
    # but corrected, with a reason
    desk.corrects(case, "w", minutes=30, reason="Half of it was lunch.")
    assert desk.statement("2037-11").drawn("w") == "allowance 30 min"
    # or made void, for ever
    desk.does("void-work", ticket=case, entry_id="w", reason="It was another customer.")
    bill = desk.statement("2037-11")
    assert bill.body["totals"]["billed_seconds"] == 0
    assert bill.allowance("left") == "60 min"
    desk.refuses("correct-work", "entry_void", ticket=case, entry_id="w", duration_seconds=60, reason="After all")
    # and what was said stands in the history
    said = [each["type"] for each in desk.history(case) if each["type"].startswith("Work")]
    assert said == ["WorkLogged", "WorkCorrected", "WorkVoided"]


@scenario("B3")
def test_b3_time_is_billed_in_steps_of_a_quarter_of_an_hour_and_at_least_the_minimum(desk: Desk) -> None:
    """One second is billed as 15 minutes, so are 15, and a second more as 30; a minimum of half an hour makes it 30."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer("alpine")
    desk.customer("beach", minimum_charge_seconds=1800)
    alpine, beach = desk.case(customer_id="alpine"), desk.case(customer_id="beach")
    desk.at("Mon 2037-11-02 17:00")
    for seconds, billed, with_minimum in (
        (1, "15 min", "30 min"),
        (900, "15 min", "30 min"),
        (901, "30 min", "30 min"),
    ):
        work = desk.works(alpine, "Mon 2037-11-02 10:00", minutes=seconds / 60)
        assert desk.statement("2037-11", customer_id="alpine").billed(work) == billed
        work = desk.works(beach, "Mon 2037-11-02 10:00", minutes=seconds / 60)
        assert desk.statement("2037-11", customer_id="beach").billed(work) == with_minimum
    work = desk.works(beach, "Mon 2037-11-02 10:00", minutes=1801 / 60)
    assert desk.statement("2037-11", customer_id="beach").billed(work) == "45 min"


@scenario("B4", "R2")
def test_b4_a_class_holds_for_all_work_of_a_case_before_and_after(desk: Desk) -> None:
    """When a how-to turns out to be a new feature, the work done before is billable as well as that to come."""
    desk.at("Mon 2037-11-02 09:00")
    desk.customer()
    case = desk.case("how_to")
    desk.at("Mon 2037-11-02 17:00")
    before = desk.works(case, "Mon 2037-11-02 10:00", minutes=30)
    assert desk.statement("2037-11").drawn(before) == "allowance 30 min"
    # when the category changes
    desk.does("set-category", ticket=case, category="new_feature")
    after = desk.works(case, "Mon 2037-11-02 11:00", minutes=30)
    bill = desk.statement("2037-11")
    assert bill.drawn(before) == bill.drawn(after) == "on_demand 30 min $75.00"
    # and on a case of which staff decided, the category has no say any more
    desk.does("decide-scope", ticket=case, scope="included", reason="Promised in the sale.")
    desk.does("set-category", ticket=case, category="design_change")
    assert desk.statement("2037-11").drawn(after) == "allowance 30 min"
